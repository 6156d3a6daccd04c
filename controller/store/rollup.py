"""The rollup jobs: live buckets as they close, dirty resource-days, and the register's snapshot.

    roll_live(stores)                 every closed five-minute bucket since the last time
    roll_dirty(stores, seconds)       marked resource-days, newest day first
    roll_resource_days(stores, …)     the same for days just imported, while the importer waits
    sync_holdings(stores)             the register's intervals to the sample store
    pending(stores)                   what is left to do, for pages and doctor

A ``Runtime`` is a ``Stores``. Jobs of several processes may meet on one day: each computes from
what is stored, the highest version wins, and a mark that is younger than an insert may take is
never cleared, so whoever comes last finds everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from sqlalchemy import func
from sqlmodel import col, select

from collectors.catalog import TABLES, Table
from controller.settings import Settings
from controller.store import dirty, rollup_sql
from controller.store import statistics as st
from controller.store.holdings import register_of
from controller.store.relational import Database
from controller.store.rollup_sql import Piece
from controller.store.samples import Samples
from controller.store.tables import LateRows, Watermark

GRACE = timedelta(seconds=120)
"""A bucket is rolled this long after its end: by then rows on their way are stored or marked."""
SLICE = 250
"""Resources of one statement: a whole day of 10,000 at once took 2.4 GB, in slices 575 MB."""
FIRST_WINDOW_S = 2 * st.HOUR_S
"""How far back the first live roll looks."""
GUARD_MARGIN_S = st.DAY_S
"""Rows may expire from this long before the end of their retention: the merge picks its time."""

FINAL = {"do_not_merge_across_partitions_select_final": 1}

Progress = Callable[[int, int], None]
"""Called with (resource-days done, resource-days to do)."""


class Stores(Protocol):
    """What the jobs need; ``controller.runtime.Runtime`` has it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def samples(self) -> Samples: ...
    @property
    def now(self) -> Callable[[], datetime]: ...


@dataclass(frozen=True)
class Pending:
    """Where the rollups of one table stand."""

    table: str
    dirty_days: int
    """Resource-days marked and not computed yet."""
    oldest_mark: datetime | None
    live_until: datetime | None
    """End of the last bucket rolled live."""
    late_rows: int
    """Rows that came too late for their bucket, see LateRows."""


def sync_holdings(stores: Stores) -> None:
    """Pushes the register's intervals if they changed, and drops snapshots nobody can be using."""
    register = register_of(stores.database)
    holdings = register.read()
    register.push(stores.samples, holdings, stores.now())
    register.forget_old(stores.samples, holdings.snapshot, stores.now())


def closed_until(now: datetime) -> int:
    """End of the newest bucket that is complete, epoch seconds."""
    return int((now - GRACE).timestamp()) // st.BUCKET_S * st.BUCKET_S


def roll_live(stores: Stores) -> int:
    """Rolls every bucket that closed since the last call, all resources at once; gives how many.

    After a standstill it works through the time hour by hour.
    """
    end = closed_until(stores.now())
    return sum(_roll_live(stores, table, end) for table in TABLES)


