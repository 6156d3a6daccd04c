"""What is acknowledged is known, never too much; and two machines are noticed, one never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.records import BatchId
from controller.ingest.acknowledgements import MOST_MARKS, MOST_RANGES, Conflict, Ledger, add
from controller.ingest.directory import MOST_EPOCHS, Directory, Known, Row

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def known() -> Known:
    return Known("a", bytes(32), "active", 1, "vm-1", 1)


def admit(
    agent: Known, seq: int, digest: str = "d", *, epoch: str = "e1", row_ms: int = NOW_MS,
    now: datetime = NOW,
) -> Ledger:  # fmt: skip
    return agent.admit(BatchId("a", epoch, seq), digest, lambda: row_ms, now)


@given(st.lists(st.integers(1, 60), max_size=60))
def test_acknowledged_through_is_the_length_of_the_unbroken_start(stored: list[int]) -> None:
    ledger = Ledger("a", "e", NOW)
    for seq in stored:
        ledger.store(seq)
    through = 0
    while through + 1 in stored:
        through += 1
    assert ledger.acked_through == through
    assert {seq for seq in range(70) if ledger.holds(seq)} == set(stored)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 8)), max_size=30))
def test_ranges_stay_ascending_and_apart(pairs: list[tuple[int, int]]) -> None:
    ranges: list[list[int]] = []
    held: set[int] = set()
    for first, length in pairs:
        add(ranges, first, first + length)
        held |= set(range(first, first + length + 1))
    assert {n for first, last in ranges for n in range(first, last + 1)} == held
    assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))


@given(st.lists(st.integers(1, 40), max_size=40), st.lists(st.integers(1, 40), max_size=40))
def test_two_processes_merge_to_what_both_stored(one: list[int], two: list[int]) -> None:
    left, right = Ledger("a", "e", NOW), Ledger("a", "e", NOW)
    for seq in one:
        left.store(seq)
    for seq in two:
        right.store(seq)
    row = right.row()
    left.merge(row["acked_through"], row["beyond"], row["marks"])
    assert {seq for seq in range(50) if left.holds(seq)} == set(one) | set(two)


def test_memory_is_bounded_by_forgetting_never_by_claiming() -> None:
    ledger = Ledger("a", "e", NOW)
    for seq in range(2, 2_000, 2):
        ledger.note(seq, "d", NOW_MS)
        ledger.store(seq)
    assert ledger.acked_through == 0
    assert len(ledger.beyond) <= MOST_RANGES
    assert len(ledger.marks) <= MOST_MARKS
    assert not any(ledger.holds(seq) for seq in range(1, 2_000, 2))


def test_versions_grow_with_the_number_and_tell_spools_apart() -> None:
    one, two = Ledger("a", "e1", NOW), Ledger("a", "e2", NOW)
    assert one.version(1) < one.version(2) < one.version(1 << 39) < 1 << 64
    assert one.version(5) != two.version(5)
    assert one.version(5) == Ledger("a", "e1", NOW + timedelta(days=1)).version(5)


def test_a_retry_is_let_in_and_the_same_number_with_other_content_is_a_conflict() -> None:
    agent = known()
    admit(agent, 1, "d1")
    admit(agent, 1, "d1")
    with pytest.raises(Conflict, match="different content"):
        admit(agent, 1, "d2")


def test_a_backlog_sent_newest_first_is_no_conflict() -> None:
    agent = known()
    hour = 3_600_000
    for seq in (50, 51, 1, 52, 2, 3):
        admit(agent, seq, f"d{seq}", row_ms=NOW_MS - (52 - seq) * hour)


def test_a_restored_spool_that_counts_on_from_its_snapshot_is_a_conflict() -> None:
    agent = known()
    for seq in range(1, 400):
        admit(agent, seq, f"d{seq}", row_ms=NOW_MS + seq * 60_000, now=NOW + timedelta(minutes=seq))
    later = NOW + timedelta(minutes=400)
    with pytest.raises(Conflict, match="later numbers came long before"):
        admit(agent, 101, "other", row_ms=NOW_MS + 399 * 60_000, now=later)


def test_a_late_batch_measured_with_a_clock_that_was_fast_is_no_conflict() -> None:
    agent = known()
    admit(agent, 2, "d2", row_ms=NOW_MS)
    two_hours = NOW + timedelta(hours=2)
    admit(agent, 1, "d1", row_ms=NOW_MS + 3_600_000, now=two_hours)


def test_two_spools_by_turns_are_two_machines() -> None:
    agent = known()
    admit(agent, 1, "d1", epoch="e1")
    admit(agent, 1, "x1", epoch="e2", now=NOW + timedelta(seconds=30))
    with pytest.raises(Conflict, match="by turns"):
        admit(agent, 2, "d2", row_ms=NOW_MS + 60_000, now=NOW + timedelta(seconds=60))


def test_a_request_under_way_during_a_reboot_is_no_second_machine() -> None:
    agent = known()
    admit(agent, 1, "d1", epoch="e1")
    admit(agent, 1, "x1", epoch="e2", now=NOW + timedelta(seconds=30))
    admit(agent, 2, "d2", row_ms=NOW_MS - 60_000, now=NOW + timedelta(seconds=31))
    admit(agent, 1, "d1", now=NOW + timedelta(seconds=32))


def test_epochs_are_bounded_and_the_latest_stay() -> None:
    agent = known()
    for number in range(MOST_EPOCHS * 2):
        admit(agent, 1, "d", epoch=f"e{number}", now=NOW + timedelta(hours=number))
    assert len(agent.ledgers) == MOST_EPOCHS
    assert f"e{MOST_EPOCHS * 2 - 1}" in agent.ledgers


def test_another_process_that_saw_other_content_is_noticed_on_merging() -> None:
    left, right = Ledger("a", "e", NOW), Ledger("a", "e", NOW)
    left.note(1, "d1", NOW_MS)
    right.note(1, "d2", NOW_MS)
    row = right.row()
    with pytest.raises(Conflict):
        left.merge(row["acked_through"], row["beyond"], row["marks"])


def test_the_allowance_is_one_minute_of_batches_and_refills_with_time() -> None:
    agent = known()
    assert all(agent.take(100.0, 60) == 0.0 for _ in range(60))
    assert agent.take(100.0, 60) == pytest.approx(1.0)
    assert agent.take(101.0, 60) == 0.0
    assert agent.take(101.0, 60) > 0


def test_a_secret_is_compared_as_its_hash() -> None:
    directory = Directory()
    row = Row(
        "a",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "active",
        1,
        "vm",
        1,
    )
    agent = directory.put(row)
    assert agent.accepts(b"test")
    assert not agent.accepts(b"Test")


def test_an_invented_id_costs_one_query_and_many_cost_few() -> None:
    directory = Directory()
    assert directory.may_look_up("x", 1.0)
    assert not directory.may_look_up("x", 1.1)
    assert sum(directory.may_look_up(f"y{n}", 1.2) for n in range(1_000)) <= 50
    assert directory.may_look_up("x", 10.0)


def test_a_conflict_noticed_here_outlasts_a_reload_until_it_is_written() -> None:
    directory = Directory()
    row = Row("a", "00" * 32, "active", 1, "vm", 1)
    directory.put(row)
    directory.conflicts["a"] = "by turns"
    assert directory.put(row).state == "conflict"
    del directory.conflicts["a"]
    admit(directory.put(row._replace(state="conflict")), 1)
    assert directory.put(row).ledgers == {}


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=2)])
def test_a_backlog_written_by_a_clock_ahead_is_no_second_machine(ahead: timedelta) -> None:
    # The newest batch goes first, then what waits: both bear the time of the wrong clock.
    agent = known()
    row_ms = NOW_MS + int(ahead.total_seconds() * 1000)
    admit(agent, 2, row_ms=row_ms).note(2, "d", NOW_MS)
    admit(agent, 1, row_ms=row_ms - 1000, now=NOW + timedelta(seconds=1))
