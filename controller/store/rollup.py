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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, Protocol

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
"""Resource-days that one statement averages: a day of 10,000 took 2.4 GB, in slices 575 MB."""
WIDE_SLICE = 1_000
"""Resource-days of one statement where there is nothing to average, so no state to keep."""
GROUP_DAYS = 7
"""Days of one statement of the sums by owner: its state is a line a bucket and owner."""
FIRST_WINDOW_S = 2 * st.HOUR_S
"""How far back the first live roll looks."""
GUARD_MARGIN_S = st.DAY_S
"""Rows may expire from this long before the end of their retention: the merge picks its time."""

FINAL = {
    "do_not_merge_across_partitions_select_final": 1,
    # On a cluster the joined tables are distributed, too.
    "distributed_product_mode": "global",
}


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
    cluster = stores.settings.samples.cluster
    register.forget_old(stores.samples, holdings.snapshot, stores.now(), cluster)


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
        piece = piece_of(stores, start, stop)
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
        for days in _turns(by_day):
            if done and time.monotonic() > deadline:
                return done
            turn = [mark for day in days for mark in by_day[day]]
            pairs = [(mark.resource, mark.day) for mark in turn]
            for _ in roll_resource_days(stores, table.name, pairs):
                pass
            with stores.database.write() as session:
                dirty.clear(session, table.name, turn)
            done += len(turn)
    return done


def _turns(by_day: Mapping[date, Sequence[dirty.Mark]]) -> Iterator[list[date]]:
    """Days to compute together, in the order given: neighbours, up to a statement's worth."""
    turn: list[date] = []
    size = 0
    for day, marks in by_day.items():
        if turn and (size + len(marks) > WIDE_SLICE or abs(turn[-1] - day).days != 1):
            yield turn
            turn, size = [], 0
        turn.append(day)
        size += len(marks)
    if turn:
        yield turn


def roll_resource_days(
    stores: Stores, table_name: str, resource_days: Collection[tuple[int, date]]
) -> Iterator[int]:
    """Computes these resource-days now, whatever is marked; gives how many are done as it goes on.

    Marks stay; the caller clears its own once the iterator has ended.
    """
    table = next(each for each in TABLES if each.name == table_name)
    # What is open now is left to the live roll; a row from the future waits for its time.
    closed = closed_until(stores.now())
    done = 0
    for block in pack(resource_days, WIDE_SLICE):
        start, end = _midnight(block.first), min(_midnight(block.last) + st.DAY_S, closed)
        if end > start:
            piece = piece_of(stores, start, end)._replace(resources=block.resources)
            if piece.raw_cutoff:
                _count_late(stores, table, piece, block.first)
            _roll_resources(stores, table, piece)
        done += block.wanted
        yield done
    for first, last in spans({day for _, day in resource_days}, GROUP_DAYS):
        start, end = _midnight(first), min(_midnight(last) + st.DAY_S, closed)
        if end > start:
            _roll_groups(stores, table, piece_of(stores, start, end))
            yield done


def _roll_resources(stores: Stores, table: Table, piece: Piece) -> None:
    found = stores.samples.query(rollup_sql.shape(table, piece), settings=FINAL)
    rows = int(found["n"][0])
    if rows == 0:
        return
    # Hours hold what five-minute rows from before the window's rows may have, so all metrics.
    metrics = [metric for metric in table.metrics if found[metric.name][0]]
    single = rows == int(found["buckets"][0])
    parts = [piece]
    if not single:
        days = -(-(piece.end - piece.start) // st.DAY_S)
        resources = piece.resources or []
        step = max(1, SLICE // days)
        parts = [
            piece._replace(resources=resources[first : first + step])
            for first in range(0, len(resources), step)
        ]
    for part in parts:
        _run(stores, rollup_sql.five_minutes(table, part, metrics, single=single))
    _run(stores, rollup_sql.hours(table, piece, None if piece.raw_cutoff else metrics))


class Block(NamedTuple):
    """Resources and the days, first to last, that one statement computes for all of them."""

    resources: list[int]
    first: date
    last: date
    wanted: int
    """Resource-days asked for; a block may cover some that were not, which does no harm."""


def pack(resource_days: Collection[tuple[int, date]], size: int) -> Iterator[Block]:
    """Blocks of at most ``size`` resource-days that cover all that are wanted, and little else.

    Rows lie by resource and then time, a month of one in a granule or two: many days of few
    resources are read once, where day by day would read them all again for each.
    """
    days: dict[int, list[date]] = {}
    for resource, day in sorted(resource_days):
        days.setdefault(resource, []).append(day)
    runs = [
        (first, last, resource)
        for resource, own in days.items()
        for first, last in spans(own, size)
    ]
    block: Block | None = None
    for first, last, resource in sorted(runs):
        length = (last - first).days + 1
        if block is not None:
            # Sorted by first day, so the block's first is the earliest.
            until = max(block.last, last)
            area = ((until - block.first).days + 1) * (len(block.resources) + 1)
            if area <= min(size, 1.25 * (block.wanted + length)):
                block = Block(
                    [*block.resources, resource], block.first, until, block.wanted + length
                )
                continue
            yield block
        block = Block([resource], first, last, length)
    if block is not None:
        yield block


def spans(days: Iterable[date], longest: int) -> list[tuple[date, date]]:
    """Runs of days without a gap, first and last of each, cut to ``longest`` days."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found:
            first, last = found[-1]
            if (day - last).days == 1 and (day - first).days < longest:
                found[-1] = (first, day)
                continue
        found.append((day, day))
    return found


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


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _roll_groups(stores: Stores, table: Table, piece: Piece) -> None:
    if table.name != "host":
        return
    register = register_of(stores.database)
    holdings = register.read()
    register.push(stores.samples, holdings, stores.now())
    found = stores.samples.query(rollup_sql.has_coarse(table, piece.start, piece.end))
    coarse = int(found["n"][0]) > 0
    if coarse and piece.end - piece.start > st.DAY_S:
        # Each coarse row is spread over its buckets: a week of a city's days is tens of millions.
        for start in range(piece.start, piece.end, st.DAY_S):
            end = min(start + st.DAY_S, piece.end)
            _roll_groups(stores, table, piece_of(stores, start, end))
        return
    _run(stores, rollup_sql.groups(table, piece, snapshot=holdings.snapshot, coarse=coarse))
    _run(stores, rollup_sql.vanished_groups(piece))
    _run(stores, rollup_sql.units(piece))


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


def piece_of(
    stores: Stores, start: int, end: int, owners: rollup_sql.Owners | None = None
) -> Piece:
    """The window with its version and what may have expired in it: nothing arrives before its
    time, so a window after a cutoff needs no guard."""
    keep, now = stores.settings.retention, stores.now()
    raw = int(now.timestamp()) - keep.raw_days * st.DAY_S + GUARD_MARGIN_S
    rolled = int(now.timestamp()) - keep.five_minute_days * st.DAY_S + GUARD_MARGIN_S
    return Piece(
        start,
        end,
        _next_version(stores, start, end, owners),
        raw_cutoff=raw if start < raw else 0,
        rolled_cutoff=rolled if start < rolled else 0,
    )


def _next_version(stores: Stores, start: int, end: int, owners: rollup_sql.Owners | None) -> int:
    """Microseconds of now, but above what is there: the clock may have been set back."""
    statement = rollup_sql.newest_version("group_5m", start, end, owners)
    newest = stores.samples.query(statement)["v"]
    return max(int(stores.now().timestamp() * 1_000_000), int(newest[0]) + 1)


def _run(stores: Stores, statement: str) -> None:
    stores.samples.command(statement, settings=FINAL)
