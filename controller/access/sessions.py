"""Sessions of signed-in browsers: a random cookie, its hash in the database, two time limits."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select
from starlette.requests import Request
from starlette.responses import Response

from controller.access import audit, users
from controller.access.principal import Principal
from controller.access.secrets import hash_secret, new_secret
from controller.access.tables import LoginSession, User
from controller.problems import Problem
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.relational import Database

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOUCH = timedelta(minutes=1)
"""``last_seen`` is written at most this often: a read should not cost a write."""


def login(runtime: Runtime, username: str, password: str, address: str) -> tuple[str, User]:
    """The cookie's value and the user. Raises Problem 401 or 429; every outcome is audited.

    The same text for an unknown name and a wrong password, after the same time.
    """
    now = runtime.now()
    stranger = Principal(name=username[:64], role="", at=now, address=address)
    with runtime.database.write() as session:
        try:
            attempt = users.begin_attempt(session, username, address, now)
        except users.Locked as locked:
            until: datetime | None = locked.until
            audit.record(session, stranger, "login", f"user {stranger.name}", "locked")
        else:
            until = None
    if until is not None:
        seconds = max(1, int((until - now).total_seconds()))
        raise Problem(
            429,
            "too many failed logins",
            f"locked for {-(-seconds // 60)} more minutes after {users.TRIES} failed logins",
            headers={"Retry-After": str(seconds)},
        )
    fits = users.password_fits(attempt, password)
    with runtime.database.write() as session:
        if fits:
            user = users.finish_attempt(session, attempt, now)
            cookie = open_session(session, user, address, now)
        audit.record(
            session, stranger, "login", f"user {stranger.name}", "ok" if fits else "refused"
        )
    if not fits:
        raise Problem(401, "login refused", "user name or password is wrong")
    return cookie, user


def open_session(session: Session, user: User, address: str, now: datetime) -> str:
    """A new session of ``user``; the value of its cookie."""
    if user.id is None:
        raise ValueError("the user has not been stored yet")
    cookie = new_secret()
    session.add(
        LoginSession(
            token_hash=hash_secret(cookie),
            user_id=user.id,
            csrf=new_secret(),
            created=now,
            last_seen=now,
            address=address,
        )
    )
    return cookie


def resolve(
    database: Database, cookie: str, address: str, now: datetime, *, touch: bool = True
) -> Principal | None:
    """Whose cookie it is, or None if it is unknown, over, or its user is disabled.

    ``touch``: it counts as use, and the idle limit begins anew.
    """
    token_hash = hash_secret(cookie)
    with database.read() as session:
        found = session.exec(
            select(LoginSession, User)
            .join(User, col(User.id) == col(LoginSession.user_id))
            .where(LoginSession.token_hash == token_hash)
        ).first()
        if found is None:
            return None
        login_session, user = found
        if user.disabled or _over(login_session, now):
            return None
        stale = touch and now - login_session.last_seen > TOUCH
        principal = Principal(
            name=user.username,
            role=user.role,
            at=now,
            unit_id=user.unit_id,
            language=user.language,
            address=address,
            user_id=user.id,
            csrf=login_session.csrf,
            session_hash=token_hash,
            must_change_password=user.must_change_password,
            duty=user.duty,
        )
    if stale:
        with database.write() as session:
            again = session.get(LoginSession, token_hash)
            if again is not None:
                again.last_seen = now
    return principal


def logout(database: Database, principal: Principal) -> None:
    """End the principal's own session."""
    with database.write() as session:
        login_session = session.get(LoginSession, principal.session_hash)
        if login_session is not None:
            session.delete(login_session)
        audit.record(session, principal, "logout", f"user {principal.name}")


def purge(session: Session, now: datetime) -> None:
    """Remove sessions that are over."""
    for login_session in session.exec(
        select(LoginSession).where(
            or_(
                col(LoginSession.last_seen) < now - IDLE,
                col(LoginSession.created) < now - ABSOLUTE,
            )
        )
    ):
        session.delete(login_session)


def _over(login_session: LoginSession, now: datetime) -> bool:
    return now - login_session.last_seen > IDLE or now - login_session.created > ABSOLUTE


def is_secure(request: Request, settings: Settings) -> bool:
    """Whether people reach us by https, here or at a proxy named in ``public_url``."""
    return request.url.scheme == "https" or settings.public_url.startswith("https://")


def cookie_name(secure: bool) -> str:
    """``__Host-``: the browser takes it from this host only, over https only, for every path."""
    return "__Host-yunxun" if secure else "yunxun"


def set_cookie(response: Response, cookie: str, *, secure: bool) -> None:
    response.set_cookie(
        cookie_name(secure),
        cookie,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        httponly=True,
        secure=secure,
        samesite="lax",
    )


def clear_cookie(response: Response, *, secure: bool) -> None:
    response.delete_cookie(
        cookie_name(secure), path="/", httponly=True, secure=secure, samesite="lax"
    )
