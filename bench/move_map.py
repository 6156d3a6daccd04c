"""The map of 1,000 hosts × 200 edges of 30 days: the page's query and the drawing's, and what it
keeps; and a plan of 500 hosts with 50 planted faults out of a workbook, from file to faults.

The edges are merged day by day as documents are; take_document_ms says what one document of 200
edges costs.
"""

from __future__ import annotations

import io
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
from sqlalchemy import insert, text

from controller.access.scope import CITY
from controller.inventory.tables import (
    BusinessSystem,
    Holding,
    Resource,
    Unit,
    UnitVersion,
    Zone,
)
from controller.moves import plans, projects
from controller.moves.edge_documents import take_edges
from controller.moves.edge_set import EdgeRow, EdgeSet, day_number, edge_key, pack_address
from controller.moves.edge_views import Map, seen
from controller.moves.model import NetworkIn, ProjectIn
from controller.moves.networks import put_network
from controller.moves.tables import MoveEdges
from controller.schema import metadata
from controller.store.relational import Database, connect
from tests.unit.controller.moves.address_plan import (
    HEADS,
    PER_NETWORK,
    clean_rows,
    plant,
    planted,
)

HOSTS, EDGES, DAYS = 1_000, 200, 30
UNITS, PER_SYSTEM = 40, 8
PLAN_HOSTS = 500


def measure() -> dict[str, float]:
    """``page_s`` is what the page and its drawing take together."""
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name:
        path = Path(name) / "moves.db"
        database = Database(connect(f"sqlite:///{path}"))
        metadata().create_all(database.engine)
        _register(database, now)
        _edges(database, now)
        size = path.stat().st_size
        page = _best(lambda: _page(database, now))
        drawing = _best(lambda: _drawing(database, now))
        document = _document(database, now)
        with database.read() as session:
            links = len(Map(session, CITY, DAYS, now).links)
        plan_s, found, wanted = _plan(database, now)
        database.close()
    return {
        "page_s": page + drawing,
        "list_s": page,
        "drawing_s": drawing,
        "links": float(links),
        "stored_mb": size / 1e6,
        "take_document_ms": document * 1e3,
        "plan_s": plan_s,
        "faults_wrong": float(len(found ^ wanted)),
        "faults": float(len(wanted)),
    }


def _best(work: Callable[[], None]) -> float:
    """The median of five."""
    spent = []
    for _ in range(5):
        began = time.monotonic()
        work()
        spent.append(time.monotonic() - began)
    return sorted(spent)[2]


def _page(database: Database, now: datetime) -> None:
    with database.read() as session:
        found = Map(session, CITY, DAYS, now)
        seen(session, CITY, DAYS, now)
    rows = found.rows()
    list(found.views(rows, 0, 50))


def _drawing(database: Database, now: datetime) -> None:
    with database.read() as session:
        graph = Map(session, CITY, DAYS, now).graph("system")
    if not graph.arrows:
        raise RuntimeError("nothing was drawn")


