"""API tokens: ``yxt_`` and 256 random bits, shown once, stored as a hash, revocable at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from controller.access.principal import Principal
from controller.access.roles import LOCAL, check_binding
from controller.access.secrets import hash_secret, new_secret
from controller.access.tables import ApiToken
from controller.store.relational import Database

PREFIX = "yxt_"
SHOWN = 12
"""Characters that are kept so that people can tell tokens apart (8 of them random)."""
TOUCH = timedelta(minutes=1)


def create_token(
    session: Session,
    name: str,
    role: str,
    now: datetime,
    *,
    unit_id: int | None = None,
    days: float | None = None,
) -> tuple[str, ApiToken]:
    """The token's text, which cannot be had again, and its row. Raises ValueError.

    Role ``local`` is for commands on the data folder beside a running server: minutes only.
    """
    if role != LOCAL:
        check_binding(role, unit_id)
    elif days is None or days > 1:
        raise ValueError("a token of the data folder itself lives a day at most")
    text = new_secret(PREFIX)
    token = ApiToken(
        prefix=text[:SHOWN],
        token_hash=hash_secret(text),
        name=name,
        role=role,
        unit_id=unit_id,
        created=now,
        expires=None if days is None else now + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    return text, token


def resolve(
    database: Database, text: str, address: str, now: datetime, *, touch: bool = True
) -> Principal | None:
    """Whose token it is, or None if it is unknown, expired or revoked.

    ``touch``: it counts as use.
    """
    with database.read() as session:
        token = session.exec(
            select(ApiToken).where(ApiToken.token_hash == hash_secret(text))
        ).first()
        if token is None or token.revoked is not None:
            return None
        if token.expires is not None and token.expires <= now:
            return None
        stale = touch and (token.last_used is None or now - token.last_used > TOUCH)
        token_id = token.id
        principal = Principal(
            name=f"token {token.prefix}" + (f" ({token.name})" if token.name else ""),
            role=token.role,
            at=now,
            unit_id=token.unit_id,
            address=address,
        )
    if stale:
        with database.write() as session:
            again = session.get(ApiToken, token_id)
            if again is not None:
                again.last_used = now
    return principal


def list_tokens(session: Session) -> list[ApiToken]:
    return list(session.exec(select(ApiToken).order_by(col(ApiToken.id))))


def revoke(session: Session, token_id: int, now: datetime) -> ApiToken | None:
    """The token, now revoked; None if there is none. Every request asks anew: it works at once."""
    token = session.get(ApiToken, token_id)
    if token is not None and token.revoked is None:
        token.revoked = now
        session.add(token)
    return token


def delete(session: Session, token: ApiToken) -> None:
    """Remove a token that no person was given."""
    found = session.get(ApiToken, token.id)
    if found is not None:
        session.delete(found)


def purge(session: Session, now: datetime) -> None:
    """Remove tokens of the data folder that are over; people's tokens stay listed."""
    for token in session.exec(
        select(ApiToken).where(ApiToken.role == LOCAL, col(ApiToken.expires) < now)
    ):
        session.delete(token)
