"""One writer of the registers at a time."""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import Session

_KEY = 0x7975_6E69  # "yuni": PostgreSQL's advisory lock of whoever changes the registers


def lock_registers(session: Session) -> None:
    """Waits until no other transaction changes the registers; held until this one ends.

    A change is planned from what is there: two at once would each miss the other's. SQLite's
    write transactions are one at a time by themselves.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
