"""系统 · users and API tokens (security administrator); what is secret is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from sqlmodel import col, select

from controller.access import api as access
from controller.access import tokens_api
from controller.access.roles import BOUND
from controller.access.tables import ROLES, ApiToken, LoginFailure, User
from controller.access.tokens import list_tokens
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.problems import Problem
from controller.web import render, words
from controller.web.pages.system import framed
from controller.web.shell import Area, Flash, system_tabs
from controller.web.view import View, opened

router = APIRouter()

UsersReader = Annotated[View, Depends(opened("users.read"))]
UsersManager = Annotated[View, Depends(opened("users.manage"))]
TokensManager = Annotated[View, Depends(opened("tokens.manage"))]


@dataclass(frozen=True)
class ShownUser:
    """A user with the words of its role and unit."""

    user: User
    role: str
    unit: str
    locked: bool


@dataclass(frozen=True)
class UsersPage(render.Context):
    """``roles`` are (code, name); ``bound_roles`` those that need a unit."""

    template: ClassVar[str] = "users.html"

    tabs: tuple[Area, ...]
    rows: list[ShownUser]
    roles: list[tuple[str, str]]
    bound_roles: str
    units: list[UnitView]
    may_manage: bool
    problem: str
    open_new: bool
    own_name: str


@dataclass(frozen=True)
class SecretGiven(render.Context):
    """A password or token, shown this once."""

    template: ClassVar[str] = "secret_given.html"

    title: str
    about: str
    secret: str
    back: str


@dataclass(frozen=True)
class ShownToken:
    """An API token with the words of its role and unit; ``ended``: revoked or expired."""

    token: ApiToken
    role: str
    unit: str
    ended: str


@dataclass(frozen=True)
class TokensPage(render.Context):
    """As UsersPage, of API tokens."""

    template: ClassVar[str] = "tokens.html"

    tabs: tuple[Area, ...]
    rows: list[ShownToken]
    roles: list[tuple[str, str]]
    bound_roles: str
    units: list[UnitView]
    problem: str
    open_new: bool


@router.get("/system/users")
def users_page(view: UsersReader) -> HTMLResponse:
    return _users(view, "", open_new=view.request.query_params.get("new") == "1")


@router.post("/system/users")
def create_user(
    view: UsersManager,
    username: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    display_name: Annotated[str, Form()] = "",
    duty: Annotated[str, Form()] = "",
) -> Response:
    _ = view.text
    try:
        new = access.NewUser(
            username=username.strip(),
            role=role,
            unit=unit if role in BOUND else "",
            display_name=display_name.strip(),
            duty=duty if role == "unit" else "",
        )
        given = access.create_user(new, view.request, view.runtime, view.principal)
    except (Problem, ValidationError) as refused:
        return _users(view, _refusal(view, refused, "user"), open_new=True, status=422)
    return _given(
        view,
        _("用户 {name} 已建立", name=given.user.username),
        _("首次登录密码只显示这一次，请当面或经可靠渠道交给本人；登录后须立即修改。"),
        given.password or "",
        "/system/users",
    )


@router.post("/system/users/{username}/reset")
def reset_password(username: str, view: UsersManager) -> Response:
    change = access.UserChange(reset_password=True)
    given = access.change_user(username, change, view.request, view.runtime, view.principal)
    _ = view.text
    return _given(
        view,
        _("用户 {name} 的密码已重置", name=username),
        _("新密码只显示这一次；该用户已在所有设备退出，登录后须立即修改密码。"),
        given.password or "",
        "/system/users",
    )


@router.post("/system/users/{username}/{verb}")
def switch_user(username: str, verb: str, view: UsersManager) -> RedirectResponse:
    if verb not in ("disable", "enable"):
        raise Problem(404, "not found", verb)
    _ = view.text
    if username == view.principal.name:
        return render.go("/system/users", Flash("bad", _("不能停用自己的账户。")))
    change = access.UserChange(disabled=verb == "disable")
    access.change_user(username, change, view.request, view.runtime, view.principal)
    done = (
        _("已停用 {name}。", name=username)
        if change.disabled
        else _("已启用 {name}。", name=username)
    )
    return render.go("/system/users", Flash("good", done.format(name=username)))


@router.get("/system/tokens")
def tokens_page(view: TokensManager) -> HTMLResponse:
    return _tokens(view, "", open_new=view.request.query_params.get("new") == "1")


@router.post("/system/tokens")
def create_token(
    view: TokensManager,
    name: Annotated[str, Form()] = "",
    role: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    days: Annotated[str, Form()] = "90",
) -> Response:
    _ = view.text
    try:
        new = tokens_api.NewToken(
            name=name.strip(),
            role=role,
            unit=unit if role in BOUND else "",
            days=float(days) if days else None,
        )
        given = tokens_api.create_token(new, view.request, view.runtime, view.principal)
    except (Problem, ValueError) as refused:
        return _tokens(view, _refusal(view, refused, "token"), open_new=True, status=422)
    return _given(
        view,
        _("接口令牌 {name} 已建立", name=given.token.name or given.token.prefix),
        _("令牌只显示这一次。调用接口时放在请求头 Authorization: Bearer 之后。"),
        given.text,
        "/system/tokens",
    )


@router.post("/system/tokens/{token_id}/revoke")
def revoke_token(token_id: int, view: TokensManager) -> RedirectResponse:
    tokens_api.revoke_token(token_id, view.runtime, view.principal)
    return render.go("/system/tokens", Flash("good", view.text("令牌已吊销，立即失效。")))


def _users(view: View, problem: str, *, open_new: bool, status: int = 200) -> HTMLResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        users = list(session.exec(select(User).order_by(col(User.username))))
        units = list_units(session, view.scope, view.now)
        locked = set(
            session.exec(select(LoginFailure.key).where(col(LoginFailure.locked_until) > view.now))
        )
    names = {unit.id: unit.name for unit in units}
    context = UsersPage(
        tabs=system_tabs(view.principal, _),
        rows=[
            ShownUser(
                user,
                words.role(user.role, _),
                names.get(user.unit_id or 0, ""),
                f"user:{user.username.casefold()}" in locked,
            )
            for user in users
        ],
        roles=[(code, words.role(code, _)) for code in ROLES],
        bound_roles=" ".join(sorted(BOUND)),
        units=units,
        may_manage=view.may("users.manage"),
        problem=problem,
        open_new=open_new and view.may("users.manage"),
        own_name=view.principal.name,
    )
    return framed(view, context, _("用户"), status)


def _tokens(view: View, problem: str, *, open_new: bool, status: int = 200) -> HTMLResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        found = list_tokens(session)
        units = list_units(session, view.scope, view.now)
    names = {unit.id: unit.name for unit in units}
    rows = []
    for token in found:
        ended = _("已吊销") if token.revoked else ""
        if not ended and token.expires is not None and token.expires <= view.now:
            ended = _("已过期")
        rows.append(
            ShownToken(token, words.role(token.role, _), names.get(token.unit_id or 0, ""), ended)
        )
    context = TokensPage(
        tabs=system_tabs(view.principal, _),
        rows=rows,
        roles=[(code, words.role(code, _)) for code in ROLES],
        bound_roles=" ".join(sorted(BOUND)),
        units=units,
        problem=problem,
        open_new=open_new,
    )
    return framed(view, context, _("接口令牌"), status)


def _given(view: View, title: str, about: str, secret: str, back: str) -> HTMLResponse:
    return framed(view, SecretGiven(title=title, about=about, secret=secret, back=back), title)


def _refusal(view: View, refused: Exception, what: str) -> str:
    """Why a user or token was not made, in the reader's words."""
    _ = view.text
    detail = refused.detail if isinstance(refused, Problem) else ""
    if "already" in detail:
        return _("该用户名已存在。")
    if "bound to a unit" in detail or (isinstance(refused, Problem) and refused.status == 404):
        return _("该角色须指定所属单位。")
    if what == "user":
        return _("请检查填写内容：用户名为 2 至 64 位字母、数字或 . - _ @，并选择角色。")
    return _("请检查填写内容：选择角色，有效期为 1 至 3650 天。")
