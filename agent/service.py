"""The agent at work: measures on the grid, spools, and lets a second thread send.

The measuring thread never waits for the network: it meets the sending thread only at the spool's
lock, which is held for single statements and their fsync.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from agent import VERSION
from agent.assigned import Assigned, Samples
from agent.config import Config
from agent.downlink import Downlink, Item
from agent.facts import ChildFacts, Facts
from agent.http1 import Client, UrlError, pinned_context
from agent.identity import IDENTITY as IDENTITY_FILE
from agent.identity import Identity, IdentityError, read_boot, read_identity
from agent.ipv6 import Ipv6Reports
from agent.log import Log, utc_text
from agent.process import AlreadyRunningError, lock_folder, no_core_dumps, stop_signals
from agent.schedule import JUMP_MS, ClockWatch, Eras, Ticks, nominal_ms, usable
from agent.ship import Shipper
from agent.spool import Spool
from agent.tasks import Run, Task, Tasks
from collectors.catalog import TABLES
from collectors.host import HostCollector
from collectors.host.edges import Edges
from collectors.records import Document, Reading

if TYPE_CHECKING:
    from agent.poll_link import PollLink

STATUS = "status.json"
STATUS_BYTES = 4_096
STATUS_TICKS = 2
"""The status file is written anew when the state changes, and every so many ticks."""
FACTS_CHECK_S = 3_600.0
"""Facts are read again this often, and sent when they changed (or collect.facts_s has passed)."""
UNENROLLED = "unenrolled"
"""Stands in the ids of batches made before enrolment; they are sent under the real one."""
SALVAGE_START_S = 0.7
"""Longest salvage of a damaged spool before the first measurement; the rest follows by ticks."""
FACTS_START_S = 5.0
SALVAGE_TICK_S = 0.2
STEP_S = 2.0
"""A wall clock step that is worth a line."""

NAMES = {table.name: tuple((m.name, m.type) for m in table.metrics) for table in TABLES}


class Collects(Protocol):
    """What measures this host: collectors.host.HostCollector."""

    def subsample(self, now_monotonic: float) -> None: ...

    def collect(self, now_wall_ms: int, now_monotonic: float) -> Any: ...

    def close(self) -> None: ...


class Clock:
    """The two clocks, as functions; a test hands in its own."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wall, self.monotonic = wall, monotonic


