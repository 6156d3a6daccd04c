"""Units and holdings as a change will leave them: drafted, checked, written with what undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.holdings import Holdings, read_holdings, write_holdings
from controller.inventory.lock import lock_registers
from controller.inventory.tables import Holding, UnitChange
from controller.inventory.timeline import Span, Timeline, change, fit, joined
from controller.inventory.unit_records import (
    carry_records,
    packed_holdings,
    packed_places,
)
from controller.inventory.unit_rules import check_place
from controller.inventory.unit_state import (
    Place,
    UnitPlan,
    UnitState,
    find_loop,
    read_units,
    write_units,
)
from controller.problems import NotFound, Problem
from controller.said import say

_NEW = 1 << 40
"""Ids that stand for units not written yet lie above this; no real one does."""


@dataclass(frozen=True)
class Part:
    """A unit that comes out of a change. A new one needs a name; ``parent`` is a code, "" the
    top; None leaves as it is. Of a split: the systems, resources and units that go to it."""

    code: str
    name: str = ""
    kind: str = ""
    parent: str | None = None
    systems: tuple[str, ...] = ()
    resources: tuple[int, ...] = ()
    units: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What a change did or would do."""

    kind: str
    ended: list[str] = field(default_factory=list)
    into: list[str] = field(default_factory=list)
    moved_units: list[str] = field(default_factory=list)
    moved_resources: int = 0
    days_marked: int = 0
    warnings: list[str] = field(default_factory=list)
    id: int | None = None


@dataclass(frozen=True)
class Paper:
    """Who orders the change, by what document, and when it is written down."""

    by: str
    now: datetime
    document: str = ""
    note: str = ""
    dry_run: bool = False


