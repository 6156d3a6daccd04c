"""What this agent measures for the controller besides its own host: points, and traps it receives.

Each part is made with its first assignment, so an agent without any loads none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent.config import Config
from agent.log import Log
from collectors.catalog import REACH
from collectors.records import Document, Reading

if TYPE_CHECKING:
    from agent.reach import ReachService
    from agent.sites import SiteScans
    from agent.tasks import Task
    from agent.traps import TrapService

Item = dict[str, Any]
Names = tuple[tuple[str, str], ...]
Samples = list[tuple[str, Names, list[Reading]]]
Spool = Callable[[Samples, list[Document]], bool]
"""Stores rows and documents durably and has them sent; whether there was room."""

REACH_NAMES: Names = tuple((metric.name, metric.type) for metric in REACH.metrics)


class Assigned:
    """``kinds`` are the assignments that are known here, and who takes all of a kind over."""

    def __init__(self, config: Config, spool: Spool, log: Log) -> None:
        self._config, self._spool, self._log = config, spool, log
        self._reach: ReachService | None = None
        self._traps: TrapService | None = None
        self._sites: SiteScans | None = None

    def kinds(self) -> dict[str, Callable[[list[Item]], None]]:
        return {
            "reach": self._take_reach,
            "traps": self._take_traps,
            "ipv6_sites": self._take_sites,
        }

    def stop(self) -> None:
        """Ends what runs in processes of its own."""
        if self._traps is not None:
            self._traps.stop()
        if self._sites is not None:
            self._sites.stop()

    def _take_reach(self, bodies: list[Item]) -> None:
        if self._reach is None:
            if not bodies:
                return
            from agent.reach import ReachService  # noqa: PLC0415 - only pollers need it

            self._reach = ReachService(self._store_reach, self._log)
        self._reach.take(bodies)

    def _store_reach(self, readings: list[Reading]) -> None:
        """In the reach thread."""
        if readings and not self._spool([(REACH.name, REACH_NAMES, readings)], []):
            self._log.throttled("error", "not_spooled", "", reason="disk full or not writable")

    def _take_traps(self, bodies: list[Item]) -> None:
        if self._traps is None:
            if not bodies or not self._config.traps_listen:
                return
            from agent.traps import TrapService  # noqa: PLC0415 - only pollers need it

            try:
                self._traps = TrapService(self._config.traps_listen, self._post, self._log)
            except ValueError as error:
                self._log.throttled("error", "traps_not_received", "", error=str(error))
                return
        self._traps.take(bodies)

    def _take_sites(self, bodies: list[Item]) -> None:
        if bodies or self._sites is not None:
            self._scans().take(bodies)

    def scan_sites(self, task: Task) -> Item | None:
        """Task ``ipv6_scan``; in the tasks' thread. Raises TaskError."""
        return self._scans().scan_now(task)

    def _scans(self) -> SiteScans:
        if self._sites is None:
            from agent.sites import SiteScans  # noqa: PLC0415 - only pollers need it

            self._sites = SiteScans(self._post, self._log)
        return self._sites

    def _post(self, document: Document) -> None:
        """In the threads of traps and sites."""
        self._spool([], [document])
