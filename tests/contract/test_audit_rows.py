"""Every operation that writes leaves exactly one row in the audit log, by its caller."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from sqlmodel import col, select

from controller.access import audit, users
from controller.access.passwords import random_password
from controller.access.tables import AuditEntry
from controller.findings.model import NOTHING, Observation
from controller.findings.record import observe
from controller.ingest.tables import Agent, EnrolmentToken
from controller.inventory.tables import Holding, Resource
from controller.network.tables import DeviceProposal
from controller.store.relational import Database
from tests.contract.conftest import House
from tests.contract.cutover_subjects import CUTOVER_WRITES
from tests.contract.findings_writes import FINDINGS_WRITES
from tests.contract.inventory_writes import HOUSE, INVENTORY_WRITES
from tests.contract.ipv6_writes import IPV6_WRITES
from tests.contract.ledger_subjects import LEDGER_WRITES
from tests.contract.move_subjects import MOVE_WRITES
from tests.contract.network_writes import NETWORK_WRITES
from tests.contract.notice_writes import NOTICE_WRITES
from tests.contract.readiness_subjects import READINESS_WRITES, furnish_writes
from tests.contract.rollout_subjects import ROLLOUT_WRITES

WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    **NETWORK_WRITES,
    **INVENTORY_WRITES,
    **FINDINGS_WRITES,
    **IPV6_WRITES,
    **LEDGER_WRITES,
    **MOVE_WRITES,
    **READINESS_WRITES,
    **CUTOVER_WRITES,
    **ROLLOUT_WRITES,
    **NOTICE_WRITES,
}
"""(method, path) -> who calls, and a call that succeeds."""


ELSEWHERE = {
    # needs a signed-in person in charge; tests/real/notices/test_pages.py
    ("POST", "/api/v1/notices/{code}/items/{item_id}/confirm"),
    ("POST", "/api/v1/me/password"),  # needs a session; tests/unit/controller/test_app.py
    ("POST", "/api/v1/ingest/batches"),  # measurements of a machine, each counted, none audited
    ("POST", "/api/v1/ingest/enrol"),  # by the machine itself; tests of ingest
}


@pytest.fixture(scope="module", autouse=True)
def subjects(house: House) -> None:
    """What the calls act upon."""
    HOUSE[:] = [house]
    now = house.runtime.now()
    with house.runtime.database.write() as session:
        furnish_writes(session, now)
        users.create_user(session, "audited", random_password(), "ops", now)
        users.create_user(session, "relief", random_password(), "ops", now)
        session.add(
            Agent(
                id="agent-audited",
                name="audited",
                secret_hash="c" * 64,
                state="pending",
                unit_id=1,
                resource_id=1,
                enrolled=now,
            )
        )
        session.add(
            Agent(
                id="agent-eyes",
                name="eyes",
                secret_hash="e" * 64,
                state="active",
                roles="poller",
                unit_id=1,
                enrolled=now,
            )
        )
        session.add(Resource(id=900, code="vm-idle", name="idle", ip="10.0.0.9", created=now))
        session.add_all(
            [DeviceProposal(id=n, address=f"10.203.0.{n + 10}", found=now) for n in (1, 2)]
        )
        session.flush()
        session.add(Holding(resource_id=900, since=now.replace(year=2025), unit_id=1, vcpu=1))
        session.add(
            EnrolmentToken(
                id=77,
                prefix="audited",
                token_hash="d" * 64,
                unit_id=1,
                expires=now.replace(year=now.year + 1),
                created=now,
            )
        )
        own = Observation("audited", "controller", "audited", "minor", "自身健康")
        observe(session, now, "patrol", [own], NOTHING)


def _last_id(database: Database) -> int:
    with database.read() as session:
        return session.exec(select(AuditEntry.id).order_by(col(AuditEntry.id).desc())).first() or 0


def test_every_write_of_the_document_is_tried_here(house: House) -> None:
    writes = {
        (method.upper(), path)
        for path, operations in house.app.openapi()["paths"].items()
        for method in operations
        if method != "get"
    }
    assert writes == set(WRITES) | ELSEWHERE


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_leaves_exactly_one_row(house: House, method: str, path: str) -> None:
    role, call = WRITES[method, path]
    before = _last_id(house.runtime.database)
    with house.client(house.tokens[role]) as client:
        answer = call(client)
    assert answer.is_success, answer.text
    with house.runtime.database.read() as session:
        rows = session.exec(select(AuditEntry).where(col(AuditEntry.id) > before)).all()
        assert audit.verify(session).broken is None
    assert len(rows) == 1, [(row.action, row.object) for row in rows]
    assert rows[0].actor.startswith("token yxt_")
    assert rows[0].address == "127.0.0.1"
    assert rows[0].outcome == "ok"
    assert rows[0].object


def test_a_write_that_is_refused_changes_nothing_and_reads_leave_no_row(house: House) -> None:
    before = _last_id(house.runtime.database)
    with house.client(house.tokens["unit"]) as client:
        for role, call in WRITES.values():
            if role == "unit":
                continue  # what is a unit's to do
            try:
                assert call(client).status_code in (403, 404)
            except (
                KeyError,
                TypeError,
                IndexError,
            ):  # the call reads something first that it may not see
                continue
        assert client.get("/api/v1/units").status_code == 200
    assert _last_id(house.runtime.database) == before
