"""As whom devices are asked: named credentials, sealed at rest and given out to pollers only.

A secret comes in over the API once and never goes out of it again. It is opened where an
assignment or a task is handed to an approved poller, and nowhere else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.network.tables import Device, SnmpCredential
from controller.problems import NotFound, Problem
from controller.settings import Settings
from controller.store.sealing import Sealer, SealError, add_key, open_sealer

AUTH = ("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "MD5")
PRIV = ("AES-128", "AES-192", "AES-256", "DES")
SHORTEST_PASSWORD = 8
"""RFC 3414 section 11.2; agents refuse shorter ones with an unhelpful silence."""
SECRETS = ("community", "auth_password", "priv_password")


class NewCredential(BaseModel):
    """v1 and v2c: ``community``. v3: ``user``, with ``auth_password`` authenticated, with
    ``priv_password`` encrypted too."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,  # what is wrong may hold a secret
        json_schema_extra={
            "example": {
                "name": "core-v3",
                "kind": "v3",
                "user": "ops",
                "auth": "SHA-256",
                "auth_password": "…",
                "priv": "AES-256",
                "priv_password": "…",
            }
        },
    )

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.\-]+$")
    kind: Literal["v1", "v2c", "v3"] = "v2c"
    community: SecretStr = SecretStr("")
    user: str = Field(default="", max_length=64)
    auth: str = "SHA-256"
    auth_password: SecretStr = SecretStr("")
    priv: str = "AES-128"
    priv_password: SecretStr = SecretStr("")
    expansion: Literal["blumenthal", "cisco"] = "blumenthal"

    @model_validator(mode="after")
    def _fits(self) -> NewCredential:
        # The texts name fields, never what stands in them.
        lengths = {name: len(getattr(self, name).get_secret_value()) for name in SECRETS}
        if max(lengths.values()) > 255:
            raise ValueError("a secret is over 255 characters")
        if self.kind != "v3":
            if not lengths["community"]:
                raise ValueError(f"{self.kind} needs a community")
            return self
        if not self.user:
            raise ValueError("v3 needs a user")
        if self.auth not in AUTH:
            raise ValueError(f"auth is none of {', '.join(AUTH)}")
        if self.priv not in PRIV:
            raise ValueError(f"priv is none of {', '.join(PRIV)}")
        if lengths["priv_password"] and not lengths["auth_password"]:
            raise ValueError("encryption needs authentication too: give auth_password")
        for name in ("auth_password", "priv_password"):
            if 0 < lengths[name] < SHORTEST_PASSWORD:
                raise ValueError(f"{name} is shorter than {SHORTEST_PASSWORD} characters")
        return self


