"""A project's credential: sealed when it comes, opened only in the process of a run."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from sqlmodel import Session

from controller.problems import Problem
from controller.readiness.tables import ReadinessCredential, ReadinessProject
from controller.said import say
from controller.settings import Settings
from controller.store.sealing import open_sealer

MOST_BYTES = 32 * 1024


@dataclass(frozen=True)
class Opened:
    """``key`` or ``password``, and what sudo asks for; never printed."""

    key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    become: str = field(default="", repr=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not stand in any message: every line of it that says something."""
        lines = [*self.key.splitlines(), self.password, self.become]
        return tuple(line for line in lines if len(line) >= 4 and not line.startswith("-----"))


NOTHING = Opened()


def keep(
    session: Session,
    settings: Settings,
    project_id: int,
    *,
    key: str,
    password: str,
    become: str,
    by: str,
    now: datetime,
) -> ReadinessCredential:
    """Seals what is given in place of what was. Raises Problem 422 for a key of no use and
    for a password that cannot work."""
    if bool(key) == bool(password):
        raise Problem(422, "bad credential", "give either a private key or a password")
    mark = ""
    if key:
        key = key.replace("\r\n", "\n").strip() + "\n"
        mark = _fingerprint(key)
    if password:
        _refuse_password(session.get_one(ReadinessProject, project_id))
    sealer = open_sealer(settings)
    row = session.get(ReadinessCredential, project_id) or ReadinessCredential(
        project_id=project_id, kind="", secret="", updated=now, by=by
    )
    row.kind, row.mark = ("key" if key else "password"), mark
    row.secret = sealer.seal(key or password, _about(project_id, "secret"))
    row.become = sealer.seal(become, _about(project_id, "become")) if become else ""
    row.updated, row.by = now, by
    session.add(row)
    session.flush()
    return row


def check_jump(session: Session, project: ReadinessProject) -> None:
    """A jump host is passed with a key, or with what ssh finds for itself: nobody is there to type
    a password twice. Raises Problem 422."""
    row = session.get(ReadinessCredential, project.id)
    if row is not None and row.kind == "password":
        _refuse_password(project)


def _refuse_password(project: ReadinessProject) -> None:
    jump = project.connection.get("jump_host")
    if jump:
        raise Problem(
            422, "bad credential", say(
                f"the jump host {jump} cannot be passed with a password: keep a private key that "
                "jump host and hosts accept, or reach the hosts without the jump host",
                f"不能用口令经堡垒机 {jump} 登录：请保存堡垒机和主机都接受的私钥，或不经堡垒机登录",
            ),
        )  # fmt: skip


def opened(session: Session, settings: Settings, project_id: int) -> Opened:
    """The project's secrets, or NOTHING. Raises SealError."""
    row = session.get(ReadinessCredential, project_id)
    if row is None:
        return NOTHING
    sealer = open_sealer(settings)
    secret = sealer.open(row.secret, _about(project_id, "secret"))
    become = sealer.open(row.become, _about(project_id, "become")) if row.become else ""
    if row.kind == "key":
        return Opened(key=secret, become=become)
    return Opened(password=secret, become=become)


def _about(project_id: int, what: str) -> str:
    return f"readiness_credential/{project_id}/{what}"


def _fingerprint(key: str) -> str:
    """``SHA256:…`` as ssh-keygen -l prints it. Raises Problem 422, which never quotes the key."""
    if len(key) > MOST_BYTES:
        raise Problem(422, "bad credential", "the private key is too long to be one")
    raw = key.encode()
    load = load_ssh_private_key if "OPENSSH PRIVATE KEY" in key else load_pem_private_key
    try:
        public = load(raw, password=None).public_key()
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except TypeError:
        raise Problem(
            422, "bad credential", "the private key has a passphrase: nobody is there to type it; "
            "take the passphrase off (ssh-keygen -p), it is sealed here"
        ) from None  # fmt: skip
    except (ValueError, UnsupportedAlgorithm, AttributeError):
        raise Problem(
            422, "bad credential", "not a private key: paste the whole file, BEGIN and END "
            "lines included"
        ) from None  # fmt: skip
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
