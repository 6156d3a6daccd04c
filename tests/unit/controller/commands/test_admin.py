"""``yunxun admin`` on a folder: users and tokens before the first start, and the audit log."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from controller import local
from controller.access import tokens, users
from controller.access.tables import AuditEntry
from controller.cli import build
from controller.commands.client import CommandError


def _yunxun(*arguments: str) -> int:
    status = build(arguments)(list(arguments), prog_name="yunxun", standalone_mode=False)
    return status if isinstance(status, int) else 0


def test_a_token_works_at_once_and_is_all_that_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _yunxun("admin", "token", "--data", str(tmp_path), "--role", "ops") == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    with local.open_database(tmp_path) as runtime:
        found = tokens.resolve(runtime.database, printed.strip(), "", runtime.now())
        assert found is not None
        assert found.role == "ops"
        with runtime.database.read() as session:
            entry = session.exec(select(AuditEntry)).one()
        assert entry.action == "token.create"
        assert entry.actor.startswith("local:")
        assert printed.strip() not in str(entry)


def test_users_are_made_locked_and_given_new_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", str(tmp_path))
    assert _yunxun("admin", "user", "add", "li.na", *data, "--role", "security_admin") == 0
    assert "first password" in capsys.readouterr().out
    assert _yunxun("admin", "user", "disable", "li.na", *data) == 0
    assert _yunxun("admin", "user", "password", "li.na", *data) == 0
    with local.open_database(tmp_path) as runtime, runtime.database.read() as session:
        user = users.find_user(session, "li.na")
        assert user is not None
        assert user.disabled
        assert user.must_change_password
    assert _yunxun("admin", "user", "enable", "li.na", *data) == 0
    assert _yunxun("admin", "user", "list", *data) == 0
    assert "li.na" in capsys.readouterr().out
    assert _yunxun("admin", "audit", "verify", *data) == 0
    assert "4 rows, intact" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("token", "--role", "king"), "no role 'king'"),
        (("token", "--role", "unit"), "bound to a unit"),
        (("token", "--role", "unit", "--unit", "X"), "no unit 'X'"),
        (("user", "password", "nobody"), "no user 'nobody'"),
        (("user", "add", "x", "--role", "ops"), "user name"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says) as caught:
        _yunxun("admin", *arguments, "--data", str(tmp_path))
    assert caught.value.status == 2


def test_a_changed_audit_log_is_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", str(tmp_path))
    for _ in range(3):
        _yunxun("admin", "token", *data, "--role", "ops")
    with local.open_database(tmp_path) as runtime, runtime.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entry WHERE id = 2"))
    assert _yunxun("admin", "audit", "verify", *data) == 1
    assert "broken at row 3" in capsys.readouterr().out
