"""What the worker does of its own: judging what came, the day's scores, the work list."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func
from sqlmodel import col, select

from controller.ipv6 import days, subjects, worklist
from controller.ipv6.index import load_index
from controller.ipv6.tables import Ipv6Reading
from controller.runtime import Runtime

RECENT = timedelta(minutes=25)
"""A reading younger than this may not be in the work list yet: the job comes every ten minutes."""


def judge_new(runtime: Runtime) -> None:
    """Judges new documents, and brings the work list up to date where anything is new.

    Raises BadIndexError for an unusable index of the city's own.
    """
    index = load_index(runtime.settings.ipv6_index)
    judged = subjects.judge_waiting(runtime, index)
    with runtime.database.read() as session:
        newest = session.exec(select(func.max(col(Ipv6Reading.at)))).one()
    if judged or (newest is not None and newest > runtime.now() - RECENT):
        worklist.record(runtime, index)


def keep_day(runtime: Runtime) -> None:
    """The day's scores and traffic, and the whole work list."""
    index = load_index(runtime.settings.ipv6_index)
    days.keep_day(runtime, index)
    worklist.record(runtime, index)
