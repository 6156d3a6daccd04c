"""The outbox on both engines: one message is one worker's, and the same is never written twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from controller.notices import outbox
from controller.notices.outbox import CLAIM, LONGEST_PAUSE, MOST_TRIES, SendError
from controller.notices.tables import Delivery
from tests.unit.controller.notices.conftest import Office


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, made: Callable[..., Office]) -> Office:
    if request.param == "sqlite":
        return made()
    return made(url=request.getfixturevalue("postgres").new_database())


def _put(house: Office, count: int) -> None:
    with house.runtime.database.write() as session:
        for number in range(count):
            outbox.enqueue(
                session, house.clock(), key=f"k{number}", channel="mail", subject="s", body={}
            )


def test_two_workers_never_claim_the_same_message(house: Office) -> None:
    _put(house, 60)

    def take(_: int) -> list[int]:
        taken = outbox.claim(house.runtime.database, house.clock(), 20, limit=30)
        return [each.id for each in taken]

    with ThreadPoolExecutor(4) as pool:
        found = [number for each in pool.map(take, range(8)) for number in each]
    assert len(found) == len(set(found))
    while more := take(0):
        found += more
    assert sorted(found) == list(range(1, 61))


def test_what_a_dead_worker_had_claimed_is_taken_again_later(house: Office) -> None:
    _put(house, 1)
    assert len(outbox.claim(house.runtime.database, house.clock(), 20)) == 1
    assert outbox.claim(house.runtime.database, house.clock(), 20) == []
    house.clock.advance(seconds=CLAIM.total_seconds() + 1)
    assert len(outbox.claim(house.runtime.database, house.clock(), 20)) == 1


def test_the_same_message_is_written_once(house: Office) -> None:
    _put(house, 1)
    _put(house, 1)
    assert len(outbox.claim(house.runtime.database, house.clock(), 20)) == 1


def test_a_message_that_fails_too_often_is_a_dead_letter_with_its_reason(house: Office) -> None:
    _put(house, 1)
    for _ in range(MOST_TRIES):
        (taken,) = outbox.claim(house.runtime.database, house.clock(), 20)
        with house.runtime.database.write() as session:
            outbox.failed(session, taken, SendError("451 later"), house.clock())
        house.clock.advance(seconds=1.2 * LONGEST_PAUSE.total_seconds())
    assert outbox.claim(house.runtime.database, house.clock(), 20) == []
    with house.runtime.database.read() as session:
        dead = session.get_one(Delivery, 1)
        assert (dead.state, dead.error, dead.attempts) == ("dead", "451 later", MOST_TRIES)


def test_pauses_double_up_to_a_bound_and_are_spread() -> None:
    assert timedelta(seconds=54) <= outbox.pause_after(1) <= timedelta(seconds=66)
    assert outbox.pause_after(40) <= 1.1 * LONGEST_PAUSE
    assert len({outbox.pause_after(3) for _ in range(20)}) > 1
