"""Many devices in one process, none delaying another.

Every device has its own time table: its first poll lies at a fixed place within the interval (so
that a thousand devices do not ask at once, and a restart does not move them), the next ones an
interval later each. A poll that is still running when the next is due is not doubled; the missed
one is counted. Devices that answer and devices in trouble wait in separate queues, so that silent
ones, which hold a place until their waits are over, never take the places of good ones.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

from .device import DevicePoll
from .poll import EVERYTHING, SENSORS, USAGE, VERSIONS, Wish, poll_once
from .profile import Profiles
from .session import Timing
from .target import Credential, Target
from .walk import DeviceMemory

AT_ONCE = 64
"""Good devices asked at the same time: enough to hide a slow network, few enough to stay small."""
TROUBLED_AT_ONCE = 256
"""Devices in trouble cost hardly more than a timer each."""
SLOW_S = 1.0
"""A poll that took longer puts its device among the troubled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A device to be polled; ``key`` is the controller's name for it."""

    key: str
    target: Target
    credential: Credential = field(repr=False)
    interval_s: float = 60.0
    whole_every: int = 60
    """Every so many polls everything is read, else what makes up usage."""
    sometimes: tuple[tuple[str, int], ...] = ((SENSORS, 5), (VERSIONS, 10))
    """What is read besides usage every so many polls."""

    def parts(self, count: int) -> frozenset[str]:
        """What to read at poll ``count`` (the first is 0)."""
        if count % self.whole_every == 0:
            return EVERYTHING
        return USAGE | {part for part, every in self.sometimes if count % every == 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """One poll of one device as it comes out of the round."""

    key: str
    started: float
    """Monotonic seconds."""
    poll: DevicePoll
    whole: bool


Deliver = Callable[[Polled], Awaitable[None]]


@dataclass(slots=True)
class Tally:
    """What the scheduler did since it started."""

    polls: int = 0
    failures: int = 0
    partial: int = 0
    missed: int = 0
    """Polls left out because the one before was still running or waiting."""


@dataclass(slots=True)
class _Device:
    assignment: Assignment
    memory: DeviceMemory = field(default_factory=DeviceMemory)
    troubled: bool = True
    """Until it has shown that it answers."""
    count: int = 0
    task: asyncio.Task[None] | None = None


class Scheduler:
    """Polls its assignments until stopped; ``deliver`` gets every result.

    Must be used inside a running event loop. ``assign`` may be called at any time.
    """

    def __init__(
        self,
        profiles: Profiles,
        deliver: Deliver,
        *,
        timing: Timing | None = None,
        at_once: int = AT_ONCE,
        troubled_at_once: int = TROUBLED_AT_ONCE,
    ) -> None:
        self.tally = Tally()
        self._profiles = profiles
        self._deliver = deliver
        self._timing = timing or Timing(waits=(1.0, 2.0), deadline=30.0)
        self._good = asyncio.Semaphore(at_once)
        self._troubled = asyncio.Semaphore(troubled_at_once)
        self._devices: dict[str, _Device] = {}

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """Replaces the assignments; what is known of devices that stay is kept."""
        wanted = {one.key: one for one in assignments}
        for key in [
            key for key in self._devices if wanted.get(key) != self._devices[key].assignment
        ]:
            device = self._devices.pop(key)
            if device.task is not None:
                device.task.cancel()
        for key, one in wanted.items():
            if key not in self._devices:
                device = self._devices[key] = _Device(one)
                device.task = asyncio.create_task(self._keep(device), name=f"poll {key}")

    async def stop(self) -> None:
        """Ends all polls."""
        tasks = [device.task for device in self._devices.values() if device.task is not None]
        self._devices.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, device: _Device) -> None:
        interval = device.assignment.interval_s
        due = next_due(monotonic(), interval, device.assignment.key)
        while True:
            await asyncio.sleep(max(0.0, due - monotonic()))
            await self.poll(device)
            after = next_due(monotonic(), interval, device.assignment.key)
            self.tally.missed += max(0, round((after - due) / interval) - 1)
            due = after

    async def poll(self, device: _Device) -> None:
        """One poll of one device, when there is a place for it."""
        queue = self._troubled if device.troubled else self._good
        async with queue:
            polled = await self._ask(device)
        await self._deliver(polled)

    async def _ask(self, device: _Device) -> Polled:
        one = device.assignment
        parts = one.parts(device.count)
        whole = parts >= EVERYTHING
        started = monotonic()
        poll = await poll_once(
            one.target,
            one.credential,
            self._profiles,
            timing=self._timing,
            memory=device.memory,
            wish=Wish(parts=parts),
        )
        if not poll.error:
            device.count += 1  # a device that was silent is read whole when it comes back
        device.troubled = bool(poll.error) or poll.duration_s > SLOW_S
        self.tally.polls += 1
        self.tally.failures += bool(poll.error)
        self.tally.partial += bool(poll.partial)
        return Polled(key=one.key, started=started, poll=poll, whole=whole)

    async def once(self, assignments: Iterable[Assignment]) -> None:
        """Every device once, as soon as there is a place; what was learnt is kept."""
        for one in assignments:
            self._devices.setdefault(one.key, _Device(one))
        await asyncio.gather(*(self.poll(device) for device in list(self._devices.values())))


def next_due(now: float, interval: float, key: str) -> float:
    """The next time after ``now`` at the device's own place within the interval."""
    place = zlib.crc32(key.encode()) / 2**32 * interval
    due = now - now % interval + place
    return due if due > now else due + interval
