"""Users: made by the security administrator, locked out after five wrong passwords."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address

from sqlmodel import Session, col, select

from controller.access.passwords import (
    NOBODY_HASH,
    check_strength,
    hash_password,
    random_password,
    verify_password,
)
from controller.access.roles import check_binding
from controller.access.tables import DUTIES, LoginFailure, LoginSession, User

TRIES = 5
WINDOW = timedelta(minutes=15)
"""Five wrong passwords within the window lock the name, or the address, for as long again."""

_NAME = re.compile(r"[\w.@-]{2,64}", re.UNICODE)


class Locked(Exception):
    """Too many failed logins of this name or from this address."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many failed logins")
        self.until = until


@dataclass(frozen=True)
class Attempt:
    """A login whose password has not been looked at yet, already counted as failed."""

    keys: tuple[str, ...]
    password_hash: str
    user: User | None


def find_user(session: Session, username: str) -> User | None:
    return session.exec(select(User).where(User.username == username)).first()


def create_user(
    session: Session,
    username: str,
    password: str,
    role: str,
    now: datetime,
    *,
    unit_id: int | None = None,
    display_name: str = "",
    must_change: bool = True,
    duty: str = "",
) -> User:
    """Raises ValueError (name, role, unit, duty), WeakPassword."""
    if not _NAME.fullmatch(username):
        raise ValueError("a user name has 2 to 64 letters, digits, '.', '-', '_' or '@'")
    if find_user(session, username) is not None:
        raise ValueError(f"user {username!r} is there already")
    check_binding(role, unit_id)
    check_duty(role, duty)
    check_strength(password, username)
    user = User(
        username=username,
        display_name=display_name,
        password_hash=hash_password(password),
        role=role,
        unit_id=unit_id,
        must_change_password=must_change,
        created=now,
        duty=duty,
    )
    session.add(user)
    session.flush()
    return user


def check_duty(role: str, duty: str) -> None:
    """Raises ValueError: only users of role unit are handler or leader."""
    if duty not in DUTIES:
        raise ValueError(f"no duty {duty!r}; there are handler and leader")
    if duty and role != "unit":
        raise ValueError(f"role {role} has no duty: it is a unit's users that have one")


def change_user(
    session: Session,
    user: User,
    *,
    role: str,
    unit_id: int | None,
    disabled: bool,
    display_name: str,
    duty: str = "",
) -> None:
    """Less power works at once: a new role, unit, duty or a lock ends the sessions. Raises
    ValueError."""
    check_binding(role, unit_id)
    check_duty(role, duty)
    if (role, unit_id, disabled, duty) != (user.role, user.unit_id, user.disabled, user.duty):
        sign_out_everywhere(session, user)
    user.duty = duty
    user.role, user.unit_id, user.disabled = role, unit_id, disabled
    user.display_name = display_name
    session.add(user)


def set_password(session: Session, user: User, password: str, *, must_change: bool) -> None:
    """Also signs the user out everywhere. Raises WeakPassword."""
    check_strength(password, user.username)
    user.password_hash = hash_password(password)
    user.must_change_password = must_change
    session.add(user)
    sign_out_everywhere(session, user)
    failure = session.get(LoginFailure, _user_key(user.username))
    if failure is not None:
        session.delete(failure)


def sign_out_everywhere(session: Session, user: User) -> None:
    for login in session.exec(select(LoginSession).where(LoginSession.user_id == user.id)):
        session.delete(login)


def ensure_admin(session: Session, given_password: str, now: datetime) -> str | None:
    """Make the user ``admin`` if there is no user at all.

    With ``given_password`` (YUNXUN_ADMIN_PASSWORD) it keeps that one; else a random one is
    returned, to be shown once and changed at the first login. Raises WeakPassword.
    """
    if session.exec(select(User.id).limit(1)).first() is not None:
        return None
    password = given_password or random_password()
    create_user(session, "admin", password, "system_admin", now, must_change=not given_password)
    return None if given_password else password


def begin_attempt(session: Session, username: str, address: str, now: datetime) -> Attempt:
    """Count a login as failed before its password is looked at; raises Locked.

    Counting first, in its own transaction, means that a thousand tries at once are not a
    thousand tries: ``finish_attempt`` takes the count back when the password fits.
    """
    keys = (_user_key(username), _address_key(address))
    failures = [_current(session, key, now) for key in keys]
    locked = [
        f.locked_until for f in failures if f.locked_until is not None and f.locked_until > now
    ]
    if locked:
        raise Locked(max(locked))
    for failure in failures:
        failure.count += 1
        if failure.count >= TRIES:
            failure.locked_until = now + WINDOW
        session.add(failure)
    user = find_user(session, username)
    usable = user if user is not None and not user.disabled else None
    return Attempt(keys, usable.password_hash if usable else NOBODY_HASH, usable)


def password_fits(attempt: Attempt, password: str) -> bool:
    """Slow on purpose: call it outside any transaction."""
    return verify_password(attempt.password_hash, password) and attempt.user is not None


def finish_attempt(session: Session, attempt: Attempt, now: datetime) -> User:
    """The password fitted: forget the failures and note the login."""
    for key in attempt.keys:
        failure = session.get(LoginFailure, key)
        if failure is not None:
            session.delete(failure)
    if attempt.user is None:
        raise ValueError("nobody's password can have fitted")
    user = session.get_one(User, attempt.user.id)
    user.last_login = now
    session.add(user)
    return user


def purge_failures(session: Session, now: datetime) -> None:
    """Remove counts whose window and lock are over."""
    for failure in session.exec(select(LoginFailure).where(col(LoginFailure.since) < now - WINDOW)):
        if failure.locked_until is None or failure.locked_until <= now:
            session.delete(failure)


def _current(session: Session, key: str, now: datetime) -> LoginFailure:
    failure = session.get(LoginFailure, key)
    if failure is None:
        return LoginFailure(key=key, count=0, since=now)
    over = failure.locked_until is not None and failure.locked_until <= now
    if over or now - failure.since > WINDOW:
        failure.count, failure.since, failure.locked_until = 0, now, None
    return failure


def _user_key(username: str) -> str:
    return f"user:{username.casefold()[:100]}"


def _address_key(address: str) -> str:
    """An IPv6 subscriber holds a /64: count the network, not the address."""
    if ":" in address and not address.startswith("::ffff:"):
        network = int(IPv6Address(address.partition("%")[0])) >> 64
        return f"address:{network:016x}::/64"
    return f"address:{address}"