def _roll_live(stores: Stores, table: Table, end: int) -> int:
    name = f"live:{table.name}"
    with stores.database.read() as session:
        mark = session.get(Watermark, name)
        start = int(mark.at.timestamp()) if mark else end - FIRST_WINDOW_S
    buckets = max(0, end - start) // st.BUCKET_S
    while start < end:
        stop = min(end, start // st.HOUR_S * st.HOUR_S + st.HOUR_S)
        piece = _piece(stores, start, stop)
        _run(stores, rollup_sql.five_minutes(table, piece))
        _roll_groups(stores, table, piece)
        if stop % st.HOUR_S == 0:
            hour = stop - st.HOUR_S
            _run(stores, rollup_sql.hours(table, piece._replace(start=hour)))
        with stores.database.write() as session:
            session.merge(Watermark(name=name, at=datetime.fromtimestamp(stop, UTC)))
        start = stop
    return buckets


def roll_dirty(stores: Stores, budget_seconds: float = 10.0) -> int:
    """Computes marked resource-days again, day by day, until done or out of budget.

    Gives the resource-days computed. At least one day is done, so a small budget still gets on.
    """
    deadline = time.monotonic() + budget_seconds
    done = 0
    for table in TABLES:
        with stores.database.read() as session:
            marks = dirty.take(session, table.name, stores.now())
        by_day: dict[date, list[dirty.Mark]] = {}
        for mark in marks:
            by_day.setdefault(mark.day, []).append(mark)
        for day, group in by_day.items():
            if done and time.monotonic() > deadline:
                return done
            _roll_day(stores, table, day, [mark.resource for mark in group])
            with stores.database.write() as session:
                dirty.clear(session, table.name, group)
            done += len(group)
    return done


def roll_resource_days(
    stores: Stores,
    table_name: str,
    resource_days: Iterable[tuple[int, date]],
    progress: Progress | None = None,
) -> None:
    """Computes these resource-days now, whatever is marked. Marks stay; the caller clears
    its own."""
    table = next(each for each in TABLES if each.name == table_name)
    by_day: dict[date, list[int]] = {}
    for resource, day in resource_days:
        by_day.setdefault(day, []).append(resource)
    total, done = sum(map(len, by_day.values())), 0
    for day in sorted(by_day):
        _roll_day(stores, table, day, by_day[day])
        done += len(by_day[day])
        if progress is not None:
            progress(done, total)


def pending(stores: Stores) -> list[Pending]:
    """What is left to do, for each sample table."""
    answer = []
    with stores.database.read() as session:
        for table in TABLES:
            count, oldest = dirty.pending(session, table.name)
            mark = session.get(Watermark, f"live:{table.name}")
            late = session.exec(
                select(func.coalesce(func.sum(LateRows.rows), 0)).where(
                    col(LateRows.sample_table) == table.name
                )
            ).one()
            answer.append(Pending(table.name, count, oldest, mark.at if mark else None, int(late)))
    return answer


def _roll_day(stores: Stores, table: Table, day: date, resources: Sequence[int]) -> None:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    # What is open now is left to the live roll; a row from the future waits for its time.
    end = min(start + st.DAY_S, closed_until(stores.now()))
    if end <= start:
        return
    whole = _piece(stores, start, end)
    ordered = sorted(resources)
    for first in range(0, len(ordered), SLICE):
        piece = whole._replace(resources=ordered[first : first + SLICE])
        if piece.raw_cutoff:
            _count_late(stores, table, piece, day)
        _run(stores, rollup_sql.five_minutes(table, piece))
        _run(stores, rollup_sql.hours(table, piece))
    _roll_groups(stores, table, whole)


def _roll_groups(stores: Stores, table: Table, piece: Piece) -> None:
    if table.name != "host":
        return
    register = register_of(stores.database)
    holdings = register.read()
    register.push(stores.samples, holdings, stores.now())
    found = stores.samples.query(rollup_sql.has_coarse(table, piece.start, piece.end))
    coarse = int(found["n"][0]) > 0
    _run(stores, rollup_sql.groups(table, piece, snapshot=holdings.snapshot, coarse=coarse))
    _run(stores, rollup_sql.vanished_groups(piece))


def _count_late(stores: Stores, table: Table, piece: Piece, day: date) -> None:
    """Writes down how many rows came too late; a second look counts the same rows, not more."""
    found = stores.samples.query(rollup_sql.late_rows(table, piece))
    if len(found.get("resource", ())) == 0:
        return
    late = [
        LateRows(
            sample_table=table.name, resource_id=resource, day=day, rows=rows, seen=stores.now()
        )
        for resource, rows in zip(found["resource"].tolist(), found["late"].tolist(), strict=True)
    ]
    with stores.database.write() as session:
        for each in late:
            session.merge(each)


def _piece(stores: Stores, start: int, end: int) -> Piece:
    """The window with its version and what may have expired in it: nothing arrives before its
    time, so a window after a cutoff needs no guard."""
    keep, now = stores.settings.retention, stores.now()
    raw = int(now.timestamp()) - keep.raw_days * st.DAY_S + GUARD_MARGIN_S
    rolled = int(now.timestamp()) - keep.five_minute_days * st.DAY_S + GUARD_MARGIN_S
    return Piece(
        start,
        end,
        _next_version(stores, start, end),
        raw_cutoff=raw if start < raw else 0,
        rolled_cutoff=rolled if start < rolled else 0,
    )


def _next_version(stores: Stores, start: int, end: int) -> int:
    """Microseconds of now, but above what is there: the clock may have been set back."""
    newest = stores.samples.query(rollup_sql.newest_version("group_5m", start, end))["v"]
    return max(int(stores.now().timestamp() * 1_000_000), int(newest[0]) + 1)


def _run(stores: Stores, statement: str) -> None:
    stores.samples.command(statement, settings=FINAL)
