"""Who this agent is to its controller, as stored; and which machine this is."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

IDENTITY = "identity.json"


class IdentityError(Exception):
    """The stored identity cannot be used; the text says where it is and what to do."""


class Identity(NamedTuple):
    """Who this agent is to its controller. Stored readable by its owner only."""

    agent: str
    secret: str
    url: str
    ca_pem: str
    machine_id: str
    """Where it was enrolled: elsewhere it is a copy."""


def read_identity(state: str) -> Identity | None:
    """The stored identity, None before enrolment; raises IdentityError if it cannot be read."""
    path = os.path.join(state, IDENTITY)
    try:
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        return Identity(*(str(told[field]) for field in Identity._fields))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise IdentityError(f"{path}: damaged; enrol anew") from None


def write_identity(state: str, identity: Identity) -> None:
    """Stores it durably, readable by the owner only, never half written. Raises OSError."""
    os.makedirs(state, mode=0o700, exist_ok=True)
    path = os.path.join(state, IDENTITY)
    temporary = f"{path}.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(identity._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
        if os.name == "posix" and os.geteuid() == 0:
            # Enrolled by root, read by the service's user, whom the folder belongs to.
            owner = os.stat(state)
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    os.replace(temporary, path)
    folder = os.open(state, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_boot(proc: str = "/proc") -> str:
    """The kernel's id of this boot; "" where there is none."""
    try:
        with open(f"{proc}/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
