"""Every operation that writes leaves exactly one row in the audit log, by its caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlmodel import col, select

from controller.access import audit, users
from controller.access.passwords import random_password
from controller.access.tables import AuditEntry
from controller.findings.model import NOTHING, Observation
from controller.findings.record import observe
from controller.ingest.tables import Agent, EnrolmentToken
from controller.inventory.register_tables import Claim
from controller.inventory.tables import Holding, Resource
from controller.network.tables import DeviceProposal
from controller.store.relational import Database
from tests.contract.conftest import House
from tests.contract.cutover_subjects import CUTOVER_WRITES
from tests.contract.ledger_subjects import LEDGER_WRITES
from tests.contract.move_subjects import MOVE_WRITES
from tests.contract.readiness_subjects import READINESS_WRITES, furnish_writes
from tests.contract.rollout_subjects import ROLLOUT_WRITES

Call = Callable[[httpx.Client], httpx.Response]

UNITS = "code,name,parent\nC,单位C,A\n".encode()
RESOURCES = b"code,name,kind,unit,vcpu,mem_gib,since\nvm-C,host-C,vm,A,2,4,2026-01-01\n"
SYSTEMS = "单位,系统名称,等保级别\nA,系统A,三级\n".encode()
ALLOCATIONS = "申请单号,单位,申请CPU,批复CPU\nZY-1,A,8,4\n".encode()
POOLS = "编码,名称,站点,架构,CPU总量\np,池,市中心,x86,64\n".encode()
LINES = "电路编号,运营商,单位,带宽\nL-9,电信,A,1G\n".encode()
POINTS = "编码,层级,单位,地址\nap-9,市级,A,10.9.9.9\n".encode()
DEVICES = "管理地址,单位,名称\n10.203.0.2,A,设备\n".encode()
CREDENTIAL = {"name": "audited", "community": "secret-of-test"}
SAMPLES = b"resource,time,cpu_used_pct\nvm-A,2026-11-01T00:00:00+08:00,12.5\n"


def _rename(client: httpx.Client, name: str) -> httpx.Response:
    body = {"kind": "rename", "effective": "2026-06-01", "units": ["A"],
            "into": [{"code": "A", "name": name}]}  # fmt: skip
    return client.post("/api/v1/unit-changes", json=body)


def _open_claim(client: httpx.Client) -> int:
    return int(client.get("/api/v1/claims?state=open").json()["items"][0]["id"])


def _last_claim(client: httpx.Client) -> int:
    """The claim before was withdrawn: one more, written by another hand of this test."""
    assert HOUSE, "the fixture sets it"
    with HOUSE[0].runtime.database.write() as session:
        claim = Claim(
            resource_id=1, unit_id=1, since=HOUSE[0].runtime.now().replace(day=2),
            at=HOUSE[0].runtime.now(),
        )  # fmt: skip
        session.add(claim)
        session.flush()
        return claim.id or 0


HOUSE: list[House] = []


WRITES: dict[tuple[str, str], tuple[str, Call]] = {
    ("POST", "/api/v1/users"): (
        "security_admin",
        lambda c: c.post("/api/v1/users", json={"username": "he.wen", "role": "engineer"}),
    ),
    ("PATCH", "/api/v1/users/{username}"): (
        "security_admin",
        lambda c: c.patch("/api/v1/users/audited", json={"disabled": True}),
    ),
    ("POST", "/api/v1/tokens"): (
        "security_admin",
        lambda c: c.post("/api/v1/tokens", json={"name": "x", "role": "engineer", "days": 1}),
    ),
    ("DELETE", "/api/v1/tokens/{token_id}"): (
        "security_admin",
        lambda c: c.delete(f"/api/v1/tokens/{c.get('/api/v1/tokens').json()[-1]['id']}"),
    ),
    ("POST", "/api/v1/agents/{agent_id}/approve"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/approve"),
    ),
    ("PUT", "/api/v1/agents/{agent_id}/roles"): (
        "ops",
        lambda c: c.put("/api/v1/agents/agent-audited/roles", json={"roles": ["poller"]}),
    ),
    ("POST", "/api/v1/agents/{agent_id}/tasks"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/tasks", json={"kind": "facts"}),
    ),
    ("DELETE", "/api/v1/agent-tasks/{task_id}"): (
        "ops",
        lambda c: c.delete(f"/api/v1/agent-tasks/{_task(c)}"),
    ),
    ("POST", "/api/v1/network/credentials"): (
        "ops",
        lambda c: c.post("/api/v1/network/credentials", json=CREDENTIAL),
    ),
    ("PUT", "/api/v1/network/credentials/{name}"): (
        "ops",
        lambda c: c.put("/api/v1/network/credentials/audited", json=CREDENTIAL),
    ),
    ("POST", "/api/v1/network/credentials-rotation"): (
        "ops",
        lambda c: c.post("/api/v1/network/credentials-rotation"),
    ),
    ("POST", "/api/v1/network/devices"): (
        "ops",
        lambda c: c.post(
            "/api/v1/network/devices",
            json={"address": "10.203.0.1", "unit": "A", "code": "dev-audited"},
        ),
    ),
    ("PATCH", "/api/v1/network/devices/{code}"): (
        "ops",
        lambda c: c.patch("/api/v1/network/devices/dev-audited", json={"role": "core"}),
    ),
    ("DELETE", "/api/v1/network/devices/{code}"): (
        "ops",
        lambda c: c.delete("/api/v1/network/devices/dev-audited?confirm=dev-audited"),
    ),
    ("POST", "/api/v1/import/devices"): (
        "ops",
        lambda c: c.post("/api/v1/import/devices", files={"file": ("d.csv", DEVICES)}),
    ),
    ("POST", "/api/v1/network/scan-ranges"): (
        "ops",
        lambda c: c.post("/api/v1/network/scan-ranges", json=_range()),
    ),
    ("POST", "/api/v1/network/discoveries"): (
        "ops",
        lambda c: c.post(
            "/api/v1/network/discoveries",
            json={"range": "10.203.0.0/30", "credentials": ["audited"], "agent": "agent-audited"},
        ),
    ),
    ("DELETE", "/api/v1/network/scan-ranges/{range_id}"): (
        "ops",
        lambda c: c.delete(
            f"/api/v1/network/scan-ranges/"
            f"{c.get('/api/v1/network/scan-ranges').json()['items'][0]['id']}"
        ),
    ),
    ("POST", "/api/v1/network/proposals/{number}/rejection"): (
        "ops",
        lambda c: c.post("/api/v1/network/proposals/1/rejection"),
    ),
    ("POST", "/api/v1/network/proposals/{number}/approval"): (
        "ops",
        lambda c: c.post("/api/v1/network/proposals/2/approval", json={"unit": "A"}),
    ),
    ("DELETE", "/api/v1/network/credentials/{name}"): (
        "ops",
        lambda c: c.delete("/api/v1/network/credentials/audited"),
    ),
    ("POST", "/api/v1/agents/{agent_id}/revoke"): (
        "ops",
        lambda c: c.post("/api/v1/agents/agent-audited/revoke"),
    ),
    ("POST", "/api/v1/agent-tokens"): (
        "ops",
        lambda c: c.post("/api/v1/agent-tokens", json={"unit": "A"}),
    ),
    ("DELETE", "/api/v1/agent-tokens/{token_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/agent-tokens/77"),
    ),
    ("POST", "/api/v1/resources/{code}/holdings"): (
        "ops",
        lambda c: c.post(
            "/api/v1/resources/vm-A/holdings",
            json={"since": "2026-02-01", "until": "2026-03-01", "vcpu": 8},
        ),
    ),
    ("POST", "/api/v1/corrections"): (
        "ops",
        lambda c: c.post(
            "/api/v1/corrections",
            json={"of_unit": "A", "since": "2026-02-01", "until": "2026-03-01", "vcpu": 6},
        ),
    ),
    ("PUT", "/api/v1/units/{code}/register"): (
        "ops",
        lambda c: c.put("/api/v1/units/A/register", json={"aliases": ["甲"]}),
    ),
    ("POST", "/api/v1/unit-changes"): ("ops", lambda c: _rename(c, "单位甲")),
    ("POST", "/api/v1/unit-changes/{change_id}/undo"): (
        "ops",
        lambda c: c.post(
            f"/api/v1/unit-changes/{c.get('/api/v1/unit-changes').json()['items'][0]['id']}/undo"
        ),
    ),
    ("POST", "/api/v1/import/units"): (
        "ops",
        lambda c: c.post("/api/v1/import/units", files={"file": ("units.csv", UNITS)}),
    ),
    ("PUT", "/api/v1/resources/{code}/share"): (
        "ops",
        lambda c: c.put(
            "/api/v1/resources/vm-A/share", json={"mode": "public", "since": "2026-06-01"}
        ),
    ),
    ("POST", "/api/v1/unclaimed"): (
        "ops",
        lambda c: c.post("/api/v1/unclaimed", json={"resources": ["vm-A"], "since": "2026-11-01"}),
    ),
    ("POST", "/api/v1/claims"): (
        "ops",
        lambda c: c.post("/api/v1/claims", json={"resource": "vm-A", "unit": "A"}),
    ),
    ("POST", "/api/v1/claims/{claim_id}/withdrawal"): (
        "ops",
        lambda c: c.post(f"/api/v1/claims/{_open_claim(c)}/withdrawal"),
    ),
    ("POST", "/api/v1/claims/{claim_id}/decision"): (
        "ops",
        lambda c: c.post(f"/api/v1/claims/{_last_claim(c)}/decision", json={"approve": True}),
    ),
    ("POST", "/api/v1/import/systems"): (
        "ops",
        lambda c: c.post("/api/v1/import/systems", files={"file": ("s.csv", SYSTEMS)}),
    ),
    ("POST", "/api/v1/import/allocations"): (
        "ops",
        lambda c: c.post("/api/v1/import/allocations", files={"file": ("a.csv", ALLOCATIONS)}),
    ),
    ("POST", "/api/v1/import/pools"): (
        "ops",
        lambda c: c.post("/api/v1/import/pools", files={"file": ("p.csv", POOLS)}),
    ),
    ("POST", "/api/v1/import/lines"): (
        "ops",
        lambda c: c.post("/api/v1/import/lines", files={"file": ("l.csv", LINES)}),
    ),
    ("POST", "/api/v1/import/points"): (
        "ops",
        lambda c: c.post("/api/v1/import/points", files={"file": ("p.csv", POINTS)}),
    ),
    ("PUT", "/api/v1/lines/{line_id}"): (
        "ops",
        lambda c: c.put("/api/v1/lines/1", json={"bandwidth_bit_s": 2e9}),
    ),
    ("DELETE", "/api/v1/lines/{line_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/lines/1?confirm=circuit-A"),
    ),
    ("PUT", "/api/v1/access-points/{code}"): (
        "ops",
        lambda c: c.put("/api/v1/access-points/ap-9", json={"address": "fd00::9"}),
    ),
    ("DELETE", "/api/v1/access-points/{code}"): (
        "ops",
        lambda c: c.delete("/api/v1/access-points/ap-9?confirm=ap-9"),
    ),
    ("PUT", "/api/v1/system-register/{system_id}"): (
        "ops",
        lambda c: c.put("/api/v1/system-register/1", json={"level": 2}),
    ),
    ("POST", "/api/v1/import/resources"): (
        "ops",
        lambda c: c.post("/api/v1/import/resources", files={"file": ("res.csv", RESOURCES)}),
    ),
    ("POST", "/api/v1/import/samples"): (
        "ops",
        lambda c: c.post(
            "/api/v1/import/samples",
            params={"name": "samples.csv"},
            content=SAMPLES,
            headers={"content-type": "application/octet-stream"},
        ),
    ),
    ("POST", "/api/v1/ingest/rows"): (
        "ops",
        lambda c: c.post(
            "/api/v1/ingest/rows",
            json={
                "rows": [
                    {
                        "resource": "vm-A",
                        "time": "2026-11-01T00:05:00+08:00",
                        "interval_s": 60,
                        "cpu_used_pct": 12.5,
                    }
                ]
            },
        ),
    ),
    ("POST", "/api/v1/idle/scans"): (
        "ops",
        lambda c: c.post("/api/v1/idle/scans", json={"policy": "city"}),
    ),
    ("POST", "/api/v1/forecasts"): (
        "ops",
        lambda c: c.post("/api/v1/forecasts", json={}),
    ),
    ("POST", "/api/v1/idle/documents/{kind}/{name}/versions"): (
        "ops",
        lambda c: c.post(
            "/api/v1/idle/documents/policies/city/versions",
            json={"body": c.get("/api/v1/idle/documents/policies/city").json()["body"]},
        ),
    ),
    ("POST", "/api/v1/findings/acknowledge"): (
        "ops",
        lambda c: c.post("/api/v1/findings/acknowledge", json={"ids": [_finding(c)]}),
    ),
    ("POST", "/api/v1/findings/hand-over"): (
        "ops",
        lambda c: c.post(
            "/api/v1/findings/hand-over", json={"from_user": "wang", "to_user": "relief"}
        ),
    ),
    ("POST", "/api/v1/findings/{finding_id}/assign"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/assign", json={"to": "relief"}),
    ),
    ("POST", "/api/v1/findings/{finding_id}/note"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/note", json={"note": "已联系"}),
    ),
    ("POST", "/api/v1/findings/{finding_id}/resolve"): (
        "ops",
        lambda c: c.post(f"/api/v1/findings/{_finding(c)}/resolve", json={"note": "已清理"}),
    ),
    ("POST", "/api/v1/suppressions"): (
        "ops",
        lambda c: c.post(
            "/api/v1/suppressions",
            json={"code": "audited", "until": "2027-01-01", "reason": "割接"},
        ),
    ),
    ("POST", "/api/v1/patrol/plans"): (
        "ops",
        lambda c: c.post(
            "/api/v1/patrol/plans",
            json={
                "plan": {
                    "name": "audited",
                    "kind": "daily",
                    "title_zh": "审计",
                    "enabled": False,
                    "schedule": {"at": "06:00"},
                    "checks": [{"id": "own.jobs"}],
                }
            },
        ),
    ),
    ("POST", "/api/v1/patrol/runs"): (
        "ops",
        lambda c: c.post("/api/v1/patrol/runs", json={"plan": "audited"}),
    ),
    ("POST", "/api/v1/patrol/drills"): (
        "ops",
        lambda c: c.post(
            "/api/v1/patrol/drills",
            json={
                "title": "断电演练",
                "started": "2026-11-02T09:00",
                "finished": "2026-11-02T10:00",
                "steps": [{"title": "发现", "ok": True}],
            },
        ),
    ),
    ("POST", "/api/v1/patrol/runs/{run_id}/sign"): (
        "ops",
        lambda c: c.post(f"/api/v1/patrol/runs/{_drill(c)}/sign", json={"remark": "正常"}),
    ),
    ("DELETE", "/api/v1/suppressions/{window_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/suppressions/1"),
    ),
    ("PUT", "/api/v1/ipv6/sites"): (
        "engineer",
        lambda c: c.put(
            "/api/v1/ipv6/sites",
            json={"sites": [{"code": "audited", "url": "http://[fd00::1]:8080/", "unit": "A"}]},
        ),
    ),
    ("POST", "/api/v1/ipv6/readings"): (
        "engineer",
        lambda c: c.post(
            "/api/v1/ipv6/readings",
            json={
                "readings": [{"code": "site-A", "vantage": "v", "at": "2026-11-01T00:00:00+00:00"}]
            },
        ),
    ),
    ("PUT", "/api/v1/ipv6/official"): (
        "engineer",
        lambda c: c.put(
            "/api/v1/ipv6/official",
            json={"source": "s", "day": "2026-11-01", "rows": [{"site": "site-A", "score": 80}]},
        ),
    ),
    ("PUT", "/api/v1/ipv6/vantages/{name}"): (
        "engineer",
        lambda c: c.put("/api/v1/ipv6/vantages/audited", json={"agent": "eyes"}),
    ),
    ("POST", "/api/v1/ipv6/vantages/{name}/scan"): (
        "engineer",
        lambda c: c.post("/api/v1/ipv6/vantages/audited/scan"),
    ),
    ("DELETE", "/api/v1/ipv6/vantages/{name}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/vantages/audited"),
    ),
    ("POST", "/api/v1/ipv6/refresh"): ("engineer", lambda c: c.post("/api/v1/ipv6/refresh")),
    ("POST", "/api/v1/ipv6/plans"): (
        "engineer",
        lambda c: c.post("/api/v1/ipv6/plans", json={"name": "p", "resources": ["vm-idle"]}),
    ),
    ("DELETE", "/api/v1/ipv6/plans/{plan_id}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/plans/2"),
    ),
    ("DELETE", "/api/v1/ipv6/sites/{code}"): (
        "engineer",
        lambda c: c.delete("/api/v1/ipv6/sites/audited"),
    ),
    **LEDGER_WRITES,
    **MOVE_WRITES,
    **READINESS_WRITES,
    **CUTOVER_WRITES,
    **ROLLOUT_WRITES,
    ("POST", "/api/v1/notices/draft"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/draft", json={"items": [{"resource": "vm-idle", "reason": "闲置"}]}
        ),
    ),
    ("PATCH", "/api/v1/notices/{code}"): (
        "ops",
        lambda c: c.patch("/api/v1/notices/notice-edit", json={"title": "函", "body": "正文"}),
    ),
    ("POST", "/api/v1/notices/{code}/acts"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-review/acts", json={"act": "review", "person": "王核"}
        ),
    ),
    ("POST", "/api/v1/notices/{code}/items/{item_id}/acts"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-item/items/103/acts",
            json={"act": "grant_keep", "person": "赵敏"},
        ),
    ),
    ("POST", "/api/v1/notices/{code}/items/{item_id}/answer"): (
        "unit",
        lambda c: c.post(
            "/api/v1/notices/notice-answer/items/104/answer", json={"answer": "release"}
        ),
    ),
    ("POST", "/api/v1/notices/orders/{order_id}/receipt"): (
        "provider",
        lambda c: c.post("/api/v1/notices/orders/105/receipt", json={}),
    ),
    ("POST", "/api/v1/notices/{code}/calls"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-call/calls", json={"person": "张三", "reply": "本周答复"}
        ),
    ),
    ("POST", "/api/v1/notices/{code}/escalations/{escalation_id}"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notices/notice-escalation/escalations/107",
            json={"act": "approve", "person": "赵敏"},
        ),
    ),
    ("POST", "/api/v1/notices/deliveries/{delivery_id}/resend"): (
        "ops",
        lambda c: c.post("/api/v1/notices/deliveries/101/resend"),
    ),
    ("PUT", "/api/v1/notices/templates/{kind}"): (
        "ops",
        lambda c: c.put("/api/v1/notices/templates/idle", json={"title": "函", "body": "正文"}),
    ),
    ("POST", "/api/v1/notice-files/{code}"): (
        "ops",
        lambda c: c.post(
            "/api/v1/notice-files/notice-scan", files={"file": ("s.pdf", b"%PDF-1.7 scan")}
        ),
    ),
}
"""(method, path) -> who calls, and a call that succeeds."""


def _range() -> dict[str, str]:
    """A range that may be scanned now."""
    now = HOUSE[0].runtime.now()
    until = (now + timedelta(hours=1)).isoformat()
    return {"cidr": "10.203.0.0/24", "since": now.isoformat(), "until": until}


def _task(client: httpx.Client) -> int:
    """The task that was just made for the audited agent."""
    found = client.get("/api/v1/agent-tasks", params={"agent": "agent-audited"}).json()["items"]
    return int(found[0]["id"])


def _drill(client: httpx.Client) -> int:
    """A run that is done and not signed yet."""
    found = client.get("/api/v1/patrol/runs", params={"plan": "drill"}).json()["items"]
    return int(found[0]["id"])


def _finding(client: httpx.Client) -> int:
    """The city's own finding, of no unit."""
    found = client.get("/api/v1/findings", params={"code": "audited"}).json()["items"]
    return int(found[0]["id"])


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
