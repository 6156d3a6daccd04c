"""Lines and points changed one by one: the same rules as an import's, with an audit row each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from controller.access.scope import Scope
from controller.inventory.dated import EVER
from controller.inventory.naming import fold
from controller.inventory.units import find_unit
from controller.network import line_import, point_import
from controller.network.line_model import LineView, PointView
from controller.network.lines import find_line
from controller.network.points import find_point, line_names
from controller.problems import NotFound, Problem

Fields = dict[str, Any]


def keep_line(
    session: Session, scope: Scope, line_id: int, given: Fields, by: str, now: datetime
) -> LineView:
    """Sets fields of a line; ``since`` says from when unit, bandwidth and cost hold (None: since
    what holds now began). Raises NotFound, Problem 422."""
    view = find_line(session, scope, line_id, now)
    key = (view.operator, view.number)
    values = dict(line_import.line_values(session)[key])
    values.update({name: given[name] for name in line_import.OWN if name in given})
    start, end = values["contract_start"], values["contract_end"]
    if start is not None and end is not None and end <= start:
        raise Problem(422, "bad dates", "contract_end is not after contract_start")
    held: Fields = {
        name: given[name] for name in ("bandwidth_bit_s", "yearly_cost") if name in given
    }
    if "unit" in given:
        held["unit_id"] = (
            find_unit(session, scope, given["unit"], now).id if given["unit"] else None
        )
    if held:
        values["terms"] = line_import.with_term(
            values["terms"], given.get("since"), held, now,
            first=EVER, blank=line_import.LineHeld(),
        )  # fmt: skip
    line_import.write_line(session, key, values, by, now)
    return find_line(session, scope, line_id, now)


def keep_point(
    session: Session, scope: Scope, code: str, given: Fields, by: str, now: datetime
) -> PointView:
    """Sets fields of a point; ``since`` as of ``keep_line``. Raises NotFound, Problem 422."""
    find_point(session, scope, code, now, {})
    known = point_import.point_values(session)
    values = dict(known[code])
    values.update({name: given[name] for name in point_import.OWN if name in given})
    other = point_import.addresses(known).get((fold(values["zone"]), values["address"]), code)
    if values["address"] and other != code:
        raise Problem(
            422, "address taken",
            f"{values['address']} in zone {values['zone'] or '–'} is point {other} already",
        )  # fmt: skip
    held: Fields = {}
    if given.get("unit"):
        held["unit_id"] = find_unit(session, scope, given["unit"], now).id
    if "line" in given:
        held["line_id"] = _line(session, given["line"])
    if held:
        values["terms"] = line_import.with_term(
            values["terms"], given.get("since"), held, now,
            first=EVER, blank=point_import.PointHeld(),
        )  # fmt: skip
    point_import.write_point(session, code, values, by, now)
    return find_point(session, scope, code, now, {})


def _line(session: Session, text: str) -> int | None:
    """The line called so. Raises NotFound, Problem 422."""
    if not text:
        return None
    found = [number for number, name in line_names(session).items() if fold(text) in (
        fold(name), fold(name.rpartition(" ")[2])
    )]  # fmt: skip
    if not found:
        raise NotFound("line", text)
    if len(found) > 1:
        raise Problem(422, "ambiguous line", f"{text!r}: write operator and number")
    return found[0]