class CredentialView(BaseModel):
    """A credential without its secrets. ``key``: which key of the key file seals it."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    user: str
    auth: str
    priv: str
    expansion: str
    devices: int
    key: str
    created: datetime
    changed: datetime
    by: str


def sealer_of(settings: Settings) -> Sealer:
    """Raises Problem 503 where the key file cannot be used."""
    try:
        return open_sealer(settings)
    except SealError as error:
        raise Problem(503, "key file unusable", str(error)) from None


def keep(
    session: Session, sealer: Sealer, told: NewCredential, by: str, now: datetime, *, replace: bool
) -> SnmpCredential:
    """Stores a new credential, or (``replace``) puts its secrets in the place of the old ones.

    Raises Problem 409 for a name that is taken, NotFound for one that is not there.
    """
    row: SnmpCredential | None = session.execute(
        select(SnmpCredential).where(col(SnmpCredential.name) == told.name)
    ).scalar()
    if row is not None and not replace:
        raise Problem(409, "name taken", f"there is a credential {told.name!r} already")
    if row is None:
        if replace:
            raise NotFound("credential", told.name)
        row = SnmpCredential(name=told.name, created=now, changed=now)
    v3 = told.kind == "v3"
    row.kind, row.user, row.expansion = told.kind, told.user if v3 else "", told.expansion
    row.auth = told.auth if v3 and told.auth_password.get_secret_value() else ""
    row.priv = told.priv if v3 and told.priv_password.get_secret_value() else ""
    row.changed, row.by = now, by
    session.add(row)
    session.flush()  # its number is part of what is sealed
    for name in SECRETS:
        wanted = (name == "community") != v3
        text = getattr(told, name).get_secret_value() if wanted else ""
        setattr(row, name, sealer.seal(text, _about(row, name)) if text else "")
    session.add(row)
    session.flush()
    return row


def find(session: Session, name: str) -> SnmpCredential:
    """The credential of this name. Raises NotFound."""
    row: SnmpCredential | None = session.execute(
        select(SnmpCredential).where(col(SnmpCredential.name) == name)
    ).scalar()
    if row is None:
        raise NotFound("credential", name)
    return row


def remove(session: Session, name: str) -> None:
    """Forgets a credential. Raises NotFound, and Problem 409 while devices use it."""
    row = find(session, name)
    users = session.execute(
        select(func.count()).select_from(Device).where(col(Device.credential_id) == row.id)
    ).scalar_one()
    if users:
        raise Problem(409, "credential in use", f"{users} devices are asked with {name!r}")
    session.delete(row)
    session.flush()


def list_credentials(session: Session) -> list[CredentialView]:
    """All credentials, by name."""
    rows = session.execute(
        select(SnmpCredential, func.count(col(Device.id)))
        .outerjoin(Device, col(Device.credential_id) == col(SnmpCredential.id))
        .group_by(col(SnmpCredential.id))
        .order_by(col(SnmpCredential.name))
    )
    names = CredentialView.model_fields.keys() - {"devices", "key"}
    return [
        CredentialView(
            devices=count, key=_key_of(row), **{name: getattr(row, name) for name in names}
        )
        for row, count in rows
    ]


def opened(sealer: Sealer, row: SnmpCredential) -> dict[str, Any]:
    """The credential as a poller is given it. Raises Problem 503 if it cannot be opened."""
    try:
        secrets = {
            name: sealer.open(getattr(row, name), _about(row, name)) if getattr(row, name) else ""
            for name in SECRETS
        }
    except SealError as error:
        raise Problem(503, "credential unreadable", f"credential {row.name}: {error}") from None
    if row.kind != "v3":
        return {"version": row.kind, "community": secrets["community"]}
    return {
        "version": "v3",
        "user": row.user,
        "auth": row.auth or "SHA-256",
        "auth_password": secrets["auth_password"],
        "priv": row.priv or "AES-128",
        "priv_password": secrets["priv_password"],
        "expansion": row.expansion,
    }


def rotate(session: Session, settings: Settings) -> tuple[str, int]:
    """Seals every secret anew with a new key; the key's id, and how many credentials there are.

    The old keys stay in the file until a person takes them out: a backup of the database needs
    them. Raises Problem 503.
    """
    try:
        key = add_key(settings)
    except SealError as error:
        raise Problem(503, "key file unusable", str(error)) from None
    sealer = sealer_of(settings)
    rows = list(session.execute(select(SnmpCredential)).scalars())
    for row in rows:
        for name in SECRETS:
            sealed = getattr(row, name)
            if sealed:
                about = _about(row, name)
                try:
                    setattr(row, name, sealer.seal(sealer.open(sealed, about), about))
                except SealError as error:
                    raise Problem(503, "credential unreadable", str(error)) from None
        session.add(row)
    session.flush()
    return key, len(rows)


def _about(row: SnmpCredential, name: str) -> str:
    return f"snmp_credential/{row.id}/{name}"


def _key_of(row: SnmpCredential) -> str:
    for name in SECRETS:
        if getattr(row, name):
            return str(getattr(row, name)).split(":")[1]
    return ""