class Service:
    """One agent. ``start``, then ``turn`` whenever it says, then ``stop``."""

    def __init__(
        self,
        config: Config,
        log: Log,
        clock: Clock | None = None,
        host: Collects | None = None,
        facts: Facts | None = None,
    ) -> None:
        self._config, self._log = config, log
        self._clock = clock or Clock()
        self._host: Collects = host or HostCollector()
        self._edges = Edges(config.collect_edges_s)
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        self._facts_source: Facts = facts or ChildFacts()
        self._facts = self._facts_source.wait(FACTS_START_S)
        self._spool = Spool(
            config.state,
            max_bytes=int(config.spool_max_mb * 1_000_000),
            min_free_pct=config.spool_min_free_pct,
            machine=machine_key(self._facts),
            boot=read_boot(),
        )
        used, interval_s = self._spool.eras, config.collect_interval_s
        self._eras = {k: Eras(used.get(k, ()), interval_s) for k in ("host", "parts")}
        self.works = Assigned(config, self._spool_assigned, log)
        kinds: dict[str, Run] = {"facts": self._facts_now}
        if config.poll_enabled == "auto":
            kinds["ipv6_scan"] = self.works.scan_sites
            kinds["snmp_scan"] = lambda task: self._poll_link().scan(task)
        self.tasks = Tasks(kinds, self._post_result)
        self.downlink = Downlink(self._take_orders, self.tasks.held)
        self.shipper = Shipper(
            self._spool,
            log,
            backlog_per_s=config.ship_backlog_per_s,
            downlink=self.downlink,
            monotonic=self._clock.monotonic,
            wall=self._clock.wall,
        )
        self._ticks = Ticks(config.collect_interval_s, config.collect_subsample_s, wall, monotonic)
        self._watch = ClockWatch(wall, monotonic)
        self._started = wall
        self._identity_seen: tuple[int, int] | None = None
        self._facts_read = self._facts_sent = monotonic
        self._facts_due, self._facts_asked = True, False
        self._ipv6 = Ipv6Reports(ChildFacts("ipv6"), config.collect_ipv6_s, monotonic)
        self._salvage: Iterator[int] | None = None
        self._thread: threading.Thread | None = None
        self._agent = UNENROLLED
        self._ticked, self._status_state = 0, ("", "")
        self._status_file, self._status_size = -1, 0
        self.assigned: dict[str, Callable[[list[Item]], None]] = self.works.kinds()
        """Kinds of assignments this agent knows, and who takes all of a kind over."""
        self._poller: PollLink | None = None
        if config.poll_enabled == "auto":
            self.assigned["snmp"] = self._take_devices
        self.missed = self.skipped = 0
        self.latest: list[Reading] = []

    def start(self) -> None:
        """Takes the baseline measurement and begins to send."""
        self._tell_spool_events()
        self._look_for_identity()
        self._begin_salvage()
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        self._ticks = Ticks(
            self._config.collect_interval_s, self._config.collect_subsample_s, wall, monotonic
        )
        # Not put on the grid: what lies before this moment was not measured.
        self._host.collect(round(wall * 1000), monotonic)
        self._ipv6.begin(monotonic)
        self._thread = threading.Thread(target=self.shipper.run, name="ship", daemon=True)
        self._thread.start()
        self._log.event(
            "info",
            "started",
            version=VERSION,
            agent=self._agent,
            epoch=self._spool.epoch,
            waiting=self._spool.batches,
            interval_s=self._config.collect_interval_s,
        )
        self.write_status()

    def turn(self) -> float:
        """Does what is due; seconds until something is again."""
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        due = self._ticks.due(wall, monotonic)
        if due.tick:
            if due.missed:
                self.missed += due.missed
                self._log.event("warning", "ticks_missed", count=due.missed)
            try:
                self._tick(wall, monotonic)
            except Exception as error:  # one bad tick is a gap, not the end
                self._log.throttled("error", "tick_failed", type(error).__name__, error=repr(error))
            return 0.0
        if due.subsample:
            self._host.subsample(monotonic)
        return due.sleep_s

    def once(self, seconds: float, patience_s: float) -> bool:
        """One collection over ``seconds``, sent; whether everything got home."""
        self.start()
        time.sleep(seconds)
        self._tick(self._clock.wall(), self._clock.monotonic())
        until = time.monotonic() + patience_s
        while self._spool.batches and time.monotonic() < until and self.shipper.state not in (
            "unenrolled", "denied", "conflict", "pending",
        ):  # fmt: skip
            time.sleep(0.05)
        return not self._spool.batches

    def stop(self) -> None:
        """Ends sending and closes the spool; what waits is kept."""
        self.works.stop()
        if self._poller is not None:
            self._poller.stop()
        self.shipper.stop()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            if not self._thread.is_alive():
                self.shipper.close()
        self._spool.close()
        self._host.close()
        self._ipv6.close()
        self._log.event("info", "stopped", waiting=self._spool.batches)

    # ---- one tick

    def _tick(self, wall: float, monotonic: float) -> None:
        step = self._watch.step_s(wall, monotonic)
        if abs(step) > STEP_S:
            self._log.event("warning", "clock_stepped", seconds=round(step, 1))
            if step * 1000 > JUMP_MS:
                # Perhaps a snapshot that was resumed: its seqs may have been used since.
                self._spool.renew_epoch()
        if self.shipper.state != "connected":
            # First: what is measured now shall belong to the new identity.
            self._look_for_identity()
        interval_s = self._config.collect_interval_s
        now_ms = nominal_ms(wall, interval_s)
        got = self._host.collect(now_ms, monotonic)
        parts = [r for r in got.readings if r.instance] or [r for r in self.latest if r.instance]
        self.latest = [r for r in got.readings if not r.instance] + parts
        readings = usable(got.readings, self._eras, interval_s)
        if got.readings and not readings:
            self.skipped += 1
            self._log.throttled(
                "warning",
                "time_used_before",
                "",
                time=utc_text(wall),
                waits="until the clock is past",
            )
        documents = list(got.failures)
        documents += self._look_at_edges(now_ms, monotonic)
        if self._facts_are_due(monotonic):
            documents.append(Document("facts", now_ms, self._facts))
        ipv6 = self._ipv6.due(monotonic, now_ms)
        if ipv6 is not None:
            documents.append(ipv6)
        self._store(readings, documents, int(wall * 1000))
        if self._salvage is not None:
            self._continue_salvage()
        self._ticked += 1
        state = (self.shipper.state, self.shipper.error)
        if state != self._status_state or self._ticked % STATUS_TICKS == 0:
            self._status_state = state
            self.write_status()

    def _store(self, readings: list[Reading], documents: list[Document], now_ms: int) -> None:
        tables = {reading.table for reading in readings}
        samples = [(t, NAMES[t], [r for r in readings if r.table == t]) for t in sorted(tables)]
        eras = {kind: known.spans for kind, known in self._eras.items()}
        places = self._spool.append(self._agent, samples, documents, now_ms, eras)
        if not places and samples:
            self._log.throttled("error", "not_spooled", "", reason="disk full or not writable")
        self._tell_spool_events()
        self.shipper.notify(places)

    def _look_at_edges(self, now_ms: int, monotonic: float) -> list[Document]:
        """Told once where the kernel (or the system) has no such thing: no gap in anything else."""
        try:
            document = self._edges.collect(now_ms, monotonic)
        except (OSError, AttributeError) as error:
            self._log.event("warning", "no_edges", error=repr(error))
            failed = {"collector": "edges", "error": repr(error)}
            return [Document("collector_failed", now_ms, failed)]
        return [] if document is None else [document]

    def _facts_are_due(self, monotonic: float) -> bool:
        if monotonic - self._facts_read >= FACTS_CHECK_S:
            self._facts_read = monotonic
            self._facts_source.begin()
            self._facts_asked = True
        if self._facts_asked:
            facts = self._facts_source.ready()
            self._facts_asked = facts is None
            if facts and facts != self._facts:
                self._facts, self._facts_due = facts, True
        if self._facts_due or monotonic - self._facts_sent >= self._config.collect_facts_s:
            self._facts_due, self._facts_sent = False, monotonic
            return True
        return False

    # ---- what the controller wants

    def _take_orders(self, assignments: list[Item], tasks: list[Item]) -> None:
        """In the sending thread. Assignments of a kind this agent does not know are left."""
        unknown = sorted({each["kind"][:40] for each in assignments} - self.assigned.keys())
        if unknown:
            self._log.throttled("warning", "unknown_assignment", "", kinds=", ".join(unknown))
        for kind, take in self.assigned.items():
            take([each["body"] for each in assignments if each["kind"] == kind])
        self.tasks.take(tasks)

    def _post_result(self, body: Item) -> None:
        now_ms = int(self._clock.wall() * 1000)
        self._log.event("info", "task", number=body["task"], state=body["state"])
        document = Document("task_result", now_ms, body)
        self.shipper.notify(self._spool.append(self._agent, [], [document], now_ms))

    def _spool_assigned(self, samples: Samples, documents: list[Document]) -> bool:
        """In the threads of what is assigned."""
        places = self._spool.append(self._agent, samples, documents, int(self._clock.wall() * 1000))
        self.shipper.notify(places)
        return bool(places)

    # ---- network gear

    @property
    def poller_state(self) -> dict[str, Any]:
        """What the poller process said of itself last; {} where none runs."""
        return {} if self._poller is None else self._poller.state

    def _take_devices(self, bodies: list[Item]) -> None:
        if bodies or self._poller is not None:
            self._poll_link().take(bodies)

    def _poll_link(self) -> PollLink:
        if self._poller is None:
            from agent.poll_link import PollLink  # noqa: PLC0415 - half a megabyte, pollers only

            self._poller = PollLink(
                self._store_made, self._store_document, self._post_result, self._log
            )
        return self._poller

    def _store_made(self, table: str, rows: int, from_ms: int, to_ms: int, body: bytes) -> None:
        """In the poller's thread: a batch that is in wire form already."""
        places = self._spool.append_made(table, rows, from_ms, to_ms, body)
        if not places:
            self._log.throttled("error", "not_spooled", "", reason="disk full or not writable")
        self.shipper.notify(places)

    def _store_document(self, document: Document) -> None:
        """In the poller's thread."""
        now_ms = int(self._clock.wall() * 1000)
        self.shipper.notify(self._spool.append(self._agent, [], [document], now_ms))

    def _facts_now(self, task: Task) -> Item:
        """Task ``facts``: the next tick reads the facts and sends them."""
        del task
        self._facts_read, self._facts_due = -FACTS_CHECK_S, True
        return {"facts": "with the next row"}

    # ---- damage

    def _tell_spool_events(self) -> None:
        events = self._spool.take_events()
        for event, detail in events:
            self._log.event("error", event, detail=detail)
        if events and self._spool.damaged and self._salvage is None and self._thread is not None:
            self._begin_salvage()

    def _begin_salvage(self) -> None:
        if not self._spool.damaged:
            return
        from agent.salvage import salvage  # noqa: PLC0415 - only after damage

        self._salvage = salvage(self._spool, self._spool.damaged, SALVAGE_TICK_S)
        self._continue_salvage(SALVAGE_START_S)

    def _continue_salvage(self, budget_s: float = SALVAGE_TICK_S) -> None:
        until = time.monotonic() + budget_s
        count = 0
        for taken in self._salvage or ():
            count = taken
            if time.monotonic() > until:
                return
        self._salvage = None
        self._log.event("warning", "spool_salvaged", batches=count)

    # ---- identity

    def _look_for_identity(self) -> None:
        """Takes up an identity that ``enrol`` wrote, also while running."""
        try:
            found = os.stat(os.path.join(self._config.state, IDENTITY_FILE))
        except OSError:
            if self._identity_seen is None:
                self.shipper.work_for("", "", None)
                self._log.throttled("error", "not_enrolled", "", remedy="yunxun-agent enrol TOKEN")
            return
        seen = (found.st_mtime_ns, found.st_ino)
        if seen == self._identity_seen:
            return
        self._identity_seen = seen
        try:
            identity = read_identity(self._config.state)
            if identity is not None:
                self._take_up(identity)
        except (IdentityError, UrlError, ValueError, OSError) as error:
            self.shipper.block("unenrolled", str(error))
            self._log.event("error", "identity_unusable", error=str(error))

    def _take_up(self, identity: Identity) -> None:
        machine_id = str(self._facts.get("machine_id", ""))
        if identity.machine_id and machine_id and identity.machine_id != machine_id:
            self._spool.set_conflict()
            text = "this machine is a copy of the one that was enrolled: enrol it anew"
            self.shipper.block("conflict", text)
            self._log.event("error", "machine_changed", error=text)
            return
        context = pinned_context(identity.ca_pem) if identity.ca_pem else None
        client = Client(
            identity.url,
            context,
            connect_s=self._config.ship_connect_s,
            total_s=self._config.ship_total_s,
        )
        if self._spool.owner != identity.agent:
            self._facts_due = True
            self._ipv6.renew()
        self._spool.work_for(identity.agent)
        self._agent = identity.agent
        self.shipper.work_for(identity.agent, identity.secret, client)

    # ---- status

    def status(self) -> dict[str, Any]:
        """What ``yunxun-agent status`` shows."""
        shipper = self.shipper
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "at": utc_text(self._clock.wall()),
            "started": utc_text(self._started),
            "interval_s": self._config.collect_interval_s,
            "agent": "" if self._agent == UNENROLLED else self._agent,
            "state": shipper.state,
            "error": shipper.error,
            "last_stored": utc_text(shipper.last_stored) if shipper.last_stored else None,
            "stored_batches": shipper.stored,
            "clock_skew_s": shipper.skew_s,
            "missed_ticks": self.missed,
            "skipped_rows": self.skipped,
            "poller": {k: v for k, v in self.poller_state.items() if k != "latest"},
            "spool": self._spool.summary(),
        }

    def write_status(self) -> None:
        """Rewrites the status file in place, padded to one block: cheap, and it works on a full
        disk. A reader that meets half of it reads again."""
        path = os.path.join(self._config.state, STATUS)
        try:
            if self._status_file < 0:
                self._status_file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            text = json.dumps(self.status()).encode()
            size = os.pwrite(self._status_file, text.ljust(STATUS_BYTES), 0)
            if size != self._status_size:
                os.ftruncate(self._status_file, size)
                self._status_size = size
        except OSError:
            return


def machine_key(facts: dict[str, Any]) -> str:
    """Machine id and instance UUID; another one means another machine, or a restored copy."""
    return f"{facts.get('machine_id', '')}|{facts.get('instance_uuid', '')}"


def run(config: Config, log: Log) -> int:
    """Runs until SIGTERM or SIGINT; exit status 0, or 2 if the folder is not to be had."""
    os.umask(0o077)
    no_core_dumps()
    try:
        lock_folder(config.state)
    except AlreadyRunningError as error:
        log.event("error", "already_running", folder=config.state, pid=str(error))
        return 2
    except OSError as error:
        log.event("error", "no_state_folder", folder=config.state, error=error.strerror)
        return 2
    stopped = stop_signals()
    service = Service(config, log)
    service.start()
    if config.metrics_listen:
        from agent.exporter import serve  # noqa: PLC0415 - prometheus-client only when on

        serve(config.metrics_listen, service, log)
    gc.collect()
    gc.freeze()
    while not stopped.poll(service.turn() * 1000):
        pass
    service.stop()
    return 0
