"""Signing in: lockout, time limits, and what ends a session."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlmodel import select
from starlette.requests import Request

from controller.access import passwords, sessions, users
from controller.access.deps import client_address
from controller.access.principal import Principal
from controller.access.tables import AuditEntry, LoginSession, User
from controller.problems import Problem
from controller.runtime import Runtime

from .conftest import Clock

PASSWORD = "Tr0ub4dor"
OFFICE, HOME = "10.0.0.5", "10.0.0.6"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is counting that is tested; test_passwords has the real cost."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", cheap)


@pytest.fixture
def wang(runtime: Runtime) -> User:
    with runtime.database.write() as session:
        return users.create_user(session, "wang", PASSWORD, "ops", runtime.now(), must_change=False)


def _sign_in(
    runtime: Runtime, password: str = PASSWORD, name: str = "wang", at: str = OFFICE
) -> str:
    return sessions.login(runtime, name, password, at)[0]


def _who(runtime: Runtime, cookie: str) -> Principal | None:
    return sessions.resolve(runtime.database, cookie, OFFICE, runtime.now())


def _refused(runtime: Runtime, *, name: str = "wang", at: str = OFFICE) -> int:
    with pytest.raises(Problem) as caught:
        _sign_in(runtime, "wrong", name, at)
    return caught.value.status


def test_a_session_knows_its_user_and_stores_no_secret(runtime: Runtime, wang: User) -> None:
    cookie = _sign_in(runtime)
    principal = _who(runtime, cookie)
    assert principal is not None
    assert (principal.name, principal.role, principal.user_id) == ("wang", "ops", wang.id)
    with runtime.database.read() as session:
        stored = session.exec(select(LoginSession)).one()
    assert cookie not in (stored.token_hash, stored.csrf)
    assert _who(runtime, cookie + "x") is None


def test_a_session_ends_after_thirty_idle_minutes(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    cookie = _sign_in(runtime)
    for _ in range(5):
        clock.advance(minutes=29)
        assert _who(runtime, cookie) is not None
    clock.advance(minutes=31)
    assert _who(runtime, cookie) is None


def test_a_session_ends_after_twelve_hours_however_busy(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    cookie = _sign_in(runtime)
    for _ in range(12 * 4):
        clock.advance(minutes=15)
        assert _who(runtime, cookie) is not None
    clock.advance(minutes=1)
    assert _who(runtime, cookie) is None


def test_five_wrong_passwords_lock_the_user_for_fifteen_minutes(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    # From five addresses, so that it is the name that is locked.
    assert [_refused(runtime, at=f"10.0.1.{n}") for n in range(5)] == [401] * 5
    with pytest.raises(Problem) as caught:
        _sign_in(runtime, at=HOME)
    assert caught.value.status == 429
    assert 0 < int(caught.value.headers["Retry-After"]) <= 900
    clock.advance(minutes=15, seconds=1)
    assert _sign_in(runtime, at=HOME)


def test_five_wrong_passwords_lock_the_address_whatever_the_names(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    assert [_refused(runtime, name=f"guess{n}") for n in range(5)] == [401] * 5
    assert _refused(runtime) == 429
    assert _sign_in(runtime, at=HOME)


def test_an_ipv6_network_is_one_address(runtime: Runtime, wang: User) -> None:
    for number in range(5):
        assert _refused(runtime, name=f"guess{number}", at=f"2001:db8::{number}") == 401
    assert _refused(runtime, at="2001:db8::ffff") == 429
    assert _refused(runtime, at="2001:db8:1::1") == 401


def test_a_name_nobody_has_is_locked_like_one_that_somebody_has(runtime: Runtime) -> None:
    statuses = [_refused(runtime, name="nobody", at=f"10.0.1.{n}") for n in range(6)]
    assert statuses == [401] * 5 + [429]


def test_failures_are_forgotten_after_the_window_and_after_a_login(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    for _ in range(4):
        _refused(runtime)
    clock.advance(minutes=16)
    for _ in range(4):
        _refused(runtime)
    _sign_in(runtime)
    for _ in range(4):
        assert _refused(runtime) == 401


def test_a_new_password_ends_all_sessions_and_lifts_the_lock(runtime: Runtime, wang: User) -> None:
    cookie = _sign_in(runtime)
    for number in range(5):
        _refused(runtime, at=f"10.0.1.{number}")
    with runtime.database.write() as session:
        users.set_password(session, session.get_one(User, wang.id), "An0ther-one", must_change=True)
    assert _who(runtime, cookie) is None
    principal = _who(runtime, _sign_in(runtime, "An0ther-one"))
    assert principal is not None
    assert principal.must_change_password


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(runtime: Runtime, wang: User) -> None:
    cookie = _sign_in(runtime)
    with runtime.database.write() as session:
        user = session.get_one(User, wang.id)
        users.change_user(
            session, user, role=user.role, unit_id=None, disabled=True, display_name=""
        )
    assert _who(runtime, cookie) is None
    with pytest.raises(Problem) as caught:
        _sign_in(runtime)
    assert caught.value.status == 401


def test_every_login_and_logout_is_audited(runtime: Runtime, wang: User) -> None:
    _refused(runtime)
    principal = _who(runtime, _sign_in(runtime))
    assert principal is not None
    sessions.logout(runtime.database, principal)
    with runtime.database.read() as session:
        rows = [(e.action, e.outcome, e.actor, e.address) for e in session.exec(select(AuditEntry))]
    assert rows == [
        ("login", "refused", "wang", OFFICE),
        ("login", "ok", "wang", OFFICE),
        ("logout", "ok", "wang", OFFICE),
    ]


def test_the_purge_removes_what_is_over_and_nothing_else(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    old = _sign_in(runtime)
    clock.advance(hours=1)
    fresh = _sign_in(runtime)
    with runtime.database.write() as session:
        sessions.purge(session, runtime.now())
    assert _who(runtime, old) is None
    assert _who(runtime, fresh) is not None
    with runtime.database.read() as session:
        assert len(session.exec(select(LoginSession)).all()) == 1


def test_the_first_admin_has_no_default_password(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        first = users.ensure_admin(session, "", runtime.now())
        assert users.ensure_admin(session, "", runtime.now()) is None
        admin = users.find_user(session, "admin")
        assert first is not None
        assert admin is not None
        assert admin.must_change_password
    assert _sign_in(runtime, first, "admin")


def test_a_password_from_the_environment_is_kept_and_must_be_fair(runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="at least"), runtime.database.write() as session:
        users.ensure_admin(session, "admin", runtime.now())
    with runtime.database.write() as session:
        assert users.ensure_admin(session, PASSWORD, runtime.now()) is None
        admin = users.find_user(session, "admin")
        assert admin is not None
        assert not admin.must_change_password


def test_a_role_and_its_unit_belong_together(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        for role, unit in (("unit", None), ("county_admin", None), ("ops", 1), ("king", None)):
            with pytest.raises(ValueError, match="role"):
                users.create_user(session, "somebody", PASSWORD, role, runtime.now(), unit_id=unit)


def test_last_seen_is_not_written_at_every_request(
    runtime: Runtime, wang: User, clock: Clock
) -> None:
    cookie = _sign_in(runtime)
    began = clock.now

    def last_seen() -> timedelta:
        with runtime.database.read() as session:
            return session.exec(select(LoginSession)).one().last_seen - began

    clock.advance(seconds=50)
    _who(runtime, cookie)
    assert last_seen() == timedelta(0)
    clock.advance(seconds=50)
    _who(runtime, cookie)
    assert last_seen() == timedelta(seconds=100)


@pytest.mark.parametrize(
    ("peer", "address"),
    [("::ffff:10.1.2.3", "10.1.2.3"), ("10.1.2.3", "10.1.2.3"), ("2001:db8::1", "2001:db8::1")],
)
def test_an_ipv4_caller_has_one_address_whatever_the_socket(peer: str, address: str) -> None:
    assert client_address(Request({"type": "http", "client": (peer, 1)})) == address
