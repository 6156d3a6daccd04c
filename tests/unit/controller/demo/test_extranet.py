"""The demo's lines and points are taken by the real imports and cover the invented counties."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from controller.access.scope import CITY
from controller.demo import extranet
from controller.demo.registers import write_units
from controller.demo.world import DEMO_TAG
from controller.inventory.imports import import_register
from controller.network.coverage import coverage
from controller.network.line_import import LINES
from controller.network.lines import list_lines
from controller.network.point_import import POINTS
from controller.network.points import list_points
from controller.network.targets import load_targets
from controller.schema import metadata
from controller.store.relational import Database, connect

END = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def test_every_row_is_taken_marked_and_counted(tmp_path: Path) -> None:
    database = Database(connect(f"sqlite:///{tmp_path / 'demo.db'}"))
    metadata().create_all(database.engine)
    write_units(tmp_path / "units.csv")
    extranet._write(tmp_path / "lines.csv", extranet._lines(END))
    extranet._write(tmp_path / "points.csv", extranet._points())
    for name, register in (("units", "units"), ("lines", LINES), ("points", POINTS)):
        with (tmp_path / f"{name}.csv").open("rb") as file:
            outcome = import_register(
                register, database, file, f"{name}.csv", dry_run=False, skip_bad=False,
                by="test", now=END,
            )  # fmt: skip
        assert outcome.errors == []
    with database.read() as session:
        lines = list_lines(session, CITY, END)
        points = list_points(session, CITY, END, {})
        found = coverage(session, CITY, END, load_targets(), {})
    database.close()
    assert {each.note for each in (*lines, *points)} == {DEMO_TAG}
    assert {line.state for line in lines} == {"active", "due", "ended"}
    addresses = {point.address for point in points if point.address}
    assert all(
        each.startswith("127.") or each in ("::1", extranet.UNREACHABLE) for each in addresses
    )
    levels = {row.level: row for row in found.levels}
    assert set(levels) == {"city", "county", "township", "village"}
    assert 60 < (levels["village"].connected_pct or 0) < 95
    assert (levels["county"].met, levels["county"].aimed) == (1, 2)  # one contract has ended
