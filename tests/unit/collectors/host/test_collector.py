"""The engine: intervals, classification, reporting. Its collectors here are small real ones."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.host.collector import (
    HostCollector,
    interval_start,
    parts_due,
)
from collectors.host.contract import NothingToCollect, Values
from collectors.rates import put, rate

MINUTE = 60_000


class Odometer:
    """A counter whose readings are given; an exception among them is raised."""

    def __init__(self, *readings: int | Exception, name: str = "odometer") -> None:
        self.name = name
        self._readings = list(readings)

    def read(self, now: float) -> int:
        reading = self._readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading

    def values(self, before: int | None, after: int, seconds: float) -> Values:
        values: Values = {"load1": 1.0}
        if before is not None:
            put(values, "tcp_retrans_s", rate(before, after, seconds))
        return values

    def parts(self, before: int | None, after: int, seconds: float) -> dict[str, Values]:
        return {"disk:x": {} if before is None else {"disk_read_iops": (after - before) / seconds}}


class Clock:
    """Uptimes as given."""

    name = "uptime"

    def __init__(self, *uptimes: float) -> None:
        self._uptimes = list(uptimes)

    def read(self, now: float) -> float:
        return self._uptimes.pop(0)

    def values(self, before: Any, after: float, seconds: float) -> Values:
        return {"uptime_s": after}


def test_the_first_collection_takes_the_baseline_and_gives_no_reading() -> None:
    host = HostCollector(collectors=(Odometer(100),))
    assert host.collect(0, 10.0).readings == []


def test_a_row_carries_the_start_of_its_interval_and_the_time_that_passed() -> None:
    host = HostCollector(collectors=(Odometer(100, 160),))
    host.collect(MINUTE, 10.0)
    (row,) = host.collect(2 * MINUTE, 70.25).readings
    assert (row.instance, row.time_ms, row.interval_s) == ("", MINUTE, 60.25)
    assert row.values["tcp_retrans_s"] == pytest.approx(60 / 60.25)


def test_instance_rows_come_on_every_whole_five_minutes_with_their_own_interval() -> None:
    host = HostCollector(collectors=(Odometer(*range(0, 900, 60)),))
    seen = []
    for minute in range(13):
        for row in host.collect(minute * MINUTE, minute * 60.0).readings:
            if row.instance:
                seen.append((row.instance, row.time_ms // MINUTE, row.interval_s, row.values))
    assert seen == [
        ("disk:x", 0, 300.0, {"disk_read_iops": 1.0}),
        ("disk:x", 5, 300.0, {"disk_read_iops": 1.0}),
    ]


def test_a_collector_that_fails_does_not_stop_the_others_and_is_reported_once() -> None:
    broken = Odometer(1, *[OSError(5, "I/O error", "/proc/x")] * 3, 2, 3, name="broken")
    host = HostCollector(collectors=(broken, Odometer(*range(6))))
    host.collect(0, 0.0)
    first = host.collect(MINUTE, 60.0)
    assert first.outcomes == {"broken": "failed", "odometer": "ok"}
    assert first.readings[0].values == {"load1": 1.0, "tcp_retrans_s": pytest.approx(1 / 60)}
    (document,) = first.failures
    assert (document.kind, document.time_ms) == ("collector_failed", MINUTE)
    assert document.body["collector"] == "broken"
    assert "/proc/x" in document.body["error"]
    assert host.collect(2 * MINUTE, 120.0).failures == []  # the same, told already
    assert host.collect(90 * MINUTE, 5400.0).failures != []  # an hour later: again
    assert host.collect(91 * MINUTE, 5460.0).outcomes["broken"] == "ok"


def test_a_failure_in_the_arithmetic_is_caught_and_told_once_too() -> None:
    class Crooked(Odometer):
        def values(self, before: int | None, after: int, seconds: float) -> Values:
            raise ZeroDivisionError("division by zero")

    host = HostCollector(collectors=(Crooked(1, 2, 3, name="crooked"), Odometer(1, 2, 3)))
    host.collect(0, 0.0)
    got = host.collect(MINUTE, 60.0)
    assert got.outcomes == {"crooked": "failed", "odometer": "ok"}
    assert len(got.failures) == 1
    assert host.collect(2 * MINUTE, 120.0).failures == []


def test_after_a_failure_the_counter_has_a_gap_and_no_spike() -> None:
    host = HostCollector(collectors=(Odometer(0, OSError("gone"), 6000, 6060),))
    host.collect(0, 0.0)
    host.collect(MINUTE, 60.0)
    (row,) = host.collect(2 * MINUTE, 120.0).readings
    assert "tcp_retrans_s" not in row.values
    (row,) = host.collect(3 * MINUTE, 180.0).readings
    assert row.values["tcp_retrans_s"] == 1.0


def test_nothing_to_collect_is_an_outcome_and_no_failure() -> None:
    host = HostCollector(collectors=(Odometer(*[NothingToCollect("no swap")] * 2),))
    host.collect(0, 0.0)
    got = host.collect(MINUTE, 60.0)
    assert (got.outcomes, got.failures, got.readings) == ({"odometer": "nothing"}, [], [])


def test_after_a_reboot_no_counter_is_trusted_even_where_it_is_higher() -> None:
    host = HostCollector(collectors=(Odometer(10, 500, 560), Clock(9000.0, 30.0, 90.0)))
    host.collect(0, 0.0)
    (row,) = host.collect(MINUTE, 60.0).readings
    assert row.values == {"load1": 1.0, "uptime_s": 30.0}
    (row,) = host.collect(2 * MINUTE, 120.0).readings
    assert row.values["tcp_retrans_s"] == 1.0


def test_every_collector_is_timed() -> None:
    host = HostCollector(collectors=(Odometer(1), Clock(1.0)))
    durations = host.collect(0, 0.0).durations
    assert set(durations) == {"odometer", "uptime"}
    assert all(0 <= seconds < 1 for seconds in durations.values())


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "seconds", "start_ms"),
    [
        (60_000, 120_000, 60.0, 60_000),
        (60_000, 120_000, 60.9, 60_000),  # a late tick: rows still join
        (60_000, 3_720_000, 60.0, 3_660_000),  # the clock was set an hour ahead
        (3_660_000, 120_000, 60.0, 60_000),  # and back
    ],
)
def test_an_interval_starts_where_the_last_ended_unless_the_clock_was_set(
    before_ms: int, now_ms: int, seconds: float, start_ms: int
) -> None:
    assert interval_start(before_ms, now_ms, seconds) == start_ms


@pytest.mark.parametrize(
    ("last_ms", "now_ms", "due"),
    [
        (0, 299_000, True),  # a tick a second early counts as on time
        (0, 240_000, False),
        (299_000, 300_000, False),
        (300_000, 600_013, True),
        (600_000, 300_000, True),  # the clock was set back
    ],
)
def test_instance_rows_are_due_on_whole_five_minutes(last_ms: int, now_ms: int, due: bool) -> None:
    assert parts_due(last_ms, now_ms) is due