class Draft:
    """The units and holdings as they will be from ``effective`` on."""

    def __init__(self, session: Session, effective: datetime) -> None:
        lock_registers(session)
        self.session = session
        self.effective = effective
        self.plan = UnitPlan(read_units(session))
        self.before: dict[int, Holdings] = {}
        self.after: dict[int, Holdings] = {}
        self._new: dict[int, str] = {}

    def id_of(self, code: str) -> int:
        """The unit's id, or what stands for it until the unit is written."""
        found = self.state(code).id
        if found is not None:
            return found
        number = _NEW + len(self._new)
        self._new[number] = code
        return number

    def state(self, code: str) -> UnitState:
        found = self.plan.after.get(code) or self.plan.before.get(code)
        if found is None:
            raise NotFound("unit", code)
        return found

    def known(self, code: str) -> bool:
        state = self.plan.after.get(code) or self.plan.before.get(code)
        return state is not None and bool(state.places)

    def current(self, code: str) -> Place:
        """The unit's name and place when the change takes effect. Raises Problem 422."""
        state = self.state(code)
        for span in state.places:
            if span.holds(self.effective):
                return span.value
        raise Problem(
            422,
            "not in force",
            say(
                f"unit {code!r} is not in force on {_day(self.effective)}: choose a day on which "
                "it is",
                f"单位 {code} 在 {_day(self.effective)} 不存续：请选择其存续期间的日期",
            ),
        )

    def end(self, code: str) -> None:
        """The unit is no more from the date on."""
        self.current(code)
        state = self.state(code)
        if state.places[0].since >= self.effective:
            raise Problem(
                422,
                "begins with the change",
                say(
                    f"unit {code!r} only begins on {_day(state.places[0].since)}: "
                    "choose a later day",
                    f"单位 {code} 自 {_day(state.places[0].since)} 才存续：请选择更晚的日期",
                ),
            )
        self.plan.after[code] = replace(
            state, places=fit(_ended(state.places, self.effective), state.places[0].since,
                              self.effective),
        )  # fmt: skip

    def alter(self, code: str, **changes: Any) -> None:
        """Name, parent or kind from the date on."""
        self.current(code)
        state = self.state(code)
        places = change(state.places, self.effective, None, lambda place: replace(place, **changes))
        self.plan.after[code] = replace(state, places=places)

    def bring(self, part: Part, like: Place) -> None:
        """The unit of ``part``: made, or altered where it is there already."""
        if self.known(part.code):
            wanted: dict[str, str | None] = {
                key: value for key, value in (("name", part.name), ("kind", part.kind)) if value
            }
            if part.parent is not None:
                wanted["parent"] = self._parent(part.parent)
            self.current(part.code)
            if wanted:
                self.alter(part.code, **wanted)
            return
        if not part.name:
            raise Problem(
                422,
                "name missing",
                say(f"the new unit {part.code!r} needs a name", f"新单位 {part.code} 须有名称"),
            )
        parent = like.parent if part.parent is None else self._parent(part.parent)
        place = Place(part.name, parent, part.kind or like.kind)
        old = self.plan.before.get(part.code)  # without a place: an earlier change was undone
        state = old or UnitState(None, part.code)
        self.plan.after[part.code] = replace(state, places=(Span(self.effective, None, place),))

    def _parent(self, code: str) -> str | None:
        if code and not self.known(code):
            raise NotFound("unit", code)
        return code or None

    def adopt(self, children: Sequence[str], parent: str) -> None:
        for code in children:
            self.alter(code, parent=parent)

    def children(self, codes: set[str]) -> list[str]:
        """Units below any of ``codes`` when the change takes effect, or later."""
        states = self.plan.before | self.plan.after
        return sorted(
            code
            for code, state in states.items()
            if any(
                span.value.parent in codes and (span.until is None or span.until > self.effective)
                for span in state.places
            )
        )

    def held_by(self, codes: Sequence[str]) -> dict[int, Holdings]:
        """The holdings of every resource that these units hold from the date on."""
        ids = [self.state(code).id for code in codes]
        rows = self.session.execute(
            select(col(Holding.resource_id))
            .where(
                col(Holding.unit_id).in_([each for each in ids if each]),
                (col(Holding.until).is_(None)) | (col(Holding.until) > self.effective),
            )
            .distinct()
        ).scalars()
        return read_holdings(self.session, sorted(rows))

    def finish(self, kind: str, outcome: Outcome, paper: Paper) -> Outcome:
        """Checks the tree, and writes everything with what is needed to undo it."""
        states = self.plan.before | self.plan.after
        for code in self.plan.after:
            if loop := find_loop(states, code):
                raise Problem(
                    422,
                    "unit above itself",
                    say(
                        f"{' under '.join(loop)}: choose another parent",
                        f"隶属关系成环（{' → '.join(loop)}）：请选择其他上级",
                    ),
                )
            place = states[code].places[-1].value
            above = states.get(place.parent or "")
            wrong = check_place(place.kind, above.places[-1].value.kind if above else None)
            if wrong and code not in outcome.ended:
                outcome.warnings.append(f"{code}: {wrong}")
        outcome.moved_resources = len(self.after)
        if paper.dry_run:
            return outcome
        before = {code: self.plan.before.get(code) for code in self.plan.after}
        fresh = [code for code, state in before.items() if state is None or not state.places]
        write_units(self.session, self.plan, paper.now)
        states = read_units(self.session)
        ids = {code: state.id or 0 for code, state in states.items()}
        real = {number: ids[code] for number, code in self._new.items()}
        held = {
            key: joined(
                replace(
                    span,
                    value=replace(
                        span.value, unit_id=real.get(span.value.unit_id, span.value.unit_id)
                    ),
                )
                for span in spans
            )
            for key, spans in self.after.items()
        }
        outcome.days_marked = write_holdings(self.session, self.before, held, paper.now)
        carried = carry_records(self.session, self.before, held)
        row = UnitChange(
            kind=kind,
            effective=self.effective,
            at=paper.now,
            by=paper.by,
            document=paper.document,
            note=paper.note,
            detail={
                "ended": outcome.ended,
                "into": outcome.into,
                "moved_units": outcome.moved_units,
                "moved_resources": outcome.moved_resources,
                "fresh": fresh,
                "records": carried,
                "units": {
                    code: [packed_places(before[code]), packed_places(states[code])]
                    for code in self.plan.after
                },
                "holdings": {
                    str(key): [packed_holdings(self.before[key]), packed_holdings(spans)]
                    for key, spans in read_holdings(self.session, sorted(held)).items()
                },
            },
        )
        self.session.add(row)
        self.session.flush()
        outcome.id = row.id
        return outcome


def _ended(places: Timeline[Place], end: datetime) -> Timeline[Place]:
    return tuple(span for span in places if span.since < end)


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
