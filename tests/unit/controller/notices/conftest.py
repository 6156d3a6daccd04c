"""A small register, a clock set by hand, and people: ops, a unit's handler and its leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.inventory.tables import BusinessSystem, Holding, Resource, Unit, UnitVersion
from controller.notices import drafts, office
from controller.notices.desk import Desk
from controller.notices.model import DraftItem
from controller.notices.tables import Notice
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import MailSettings, NoticesSettings, Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples

GIB = float(1 << 30)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PDF = b"%PDF-1.7 a stamped scan"


class Clock:
    """Time as a test wants it; a Monday at noon in China."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Office:
    """A controller without samples. Units 1 (市财政局, with mail) and 2 (市教育局, without);
    resources 1-3 are unit 1's, 4 is unit 2's, 5 is nobody's."""

    runtime: Runtime
    clock: Clock
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = self.runtime.settings

    @contextmanager
    def desk(self, name: str = "ops", role: str = "ops", duty: str = "") -> Iterator[Desk]:
        unit = 1 if role == "unit" else None
        person = Principal(name, role, self.clock(), unit_id=unit, duty=duty)
        scope = Scope(frozenset({1})) if role == "unit" else CITY
        with self.runtime.database.write() as session:
            yield Desk(session, self.settings, scope, person)

    def handler(self) -> AbstractContextManager[Desk]:
        return self.desk("zhang", "unit", "handler")

    def leader(self) -> AbstractContextManager[Desk]:
        return self.desk("li", "unit", "leader")

    def draft(self, *resources: int, cls: str = "idle") -> list[str]:
        with self.desk() as desk:
            return drafts.from_items(desk, [item(each, cls) for each in resources]).codes

    def issue(self, *resources: int, cls: str = "idle") -> str:
        """A letter that has been sent."""
        (code,) = self.draft(*resources, cls=cls)
        with self.desk() as desk:
            office.review(desk, code, "王核")
            office.sign(desk, code, "赵签")
            office.add_file(desk, code, "scan", "scan.pdf", PDF)
            office.register(desk, code, f"市数函〔2026〕{code[-2:]}号")
        return code

    def read(self, code: str) -> Notice:
        with self.desk() as desk:
            return desk.find(code)


def item(resource: int, cls: str = "idle") -> DraftItem:
    return DraftItem(
        resource_id=resource,
        cls=cls,
        reason="CPU 峰值 2.1 % < 5 %（30 天，8,601 / 8,640 个样本）",
        evidence={"cpu_peak_pct": 2.1},
        policy="city",
        policy_version=1,
        policy_clause="《市政务云管理办法》第二十条",
        samples=8601,
        coverage_pct=99.5,
        recommendation={"action": "release", "new_vcpu": 2, "new_mem_bytes": 4 * GIB},
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Office]]:
    """Makes an office with its own settings, on SQLite or at ``url``."""
    opened: list[Database] = []

    def make(
        url: str = "", mail: MailSettings | None = None, notices: NoticesSettings | None = None
    ) -> Office:
        settings = Settings(
            data=tmp_path,
            mail=mail or MailSettings(host="127.0.0.1", sender="yunxun@example.gov.cn"),
            notices=notices or NoticesSettings(),
        )
        database = Database(connect(url or f"sqlite:///{tmp_path / 'office.db'}"))
        opened.append(database)
        metadata().create_all(database.engine)
        runtime = Runtime(settings, database, Samples.from_settings(settings), clock)
        furnish(runtime)
        return Office(runtime, clock)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def house(made: Callable[..., Office]) -> Office:
    return made()


def furnish(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        for number, name in ((1, "市财政局"), (2, "市教育局")):
            email = "czj@example.gov.cn" if number == 1 else ""
            session.add(Unit(id=number, code=f"U{number}", email=email, created=SINCE))
            session.flush()
            session.add(UnitVersion(unit_id=number, name=name, since=SINCE))
            session.add(BusinessSystem(id=number, unit_id=number, name=f"系统{number}"))
        session.flush()
        for number in range(1, 6):
            session.add(
                Resource(id=number, code=f"vm-{number}", name=f"主机{number}", created=SINCE)
            )
            session.flush()
            session.add(
                Holding(
                    resource_id=number,
                    since=SINCE,
                    until=datetime(2026, 6, 1, tzinfo=UTC) if number == 5 else None,
                    unit_id=1 if number in (1, 2, 3, 5) else 2,
                    system_id=1 if number in (1, 2, 3, 5) else 2,
                    vcpu=8,
                    mem_bytes=16 * GIB,
                    disk_bytes=200 * GIB,
                )
            )
