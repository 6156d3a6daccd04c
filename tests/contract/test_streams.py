"""A stream ends with the right to watch it, not with the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from sqlmodel import Session

from controller.access import sessions, tokens, users
from controller.access.passwords import random_password
from controller.access.secrets import hash_secret
from controller.access.tables import LoginSession, User
from controller.readiness import progress
from controller.readiness.tables import ReadinessRun
from tests.contract.conftest import House
from tests.contract.readiness_subjects import OURS

RUN = 7301
HEARTBEAT = 0.3
SOON = 10.0
"""Seconds; a stream that nobody ends lasts 15 minutes."""


@pytest.fixture
def running(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The events of a run of A's project that does not end."""
    monkeypatch.setattr(progress, "STILL_SECONDS", HEARTBEAT)
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.05)
    now = house.runtime.now()
    with house.runtime.database.write() as session:
        session.add(
            ReadinessRun(id=RUN, project_id=OURS, kind="check", by="wang", queued=now, stages=[])
        )
    yield f"/api/v1/readiness/runs/{RUN}/events"
    with house.runtime.database.write() as session:
        session.delete(session.get_one(ReadinessRun, RUN))


def _ends(client: httpx.Client, path: str, house: House, act: Callable[[Session], None]) -> float:
    """Seconds from ``act``, done at the first heartbeat, to the end of the stream."""
    acted = None
    with client.stream("GET", path) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if acted is None and line.startswith(":"):
                with house.runtime.database.write() as session:
                    act(session)
                acted = time.monotonic()
            assert acted is None or time.monotonic() - acted < SOON, "the stream goes on"
    assert acted is not None
    return time.monotonic() - acted


def _new_user(house: House, name: str) -> str:
    """A user of unit A who has just signed in; the cookie."""
    now = house.runtime.now()
    with house.runtime.database.write() as session:
        user = users.create_user(
            session, name, random_password(), "unit", now, unit_id=1, must_change=False
        )
        return sessions.open_session(session, user, "", now)


def _user(session: Session, cookie: str) -> User:
    found = session.get_one(LoginSession, hash_secret(cookie))
    return session.get_one(User, found.user_id)


def _sign_out(session: Session, cookie: str) -> None:
    session.delete(session.get_one(LoginSession, hash_secret(cookie)))


def _disable(session: Session, cookie: str) -> None:
    _user(session, cookie).disabled = True


def _move_away(session: Session, cookie: str) -> None:
    _user(session, cookie).unit_id = 2


def _change_role(session: Session, cookie: str) -> None:
    user = _user(session, cookie)
    user.role, user.unit_id = "security_admin", None


@pytest.mark.parametrize("act", [_sign_out, _disable, _move_away, _change_role])
def test_a_stream_ends_when_its_session_may_no_more(
    house: House, running: str, act: Callable[[Session, str], None]
) -> None:
    cookie = _new_user(house, f"watcher{act.__name__}".replace("_", "."))
    with house.client(None) as client:
        client.cookies.set("yunxun", cookie)
        _ends(client, running, house, lambda session: act(session, cookie))


def test_a_stream_ends_when_its_token_is_revoked(house: House, running: str) -> None:
    now = house.runtime.now()
    with house.runtime.database.write() as session:
        text, token = tokens.create_token(session, "watcher", "ops", now)
        number = token.id or 0

    def revoke(session: Session) -> None:
        assert tokens.revoke(session, number, now)

    with house.client(text) as client:
        _ends(client, running, house, revoke)


def test_watching_is_no_use_of_a_session(house: House, running: str) -> None:
    """A page left open would keep its user signed in for ever."""
    cookie = _new_user(house, "watcher.idle")
    almost = sessions.IDLE - timedelta(seconds=2)

    def grow_old(session: Session) -> None:
        found = session.get_one(LoginSession, hash_secret(cookie))
        found.last_seen = house.runtime.now() - almost

    with house.client(None) as client:
        client.cookies.set("yunxun", cookie)
        _ends(client, running, house, grow_old)
    with house.client(None) as client:
        client.cookies.set("yunxun", cookie)
        assert client.get("/api/v1/units").status_code == 401
