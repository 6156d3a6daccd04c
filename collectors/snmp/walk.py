"""Columns of tables, read to their end or to a named reason why not.

The number of rows asked for at once adapts per device and column: halved when the device
answers tooBig, sends what cannot be decoded or stays silent, remembered for the next poll, and
doubled again after a poll without trouble.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .session import DeadlineError, Empty, EngineMemory, GarbageError, Session, SilentError
from .values import Value, index_numbers

NUMBERS_AT_ONCE = 50
"""Rows asked for in a column of numbers: about 1,250 octets, which fits one Ethernet frame."""
TEXTS_AT_ONCE = 25
"""… and in a column of names."""
MAX_ROWS = 20_000
"""Rows of one column; more is taken for an endless walk."""
LARGE, PACE_S = 2_000, 0.02
"""Beyond so many rows a walk rests between answers, so that one device never fills the loop."""
ABSENT_FOR = 10
"""Polls for which a column that was empty is not asked for again."""
BACKWARD_LIMIT = 32
"""Answers in wrong order that still bring new rows and are put up with."""
SILENCES = 2
"""Silent tables after which the device is left alone until the next poll."""

Column = dict[str, Value]
"""Values of one column by row index as text: ``"1"``, ``"1.4.10.0.0.1"``."""


@dataclass(slots=True)
class DeviceMemory:
    """What is known of a device from earlier polls; keep one per device and credential."""

    at_once: dict[str, int] = field(default_factory=dict)
    """Column -> rows at once, where that is not the usual number."""
    absent: dict[str, int] = field(default_factory=dict)
    """Column that was empty, or table without end -> polls before it is asked for again."""
    engine: EngineMemory = field(default_factory=EngineMemory)

    def rows_at_once(self, column: str, usual: int) -> int:
        """Rows to ask for now."""
        return min(self.at_once.get(column, usual), usual)

    def too_many(self, column: str, asked: int) -> int:
        """Half of what was asked for, remembered."""
        half = max(1, asked // 2)
        self.at_once[column] = half
        return half

    def went_well(self, column: str, usual: int) -> None:
        """Twice as many the next time, up to the usual number."""
        if column in self.at_once:
            self.at_once[column] = self.at_once[column] * 2
            if self.at_once[column] >= usual:
                del self.at_once[column]

    def skips(self, column: str) -> bool:
        """Whether a column that was empty is left out of this poll."""
        left = self.absent.pop(column, 0)
        if left > 1:
            self.absent[column] = left - 1
        return left > 0


class _TooManyError(Exception):
    """The device could not fit as many rows into an answer."""


class Walker:
    """Reads columns of one device and keeps account of what is not whole."""

    def __init__(self, session: Session, memory: DeviceMemory) -> None:
        self.session = session
        self.memory = memory
        self.partial: dict[str, str] = {}
        self._silences = 0
        self._endless: set[str] = set()
        """Tables left out: a column had no end, now or at one of the last polls."""

    @property
    def given_up(self) -> bool:
        """The device fell silent, or its time is over: nothing more is asked."""
        return self._silences >= SILENCES

    async def get(self, table: str, oids: list[str]) -> dict[str, Value]:
        """Scalars that exist, by OID; silence marks ``table`` as partial."""
        if self.given_up:
            self._mark(table, "not asked: the device fell silent")
            return {}
        try:
            return await self.session.get(oids)
        except SilentError as problem:
            self._fell_silent(table, problem)
        except DeadlineError:
            self._out_of_time(table)
        return {}

    async def columns(
        self, table: str, numbers: dict[str, str], texts: dict[str, str] | None = None
    ) -> dict[str, Column]:
        """Several columns of a table by name; those after a broken one are still tried."""
        found = {}
        for name, oid in (texts or {}).items():
            found[name] = await self.column(table, oid, TEXTS_AT_ONCE)
        for name, oid in numbers.items():
            found[name] = await self.column(table, oid)
        return found

    async def column(self, table: str, oid: str, usual: int = NUMBERS_AT_ONCE) -> Column:
        """One column. What could be read is kept; why the rest is missing is in ``partial``."""
        rows: Column = {}
        if self.given_up:
            self._mark(table, "not asked: the device fell silent")
            return rows
        if self._left_out(table) or self.memory.skips(oid):
            return rows
        try:
            if self.session.bulk:
                reason = await self._by_bulk(oid, usual, rows)
            else:
                reason = await self._one_by_one(oid, rows)
        except SilentError as problem:
            self._fell_silent(table, problem)
        except DeadlineError:
            self._out_of_time(table)
        else:
            self._silences = 0
            if reason:
                self._mark(table, reason)
                if len(rows) > MAX_ROWS:
                    self._endless.add(table)
                    self.memory.absent[table] = ABSENT_FOR
                    rows.clear()  # made up; and to make ports of them would hold up the others
            elif not rows:
                self.memory.absent[oid] = ABSENT_FOR
        if self.session.record is not None:
            self.session.record.update({f"{oid}.{index}": rows[index] for index in rows})
        return rows

    async def _by_bulk(self, oid: str, usual: int, rows: Column) -> str:
        asked = self.memory.rows_at_once(oid, usual)
        trouble = silent = 0
        while True:  # once for each size that is tried
            before = len(rows)
            try:
                reason = await self._bulk_with(oid, asked, rows, silent)
            except _TooManyError:
                pass
            except SilentError as problem:
                silent = 1 if len(rows) > before else silent + 1
                small = isinstance(problem, GarbageError) and asked > 1
                if silent > 1 and not small:
                    raise
            else:
                if not trouble:
                    self.memory.went_well(oid, usual)
                return reason
            trouble += 1
            asked = self.memory.too_many(oid, asked)

    async def _bulk_with(self, oid: str, asked: int, rows: Column, silent: int) -> str:
        """Walks from the top (gufo's cursor cannot change its size on the way)."""
        waits = self.session.waits
        patience = (waits[2:] or waits[-1:]) if silent else waits[:2]
        at = self.session.cursor(oid, asked)
        order = _Order()
        cut = len(oid) + 1
        while True:
            try:
                batch = await self.session.bulk_next(at, patience)
            except Empty:
                if not await self._more_after(at, waits):
                    return order.verdict
                if asked > 1:
                    raise _TooManyError from None
                return await self._one_by_one(oid, rows)  # it cannot GETBULK at all
            ended = batch[-1] is None
            known = len(rows)
            last = ""
            for item in batch:
                if item is not None:
                    last = item[0][cut:]
                    rows[last] = item[1]
            if ended:
                return order.verdict
            reason = order.judge(last, len(rows) > known)
            if reason:
                return reason
            if len(rows) > MAX_ROWS:
                return f"more than {MAX_ROWS} rows: endless?"
            if len(rows) > LARGE:
                await asyncio.sleep(PACE_S)

    async def _more_after(self, at: object, waits: tuple[float, ...]) -> bool:
        """Whether an empty answer was tooBig (a single row does come) and not the end."""
        try:
            await self.session.next(at, waits)
        except Empty:
            return False
        return True

    async def _one_by_one(self, oid: str, rows: Column) -> str:
        """GETNEXT, for SNMPv1 and devices that cannot GETBULK."""
        order = _Order()
        at = self.session.cursor(oid, 1)
        cut = len(oid) + 1
        while True:
            try:
                name, value = await self.session.next(at, self.session.waits)
            except Empty:
                return order.verdict
            new = name[cut:] not in rows
            rows[name[cut:]] = value
            reason = order.judge(name[cut:], new)
            if reason:
                return reason
            if len(rows) > MAX_ROWS:
                return f"more than {MAX_ROWS} rows: endless?"

    def _left_out(self, table: str) -> bool:
        if table not in self._endless and self.memory.skips(table):
            self._endless.add(table)
            self._mark(table, "left out: it had no end a while ago")
        return table in self._endless

    def _mark(self, table: str, reason: str) -> None:
        self.partial.setdefault(table, reason)

    def _fell_silent(self, table: str, problem: SilentError) -> None:
        self._silences += 1
        garbled = isinstance(problem, GarbageError)
        self._mark(table, "answers cannot be decoded" if garbled else "no answer")

    def _out_of_time(self, table: str) -> None:
        self._silences = SILENCES
        self._mark(table, "the time for this device was used up")


class _Order:
    """Whether a walk moves forward. A device that jumps back is read on while it brings rows."""

    def __init__(self) -> None:
        self._last: tuple[int, ...] | None = None
        self._backward = 0

    def judge(self, suffix: str, brought_rows: bool) -> str:
        """Why to stop after an answer that ended at ``suffix``; "" to go on."""
        try:
            here = index_numbers(suffix)
        except ValueError:
            return "an index that is none"
        if self._last is not None and here <= self._last:
            self._backward += 1
            if not brought_rows or self._backward > BACKWARD_LIMIT:
                return "rows in wrong order, going round"
        self._last = here
        return ""

    @property
    def verdict(self) -> str:
        """What to say of a walk that came to its end."""
        return "rows in wrong order" if self._backward else ""
