"""Usage reports for pages, kept for a minute: sorting, filtering and paging a table, and the
overview, ranking and comparisons of one period, are all made from one report."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from controller.access.scope import Scope
from controller.runtime import Runtime
from controller.usage.model import UsageQuery, UsageReport
from controller.usage.queries import usage_report
from controller.usage.resources import NAMES

KEPT = timedelta(seconds=60)
"""A correction shows on pages this much later at most; exports and the API ask anew."""
MOST = 64
MOST_ROWS = 20_000
"""A longer report is not kept: 64 of them must not fill the memory."""

Key = tuple[frozenset[int] | None, UsageQuery, tuple[str, ...]]


@dataclass
class _Asked:
    """One question: whoever asks it while it is being answered waits for that answer."""

    lock: Lock = field(default_factory=Lock)
    at: datetime | None = None
    report: UsageReport | None = None


@dataclass
class Reports:
    """What was answered of late; on ``app.state.reports``."""

    known: OrderedDict[Key, _Asked] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def read(
        self,
        runtime: Runtime,
        scope: Scope,
        query: UsageQuery,
        now: datetime,
        names: Sequence[str] = NAMES,
    ) -> UsageReport:
        """``usage_report``, at most KEPT old. Raises what that raises, and keeps no failure."""
        key = (scope.unit_ids, query, tuple(names))
        with self.lock:
            asked = self.known.setdefault(key, _Asked())
            self.known.move_to_end(key)
            while len(self.known) > MOST:
                self.known.popitem(last=False)
        with asked.lock:
            if asked.report is not None and asked.at is not None and now - asked.at < KEPT:
                return asked.report
            report = usage_report(runtime, scope, query, names)
            if len(report.rows) <= MOST_ROWS:
                asked.at, asked.report = now, report
            return report
