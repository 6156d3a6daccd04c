"""Which poller polls which device. Pure: no store, no clock.

Devices stay where they are while their poller lives and its share is not far above the others'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

SLACK = 1.2
"""A poller gives devices up only above so many times its even share."""


class Poller(NamedTuple):
    """An agent that may poll; ``site`` of its own host, 0 where that is not known."""

    id: str
    site: int
    alive: bool


class Place(NamedTuple):
    """A device, its site (0: none), who must poll it ("": anybody), who does now ("": nobody)."""

    device: int
    site: int
    pinned: str
    now: str


def spread(devices: Sequence[Place], pollers: Sequence[Poller]) -> dict[int, str]:
    """Device to poller; "" where there is none.

    A device goes to the living pollers of its site. A site that never had a poller is polled by
    the living ones of all sites; one whose pollers are all dead waits for them, since nobody else
    is known to reach it, unless there is a poller without a site.
    """
    known = {poller.id for poller in pollers}
    found: dict[int, str] = {}
    groups: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in sorted(devices):
        if place.pinned:
            found[place.device] = place.pinned if place.pinned in known else ""
            continue
        able = _able(place, pollers)
        if able:
            groups[able].append(place)
        else:
            found[place.device] = place.now if place.now in known else ""
    load: dict[str, int] = defaultdict(int)
    for poller in found.values():
        load[poller] += 1
    # Fewest choices first: those with more can still go elsewhere.
    for able, places in sorted(groups.items(), key=lambda item: (len(item[0]), item[0])):
        _share_out(able, places, load, found)
    return found


def _able(place: Place, pollers: Sequence[Poller]) -> tuple[str, ...]:
    own = [each for each in pollers if each.site == place.site] if place.site else []
    if own:
        able = [each for each in own if each.alive] or [
            each for each in pollers if not each.site and each.alive
        ]
    else:
        able = [each for each in pollers if each.alive]
    return tuple(sorted(each.id for each in able))


def _share_out(
    able: tuple[str, ...], places: list[Place], load: dict[str, int], found: dict[int, str]
) -> None:
    even = (sum(load[each] for each in able) + len(places)) / len(able)
    most = max(int(even * SLACK), int(-(-even // 1)))
    waiting = []
    for place in places:
        if place.now in able and load[place.now] < most:
            found[place.device] = place.now
            load[place.now] += 1
        else:
            waiting.append(place)
    for place in waiting:
        least = min(able, key=lambda each: (load[each], each))
        found[place.device] = least
        load[least] += 1
