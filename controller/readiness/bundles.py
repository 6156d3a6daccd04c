"""Bundles as files: one a SHA-256, deflated, in a folder of bounded size.

What is not the newest of a host goes first when the folder is full, the oldest before others.
"""

from __future__ import annotations

import os
import re
import secrets
import zlib
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from controller.readiness.tables import ReadinessBundle, ReadinessHost, ReadinessRunHost
from controller.settings import Settings
from playbooks.judge.bundle import MOST_BYTES, Bundle, BundleError, parse_bundle
from playbooks.judge.detectors.platform import identity_of
from playbooks.judge.facts import Facts

_SHA = re.compile(r"[0-9a-f]{64}")


def folder_of(settings: Settings) -> Path:
    return Path(settings.readiness.bundle_folder or settings.data / "bundles")


def read(settings: Settings, sha256: str) -> Bundle:
    """Raises BundleError where it is gone or altered."""
    path = _path(settings, sha256)
    try:
        deflated = path.read_bytes()
    except OSError as error:
        raise BundleError(f"bundle {sha256[:12]}: {error.strerror}: collect it again") from None
    try:
        return parse_bundle(_inflate(deflated), sha256)
    except zlib.error:
        raise BundleError(f"bundle {sha256[:12]}: damaged on disk: collect it again") from None


def raw(settings: Settings, sha256: str) -> bytes:
    """The text as it came. Raises BundleError."""
    read(settings, sha256)
    return _inflate(_path(settings, sha256).read_bytes())


def write(settings: Settings, text: bytes, announced: str | None = None) -> tuple[Bundle, int]:
    """Checks and files a bundle; the bundle and the bytes it takes on disk. Raises BundleError."""
    if len(text) > MOST_BYTES:
        raise BundleError(f"larger than {MOST_BYTES >> 20} MiB")
    bundle = parse_bundle(text, announced)
    path = _path(settings, bundle.sha256)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.compress(text, 6))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return bundle, path.stat().st_size


def register(
    session: Session,
    host: ReadinessHost,
    bundle: Bundle,
    size: int,
    *,
    source: str,
    by: str,
    now: datetime,
) -> None:
    """Notes a filed bundle; it becomes the host's newest unless that one was taken later."""
    if session.get(ReadinessBundle, bundle.sha256) is None:
        session.add(
            ReadinessBundle(
                sha256=bundle.sha256, project_id=host.project_id, asset=host.name, source=source,
                by=by, size=size, taken=bundle.taken_at, received=now,
                privilege=bundle.privilege[:16],
            )
        )  # fmt: skip
    # A host whose clock is ahead must not keep out what is collected after it was set right.
    taken = min(bundle.taken_at, now)
    if host.taken is None or taken >= host.taken:
        host.bundle, host.taken = bundle.sha256, taken
        host.identity = identity(bundle)
        session.add(host)
    session.flush()


def is_registered(session: Session, sha256: str) -> bool:
    """Whether a row names this bundle's file."""
    return session.get(ReadinessBundle, sha256) is not None


def identity(bundle: Bundle) -> dict[str, object]:
    """Which processor and system: `{"cpu": {…}, "os": {…}}`, null where the texts do not tell."""
    return dict(identity_of(Facts(bundle)).as_json())


def shrink(session: Session, settings: Settings) -> list[str]:
    """Takes bundles out of the register until the rest fits; their digests, to be unlinked after
    the transaction. The newest of a host stays."""
    limit = settings.readiness.bundles_mb << 20
    total = session.scalar(select(func.coalesce(func.sum(col(ReadinessBundle.size)), 0))) or 0
    if total <= limit:
        return []
    kept = select(col(ReadinessHost.bundle)).where(col(ReadinessHost.retired).is_(None))
    rows = session.execute(
        select(col(ReadinessBundle.sha256), col(ReadinessBundle.size))
        .where(col(ReadinessBundle.sha256).not_in(kept))
        .order_by(col(ReadinessBundle.received))
    ).all()
    gone: list[str] = []
    for sha256, size in rows:
        if total <= limit:
            break
        total -= size
        gone.append(sha256)
        session.delete(session.get_one(ReadinessBundle, sha256))
    if gone:
        session.execute(
            update(ReadinessRunHost).where(col(ReadinessRunHost.bundle).in_(gone)).values(bundle="")
        )
    return gone


def unlink(settings: Settings, digests: list[str]) -> None:
    for sha256 in digests:
        _path(settings, sha256).unlink(missing_ok=True)


def _path(settings: Settings, sha256: str) -> Path:
    if not _SHA.fullmatch(sha256):
        raise BundleError("no bundle")
    return folder_of(settings) / sha256[:2] / f"{sha256}.json.z"


def _inflate(deflated: bytes) -> bytes:
    wind = zlib.decompressobj()
    text = wind.decompress(deflated, MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise BundleError(f"larger than {MOST_BYTES >> 20} MiB")
    return text
