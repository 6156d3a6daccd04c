"""Users, API tokens and the audit log over HTTP. Signing in is a page; see controller.web."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from controller.access import audit, tokens, users
from controller.access.deps import RuntimeDep, SignedInDep, may
from controller.access.passwords import random_password, verify_password
from controller.access.principal import Principal
from controller.access.tables import ApiToken, AuditEntry, User
from controller.problems import NotFound, Problem
from controller.store.relational import Database

router = APIRouter(prefix="/api/v1", tags=["access"])

FindUnit = Callable[[Session, str, datetime], int]
"""A unit's code to its id; inventory's, set on the app, because access lies below inventory."""

UserReader = Annotated[Principal, Depends(may("users.read"))]
UserManager = Annotated[Principal, Depends(may("users.manage"))]
TokenManager = Annotated[Principal, Depends(may("tokens.manage"))]
AuditReader = Annotated[Principal, Depends(may("audit.read"))]


class Me(BaseModel):
    """Who the caller is."""

    name: str
    role: str
    unit_id: int | None
    language: str
    must_change_password: bool


class UserView(BaseModel):
    """A user, without any secret."""

    username: str
    display_name: str
    role: str
    unit_id: int | None
    disabled: bool
    must_change_password: bool
    duty: str = ""
    created: datetime
    last_login: datetime | None


class UserPage(BaseModel):
    items: list[UserView]
    total: int
    page: int
    size: int


class NewUser(BaseModel):
    """``unit`` is a unit's code and needed for county_admin and unit only; ``duty`` (handler or
    leader) is for role unit only."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"username": "li.na", "role": "ops", "display_name": "李娜"}},
    )

    username: str
    role: str
    unit: str = ""
    display_name: str = Field(default="", max_length=100)
    duty: str = ""


class UserChange(BaseModel):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"disabled": True}})

    display_name: str | None = Field(default=None, max_length=100)
    role: str | None = None
    unit: str | None = None
    duty: str | None = None
    disabled: bool | None = None
    reset_password: bool = False


class GivenPassword(BaseModel):
    """``password`` is shown this once; it must be changed at the first login."""

    user: UserView
    password: str | None = None


class NewPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current: str
    new: str


class TokenView(BaseModel):
    """An API token, without its secret part."""

    id: int
    prefix: str
    name: str
    role: str
    unit_id: int | None
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class NewToken(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "monthly report", "role": "ops", "days": 90}},
    )

    name: str = Field(max_length=100)
    role: str
    unit: str = ""
    days: float | None = Field(default=None, gt=0, le=3650)


class GivenToken(BaseModel):
    """``text`` is shown this once."""

    token: TokenView
    text: str


class AuditView(BaseModel):
    id: int
    at: datetime
    actor: str
    address: str
    action: str
    object: str
    outcome: str
    detail: dict[str, Any]
    chain: str


class AuditPage(BaseModel):
    """``next_before`` continues the list; null at its end."""

    items: list[AuditView]
    next_before: int | None


class AuditVerdict(BaseModel):
    """``broken`` is the id of the first row that was changed, removed or moved."""

    rows: int
    intact: bool
    broken: int | None
    head: str


@router.get("/me", summary="Who am I")
def me(principal: SignedInDep) -> Me:
    return Me.model_validate(principal, from_attributes=True)


@router.post("/me/password", status_code=204, summary="Change my password")
def change_my_password(body: NewPassword, runtime: RuntimeDep, principal: SignedInDep) -> None:
    change_password(runtime.database, principal, body.current, body.new)


def change_password(database: Database, principal: Principal, current: str, new: str) -> None:
    """Change the principal's own password, ending all their sessions. Raises Problem 403, 422."""
    with database.read() as session:
        user = session.get(User, principal.user_id) if principal.user_id is not None else None
    if user is None:
        raise Problem(403, "not allowed", "only a signed-in user has a password")
    fits = verify_password(user.password_hash, current)
    with database.write() as session:
        if fits:
            if new == current:
                raise Problem(422, "weak password", "the new password is the old one")
            user = session.get_one(User, principal.user_id)
            try:
                users.set_password(session, user, new, must_change=False)
            except ValueError as error:
                raise Problem(422, "weak password", str(error)) from None
        audit.record(
            session,
            principal,
            "user.password",
            f"user {principal.name}",
            "ok" if fits else "refused",
        )
    if not fits:
        raise Problem(403, "wrong password", "the current password is wrong")


@router.get("/users", summary="Users")
def list_users(
    runtime: RuntimeDep,
    _principal: UserReader,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = 100,
) -> UserPage:
    with runtime.database.read() as session:
        found = list(session.exec(select(User).order_by(col(User.username))))
    chosen = found[(page - 1) * size : page * size]
    return UserPage(
        items=[_user_view(user) for user in chosen], total=len(found), page=page, size=size
    )


@router.post("/users", status_code=201, summary="Make a user; its first password is shown once")
def create_user(
    body: NewUser, request: Request, runtime: RuntimeDep, principal: UserManager
) -> GivenPassword:
    password = random_password()
    with runtime.database.write() as session:
        try:
            user = users.create_user(
                session,
                body.username,
                password,
                body.role,
                principal.at,
                unit_id=_unit_id(request, session, body.unit, principal.at),
                display_name=body.display_name,
                duty=body.duty,
            )
        except ValueError as error:
            raise Problem(422, "invalid user", str(error)) from None
        audit.record(
            session,
            principal,
            "user.create",
            f"user {user.username}",
            detail={"role": user.role, "unit": body.unit},
        )
    return GivenPassword(user=_user_view(user), password=password)


