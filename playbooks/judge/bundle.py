"""The facts bundle of one host: read, checked against its own digests, never trusted further.

A bundle is what ``collect.sh`` prints: JSON of format 1, a section a subject, each with its status.
Only ``ok`` means that the section says everything; a hit in a partial section counts, its silence
proves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024
STATUSES = frozenset({"ok", "denied", "absent", "truncated", "timeout"})


class BundleError(ValueError):
    """The bundle cannot be used; the text says what is wrong with it."""


@dataclass(frozen=True)
class Section:
    """One subject's text and how complete it is."""

    name: str
    status: str
    data: str
    sha256: str

    @property
    def complete(self) -> bool:
        return self.status == "ok"


@dataclass(frozen=True)
class Bundle:
    """Everything one look at a host brought home. ``sha256`` is that of the file."""

    asset: str
    collector_version: int
    taken_at: datetime
    duration_ms: int
    privilege: str
    sections: Mapping[str, Section]
    sha256: str

    def section(self, name: str) -> Section:
        """The section, or an absent one of that name."""
        return self.sections.get(name) or Section(name, "absent", "", "")


def read_bundle(path: Path, sha256: str | None = None) -> Bundle:
    """The bundle in a file; ``sha256`` is what the sender said of it. Raises BundleError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BundleError(f"{path}: larger than {MOST_BYTES // 1024 // 1024} MiB")
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return parse_bundle(raw, sha256)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def parse_bundle(raw: bytes, sha256: str | None = None) -> Bundle:
    """Check and take apart a bundle's bytes. Raises BundleError."""
    digest = hashlib.sha256(raw).hexdigest()
    if sha256 is not None and digest != sha256.lower():
        raise BundleError("its SHA-256 is not the one announced: fetch it again")
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"not a facts bundle: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BundleError(f"not a facts bundle of format {FORMAT}: run collect.sh of this release")
    try:
        return Bundle(
            asset=_text(document, "asset"),
            collector_version=int(document["collector_version"]),
            taken_at=_moment(_text(document, "taken_at")),
            duration_ms=int(document["duration_ms"]),
            privilege=_text(document, "privilege"),
            sections={name: _section(name, it) for name, it in document["sections"].items()},
            sha256=digest,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"not a facts bundle: field {error} is missing or of a wrong kind") from (
            error
        )
    except ValueError as error:
        raise BundleError(str(error)) from error


def _text(document: Mapping[str, object], key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or not value:
        raise TypeError(key)
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"taken_at has no zone: {text}")
    return moment


def _section(name: str, it: Mapping[str, object]) -> Section:
    data, status, digest = it["data"], it["status"], it.get("sha256", "")
    if not isinstance(data, str) or status not in STATUSES or not isinstance(digest, str):
        raise TypeError(f"sections.{name}")
    # A host without any digest tool leaves it empty; the whole file's digest still holds.
    if digest and hashlib.sha256(data.encode()).hexdigest() != digest:
        raise ValueError(f"section {name} does not match its SHA-256: the bundle was altered")
    return Section(name, str(status), data, digest)
