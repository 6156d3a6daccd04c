"""A resource as registered or as planned, and what one row of a table makes of it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from controller.inventory.dated import EVER
from controller.inventory.holdings import Held, Holdings
from controller.inventory.timeline import Span, change, fit, nearest

AHEAD = timedelta(days=366)
"""A date further in the future is a slip of the pen."""

_FUTURE = "{} lies more than a year ahead: check the year"


@dataclass(frozen=True)
class ResourceState:
    """A resource as registered or as planned (``id`` None: new)."""

    id: int | None
    code: str
    name: str = ""
    kind: str = "vm"
    instance_uuid: str | None = None
    ip: str = ""
    os: str = ""
    created: datetime = EVER
    retired: datetime | None = None
    tags: tuple[str, ...] = ()
    demo: bool = False
    arch: str | None = None
    accelerator: str | None = None
    accelerators: float | None = None
    holdings: Holdings = ()

    def columns(self) -> dict[str, Any]:
        """The row of table resource, without the id."""
        row = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("id", "holdings")
        }
        return row | {"tags": list(self.tags)}


class RefusedError(ValueError):
    """A row contradicts the register; ``field`` names where."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


_HELD = tuple(item.name for item in fields(Held))
_OWN = (
    "name", "kind", "instance_uuid", "ip", "os", "tags", "demo", "code", "arch", "accelerator",
    "accelerators",
)  # fmt: skip


def applied(
    state: ResourceState | None,
    code: str,
    values: dict[str, Any],
    now: datetime,
    effective: datetime | None,
) -> ResourceState:
    """``state`` after a row. Raises RefusedError."""
    for name in ("created", "since", "retired"):
        if values.get(name) and values[name] > now + AHEAD:
            raise RefusedError(name, _FUTURE.format(values[name].date()))
    held = {name: values[name] for name in _HELD if name in values}
    own = {name: values[name] for name in _OWN if name in values}
    if own.get("name") == "":
        del own["name"]
    if state is None or not state.holdings:
        own.setdefault("name", state.name if state else "")
        return _open(state, code, values, own, held)
    state = replace(_move(state, values), **own)
    since, retired = values.get("since"), state.retired
    if since and since < state.created:
        raise RefusedError(
            "since",
            f"lies before the opening on {state.created.date()}: correct it, or give the opening",
        )
    holdings = state.holdings
    start = since or (effective and max(effective, state.created))
    if start is None:
        current = nearest(holdings, now) or holdings[-1]
        holdings = change(
            holdings, current.since, current.until, lambda span: replace(span, **held)
        )
    elif retired is None or start < retired:
        if start < holdings[0].since:
            holdings = fit(holdings, start, retired)
        holdings = change(holdings, start, retired, lambda span: replace(span, **held))
    else:
        raise RefusedError("since", f"lies after the end on {retired.date()}: correct one of them")
    return replace(state, holdings=holdings)


def _open(
    state: ResourceState | None,
    code: str,
    values: dict[str, Any],
    own: dict[str, Any],
    held: dict[str, Any],
) -> ResourceState:
    """A new resource, held from ``since``, else from its opening."""
    if not own["name"]:
        raise RefusedError("name", f"the name of the new resource {code!r} is missing")
    if "unit_id" not in held:
        raise RefusedError("unit", f"the unit of the new resource {code!r} is missing")
    since = values.get("since")
    created = values.get("created") or since or EVER
    retired = values.get("retired")
    if since and since < created:
        raise RefusedError("since", f"lies before the opening on {created.date()}: correct one")
    start = since or created
    if retired and retired <= start:
        raise RefusedError("retired", f"lies before the beginning on {start.date()}: correct one")
    return replace(
        state or ResourceState(None, code),
        **own | {"created": created, "retired": retired},
        holdings=(Span(start, retired, Held(**held)),),
    )


def _move(state: ResourceState, values: dict[str, Any]) -> ResourceState:
    """``state`` with opening and end as the row gives them, its holdings cut or stretched."""
    created = state.created
    if "created" in values:
        created = values["created"] or EVER
    retired = values.get("retired", state.retired)
    if (created, retired) == (state.created, state.retired):
        return state
    first = state.holdings[0].since
    # What began with the opening moves with it; what is known to have begun later stays.
    start = created if first == state.created else max(first, created)
    if retired and retired <= start:
        raise RefusedError("retired", f"lies before the beginning on {start.date()}: correct one")
    return replace(
        state, created=created, retired=retired, holdings=fit(state.holdings, start, retired)
    )
