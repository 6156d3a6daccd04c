"""One block of many batches: nobody's values in another's row, nothing refused for a neighbour."""

from __future__ import annotations

import json
import math
import zlib
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import catalog, records
from collectors.records import BatchId, Reading
from controller.ingest.block import Block, Part, build, late_days, split_coarse
from controller.ingest.decode import Opener
from controller.ingest.measured import EVER, NOBODYS, Measured
from controller.store.samples import Dictionary

NAMES = tuple((metric.name, metric.type) for metric in catalog.HOST.metrics)
NOW = 1_795_420_800_000
MINUTE = 60_000


def reading(time_ms: int = NOW - MINUTE, interval_s: float = 60.0, **values: float) -> Reading:
    return Reading("host", "", time_ms, interval_s, values)


def part(opener: Opener, rows: list[Reading], resource: int = 1, version: int = 1) -> Part:
    opened = opener.open(records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows))
    return Part(opened.layout, opened.rows, opened.payload, resource, "agent", version)


def block_of(*batches: list[Reading]) -> Block:
    opener = Opener()
    parts = [part(opener, rows, number + 1, number + 10) for number, rows in enumerate(batches)]
    return build(catalog.HOST, parts, NOW, 10 * MINUTE)


def rows_of(block: Block) -> list[tuple[Any, ...]]:
    """(resource, version, source, instance, time, interval, {metric: value}) of each row."""
    columns = {
        name: [values.values[code] for code in values.codes]
        if isinstance(values, Dictionary)
        else values.tolist()
        for name, values in block.columns.items()
    }
    fixed = ("resource", "version", "source", "instance", "time", "interval_s")
    rows = []
    for at in range(block.rows):
        values = {
            name: column[at]
            for name, column in columns.items()
            if name not in fixed and not math.isnan(column[at])
        }
        rows.append((*(columns[name][at] for name in fixed), values))
    return rows


numbers = st.floats(-1e6, 1e6, width=32)
batches = st.lists(
    st.lists(
        st.builds(
            Reading,
            table=st.just("host"),
            instance=st.sampled_from(["", "fs:/", "nic:eth0"]),
            time_ms=st.integers(NOW - 10**9, NOW),
            interval_s=st.sampled_from([60.0, 59.5]),
            values=st.dictionaries(st.sampled_from(["load1", "uptime_s", "tcp_listen"]), numbers),
            resource=st.just(""),
        ),
        max_size=4,
    ),
    max_size=6,
)


@given(batches)
@settings(max_examples=100, deadline=None)
def test_every_value_stays_with_its_row_whatever_is_joined(several: list[list[Reading]]) -> None:
    block = block_of(*several)
    expected = sorted(
        (number + 1, number + 10, "agent", row.instance, row.time_ms, row.interval_s,
         sorted(row.values.items()))
        for number, rows in enumerate(several)
        for row in rows
    )  # fmt: skip
    found = sorted((*row[:6], sorted(row[6].items())) for row in rows_of(block))
    assert found == expected
    assert not block.refused


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (reading(load1=math.inf), "load1: a value is infinite"),
        (reading(mem_used_bytes=-math.inf), "mem_used_bytes: a value is infinite"),
        (reading(interval_s=0.0, load1=1), "interval_s"),
        (reading(interval_s=-1.0, load1=1), "interval_s"),
        (reading(interval_s=math.nan, load1=1), "interval_s"),
        (reading(interval_s=math.inf, load1=1), "interval_s"),
        (reading(interval_s=1e9, load1=1), "interval_s"),
    ],
)
def test_a_bad_value_refuses_its_own_batch_only(row: Reading, reason: str) -> None:
    good = reading(load1=1.0)
    block = block_of([good], [row], [good])
    assert list(block.refused) == [1]
    assert reason in block.refused[1]
    assert {each[0] for each in rows_of(block)} == {1, 3}


def test_nan_is_a_missing_value_and_is_taken() -> None:
    block = block_of([reading(load1=math.nan, load5=2.0)])
    assert rows_of(block)[0][6] == {"load5": 2.0}


def test_rows_of_the_future_are_set_aside_and_the_rest_of_the_batch_is_taken() -> None:
    ahead = reading(NOW + 11 * MINUTE, load1=9.0)
    block = block_of([reading(load1=1.0), ahead], [ahead], [reading(NOW + 9 * MINUTE, load1=3.0)])
    assert [row[6]["load1"] for row in rows_of(block)] == [1.0, 3.0]
    assert {at: aside.rows for at, aside in block.future.items()} == {0: 1, 1: 1}
    assert block.future[0].first_ms == NOW + 11 * MINUTE
    assert block.newest_ms[0] == NOW
    assert block.newest_ms[1] == 0


