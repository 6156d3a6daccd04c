"""Users, sessions, API tokens and the audit log. Secrets are stored as hashes only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime

ROLES = (
    "system_admin",
    "security_admin",
    "auditor",
    "ops",
    "engineer",
    "provider",
    "county_admin",
    "unit",
)
"""What a user may do. county_admin and unit are bound to a unit and see its subtree only."""

DUTIES = ("", "handler", "leader")


class User(SQLModel, table=True):
    __tablename__ = "app_user"  # "user" is a reserved word in PostgreSQL

    id: int | None = Field(default=None, primary_key=True)
    username: str = Field(unique=True, max_length=64)
    display_name: str = Field(default="", max_length=100)
    password_hash: str
    role: str
    unit_id: int | None = Field(default=None, foreign_key="unit.id")
    must_change_password: bool = False
    disabled: bool = False
    language: str = "zh"
    created: datetime = Field(sa_type=UtcDateTime)
    last_login: datetime | None = Field(default=None, sa_type=UtcDateTime)
    duty: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    """Of a user of role unit: handler (经办人) answers notices, leader (负责人) confirms; "" is a
    handler."""


class LoginFailure(SQLModel, table=True):
    """Failed logins of one user name or one address within the window.

    Keyed on what was typed, not on users that exist: a lockout tells nobody which names do.
    """

    __tablename__ = "login_failure"

    key: str = Field(primary_key=True, max_length=160)
    count: int = 0
    since: datetime = Field(sa_type=UtcDateTime)
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginSession(SQLModel, table=True):
    """A signed-in browser. The cookie holds 256 random bits; here stands their SHA-256."""

    __tablename__ = "login_session"

    token_hash: str = Field(primary_key=True, max_length=64)
    user_id: int = Field(foreign_key="app_user.id", index=True)
    csrf: str
    created: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    address: str = ""


class ApiToken(SQLModel, table=True):
    """A bearer token for the API. ``prefix`` is shown so that people can tell tokens apart."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    prefix: str = Field(max_length=16)
    token_hash: str = Field(unique=True, max_length=64)
    name: str = ""
    role: str
    unit_id: int | None = Field(default=None, foreign_key="unit.id")
    created: datetime = Field(sa_type=UtcDateTime)
    expires: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """One row of the audit log; ``chain`` = SHA-256(previous chain ‖ this row)."""

    __tablename__ = "audit_entry"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor: str
    address: str = ""
    action: str
    object: str = ""
    outcome: str = "ok"
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    chain: str = Field(max_length=64)
