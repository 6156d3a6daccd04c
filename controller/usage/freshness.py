"""How far the figures of a scope reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.access.scope import Scope
from controller.runtime import Runtime
from controller.store import statistics as st


def newest_data(runtime: Runtime, scope: Scope, now: datetime) -> datetime | None:
    """End of the latest five minutes that any resource of the scope has figures for, UTC.

    None without any in the last 30 days. Raises what ``Samples.query`` raises.
    """
    since = int((now - timedelta(days=30)).timestamp())
    units = "" if scope.unit_ids is None else _among(scope.unit_ids)
    answer = runtime.samples.query(
        "SELECT toInt64(toUnixTimestamp(max(time))) AS newest, count() AS found FROM group_5m "
        f"WHERE time >= toDateTime({since}, 'UTC') AND n > 0{units}"
    )
    if not len(answer.get("found", [])) or not int(answer["found"][0]):
        return None
    return datetime.fromtimestamp(int(answer["newest"][0]) + st.BUCKET_S, UTC)


def _among(unit_ids: frozenset[int]) -> str:
    return f" AND unit IN ({', '.join(map(str, sorted(unit_ids))) or '0'})"