def _register(database: Database, now: datetime) -> None:
    since = now - timedelta(days=400)
    with database.write() as session:
        session.add(Zone(id=1, code="Z", name="政务外网区"))
        for number in range(1, UNITS + 1):
            session.add(Unit(id=number, code=f"u{number}", created=since))
        session.flush()
        for number in range(1, UNITS + 1):
            session.add(UnitVersion(unit_id=number, name=f"单位{number}", since=since))
        systems = -(-HOSTS // PER_SYSTEM)
        for number in range(systems):
            session.add(
                BusinessSystem(id=number + 1, unit_id=number % UNITS + 1, name=f"系统{number}")
            )
        session.flush()
        run = session.connection().execute
        run(
            insert(Resource),
            [
                {"id": n + 1, "code": f"h{n:03d}", "name": f"主机{n}", "kind": "vm",
                 "ip": _address(n), "os": "", "created": since, "tags": [], "demo": False}
                for n in range(HOSTS)
            ],
        )  # fmt: skip
        run(
            insert(Holding),
            [
                {"resource_id": n + 1, "since": since, "unit_id": n // PER_SYSTEM % UNITS + 1,
                 "system_id": n // PER_SYSTEM + 1, "zone_id": 1}
                for n in range(HOSTS)
            ],
        )  # fmt: skip


def _address(host: int) -> str:
    net, place = divmod(host, PER_NETWORK)
    return f"192.168.{net}.{place + 10}"


def _edges(database: Database, now: datetime) -> None:
    chance = random.Random(7)
    today = day_number(now.date())
    rows = []
    for host in range(HOSTS):
        kept = EdgeSet()
        edges = [_edge(host, number, chance) for number in range(EDGES)]
        for day in range(today - DAYS + 1, today + 1):
            kept.merge([e for e in edges if chance.random() < 0.8], day)
        rows.append(
            {"resource_id": host + 1, "since": now - timedelta(days=DAYS), "last": now,
             "edges": len(kept), "left_out": 0, "packed": kept.pack()}
        )  # fmt: skip
    with database.write() as session:
        session.connection().execute(insert(MoveEdges), rows)
        session.connection().execute(text("ANALYZE"))


def _edge(host: int, number: int, chance: random.Random) -> EdgeRow:
    """Most to hosts of the register, some from clients nobody registered, a few to the internet."""
    kind = number % 10
    if kind < 7:
        peer, direction, port = _address(chance.randrange(HOSTS)), number % 2, 1024 + number
    elif kind < 9:
        peer = f"172.{16 + number % 16}.{chance.randrange(200)}.{chance.randrange(250)}"
        direction, port = 1, 443
    else:
        peer = f"114.{chance.randrange(200)}.{chance.randrange(250)}.{number}"
        direction, port = 0, 443
    packed = pack_address(peer)
    assert packed is not None
    return EdgeRow(edge_key(direction, 6, packed, port), ("java", "nginx", "")[host % 3], 288, 4)


def _document(database: Database, now: datetime) -> float:
    """One document of an hour taken in, without the transaction's fsync."""
    edges = [["out", "tcp", f"10.9.{n // 250}.{n % 250}", 443, "java", 12, 3] for n in range(EDGES)]
    with database.write() as session:
        take_edges(session, 1, {"edges": edges}, now, now)
        began = time.monotonic()
        for _ in range(20):
            take_edges(session, 1, {"edges": edges}, now, now)
        return (time.monotonic() - began) / 20


def _plan(
    database: Database, now: datetime
) -> tuple[float, set[tuple[int, str]], set[tuple[int, str]]]:
    """Seconds from the workbook to the plan, the faults found, and those planted."""
    _prepare(database, now)
    rows = clean_rows(PLAN_HOSTS)
    wanted = plant(rows, planted())
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADS)
    for row in rows:
        sheet.append([row[head] for head in HEADS])
    body = io.BytesIO()
    book.save(body)
    began = time.monotonic()
    table, _ = plans.read_plan_file(body, "plan.xlsx")
    with database.read() as session:
        project = projects.find_project(session, CITY, "mv")
        made = plans.make(session, project, table, DAYS, 30, now)
    seconds = time.monotonic() - began
    return seconds, {(fault.row, fault.kind) for fault in made.faults}, wanted


def _prepare(database: Database, now: datetime) -> None:
    """What the planted faults need around them: all hosts ours but one, addresses taken."""
    with database.write() as session:
        run = session.connection().execute
        run(text("UPDATE holding SET unit_id = 1"))
        run(text("UPDATE unit_version SET name = '我单位' WHERE unit_id = 1"))
        for number, (code, address, unit) in enumerate(
            (
                ("x1", "10.66.0.200", 2),
                ("x2", "10.99.0.1", 2),
                ("two-1", "10.99.1.1", 1),
                ("two-2", "10.99.1.2", 1),
                ("used", "10.66.1.201", 1),
            ),
            HOSTS + 1,
        ):
            name = "两可" if code.startswith("two") else code
            session.add(Resource(id=number, code=code, name=name, ip=address, created=now))
            session.flush()
            session.add(
                Holding(resource_id=number, unit_id=unit, since=now - timedelta(days=9), zone_id=1)
            )
        for code, unit, prefixes in (("own", "u1", []), ("other", "u2", ["10.70.0.0/16"])):
            given = NetworkIn(code=code, name=code, unit=unit, disposition="migrate",
                              prefixes=prefixes)  # fmt: skip
            put_network(session, CITY, given, "bench", now)
        projects.begin_project(session, CITY, ProjectIn(code="mv", network="own"), "bench", now)
        other = projects.begin_project(
            session, CITY, ProjectIn(code="mv-other", network="other"), "bench", now
        )
        table = plans.MovePlan(
            project_id=other.id or 0, unit_id=other.unit_id, file_name="x", sha256="", digest="",
            state="approved", at=now, faults=[], acl=[], waves=[], summary={},
            hosts=[{"address": "10.66.2.202/24", "address6": ""}],
        )  # fmt: skip
        session.add(table)
        session.flush()
