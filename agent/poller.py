"""The poller process: asks the devices it is given and hands rows and documents up.

Started by the agent as ``lean.py --poller FOLDER…`` when the controller assigns devices or a scan,
so that an agent without any keeps its size. It knows nothing of controller, spool or identity, and
ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

from agent.poll_wire import (
    DOCUMENT,
    MOST_FRAME,
    RESULT,
    SAMPLES,
    STATE,
    Item,
    frame,
    pack_batch,
)
from collectors.catalog import TABLES
from collectors.records import BatchId, Reading, encode_samples
from collectors.snmp.device import DevicePoll
from collectors.snmp.ether import EtherSeen, remember
from collectors.snmp.facts import facts_of, port_states, sensor_mark, sensors_of
from collectors.snmp.profile import load_profiles
from collectors.snmp.round import Assignment, Polled, Scheduler
from collectors.snmp.samples import (
    LONGEST_STRETCH,
    Look,
    add_ether,
    add_versions,
    device_reading,
    port_readings,
)
from collectors.snmp.scan import scan
from collectors.snmp.target import Community, Credential, Target, TargetError, User

FLUSH_S = 5.0
FLUSH_ROWS = 5_000
STATE_S = 10.0
REMIND_S = 600.0
"""A device that stays silent is told of again this often, so that a lost word does no harm."""
MOST_LISTED = 2_000
"""Devices named one by one in what the poller says of itself."""
NAMES = {table.name: tuple((m.name, m.type) for m in table.metrics) for table in TABLES}
UNSENT = BatchId("unenrolled", "poller", 0)
"""The agent gives a batch its id as it is sent."""


class Up:
    """Frames to the agent; one whole frame at a time, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: bytes, payload: bytes) -> None:
        """Blocks while the agent is busy: then the polls wait, and missed ones are counted."""
        if len(payload) > MOST_FRAME:
            return
        data = memoryview(frame(kind, payload))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]

    def tell(self, kind: bytes, body: Item) -> None:
        self.send(kind, json.dumps(body, ensure_ascii=False, default=str).encode())


class Seen:
    """What is remembered of one device between two polls."""

    __slots__ = ("ether", "last", "reminded", "sensors", "states", "up", "versions")

    def __init__(self) -> None:
        self.last: Look | None = None
        """The poll before, whether it was answered or not."""
        self.versions: Look | None = None
        self.ether: EtherSeen | None = None
        """Of the whole poll before: only those read it."""
        self.sensors = 0
        """Mark of the sensors' states."""
        self.states: dict[str, tuple[str, str]] = {}
        self.up: bool | None = None
        self.reminded = 0.0


