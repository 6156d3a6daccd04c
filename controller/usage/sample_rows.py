"""Blocks of a sample file as checked numbers: whole columns at a time, errors by row and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collectors.catalog import HOST
from controller.said import chinese, say
from controller.store.rollup_sql import LONGEST_COARSE_S
from controller.usage.sample_file import Block

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_LISTED = 100
"""Errors and unknown resources named in the outcome; the rest is counted."""

EARLIEST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
LARGEST = 1e30
"""Above it a value is no measurement, and Float32 would make infinity of it."""

MISSING = ("", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "-", "--", "—")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ZONED = r"([zZ]|[+-]\d\d:?\d\d)$"
_SECONDS = r"^\d+(\.\d+)?$"

ALIASES: dict[str, str] = {
    "资源编码": "resource", "编码": "resource", "资源": "resource",
    "时间": "time", "采集时间": "time", "timestamp": "time",
    "间隔秒": "interval_s", "采集间隔": "interval_s", "实例": "instance",
    **{metric.zh: metric.name for metric in HOST.metrics},
}  # fmt: skip
KEYS = ("resource", "time", "interval_s", "instance")


@dataclass(frozen=True)
class Complaint:
    """One bad cell; ``column`` "" speaks of the whole row."""

    row: int
    column: str
    message: str
    message_zh: str = ""


@dataclass
class Complaints:
    """All of them counted, the first MAX_LISTED kept."""

    count: int = 0
    listed: list[Complaint] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    """Code of a resource that is not in the inventory, and how many rows name it."""

    def add(self, numbers: NDArray[np.int64], column: str, message: str) -> None:
        self.count += len(numbers)
        for number in numbers[: max(0, MAX_LISTED - len(self.listed))].tolist():
            self.listed.append(Complaint(number, column, str(message), chinese(message)))


@dataclass(frozen=True)
class Rows:
    """Good rows of a block, as parallel columns."""

    number: NDArray[np.int64]
    resource: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    interval_s: Floats
    """NaN where the file does not say."""
    instance: list[str] | None
    metrics: dict[str, Floats]

    def pick(self, keep: Mask) -> Rows:
        return Rows(
            self.number[keep],
            self.resource[keep],
            self.time_ms[keep],
            self.interval_s[keep],
            None
            if self.instance is None
            else [text for text, kept in zip(self.instance, keep.tolist(), strict=True) if kept],
            {name: values[keep] for name, values in self.metrics.items()},
        )


def name_columns(header: list[str]) -> tuple[dict[str, str], list[str]]:
    """(header word to column of ours, what is wrong with the header)."""
    known = {*KEYS, *HOST.names}
    named = {word: ALIASES.get(word, word) for word in header}
    wrong: list[str] = []
    if unknown := [word for word in header if named[word] not in known]:
        words = ", ".join(word or "(empty)" for word in unknown)
        wrong.append(say(f"unknown columns: {words}", f"无法识别的列：{words}"))
    if missing := [name for name in ("resource", "time") if name not in named.values()]:
        words = ", ".join(missing)
        wrong.append(say(f"missing columns: {words}", f"缺少的列：{words}"))
    names = [named[word] for word in header]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        words = ", ".join(twice)
        wrong.append(say(f"columns that come twice: {words}", f"重复的列：{words}"))
    if not wrong and not set(names) & set(HOST.names):
        wrong.append(
            say(
                "no metric column; see docs/metrics.md for their names",
                "没有指标列：列名见 docs/metrics.md",
            )
        )
    return named, wrong


class Reader:
    """Checks blocks of one file. ``codes`` maps resource codes to ids."""

    def __init__(
        self, named: Mapping[str, str], codes: Mapping[str, int], zone: ZoneInfo, latest: datetime
    ) -> None:
        self._named = named
        self._codes = pa.array(list(codes), pa.string())
        self._ids = np.array(list(codes.values()), np.int64)
        self._zone = zone
        self._latest = int(latest.timestamp())
        self.complaints = Complaints()

    def read(self, block: Block) -> Rows:
        """The good rows; bad ones are added to ``complaints``."""
        table = block.table
        columns = {self._named[word]: table.column(word) for word in table.column_names}
        good = np.ones(table.num_rows, bool)
        resource = self._resources(columns["resource"], block.numbers, good)
        time_ms = self._times(columns["time"], block.numbers, good)
        interval = np.full(table.num_rows, np.nan)
        if "interval_s" in columns:
            interval = self._numbers("interval_s", columns["interval_s"], block.numbers, good)
            wrong = (interval <= 0) | (interval > LONGEST_COARSE_S)
            self._refuse(
                wrong,
                good,
                block.numbers,
                "interval_s",
                say("is not above 0 and to 31 days", "须大于 0 且不超过 31 天"),
            )
        metrics = {
            name: self._numbers(name, column, block.numbers, good)
            for name, column in columns.items()
            if name not in KEYS
        }
        instance = None
        if "instance" in columns:
            instance = [text or "" for text in _strings(columns["instance"]).to_pylist()]
        rows = Rows(block.numbers, resource, time_ms, interval, instance, metrics)
        return rows if good.all() else rows.pick(good)

    def _resources(
        self, column: pa.ChunkedArray, numbers: NDArray[np.int64], good: Mask
    ) -> NDArray[np.int64]:
        codes = _strings(column)
        place = pc.index_in(codes, value_set=self._codes)
        found = np.asarray(pc.fill_null(place, -1), np.int64)
        unknown = found < 0
        if unknown.any():
            counts = pc.value_counts(codes.filter(pa.array(unknown)))
            for entry in counts.to_pylist():
                code = entry["values"] or ""
                if code in self.complaints.unknown or len(self.complaints.unknown) < 10_000:
                    self.complaints.unknown[code] = (
                        self.complaints.unknown.get(code, 0) + entry["counts"]
                    )
            self._refuse(
                unknown,
                good,
                numbers,
                "resource",
                say("is not in the inventory", "台账中没有该资源"),
            )
        return self._ids[np.where(unknown, 0, found)] if len(self._ids) else np.zeros_like(found)

    def _times(
        self, column: pa.ChunkedArray, numbers: NDArray[np.int64], good: Mask
    ) -> NDArray[np.int64]:
        ms, unread = read_times(column, self._zone)
        self._refuse(
            unread,
            good,
            numbers,
            "time",
            say(
                "is no time: RFC 3339 or epoch seconds is understood",
                "不是可识别的时间：请用 2026-03-05 08:00、RFC 3339 或纪元秒",
            ),
        )
        seconds = ms // 1000
        millis = ~unread & (seconds > 1 << 36)
        self._refuse(
            millis,
            good,
            numbers,
            "time",
            say("is too large: give seconds, not milliseconds", "数值过大：请用秒，不要用毫秒"),
        )
        early = ~unread & (seconds < EARLIEST)
        self._refuse(early, good, numbers, "time", say("is before the year 2000", "早于 2000 年"))
        late = ~unread & ~millis & (seconds > self._latest)
        self._refuse(late, good, numbers, "time", say("lies in the future", "在将来"))
        return ms

    def _numbers(
        self, name: str, column: pa.ChunkedArray, numbers: NDArray[np.int64], good: Mask
    ) -> Floats:
        values, unread = read_numbers(column)
        self._refuse(unread, good, numbers, name, say("is not a number", "不是数字"))
        wrong = np.isinf(values) | (np.abs(values) > LARGEST)
        self._refuse(
            wrong,
            good,
            numbers,
            name,
            say("is infinite or beyond all measure", "为无穷大或超出合理范围"),
        )
        self._refuse(values < 0, good, numbers, name, say("is negative", "为负数"))
        return values

    def _refuse(
        self, wrong: Mask, good: Mask, numbers: NDArray[np.int64], column: str, message: str
    ) -> None:
        if wrong.any():
            self.complaints.add(numbers[wrong], column, message)
            good &= ~wrong


def read_numbers(column: pa.ChunkedArray) -> tuple[Floats, Mask]:
    """(values with NaN for what is missing, cells that are no number)."""
    if not _is_text(column.type):
        try:
            values = column.cast(pa.float64(), safe=False)
        except pa.ArrowException:
            return np.full(len(column), np.nan), np.ones(len(column), bool)
        return _floats(values), np.zeros(len(column), bool)
    text = _strings(column)
    text = pc.if_else(
        pc.is_in(text, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), text
    )
    try:
        return _floats(text.cast(pa.float64())), np.zeros(len(text), bool)
    except pa.ArrowInvalid:
        pass
    fine = pc.fill_null(pc.match_substring_regex(text, pattern=_NUMBER), True)
    endless = pc.fill_null(pc.match_substring_regex(text, pattern=r"(?i)^[+-]?inf(inity)?$"), False)
    readable = pc.or_(fine, endless)
    values = pc.if_else(readable, text, pa.scalar(None, pa.string())).cast(pa.float64())
    return _floats(values), ~np.asarray(readable)


def read_times(column: pa.ChunkedArray, zone: ZoneInfo) -> tuple[NDArray[np.int64], Mask]:
    """(milliseconds since 1970 UTC, cells that are no time). No zone is ``zone``."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        empty = np.asarray(pc.is_null(column))
        ms = np.asarray(
            pc.fill_null(column.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.int64()), 0)
        )
        return (ms if kind.tz else _local(ms, zone)), empty
    if not _is_text(kind):
        values, unread = read_numbers(column)
        unread |= np.isnan(values)
        return (np.nan_to_num(values) * 1000).round().astype(np.int64), unread
    text = _strings(column)
    result = np.zeros(len(text), np.int64)
    unread = np.ones(len(text), bool)
    numeric = np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern=_SECONDS), False))
    if numeric.any():
        values = np.asarray(text.filter(pa.array(numeric)).cast(pa.float64()))
        # Far above anything meant as seconds, so that the caller sees it and nothing overflows.
        result[numeric] = (np.minimum(values, 1e15) * 1000).round().astype(np.int64)
        unread[numeric] = False
    zoned = ~numeric & np.asarray(
        pc.fill_null(pc.match_substring_regex(text, pattern=_ZONED), False)
    )
    plain = ~numeric & ~zoned
    for mask, tz in ((zoned, "UTC"), (plain, None)):
        if mask.any():
            ms, bad = _timestamps(text.filter(pa.array(mask)), tz, zone)
            result[mask], unread[mask] = ms, bad
    return result, unread


