"""When plans run by themselves: the worker asks every half minute what is due."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from controller.findings import hide
from controller.patrol import plans, run
from controller.patrol.plans import PlanView, Schedule
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store.tables import Watermark

_MARK = "patrol:"
"""Watermark of a plan: until when its slots have been seen to."""

log = logging.getLogger("yunxun.patrol")


def tick(runtime: Runtime) -> list[int]:
    """Marks runs that died, shows what windows no longer hide, and runs the plans that are due,
    one after the other; gives the runs. Raises what ended a run."""
    now = runtime.now()
    with runtime.database.write() as session:
        run.mark_died(session, now)
        hide.refresh(session, now)
        due = _due(session, now, ZoneInfo(runtime.settings.timezone))
    done = []
    for view in due:
        try:
            number = run.start(runtime.database, view, None, "", runtime.now())
        except Problem as problem:  # somebody runs it by hand right now: that will do
            log.info("patrol not started", extra={"plan": view.plan.name, "why": problem.detail})
            continue
        run.execute(runtime, number)
        done.append(number)
    return done


def _due(session: Session, now: datetime, zone: ZoneInfo) -> list[PlanView]:
    """The enabled plans with a slot since they were last seen to; they are seen to with this.

    A plan never seen before waits for its next slot: a new controller has nothing to patrol.
    """
    due = []
    for view in plans.list_plans(session):
        if not view.plan.enabled:
            continue
        name = _MARK + view.plan.name
        mark = session.get(Watermark, name)
        slot = last_slot(view.plan.schedule, now, zone)
        if mark is not None and slot is not None and slot > mark.at:
            due.append(view)
        if mark is None or due[-1:] == [view]:
            session.merge(Watermark(name=name, at=now))
    return due


def last_slot(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The newest moment not after ``now`` when the plan was to run; None if there was none."""
    local = now.astimezone(zone)
    step = timedelta(hours=schedule.every_hours or 24)
    for back in range(8):  # a week has every weekday
        day = local.date() - timedelta(days=back)
        if schedule.weekday is not None and day.isoweekday() != schedule.weekday:
            continue
        if (schedule.until is not None and day > schedule.until) or (
            schedule.since is not None and day < schedule.since
        ):
            continue
        slot = datetime.combine(day, schedule.at, zone)
        newest = None
        while slot <= local and slot.date() == day:
            newest = slot
            slot += step
        if newest is not None:
            return newest
    return None


def next_slot(schedule: Schedule, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The next moment after ``now`` when the plan will run; None if never."""
    local = now.astimezone(zone)
    step = timedelta(hours=schedule.every_hours or 24)
    first = max(local.date(), schedule.since or local.date())
    for ahead in range(9):
        day = first + timedelta(days=ahead)
        if schedule.until is not None and day > schedule.until:
            return None
        if schedule.weekday is not None and day.isoweekday() != schedule.weekday:
            continue
        slot = datetime.combine(day, schedule.at, zone)
        while slot.date() == day:
            if slot > local:
                return slot
            slot += step
    return None