def test_rows_of_a_clock_that_was_never_set_are_set_aside() -> None:
    block = block_of([reading(5_000, load1=9.0), reading(load1=1.0)], [reading(-(2**62), load1=1)])
    assert [row[6]["load1"] for row in rows_of(block)] == [1.0]
    assert {at: aside.rows for at, aside in block.unset.items()} == {0: 1, 1: 1}


def test_a_value_too_large_for_its_column_is_refused_not_turned_into_infinity() -> None:
    header = {
        "v": 1, "agent": "a", "epoch": "e", "seq": 1, "table": "host", "rows": 1,
        "columns": [["time", "i8"], ["interval_s", "f4"], ["load1", "f8"]],
    }  # fmt: skip
    payload = (
        np.array([NOW - MINUTE], "<i8").tobytes()
        + np.array([60], "<f4").tobytes()
        + np.array([1e300], "<f8").tobytes()
    )
    opened = Opener().open(zlib.compress(json.dumps(header).encode() + b"\n" + payload))
    one = Part(opened.layout, 1, opened.payload, 1, "agent", 1)
    assert "load1" in build(catalog.HOST, [one], NOW, 0).refused[0]


def test_coarse_rows_part_from_fine_ones() -> None:
    block = block_of([reading(load1=1.0), reading(interval_s=3600.0, load1=2.0)])
    fine, coarse = split_coarse(block.columns)
    assert fine["load1"].tolist() == [1.0]
    assert coarse["load1"].tolist() == [2.0]
    assert split_coarse(fine) == (fine, {})
    assert split_coarse(coarse) == ({}, coarse)


BUCKET = 5 * MINUTE


@pytest.mark.parametrize(
    ("time_ms", "late"),
    [
        (NOW - 1, False),
        (NOW // BUCKET * BUCKET - BUCKET, True),
        (NOW - MINUTE, False),
        (NOW - 2 * BUCKET, True),
    ],
)
def test_a_row_is_late_once_its_bucket_may_be_rolled_up(time_ms: int, late: bool) -> None:
    now = NOW + 61_000  # the bucket before NOW ended 61 s ago
    block = block_of([reading(time_ms, 0.5, load1=1.0)])
    in_last = NOW - BUCKET <= time_ms < NOW
    assert bool(late_days(block.columns, now)) is (late or in_last)
    assert bool(late_days(block.columns, NOW + 59_000)) is (time_ms < NOW - BUCKET)


def test_late_rows_name_their_resource_and_every_day_they_reach_into() -> None:
    midnight = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
    block = block_of([reading(midnight - 30_000, load1=1.0)], [reading(midnight, load1=1.0)])
    assert late_days(block.columns, NOW) == {
        (1, date(2026, 10, 31)),
        (1, date(2026, 11, 1)),
        (2, date(2026, 11, 1)),
    }


def test_a_row_of_many_days_is_late_for_each_of_them() -> None:
    start = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1000)
    block = block_of([Reading("host", "", start, 5 * 86_400.0, {"load1": 1.0})])
    assert late_days(block.columns, NOW) == {(1, date(2026, 10, day)) for day in range(1, 6)}


def test_a_row_is_taken_only_of_the_time_in_which_its_sender_was_to_measure() -> None:
    """sw-1 was the sender's twice, with another's time between; sw-2 never was."""
    opener = Opener()
    names = tuple((metric.name, metric.type) for metric in catalog.PORT.metrics)
    begin = NOW - 10 * MINUTE
    readings = [
        Reading("port", "port:a", begin + n * MINUTE, 60.0, {"port_up_pct": float(n)}, code)
        for code in ("sw-1", "sw-2", "")
        for n in range(8)
    ]
    opened = opener.open(records.encode_samples(BatchId("a", "e", 1), "port", names, readings))
    spans = ((begin, begin + 2 * MINUTE), (begin + 5 * MINUTE, NOW * 2))
    known = {"sw-1": Measured(7, spans), "": Measured(9, EVER)}
    words = tuple(known.get(word, NOBODYS) for word in opened.layout.dictionaries["resource"])
    part = Part(opened.layout, opened.rows, opened.payload, 9, "poller:x", 1, words)
    block = build(catalog.PORT, [part], NOW, 10 * MINUTE)
    taken = [(row[0], row[-1]["port_up_pct"]) for row in rows_of(block)]
    assert [value for resource, value in taken if resource == 7] == [0, 1, 5, 6, 7]
    assert [value for resource, value in taken if resource == 9] == list(range(8))
    assert block.foreign[0].rows == 3 + 8
