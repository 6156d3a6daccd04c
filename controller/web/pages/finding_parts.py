"""What the pages of findings share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends

from controller.problems import Problem
from controller.web.shell import Crumb
from controller.web.view import View, opened

FindingsView = Annotated[View, Depends(opened("findings.read"))]
Manager = Annotated[View, Depends(opened("findings.manage"))]


def moment_of(view: View, text: str) -> datetime:
    """A moment as a browser's field gives it, in the controller's zone. Raises Problem 422."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(422, "wrong time", view.text("时间无法识别。")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=view.zone)


def tomorrow(view: View) -> str:
    """This time tomorrow, as a browser's field wants it."""
    return f"{(view.now + timedelta(days=1)).astimezone(view.zone):%Y-%m-%dT%H:%M}"


def crumbs_of(view: View, *crumbs: Crumb) -> Sequence[Crumb]:
    """The way to a page of findings."""
    first = Crumb(view.text("巡查"), "/patrol" if view.may("patrol.read") else "/findings")
    return (first, *crumbs)


def refused_words(view: View, problem: Problem) -> str:
    """Why something was refused, in the reader's words."""
    _ = view.text
    known = {
        "reason missing": _("请填写原因。"),
        "window too wide": _("请至少指定检查项、对象或单位之一。"),
        "wrong period": _("结束时间须在将来，且不超过一年。"),
        "not allowed": _("请指定本级的单位。"),
    }
    return known.get(problem.title, problem.detail)
