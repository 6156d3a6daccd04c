"""Checks and plans as data: the shipped ones (TOML), and the versions people made of the plans."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import Principal
from controller.patrol.tables import PatrolPlan
from controller.problems import NotFound, Problem

Severity = Literal["critical", "major", "minor", "info"]
KINDS = ("daily", "weekly", "key_period")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Data):
    """From ``at`` on the finding is this grave."""

    severity: Severity
    at: float


class Check(_Data):
    """One thing a patrol looks for. What the fields mean stands at the head of checks.toml."""

    id: str
    look: str
    group: Literal["agents", "data", "load", "storage", "network", "policy", "self"]
    weight: float = Field(ge=0, le=100)
    direction: Literal["up", "down"] = "up"
    title_zh: str
    title_en: str
    finding_zh: str
    finding_en: str
    remedy_zh: str
    remedy_en: str
    levels: list[Level] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    evidence: dict[str, tuple[str, str]]

    def level(self, value: float) -> Severity | None:
        """The gravest level that ``value`` reaches; None if none."""
        reached: Severity | None = None
        for level in self.levels:
            if (value >= level.at) if self.direction == "up" else (value <= level.at):
                reached = level.severity
        return reached

    @property
    def mildest(self) -> float:
        """Where findings begin."""
        return self.levels[0].at

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[name])


class PlanCheck(_Data):
    """A check in a plan, with what this plan wants otherwise."""

    id: str
    levels: list[Level] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    weight: float | None = Field(default=None, ge=0, le=100)


class Schedule(_Data):
    """When a plan runs by itself, in the controller's zone. ``weekday``: 1 is Monday;
    ``every_hours``: from ``at`` on around the day; ``since`` and ``until``: first and last day."""

    at: time
    weekday: int | None = Field(default=None, ge=1, le=7)
    every_hours: int | None = Field(default=None, ge=1, le=24)
    since: date | None = None
    until: date | None = None


class Plan(_Data):
    """What is looked at, and when. Raises ValidationError for checks that do not exist."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,23}$")
    kind: Literal["daily", "weekly", "key_period"]
    title_zh: str = Field(min_length=1, max_length=100)
    title_en: str = Field(default="", max_length=100)
    enabled: bool = True
    schedule: Schedule
    checks: list[PlanCheck] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for each in self.checks:
            merged(each)
        if len({each.id for each in self.checks}) < len(self.checks):
            raise ValueError("a check stands in the plan twice")
        return self

    def title(self, language: str) -> str:
        return self.title_en if language == "en" and self.title_en else self.title_zh

    def resolved(self) -> list[Check]:
        """The checks as this plan wants them."""
        return [merged(each) for each in self.checks]


class PlanView(_Data):
    """A plan in force. Version 0 is as shipped; ``author`` "" likewise."""

    plan: Plan
    version: int
    author: str
    note: str
    created: datetime | None


@cache
def catalogue() -> Mapping[str, Check]:
    """Every check by its id, in the order of the report."""
    text = files("controller.patrol").joinpath("checks.toml").read_text("utf-8")
    checks = [Check.model_validate(each) for each in tomllib.loads(text)["check"]]
    return {check.id: check for check in checks}


@cache
def shipped() -> Mapping[str, Plan]:
    """The shipped plans by name."""
    text = files("controller.patrol").joinpath("plans.toml").read_text("utf-8")
    plans = [Plan.model_validate(each) for each in tomllib.loads(text)["plan"]]
    return {plan.name: plan for plan in plans}


def merged(wanted: PlanCheck) -> Check:
    """The check with the plan's own levels, parameters and weight.

    Raises ValueError for an unknown check or parameter, a parameter of another type, or levels
    out of order.
    """
    check = catalogue().get(wanted.id)
    if check is None:
        raise ValueError(f"no check {wanted.id!r}; there are {', '.join(catalogue())}")
    for name, value in wanted.parameters.items():
        if name not in check.parameters:
            known = ", ".join(check.parameters) or "none"
            raise ValueError(f"{wanted.id} has no parameter {name!r}; it has {known}")
        number = isinstance(check.parameters[name], int | float)
        fits = isinstance(value, int | float) if number else True
        if (
            not fits
            or type(value) is bool
            or (not number and type(value) is not _kind(check, name))
        ):
            raise ValueError(f"{wanted.id}: parameter {name!r} is not of the right type")
        if number and value <= 0:
            raise ValueError(f"{wanted.id}: parameter {name!r} must be above 0")
    changes: dict[str, Any] = {"parameters": {**check.parameters, **wanted.parameters}}
    if wanted.levels is not None:
        marks = [level.at for level in wanted.levels]
        if not marks or marks != sorted(marks, reverse=check.direction == "down"):
            raise ValueError(f"{wanted.id}: levels go from mild to grave")
        changes["levels"] = wanted.levels
    if wanted.weight is not None:
        changes["weight"] = wanted.weight
    return check.model_copy(update=changes)


def _kind(check: Check, name: str) -> type:
    return type(check.parameters[name])


def list_plans(session: Session) -> list[PlanView]:
    """Every plan in its version in force: the shipped ones first, then others by name."""
    newest = (
        select(col(PatrolPlan.name), func.max(col(PatrolPlan.version)).label("version"))
        .group_by(col(PatrolPlan.name))
        .subquery()
    )
    rows = session.scalars(
        select(PatrolPlan).join(
            newest,
            (col(PatrolPlan.name) == newest.c.name) & (col(PatrolPlan.version) == newest.c.version),
        )
    ).all()
    edited = {row.name: _view(row) for row in rows}
    views = [
        edited.pop(name)
        if name in edited
        else PlanView(plan=plan, version=0, author="", note="", created=None)
        for name, plan in shipped().items()
    ]
    return views + [edited[name] for name in sorted(edited)]


def get_plan(session: Session, name: str) -> PlanView:
    """The plan in force. Raises NotFound."""
    for view in list_plans(session):
        if view.plan.name == name:
            return view
    raise NotFound("patrol plan", name)


def versions(session: Session, name: str) -> Sequence[PlanView]:
    """Every version people made of it, newest first."""
    rows = session.scalars(
        select(PatrolPlan)
        .where(col(PatrolPlan.name) == name)
        .order_by(col(PatrolPlan.version).desc())
    )
    return [_view(row) for row in rows]


def save_plan(session: Session, definition: dict[str, Any], by: Principal, note: str) -> PlanView:
    """Makes a new version of the plan that ``definition`` names, or a new plan.

    Raises Problem 422 saying what is wrong with it.
    """
    try:
        plan = Plan.model_validate(definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Problem(422, "plan not valid", f"{where}: {first['msg']}".strip(": ")) from None
    last = session.scalar(
        select(func.max(col(PatrolPlan.version))).where(col(PatrolPlan.name) == plan.name)
    )
    row = PatrolPlan(
        name=plan.name,
        version=(last or 0) + 1,
        definition=plan.model_dump(mode="json", exclude_none=True),
        author=by.name,
        note=note,
        created=by.at,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, by, "patrol.plan", plan.name, detail={"version": row.version, "note": note}
    )
    return _view(row)


def _view(row: PatrolPlan) -> PlanView:
    return PlanView(
        plan=Plan.model_validate(row.definition),
        version=row.version,
        author=row.author,
        note=row.note,
        created=row.created,
    )