@router.patch("/users/{username}", summary="Change, disable or give a new first password")
def change_user(
    username: str, body: UserChange, request: Request, runtime: RuntimeDep, principal: UserManager
) -> GivenPassword:
    password: str | None = None
    with runtime.database.write() as session:
        user = users.find_user(session, username)
        if user is None:
            raise NotFound("user", username)
        if user.id == principal.user_id and body.role not in (None, user.role):
            raise Problem(422, "invalid user", "nobody changes their own role")
        before = _powers(user)
        unit_id = (
            user.unit_id
            if body.unit is None
            else _unit_id(request, session, body.unit, principal.at)
        )
        try:
            users.change_user(
                session,
                user,
                role=body.role or user.role,
                unit_id=unit_id,
                disabled=user.disabled if body.disabled is None else body.disabled,
                display_name=user.display_name if body.display_name is None else body.display_name,
                duty=_duty(user, body),
            )
            if body.reset_password:
                password = random_password()
                users.set_password(session, user, password, must_change=True)
        except ValueError as error:
            raise Problem(422, "invalid user", str(error)) from None
        after = _powers(user)
        audit.record(
            session,
            principal,
            "user.change",
            f"user {username}",
            detail={"before": before, "after": after, "password_reset": body.reset_password},
        )
    return GivenPassword(user=_user_view(user), password=password)


@router.get("/tokens", summary="API tokens")
def list_tokens(runtime: RuntimeDep, _principal: TokenManager) -> list[TokenView]:
    with runtime.database.read() as session:
        return [_token_view(token) for token in tokens.list_tokens(session)]


@router.post("/tokens", status_code=201, summary="Make an API token; its text is shown once")
def create_token(
    body: NewToken, request: Request, runtime: RuntimeDep, principal: TokenManager
) -> GivenToken:
    with runtime.database.write() as session:
        try:
            text, token = tokens.create_token(
                session,
                body.name,
                body.role,
                principal.at,
                unit_id=_unit_id(request, session, body.unit, principal.at),
                days=body.days,
            )
        except ValueError as error:
            raise Problem(422, "invalid token", str(error)) from None
        audit.record(
            session,
            principal,
            "token.create",
            f"token {token.prefix}",
            detail={"name": body.name, "role": body.role, "unit": body.unit, "days": body.days},
        )
    return GivenToken(token=_token_view(token), text=text)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke an API token at once")
def revoke_token(token_id: int, runtime: RuntimeDep, principal: TokenManager) -> None:
    with runtime.database.write() as session:
        token = tokens.revoke(session, token_id, principal.at)
        if token is None:
            raise NotFound("token", str(token_id))
        audit.record(session, principal, "token.revoke", f"token {token.prefix}")


@router.get("/audit", summary="The audit log, newest first")
def list_audit(
    runtime: RuntimeDep,
    _principal: AuditReader,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: Annotated[datetime | None, Query(alias="to")] = None,
    actor: str = "",
    action: Annotated[str, Query(description="an action or its beginning, such as user.")] = "",
    before: Annotated[int | None, Query(description="next_before of the page before")] = None,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditPage:
    with runtime.database.read() as session:
        entries = audit.list_entries(
            session,
            since=_aware(runtime.settings.timezone, since),
            until=_aware(runtime.settings.timezone, until),
            actor=actor,
            action=action,
            before_id=before,
            limit=size,
        )
        items = [_audit_view(entry) for entry in entries]
    return AuditPage(items=items, next_before=items[-1].id if len(items) == size else None)


@router.get("/audit/verify", summary="Walk the hash chain of the audit log")
def verify_audit(runtime: RuntimeDep, _principal: AuditReader) -> AuditVerdict:
    with runtime.database.read() as session:
        verdict = audit.verify(session)
    return AuditVerdict(
        rows=verdict.rows, intact=verdict.broken is None, broken=verdict.broken, head=verdict.head
    )


def _unit_id(request: Request, session: Session, code: str, at: datetime) -> int | None:
    """The unit's id; None for no unit. Raises Problem 404."""
    if not code:
        return None
    find: FindUnit = request.app.state.find_unit_id
    return find(session, code, at)


def _powers(user: User) -> dict[str, Any]:
    return {
        "role": user.role,
        "unit_id": user.unit_id,
        "disabled": user.disabled,
        "duty": user.duty,
    }


def _duty(user: User, change: UserChange) -> str:
    """The duty after ``change``: as given, else kept as long as the role is a unit's."""
    if change.duty is not None:
        return change.duty
    return user.duty if (change.role or user.role) == "unit" else ""


def _aware(timezone: str, moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(timezone))


def _user_view(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)


def _token_view(token: ApiToken) -> TokenView:
    return TokenView.model_validate(token, from_attributes=True)


def _audit_view(entry: AuditEntry) -> AuditView:
    return AuditView.model_validate(entry, from_attributes=True)
