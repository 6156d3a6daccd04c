"""``yunxun admin``: users, API tokens and the audit log, on the data folder itself.

These work beside a running server and before the first start. Whoever can write the folder
could write the database anyway; what they do is in the audit log under ``local:NAME``.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from sqlmodel import Session, col, select

from controller import local
from controller.access import audit, tokens, users
from controller.access.passwords import random_password
from controller.access.principal import Principal, local_principal
from controller.access.scope import CITY
from controller.access.tables import ROLES, User
from controller.commands.client import PROBLEMS, CommandError
from controller.commands.terminal import plain, show
from controller.inventory import units
from controller.problems import Problem
from controller.runtime import Runtime

app = typer.Typer(help="Users, API tokens and the audit log.", no_args_is_help=True)
user_app = typer.Typer(help="Users.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(audit_app, name="audit")

DataFolder = Annotated[
    Path, typer.Option("--data", envvar="YUNXUN_DATA", help="The controller's data folder.")
]
Role = Annotated[str, typer.Option("--role", help=f"One of {', '.join(ROLES)}.")]
UnitCode = Annotated[
    str, typer.Option("--unit", help="Code or name; for county_admin and unit.", show_default=False)
]
PasswordFromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("token")
def make_token(
    data: DataFolder,
    role: Role,
    unit: UnitCode = "",
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[float | None, typer.Option(min=0.01, help="Life; else until revoked.")] = None,
) -> None:
    """Print a new API token, and nothing else; it cannot be shown again.

    Example: yunxun admin token --role ops --name nightly-report --days 90 --data /var/lib/yunxun
    """
    with folder_database(data) as (runtime, by), runtime.database.write() as session:
        text, token = tokens.create_token(
            session, name, role, by.at, unit_id=_unit_id(session, unit, by), days=days
        )
        audit.record(
            session,
            by,
            "token.create",
            f"token {token.prefix}",
            detail={"name": name, "role": role, "unit": unit, "days": days},
        )
    print(text)


@user_app.command("add")
def add_user(
    username: str,
    data: DataFolder,
    role: Role,
    unit: UnitCode = "",
    display_name: Annotated[str, typer.Option("--display-name")] = "",
    duty: Annotated[
        str, typer.Option("--duty", help="Of role unit: handler (经办人) or leader (负责人).")
    ] = "",
    password_stdin: PasswordFromStdin = False,
) -> None:
    """Make a user; a random first password is printed unless one is given.

    Example: yunxun admin user add li.na --role security_admin --data /var/lib/yunxun
    """
    password = _read_password() if password_stdin else random_password()
    with folder_database(data) as (runtime, by), runtime.database.write() as session:
        users.create_user(
            session,
            username,
            password,
            role,
            by.at,
            unit_id=_unit_id(session, unit, by),
            display_name=display_name,
            duty=duty,
        )
        audit.record(
            session, by, "user.create", f"user {username}", detail={"role": role, "unit": unit}
        )
    _tell_password(username, None if password_stdin else password)


@user_app.command("password")
def give_password(
    username: str, data: DataFolder, password_stdin: PasswordFromStdin = False
) -> None:
    """Give a user a new first password; also lifts a lockout and ends their sessions.

    Example: yunxun admin user password li.na --data /var/lib/yunxun
    """
    password = _read_password() if password_stdin else random_password()
    with folder_database(data) as (runtime, by), runtime.database.write() as session:
        users.set_password(session, _user(session, username), password, must_change=True)
        audit.record(
            session, by, "user.change", f"user {username}", detail={"password_reset": True}
        )
    _tell_password(username, None if password_stdin else password)


@user_app.command("disable")
def disable_user(username: str, data: DataFolder) -> None:
    """Lock a user out at once; nothing of theirs is removed.

    Example: yunxun admin user disable li.na --data /var/lib/yunxun
    """
    _set_disabled(data, username, disabled=True)


@user_app.command("enable")
def enable_user(username: str, data: DataFolder) -> None:
    """Let a disabled user in again.

    Example: yunxun admin user enable li.na --data /var/lib/yunxun
    """
    _set_disabled(data, username, disabled=False)


@user_app.command("list")
def list_users(data: DataFolder) -> None:
    """All users.

    Example: yunxun admin user list --data /var/lib/yunxun
    """
    table = Table("user", "name", "role", "unit", "state", "last login")
    with folder_database(data) as (runtime, by), runtime.database.read() as session:
        codes = {unit.id: unit.code for unit in units.list_units(session, CITY, by.at)}
        for user in session.exec(select(User).order_by(col(User.username))):
            state = (
                "disabled" if user.disabled else "to change password" * user.must_change_password
            )
            last = (
                "" if user.last_login is None else f"{user.last_login.astimezone():%Y-%m-%d %H:%M}"
            )
            unit = codes.get(user.unit_id, "?") if user.unit_id is not None else ""
            name = plain(user.display_name)
            table.add_row(user.username, name, user.role, plain(unit), state, last)
    show(table)


@audit_app.command("verify")
def verify_audit(data: DataFolder) -> None:
    """Walk the hash chain of the audit log; exit status 1 if a row was changed or removed.

    Example: yunxun admin audit verify --data /var/lib/yunxun
    """
    with folder_database(data) as (runtime, _by), runtime.database.read() as session:
        verdict = audit.verify(session)
    if verdict.broken is not None:
        print(f"audit log: broken at row {verdict.broken}, after {verdict.rows} good rows")
        raise typer.Exit(PROBLEMS)
    print(f"audit log: {verdict.rows} rows, intact; head {verdict.head}")


@contextmanager
def folder_database(data: Path) -> Iterator[tuple[Runtime, Principal]]:
    """The database of the folder and who works on it; what is refused becomes CommandError."""
    try:
        with local.open_database(data) as runtime:
            yield runtime, local_principal(runtime.now(), f"local:{_own_name()}")
    except (local.LocalError, ValueError) as error:
        raise CommandError(str(error)) from None
    except Problem as problem:
        raise CommandError(problem.detail or problem.title) from None


def _own_name() -> str:
    """Who runs the command; the number of a user that the system has no name for (containers)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _unit_id(session: Session, unit: str, by: Principal) -> int | None:
    return units.find_unit(session, CITY, unit, by.at).id if unit else None


def _user(session: Session, username: str) -> User:
    user = users.find_user(session, username)
    if user is None:
        raise CommandError(f"no user {username!r}; 'yunxun admin user list' shows them")
    return user


def _set_disabled(data: Path, username: str, *, disabled: bool) -> None:
    with folder_database(data) as (runtime, by), runtime.database.write() as session:
        user = _user(session, username)
        users.change_user(
            session,
            user,
            role=user.role,
            unit_id=user.unit_id,
            disabled=disabled,
            display_name=user.display_name,
            duty=user.duty,
        )
        audit.record(session, by, "user.change", f"user {username}", detail={"disabled": disabled})


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\n")


def _tell_password(username: str, password: str | None) -> None:
    if password is None:
        print(f"user {username}: the given password must be changed at the first login")
    else:
        print(f"user {username}: first password {password} (shown this once)")
