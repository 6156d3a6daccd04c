"""Devices over pollers: by site, evenly, staying where they are, moved when a poller dies."""

from __future__ import annotations

import random
from collections import Counter

from controller.network.spread import Place, Poller, spread

A, B = Poller("a", 1, True), Poller("b", 1, True)


def places(count: int, site: int = 1, now: str = "") -> list[Place]:
    return [Place(number, site, "", now) for number in range(1, count + 1)]


def test_devices_are_spread_evenly_over_the_pollers_of_their_site() -> None:
    far = Poller("far", 2, True)
    found = spread(places(100), [A, B, far])
    assert Counter(found.values()) == {"a": 50, "b": 50}


def test_what_is_even_enough_stays_where_it_is() -> None:
    before = spread(places(100), [A, B])
    at = [Place(device, 1, "", poller) for device, poller in before.items()]
    more = [*at, Place(101, 1, "", ""), Place(102, 1, "", "")]
    after = spread(more, [A, B])
    assert {device: after[device] for device in before} == before


def test_a_dead_pollers_devices_move_to_the_living_one_and_no_other_moves() -> None:
    before = spread(places(100), [A, B])
    at = [Place(device, 1, "", poller) for device, poller in before.items()]
    after = spread(at, [A, B._replace(alive=False)])
    assert set(after.values()) == {"a"}
    back = spread([Place(d, 1, "", p) for d, p in after.items()], [A, B])
    assert 40 <= Counter(back.values())["b"] <= 60


def test_a_site_whose_pollers_are_all_dead_waits_for_them() -> None:
    at = places(3, now="a")
    dead = A._replace(alive=False)
    far = Poller("far", 2, True)
    assert set(spread(at, [dead, far]).values()) == {"a"}
    roaming = Poller("roaming", 0, True)
    assert set(spread(at, [dead, far, roaming]).values()) == {"roaming"}


def test_a_site_that_never_had_a_poller_is_polled_from_anywhere() -> None:
    assert set(spread(places(4, site=9), [A, B]).values()) == {"a", "b"}


def test_a_pinned_device_is_polled_by_that_one_alive_or_not() -> None:
    dead = B._replace(alive=False)
    assert spread([Place(1, 1, "b", "")], [A, dead]) == {1: "b"}
    assert spread([Place(1, 1, "gone", "")], [A]) == {1: ""}


def test_nobody_polls_where_there_is_nobody() -> None:
    assert spread(places(2, now="gone"), []) == {1: "", 2: ""}


def test_every_device_has_one_poller_whatever_the_order() -> None:
    chance = random.Random(7)
    pollers = [Poller(f"p{n}", chance.randint(0, 3), chance.random() < 0.8) for n in range(8)]
    devices = [Place(n, chance.randint(0, 4), "", "") for n in range(200)]
    found = spread(devices, pollers)
    chance.shuffle(devices)
    assert spread(devices, pollers) == found
    assert len(found) == 200
    alive = {poller.id for poller in pollers if poller.alive}
    assert set(found.values()) <= alive | {""}