def _timestamps(
    text: pa.ChunkedArray, tz: str | None, zone: ZoneInfo
) -> tuple[NDArray[np.int64], Mask]:
    try:
        ms = np.asarray(text.cast(pa.timestamp("ms", tz)).cast(pa.int64()))
        return (ms if tz else _local(ms, zone)), np.zeros(len(text), bool)
    except pa.ArrowInvalid:
        pass
    # Some are written otherwise (2026/3/5 8:00, space before the zone): one by one, each once.
    distinct = text.unique().to_pylist()
    read = {word: parse_time(word or "", zone) for word in distinct}
    values = [read[word] for word in text.to_pylist()]
    bad = np.array([value is None for value in values])
    return np.array([value or 0 for value in values], np.int64), bad


_FORMATS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M")


def parse_time(text: str, zone: ZoneInfo) -> int | None:
    """Milliseconds since 1970 UTC of a moment as people write it; None where it is none."""
    moment: datetime | None = None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        for form in _FORMATS:
            try:
                moment = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - zone set below
                break
            except ValueError:
                continue
    if moment is None or not 1 < moment.year < 9999:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def _local(ms: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Wall-clock milliseconds as UTC; the offset is looked up once an hour of data."""
    hours, place = np.unique(ms // 3_600_000, return_inverse=True)
    offsets = np.array([_offset(int(hour), zone) for hour in hours], np.int64)
    return ms - offsets[place]


def _offset(hour: int, zone: ZoneInfo) -> int:
    try:
        wall = datetime.fromtimestamp(hour * 3600, UTC).replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        return 0
    offset = wall.utcoffset()
    return round(offset.total_seconds() * 1000) if offset is not None else 0


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Trimmed text, whatever the type; missing is ""."""
    return pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))


def _floats(values: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(values, float("nan")), np.float64)