class Poller:
    """Devices, scans, and the rows that wait to go up. On one event loop."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._profiles = load_profiles()
        self._scheduler = Scheduler(self._profiles, self._deliver)
        self._seen: dict[str, Seen] = {}
        self._intervals: dict[str, float] = {}
        self._rows: dict[str, list[Reading]] = {"device": [], "port": []}
        self._scans: set[asyncio.Task[None]] = set()
        self._latest: dict[str, Item] = {}

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Until the agent closes the pipe."""
        clocks = [
            asyncio.create_task(self._every(FLUSH_S, self.flush), name="flush"),
            asyncio.create_task(self._every(STATE_S, self.tell_state), name="state"),
        ]
        try:
            while line := await commands.readline():
                self.obey(json.loads(line))
        finally:
            for each in (*clocks, *self._scans):
                each.cancel()
            await self._scheduler.stop()
            self.flush()

    async def _every(self, seconds: float, work: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            work()

    def obey(self, told: Item) -> None:
        """One command of the agent's."""
        if "devices" in told:
            self.take(told["devices"])
        if "scan" in told:
            task = asyncio.create_task(self._scan(told["scan"]))
            self._scans.add(task)
            task.add_done_callback(self._scans.discard)

    # ---- devices

    def take(self, bodies: list[Item]) -> None:
        """What is to be polled from now on."""
        wanted = []
        for body in bodies:
            for device in body["devices"]:
                try:
                    wanted.append(assignment_of(device, body["credentials"]))
                except (TargetError, KeyError, ValueError) as error:
                    self._state(str(device.get("code")), False, f"cannot be asked: {error}", [])
        self._intervals = {each.key: each.interval_s for each in wanted}
        self._scheduler.assign(wanted)
        for code in self._seen.keys() - self._intervals.keys():
            del self._seen[code]
            self._latest.pop(code, None)

    async def _deliver(self, polled: Polled) -> None:
        code, poll = polled.key, polled.poll
        interval = self._intervals.get(code)
        if interval is None:
            return  # taken away while it was asked
        age = time.monotonic() - polled.started
        now = Look(poll, polled.started, round((time.time() - age) * 1000))
        seen = self._seen.setdefault(code, Seen())
        if seen.last is not None:
            self._measure(code, seen, now, interval, whole=polled.whole)
        if poll.error:
            self._silent(code, seen, poll)
        else:
            self._answered(code, seen, now, whole=polled.whole)
        seen.last = now
        self._latest[code] = {"up": not poll.error, "poll_s": poll.duration_s}
        if sum(map(len, self._rows.values())) >= FLUSH_ROWS:
            self.flush()

    def _measure(self, code: str, seen: Seen, now: Look, interval: float, *, whole: bool) -> None:
        last = seen.last
        if last is None or now.monotonic - last.monotonic > interval * LONGEST_STRETCH:
            return
        rows = [device_reading(code, last, now)]
        if not now.poll.error and not last.poll.error:
            rows += port_readings(code, last, now)
        if now.poll.ip_version_counters:
            if seen.versions is not None:
                add_versions(rows, seen.versions, now)
            seen.versions = now
        if whole and not now.poll.error and seen.ether is not None:
            add_ether(rows, seen.ether, now)
        for row in rows:
            self._rows[row.table].append(row)

    def _answered(self, code: str, seen: Seen, now: Look, *, whole: bool) -> None:
        states = port_states(now.poll)
        if whole:
            body = {"device": code, "poll": facts_of(now.poll)}
            self._document("device_facts", now.wall_ms, body)
            if seen.versions is None and now.poll.ip_version_counters:
                seen.versions = now
            seen.ether = remember(now.poll, now.monotonic)
        changed = [[key, *state] for key, state in states.items() if seen.states.get(key) != state]
        sensors = self._sensors_changed(seen, now.poll) and not whole
        if seen.up is not True or sensors or (changed and not whole):
            more = {"sensors": sensors_of(now.poll)} if sensors else {}
            self._state(code, True, "", [] if whole else changed, now.wall_ms, **more)
        seen.up, seen.states = True, states

    @staticmethod
    def _sensors_changed(seen: Seen, poll: DevicePoll) -> bool:
        """Whether the sensors were read, and say something else than before."""
        if not poll.sensors:
            return False
        before, seen.sensors = seen.sensors, sensor_mark(poll)
        return seen.sensors != before

    def _silent(self, code: str, seen: Seen, poll: DevicePoll) -> None:
        now = time.monotonic()
        if seen.up is not False or now - seen.reminded > REMIND_S:
            self._state(code, False, poll.error, [])
            seen.reminded = now
        seen.up = False

    def _state(
        self, code: str, up: bool, error: str, ports: list[list[str]], at_ms: int = 0, **more: Any
    ) -> None:
        body = {"device": code, "up": up, "error": error[:300], "ports": ports, **more}
        self._document("device_state", at_ms or round(time.time() * 1000), body)

    def _document(self, kind: str, time_ms: int, body: Item) -> None:
        self._up.tell(DOCUMENT, {"kind": kind, "time": time_ms, "body": body})

    # ---- rows

    def flush(self) -> None:
        """Sends the rows that wait, a batch a table."""
        for table, rows in self._rows.items():
            self._rows[table] = []
            for start in range(0, len(rows), FLUSH_ROWS):
                part = rows[start : start + FLUSH_ROWS]
                body = encode_samples(UNSENT, table, NAMES[table], part)
                first = min(row.time_ms for row in part)
                last = max(row.time_ms + round(row.interval_s * 1000) for row in part)
                self._up.send(SAMPLES, pack_batch(table, len(part), first, last, body))

    def tell_state(self) -> None:
        """Counters and devices, for /metrics and the status file."""
        tally = self._scheduler.tally
        shown = dict(list(self._latest.items())[:MOST_LISTED])
        self._up.tell(
            STATE,
            {
                "devices": len(self._intervals),
                "polls": tally.polls,
                "failures": tally.failures,
                "partial": tally.partial,
                "missed": tally.missed,
                "latest": shown,
            },
        )

    # ---- scans

    async def _scan(self, told: Item) -> None:
        number = told["task"]
        try:
            credentials = [
                (name, credential_of(each)) for name, each in told["credentials"].items()
            ]
            left = told["until_ms"] / 1000 - time.time()
            found = await scan(
                told["range"],
                credentials,
                self._profiles,
                rate_per_s=float(told["rate_per_s"]),
                stop_at=time.monotonic() + left,
                progress=Steps(self._up, number),
                port=int(told.get("port", 161)),
            )
        except asyncio.CancelledError:
            self._result(number, "failed", error="the poller was stopped")
            raise
        except (TargetError, KeyError, ValueError) as error:
            self._result(number, "failed", error=f"{type(error).__name__}: {error}")
        else:
            result = {"found": found.rows, **({"full": True} if found.full else {})}
            self._result(number, "done", result=result)

    def _result(self, number: int, state: str, **more: Any) -> None:
        self._up.tell(RESULT, {"task": number, "state": state, **more})


class Steps:
    """Progress of a scan, told at most every few seconds."""

    def __init__(self, up: Up, number: int) -> None:
        self._up, self._number = up, number
        self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= 5.0:
            self._told = now
            told = {"task": self._number, "state": "running", "done": done, "total": total}
            self._up.tell(RESULT, told)


def assignment_of(device: Item, credentials: Item) -> Assignment:
    """A device as the controller gives it. Raises TargetError, KeyError, ValueError."""
    return Assignment(
        key=str(device["code"]),
        target=Target(str(device["address"]), int(device["port"])),
        credential=credential_of(credentials[device["credential"]]),
        interval_s=min(max(float(device["interval_s"]), 5.0), 3_600.0),
    )


def credential_of(told: Item) -> Credential:
    """A credential as the controller gives it. Raises TargetError, KeyError."""
    if told["version"] != "v3":
        version = {"v1": "1", "v2c": "2c"}[told["version"]]
        return Community(community=told["community"], version=version)
    return User(
        name=told["user"],
        auth=told["auth"],
        auth_password=told["auth_password"],
        priv=told["priv"],
        priv_password=told["priv_password"],
        expansion=told["expansion"],
    )


async def serve() -> None:
    """Reads commands from standard input until it is closed."""
    loop = asyncio.get_running_loop()
    # Whole assignments come as one line: a thousand devices are some 200 KB.
    reader = asyncio.StreamReader(limit=32 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await Poller(Up(1)).run(reader)


def main() -> int:
    """What ``lean.py --poller`` does."""
    from agent.process import no_core_dumps  # noqa: PLC0415 - in this process only

    no_core_dumps()
    asyncio.run(serve())
    return 0
