"""What the page of one unit asks of the store, over 30 days of a city of 10,000 VMs.

    python -m bench unit_page

Beside bench usage_reports a module of its own, so that a change of the page is measured in five
minutes and without the peer.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.city import DAYS, UNITS, VMS, city, median, registers, rows
from controller.access.scope import CITY
from controller.usage.model import UsageQuery
from controller.usage.queries import unit_trend, usage_report
from controller.web.pages.unit import RESOURCE_SORTS, RESOURCES_SHOWN, SORTED_BY
from controller.web.tables import ordered

RUNS = 9


def measure() -> dict[str, float]:
    """Seconds of the page as it opens, and of its table sorted by each of its columns."""
    end = int(time.time()) // 86_400 * 86_400
    until = datetime.fromtimestamp(end, UTC)
    since = until - timedelta(days=DAYS)
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name, city(Path(name)) as world:
        runtime, _ = world
        registers(runtime, end)
        figures = rows(runtime, end)

        def report(by: Any, start: datetime = since, stop: datetime = until) -> int:
            query = UsageQuery(start, stop, by, "U7")
            return len(usage_report(runtime, CITY, query).rows)

        def table(sort: str) -> int:
            query = UsageQuery(since, until, "resource", "U7")
            cheap = usage_report(runtime, CITY, query, SORTED_BY.get(sort, ())).rows
            ranked = ordered(cheap, RESOURCE_SORTS[sort], descending=True)[:RESOURCES_SHOWN]
            only = [row.resource or "" for row in ranked]
            return len(usage_report(runtime, CITY, query, only=only).rows)

        def page() -> None:
            """Its figures and the period's before, systems, the table as it opens, the curve."""
            report("unit")
            report("unit", since - (until - since), since)
            report("system")
            table("vcpu")
            unit_trend(runtime, CITY, "U7", since, until)

        if report("resource") != VMS // UNITS + 1 or table("cpu") != RESOURCES_SHOWN:
            raise RuntimeError("the report has not every row")
        slowest = max(median(lambda sort=sort: table(sort), 3) for sort in RESOURCE_SORTS)
        return {
            **figures,
            "unit_page_s": median(page, RUNS),
            "table_s": median(lambda: table("vcpu"), RUNS),
            "slowest_sort_s": slowest,
            "every_row_s": median(lambda: report("resource"), 3),
        }
