"""The whole application with both stores, two units that must not see each other, and a caller
for every role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from controller.access import tokens
from controller.access.roles import BOUND
from controller.access.scope import CITY
from controller.access.tables import ROLES
from controller.app import create_app
from controller.findings.model import NOTHING, Observation
from controller.findings.record import observe
from controller.findings.tables import SuppressionWindow
from controller.idle.scan import scan
from controller.ingest.tables import Agent, AgentTask, EnrolmentToken
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Site,
    Unit,
    UnitVersion,
    Zone,
)
from controller.ipv6.tables import Ipv6Official, Ipv6Plan, Ipv6Reading, Ipv6Site, Ipv6Subject
from controller.network.line_tables import AccessPoint, Line, LineTerm, PointTerm
from controller.network.tables import Device, DevicePort
from controller.runtime import Runtime
from controller.store import ddl, groups
from controller.store.migrate import upgrade
from controller.store.relational import Database, connect
from tests.contract.cutover_subjects import furnish_cutovers
from tests.contract.ledger_subjects import furnish_ledger
from tests.contract.move_subjects import furnish_moves
from tests.contract.notices import add_notices
from tests.contract.readiness_subjects import furnish_readiness
from tests.contract.rollout_subjects import furnish_rollouts
from tests.samples_process import samples_process
from tests.serving import serving

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class House:
    """``tokens``: role to API token; unit and county_admin belong to unit "A". ``other`` is a
    token of role unit that belongs to "B"."""

    app: FastAPI
    url: str
    runtime: Runtime
    tokens: dict[str, str]
    other: str

    def client(self, token: str | None) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with samples_process(folder) as (engine, samples):
        ddl.ensure(samples, engine.settings, groups.create_statements(engine.settings))
        database = Database(connect(engine.settings.relational_url))
        upgrade(database.engine)
        runtime = Runtime(engine.settings, database, samples)
        given, other = _furnish(runtime)
        add_notices(runtime)
        scan(runtime, CITY, "city", None, "a scan of both units")
        app = create_app(runtime)
        with serving(app) as url:
            yield House(app, url, runtime, given, other)
        database.close()


def _furnish(runtime: Runtime) -> tuple[dict[str, str], str]:
    now = runtime.now()
    with runtime.database.write() as session:
        session.add_all(
            [Site(id=1, code="S1", name="市中心"), Zone(id=1, code="Z1", name="政务外网区")]
        )
        for number, code in ((1, "A"), (2, "B")):
            session.add(Unit(id=number, code=code, contact=f"contact-{code}", created=SINCE))
            session.flush()
            session.add(UnitVersion(unit_id=number, name=f"单位{code}", since=SINCE))
            session.add(BusinessSystem(id=number, unit_id=number, name=f"系统{code}"))
            session.add(Resource(id=number, code=f"vm-{code}", name=f"host-{code}", created=SINCE))
            session.flush()
            session.add(
                Holding(
                    resource_id=number,
                    since=SINCE,
                    unit_id=number,
                    system_id=number,
                    site_id=1,
                    zone_id=1,
                    vcpu=4,
                    mem_bytes=8 * 2**30,
                    disk_bytes=100 * 2**30,
                )
            )
            session.add(
                EnrolmentToken(
                    id=number,
                    prefix=f"prefix-{code}",
                    token_hash=code * 64,
                    unit_id=number,
                    expires=now.replace(year=now.year + 1),
                    created=now,
                )
            )
            session.add(
                Agent(
                    id=f"agent-{code}",
                    name=f"agent of {code}",
                    secret_hash=code * 64,
                    state="pending",
                    unit_id=number,
                    resource_id=number,
                    enrolled=now,
                )
            )
            session.flush()
            session.add(
                AgentTask(
                    id=number,
                    agent_id=f"agent-{code}",
                    kind="facts",
                    body={"of": f"contact-{code}"},
                    created=now,
                    expires=now.replace(year=now.year + 1),
                    changed=now,
                )
            )
            session.add(
                Resource(
                    id=50 + number, code=f"dev-{code}", name=f"dev-{code}", kind="device",
                    created=SINCE,
                )
            )  # fmt: skip
            session.flush()
            session.add(Holding(resource_id=50 + number, since=SINCE, unit_id=number))
            session.add(Device(id=50 + number, address=f"10.0.0.{number}"))
            session.flush()
            session.add(
                DevicePort(
                    device_id=50 + number, instance=f"port:of-{code}", if_index=1, seen=SINCE
                )
            )
            seen = Observation("disk.full", "resource", f"vm-{code}", "major", "磁盘将满",
                               unit_id=number, subject_name=f"host-{code}")  # fmt: skip
            observe(session, now, "patrol", [seen], NOTHING)  # of the unit's own number
            session.add(
                SuppressionWindow(
                    code="cpu.high",
                    unit_id=number,
                    since=SINCE,
                    until=now.replace(year=now.year + 1),
                    reason=f"contact-{code}",
                    by="ops",
                    created=now,
                )
            )
            site = Ipv6Site(id=number, code=f"site-{code}", name=f"site-{code}",
                            url=f"http://site-{code}.test/", unit_id=number)  # fmt: skip
            session.add(site)
            session.flush()
            told = {"code": site.code, "home_v6": True, "home_v4": True, "aaaa_valid": True}
            session.add(Ipv6Reading(site_id=number, vantage="internet", at=SINCE, score=80.0,
                                    index_name="example 1", reading=told))  # fmt: skip
            host = {"version": 1, "kinds": {"global": 1}, "by": f"agent of {code}"}
            session.add(Ipv6Subject(kind="host", ref=number, at=SINCE, document=host))
            session.add(Ipv6Official(source="official", day=SINCE.date(), subject_kind="site",
                                     subject_key=site.code, unit_id=number, score=70.0, items={},
                                     imported=now))  # fmt: skip
            planned = {"ref": number, "code": f"vm-{code}", "name": f"host-{code}",
                       "unit_id": number, "v4": "10.0.0.1", "address": "", "interface": "",
                       "gateway": "", "score": None, "lost": []}  # fmt: skip
            session.add(Ipv6Plan(id=number, name=f"contact-{code}", created=now, hosts=[planned]))
            session.add(Line(id=number, operator="电信", number=f"circuit-{code}", updated=now))
            session.add(AccessPoint(id=number, code=f"point-{code}", level="city", updated=now))
            session.flush()
            session.add(LineTerm(line_id=number, since=SINCE, unit_id=number))
            session.add(PointTerm(point_id=number, since=SINCE, unit_id=number, line_id=number))
        furnish_ledger(session, now)
        furnish_moves(session, now)
        furnish_readiness(session, now)
        furnish_cutovers(session, now)
        furnish_rollouts(session, runtime.settings, now)
        given = {
            role: tokens.create_token(
                session, role, role, now, unit_id=1 if role in BOUND else None
            )[0]
            for role in ROLES
        }
        other = tokens.create_token(session, "unit of B", "unit", now, unit_id=2)[0]
    return given, other
