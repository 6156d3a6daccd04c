"""A problem as a page: what happened, what to do, an id to quote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from controller.problems import Problem
from controller.web import language, render
from controller.web.language import Text
from controller.web.shell import LANGUAGE_COOKIE, Shell


@dataclass(frozen=True)
class ProblemPage(render.Context):
    """``what`` happened and what to ``do``; ``quote`` is the id that finds it in the log."""

    template: ClassVar[str] = "problem.html"

    status: int
    what: str
    do: str
    quote: str
    home: str


def problem_page(request: Request, problem: Problem, request_id: str) -> Response:
    """The page of a problem (``app.state.problem_page``).

    A stranger is sent to the login, the holder of a first password to its change.
    """
    if problem.status == 401:
        target = "/login"
        if request.method == "GET" and request.url.path != "/":
            target += "?next=" + quote(f"{request.url.path}?{request.url.query}".rstrip("?"))
        return _redirect(request, target)
    if problem.title == "password change required":
        return _redirect(request, "/password")
    chosen = language.known(request.cookies.get(LANGUAGE_COOKIE))
    _ = language.text(chosen)
    what, do = explain(problem, _, sent=request.method == "POST")
    frame = bare_shell(chosen, what, request_id)
    context = ProblemPage(problem.status, what, do, request_id, "/")
    timezone = request.app.state.runtime.settings.timezone
    return render.page(request, context, frame, timezone, status=problem.status)


def bare_shell(chosen: str, title: str, request_id: str = "", here: str = "/") -> Shell:
    """The frame of pages that stand alone: login, errors."""
    return Shell(
        language=chosen,
        title=title,
        principal=None,
        csrf="",
        areas=(),
        admin_areas=(),
        active="",
        crumbs=(),
        freshness=None,
        flashes=(),
        here=here,
        request_id=request_id,
    )


def explain(problem: Problem, _: Text, *, sent: bool = False) -> tuple[str, str]:
    """What happened and what to do, in the reader's words; ``sent``: a form was sent."""
    again = _("请稍后重试；如仍出现，请将下方编号告知运维人员。")
    known = {
        400: (_("请求无法识别"), _("请返回上一页，检查填写内容后重试。")),
        403: (_("无权进行此操作"), _("如因工作需要，请联系安全管理员调整您的角色。")),
        404: (
            _("没有找到该内容"),
            _("它可能已被移除，或不在您的查看范围内。请从首页重新进入。"),
        ),
        405: (_("请求方式不正确"), _("请从页面上的按钮进入，不要直接修改网址。")),
        409: (
            _("当前状态下不能这样办理"),
            _("可能已有人办理过，或正在办理。请返回上一页，刷新后查看最新状态。"),
        ),
        413: (_("提交的内容过大"), _("请减小文件或分批提交。")),
        422: (_("查询条件有误"), _("请检查网址中的日期、排序等条件，或返回上一页重新选择。")),
        429: (_("操作过于频繁"), _("请稍候片刻再试。")),
        503: (_("数据存储暂时没有应答"), again),
        507: (_("存储空间不足"), _("请联系运维人员清理或扩容磁盘。")),
    }
    if problem.title in ("request not proven ours", "foreign origin"):
        return _("页面已过期"), _("请返回上一页，刷新后再提交。")
    if sent and problem.status == 422:
        return _("填写的内容不完整或有误"), _("请返回上一页，检查必填项后重新提交。")
    return known.get(problem.status, (_("系统出现错误"), again))


def _redirect(request: Request, target: str) -> Response:
    if "hx-request" in request.headers:
        # htmx would put the login page into a table; this makes the browser go there.
        return Response(status_code=200, headers={"HX-Redirect": target})
    return RedirectResponse(target, status_code=303)
