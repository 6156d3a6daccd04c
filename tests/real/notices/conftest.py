"""The console with a mail server set, a person in charge, and a verdict to draft from."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from controller.access import users
from controller.app import create_app
from controller.idle.tables import IdleScan, IdleVerdict
from controller.inventory.tables import Holding, Resource, Unit
from controller.runtime import Runtime
from controller.settings import MailSettings
from controller.store import ddl, groups
from controller.store.migrate import upgrade
from controller.store.relational import Database, connect
from tests.real.web.conftest import PASSWORD, Console, _furnish, browser  # noqa: F401 - a fixture
from tests.samples_process import samples_process
from tests.serving import serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    with samples_process(folder) as (engine, samples):
        mail = MailSettings(
            host="127.0.0.1", port=free_port(), security="none", sender="yunxun@example.gov.cn"
        )
        settings = engine.settings.model_copy(update={"mail": mail})
        ddl.ensure(samples, settings, groups.create_statements(settings))
        database = Database(connect(settings.relational_url))
        upgrade(database.engine)
        runtime = Runtime(settings, database, samples)
        _furnish(runtime)
        _people(runtime)
        with serving(create_app(runtime)) as url:
            yield Console(url, runtime)
        database.close()


def _people(runtime: Runtime) -> None:
    now = runtime.now()
    with runtime.database.write() as session:
        unit = session.exec(select(Unit).where(Unit.code == "czj")).one()
        unit.email, unit.phone = "czj@example.gov.cn", "0000-1234567"
        for name, role, duty in (
            ("czj-handler", "unit", "handler"),
            ("czj-leader", "unit", "leader"),
            ("cloud", "provider", ""),
        ):
            users.create_user(
                session, name, PASSWORD, role, now, must_change=False, duty=duty,
                unit_id=unit.id if role == "unit" else None,
            )  # fmt: skip
        session.add(
            IdleScan(
                id=1, policy="city", policy_version=1, as_of=now, since=now - timedelta(days=3),
                at=now, by="ops", window_days=3, outcome={"clause": "《市政务云管理办法》第二十条"},
            )
        )  # fmt: skip
        session.flush()
        owned = session.exec(
            select(Resource.id)
            .join(Holding, col(Holding.resource_id) == col(Resource.id))
            .where(Holding.unit_id == unit.id)
            .order_by(col(Resource.id))
        ).all()
        for number in owned:
            session.add(_verdict(number or 0, unit.id or 0))


def _verdict(number: int, unit: int) -> IdleVerdict:
    made = IdleVerdict(
        id=number, scan_id=1, resource_id=number, unit_id=unit,
        reason_zh="CPU 峰值 2.1 % < 5 %（3 天，861 / 864 个样本）", reason_en="idle",
        evidence={"cpu_peak_pct": 2.1}, samples=861, samples_expected=864, coverage_pct=99.7,
        window_days=3, recommendation={"action": "release"},
    )  # fmt: skip
    made.cls = "idle"
    return made
