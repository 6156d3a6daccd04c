"""Signing in and out, one's own password, the language of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.access import sessions
from controller.access.api import change_password
from controller.access.deps import MaybePrincipalDep, RuntimeDep, check_origin, client_address
from controller.access.passwords import LEAST, LONG
from controller.access.tables import User
from controller.problems import Problem
from controller.store.relational import Database
from controller.web import language, render, shell
from controller.web.errors import bare_shell
from controller.web.view import AnyView, View

router = APIRouter()

YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class LoginPage(render.Context):
    """``problem`` is why the last try failed, "" at first; ``next`` where to go afterwards."""

    template: ClassVar[str] = "login.html"

    problem: str
    username: str
    next: str
    other_language: str


@dataclass(frozen=True)
class PasswordPage(render.Context):
    """``forced``: a given password that must be changed before anything else."""

    template: ClassVar[str] = "password.html"

    problem: str
    forced: bool
    rule: str
    back: str


@router.get("/login")
def login_page(
    request: Request,
    runtime: RuntimeDep,
    principal: MaybePrincipalDep,
    target: Annotated[str, Query(alias="next")] = "/",
    lang: str = "",
) -> Response:
    if principal is not None:
        return render.go(shell.local_path(target))
    chosen = _language(request, runtime.settings.language, lang)
    context = LoginPage("", "", shell.local_path(target), "")
    answer = _login(request, runtime.settings.timezone, chosen, context)
    if lang in language.LANGUAGES:
        _keep_language(answer, lang)
    return answer


@router.post("/login")
def login(
    request: Request,
    runtime: RuntimeDep,
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    target: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    chosen = _language(request, runtime.settings.language, "")
    _ = language.text(chosen)
    target = shell.local_path(target)
    check_origin(request, runtime.settings)
    try:
        cookie, user = sessions.login(runtime, username.strip(), password, client_address(request))
    except Problem as refused:
        if refused.status == 429:
            minutes = -(-int(refused.headers.get("Retry-After", "60")) // 60)
            problem = _(
                "连续多次登录失败，已锁定。请 {n} 分钟后再试，或联系安全管理员。", n=minutes
            )
        elif refused.status == 401:
            problem = _("用户名或密码不正确。连续 5 次失败将锁定 15 分钟。")
        else:
            raise
        context = LoginPage(problem, username, target, "")
        return _login(request, runtime.settings.timezone, chosen, context, refused.status)
    wanted = request.cookies.get(shell.LANGUAGE_COOKIE)
    if wanted in language.LANGUAGES and wanted != user.language:
        _store_language(runtime.database, user.id, wanted)
    answer = render.go("/password" if user.must_change_password else target)
    secure = sessions.is_secure(request, runtime.settings)
    sessions.set_cookie(answer, cookie, secure=secure)
    return answer


@router.post("/logout")
def logout(view: AnyView) -> Response:
    sessions.logout(view.runtime.database, view.principal)
    answer = render.go("/login")
    secure = sessions.is_secure(view.request, view.runtime.settings)
    sessions.clear_cookie(answer, secure=secure)
    return answer


@router.get("/password")
def password_page(view: AnyView) -> HTMLResponse:
    return _password(view, "")


@router.post("/password")
def set_password(
    view: AnyView,
    current: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    _ = view.text
    if new != again:
        return _password(view, _("两次输入的新密码不一致。"), 422)
    try:
        change_password(view.runtime.database, view.principal, current, new)
    except Problem as refused:
        if refused.title == "wrong password":
            return _password(view, _("当前密码不正确。"), 403)
        if refused.title == "weak password":
            return _password(view, _("新密码过于简单，或与旧密码相同。") + _rule(view), 422)
        raise
    # All sessions of the user ended with the old password; this browser gets a new one.
    with view.runtime.database.write() as session:
        user = session.get_one(User, view.principal.user_id)
        cookie = sessions.open_session(session, user, view.principal.address, view.now)
    answer = render.go(shell.home(view.principal), shell.Flash("good", _("密码已修改。")))
    secure = sessions.is_secure(view.request, view.runtime.settings)
    sessions.set_cookie(answer, cookie, secure=secure)
    return answer


@router.post("/language")
def set_language(
    view: AnyView,
    chosen: Annotated[str, Form(alias="language")] = "zh",
    target: Annotated[str, Form(alias="next")] = "/",
) -> RedirectResponse:
    answer = render.go(shell.local_path(target))
    if chosen in language.LANGUAGES:
        _store_language(view.runtime.database, view.principal.user_id, chosen)
        _keep_language(answer, chosen)
    return answer


def _login(
    request: Request, timezone: str, chosen: str, context: LoginPage, status: int = 200
) -> HTMLResponse:
    other = render.link("/login", lang="en" if chosen == "zh" else "zh", next=context.next)
    filled = LoginPage(context.problem, context.username, context.next, other)
    frame = bare_shell(chosen, language.text(chosen)("登录"))
    return render.page(request, filled, frame, timezone, status=status)


def _password(view: View, problem: str, status: int = 200) -> HTMLResponse:
    context = PasswordPage(
        problem, view.principal.must_change_password, _rule(view), shell.home(view.principal)
    )
    frame = bare_shell(view.language, view.text("修改密码"))
    # The page stands alone, yet its forms are a signed-in person's.
    framed = shell.Shell(**{**vars(frame), "csrf": view.principal.csrf})
    timezone = view.runtime.settings.timezone
    return render.page(view.request, context, framed, timezone, status=status)


def _rule(view: View) -> str:
    return view.text(
        "至少 {least} 位，须含大写字母、小写字母、数字、其他字符中的三类；{long} 位及以上不限种类。"
        "不得包含用户名或常见密码。",
        least=LEAST,
        long=LONG,
    )


def _language(request: Request, default: str, asked: str) -> str:
    cookie = language.known(request.cookies.get(shell.LANGUAGE_COOKIE), default)
    return language.known(asked, cookie)


def _keep_language(answer: Response, chosen: str) -> None:
    answer.set_cookie(
        shell.LANGUAGE_COOKIE, chosen, max_age=YEAR, path="/", httponly=True, samesite="lax"
    )


def _store_language(database: Database, user_id: int | None, chosen: str) -> None:
    with database.write() as session:
        user = session.get(User, user_id) if user_id is not None else None
        if user is not None:
            user.language = chosen
            session.add(user)
