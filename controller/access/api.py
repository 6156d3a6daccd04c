"""Users over HTTP, and oneself. Signing in is a page; see controller.web."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from controller.access import audit, users
from controller.access.deps import RuntimeDep, SignedInDep, may
from controller.access.passwords import random_password, verify_password
from controller.access.principal import Principal
from controller.access.tables import User
from controller.problems import NotFound, Problem
from controller.store.relational import Database

router = APIRouter(prefix="/api/v1", tags=["access"])

FindUnit = Callable[[Session, str, datetime], int]
"""A unit's code to its id; inventory's, set on the app, because access lies below inventory."""

UserReader = Annotated[Principal, Depends(may("users.read"))]
UserManager = Annotated[Principal, Depends(may("users.manage"))]


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
                unit_id=unit_id_of(request, session, body.unit, principal.at),
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
            else unit_id_of(request, session, body.unit, principal.at)
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


def unit_id_of(request: Request, session: Session, code: str, at: datetime) -> int | None:
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


def _user_view(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)
