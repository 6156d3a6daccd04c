"""The sums by owner computed again after a register was put right, and nothing else with them.

Who held a resource changes no average of it, so only the sums of the owners concerned are made
again, from the five-minute rows of what they held: 13 months of one resource's owner take a
second where the whole city's sums of that time would take minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collectors.catalog import TABLES
from controller.store import dirty, rollup_sql
from controller.store import statistics as st
from controller.store.dirty import OwnerMark
from controller.store.holdings import Holdings, register_of
from controller.store.rollup import FINAL, Stores, closed_until, piece_of, spans

HOST = next(table for table in TABLES if table.name == "host")

MOST_ROWS = 4_000_000
"""Five-minute rows that one statement reads."""
MOST_SUMS = 600_000
"""Lines of state of one statement: owners by buckets."""
LONGEST = 1_000
"""Days of one statement."""
_A_DAY = st.DAY_S // st.BUCKET_S


class Turn(NamedTuple):
    """Owners and the days, first to last, whose sums one statement computes."""

    owners: list[tuple[int, int]]
    first: date
    last: date
    marks: list[OwnerMark]


def roll_owners(stores: Stores, budget_seconds: float = 10.0, *, oldest_first: bool = False) -> int:
    """Computes the marked sums, until done or out of budget; gives the days of owners computed.

    At least one statement's worth is done. ``oldest_first``: from the other end than the worker,
    so that two who work at once meet in the middle.
    """
    deadline = time.monotonic() + budget_seconds
    with stores.database.read() as session:
        marks = dirty.take_owners(session)
    if not marks:
        return 0
    done = 0
    turns = list(_turns(marks, register_of(stores.database).read()))
    for turn in turns if oldest_first else reversed(turns):
        if done and time.monotonic() > deadline:
            break
        _roll(stores, turn)
        with stores.database.write() as session:
            dirty.clear_owners(session, turn.marks)
        done += len(turn.marks)
    return done


def _turns(marks: Sequence[OwnerMark], holdings: Holdings) -> Iterator[Turn]:
    """Statements that cover all marks, oldest first: runs of days, cut to what one may read."""
    for first, last in spans({mark.day for mark in marks}, LONGEST):
        inside = [mark for mark in marks if first <= mark.day <= last]
        owners = sorted({(mark.unit, mark.system) for mark in inside})
        held = held_by(holdings, owners, _midnight(first), _midnight(last) + st.DAY_S)
        count = len(set(holdings.resource[held].tolist()))
        days = min(MOST_ROWS // max(1, count * _A_DAY), MOST_SUMS // (len(owners) * _A_DAY))
        for start, end in spans({mark.day for mark in inside}, max(1, days)):
            part = [mark for mark in inside if start <= mark.day <= end]
            yield Turn(sorted({(mark.unit, mark.system) for mark in part}), start, end, part)


def held_by(
    holdings: Holdings, owners: Sequence[tuple[int, int]], start: int, end: int
) -> NDArray[np.bool_]:
    """Which holdings are of these owners at any time in [start, end), epoch seconds."""
    wanted = np.array([unit << 32 | system for unit, system in owners], np.int64)
    held: NDArray[np.bool_] = np.isin(holdings.unit << 32 | holdings.system, wanted)
    return held & (holdings.since < end) & (holdings.until > start)


def sized(holdings: Holdings, held: NDArray[np.bool_]) -> bool:
    """Whether all of these holdings have their allocation."""
    sizes = (holdings.vcpu[held], holdings.mem_bytes[held], holdings.disk_bytes[held])
    return not any(np.isnan(size).any() for size in sizes)


def _roll(stores: Stores, turn: Turn) -> None:
    start = _midnight(turn.first)
    end = min(_midnight(turn.last) + st.DAY_S, closed_until(stores.now()))
    if end <= start:
        return
    # The version before the register: whoever reads a newer register has a higher version.
    piece = piece_of(stores, start, end, turn.owners)
    register = register_of(stores.database)
    holdings = register.read()
    register.push(stores.samples, holdings, stores.now())
    held = held_by(holdings, turn.owners, start, end)
    resources = sorted(set(holdings.resource[held].tolist()))
    coarse = stores.samples.query(rollup_sql.has_coarse(HOST, start, end))
    statements = [
        rollup_sql.vanished_groups(piece, turn.owners),
        rollup_sql.units(piece, turn.owners),
    ]
    if resources:
        sums = rollup_sql.groups(
            HOST,
            piece._replace(resources=resources),
            snapshot=holdings.snapshot,
            coarse=int(coarse["n"][0]) > 0,
            owners=turn.owners,
            sized=sized(holdings, held),
        )
        statements.insert(0, sums)
    for statement in statements:
        stores.samples.command(statement, settings=FINAL)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
