"""Edges of one resource: merged by day, swept after 31 days, bounded, packed and unpacked."""

from __future__ import annotations

from datetime import date, timedelta
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.moves import edge_set
from controller.moves.edge_set import (
    DAYS,
    IN,
    MOST,
    OUT,
    EdgeRow,
    EdgeSet,
    address_text,
    day_number,
    edge_key,
    pack_address,
    unpack,
)

TODAY = day_number(date(2026, 11, 23))


def _row(peer: str = "10.0.0.5", port: int = 5432, looks: int = 1, process: str = "java",
         direction: int = OUT) -> EdgeRow:  # fmt: skip
    packed = pack_address(peer)
    assert packed is not None
    return EdgeRow(edge_key(direction, 6, packed, port), process, looks, looks)


def _counted(kept: EdgeSet, place: int = 0) -> int:
    return int(kept.looks[place].sum())


def test_looks_of_a_day_add_up_and_days_stand_apart() -> None:
    kept = EdgeSet()
    kept.merge([_row(looks=3)], TODAY)
    kept.merge([_row(looks=4)], TODAY)
    kept.merge([_row(looks=5)], TODAY + 1)
    assert len(kept) == 1
    assert kept.looks[0, TODAY % DAYS] == 7
    assert kept.looks[0, (TODAY + 1) % DAYS] == 5
    assert (kept.edges["first"][0], kept.edges["last"][0]) == (TODAY, TODAY + 1)


def test_an_edge_not_met_for_31_days_is_gone_and_its_day_is_free_again() -> None:
    kept = EdgeSet()
    kept.merge([_row("10.0.0.5")], TODAY)
    kept.merge([_row("10.0.0.6")], TODAY + 5)
    kept.merge([_row("10.0.0.6")], TODAY + DAYS)
    assert [address_text(edge["peer"]) for edge in kept.edges] == ["10.0.0.6"]
    assert _counted(kept) == 2
    # A document that was spooled for weeks comes too late for its day.
    kept.merge([_row("10.0.0.7")], TODAY)
    assert len(kept) == 1


def test_a_name_learnt_later_is_kept_and_not_lost_again() -> None:
    kept = EdgeSet()
    for process in ("", "java", ""):
        kept.merge([_row(process=process)], TODAY)
    assert kept.names[kept.edges["name"][0]] == "java"


def test_a_set_is_bounded_and_keeps_what_was_met_last() -> None:
    kept = EdgeSet()
    kept.merge([_row(port=1)], TODAY)
    rows = [_row(f"10.{n >> 8}.{n & 255}.1", 80) for n in range(MOST)]
    kept.merge(rows, TODAY + 1)
    assert len(kept) == MOST
    assert kept.dropped == 1
    assert 1 not in kept.edges["port"]


def test_counts_stop_at_what_fits() -> None:
    kept = EdgeSet()
    for _ in range(3):
        kept.merge([_row(looks=40_000)], TODAY)
    assert kept.looks[0].max() == edge_set.LIMIT


@pytest.mark.parametrize("text", ["10.0.0.0", "0.0.0.1", "fd00::", "2001:db8::1", "255.0.0.0"])
def test_an_address_comes_back_although_it_ends_in_zeros(text: str) -> None:
    kept = EdgeSet()
    kept.merge([_row(text)], TODAY)
    again = unpack(kept.pack())
    assert address_text(again.edges["peer"][0]) == str(ip_address(text))
    again.merge([_row(text)], TODAY)
    assert len(again) == 1


def test_what_is_not_a_set_is_refused() -> None:
    for data in (b"", b"YXE1", b"x" * 40, EdgeSet().pack()[:-3]):
        with pytest.raises(ValueError, match="not packed edges"):
            unpack(data)


steps = st.lists(
    st.tuples(
        st.integers(0, 45), st.integers(1, 4), st.integers(1, 3), st.sampled_from([IN, OUT]),
        st.integers(1, 9),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_ring_says_what_a_plain_dictionary_says(given_steps: list[tuple[int, ...]]) -> None:
    kept, plain, newest = EdgeSet(), {}, 0
    for offset, peer, port, direction, looks in given_steps:
        day = TODAY + offset
        if day <= newest - DAYS:
            continue
        kept = unpack(kept.pack())
        kept.merge([_row(f"10.0.0.{peer}", port, looks, "", direction)], day)
        newest = max(newest, day)
        key = (direction, f"10.0.0.{peer}", port, day)
        plain[key] = plain.get(key, 0) + looks
    found = {}
    for place, edge in enumerate(kept.edges):
        for day in range(newest - DAYS + 1, newest + 1):
            if count := int(kept.looks[place, day % DAYS]):
                key = (int(edge["direction"]), address_text(edge["peer"]), int(edge["port"]), day)
                found[key] = count
    assert found == {key: n for key, n in plain.items() if key[3] > newest - DAYS}


def test_days_are_counted_from_an_epoch_that_fits_two_bytes() -> None:
    assert day_number(date(2026, 11, 23) + timedelta(days=365 * 100)) < np.iinfo(np.uint16).max
