"""The policies, sizes and seasons in force: what the package ships, and what was edited here.

A document in the package is version 0 of its name; saving one here adds the next version, and the
highest is in force. Nothing is ever overwritten: a verdict names the version that it rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from sqlmodel import Session, col, select

from controller.analysis.policy import Policy
from controller.analysis.read_policy import PolicyError, read_policy
from controller.analysis.seasons import Season, read_calendar
from controller.analysis.sizes import Flavour, read_flavours
from controller.idle.tables import PolicyDocument
from controller.problems import NotFound, Problem

DEFAULT = "city"
LISTS = {"flavours": "flavours", "calendar": "calendar"}
"""Kind of list to its only name."""
LONGEST_BODY = 64 * 1024


@dataclass(frozen=True)
class Document:
    """One version of a policy, a flavour list or a calendar, as text."""

    kind: str
    name: str
    version: int
    body: str
    by: str = ""
    at: datetime | None = None
    note: str = ""


def shipped(kind: str, name: str) -> Document | None:
    """Version 0, from the package."""
    folder = "policies" if kind == "policy" else "lists"
    file = resources.files("controller.idle") / folder / f"{name}.toml"
    if "/" in name or "." in name or not file.is_file():
        return None
    return Document(kind, name, 0, file.read_text("utf-8"))


def shipped_names() -> list[str]:
    """The policies of the package."""
    folder = resources.files("controller.idle") / "policies"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def document(session: Session, kind: str, name: str, version: int | None = None) -> Document:
    """The version asked for, else the one in force. Raises NotFound."""
    if version == 0:
        found = shipped(kind, name)
        if found is None:
            raise NotFound(kind, f"{name}, version 0")
        return found
    query = select(PolicyDocument).where(
        col(PolicyDocument.kind) == kind, col(PolicyDocument.name) == name
    )
    if version is not None:
        query = query.where(col(PolicyDocument.version) == version)
    row = session.exec(query.order_by(col(PolicyDocument.version).desc()).limit(1)).first()
    if row is not None:
        return _document(row)
    found = shipped(kind, name) if version is None else None
    if found is None:
        raise NotFound(kind, name if version is None else f"{name}, version {version}")
    return found


def versions(session: Session, kind: str, name: str) -> list[Document]:
    """Every version, newest first. Raises NotFound."""
    rows = session.exec(
        select(PolicyDocument)
        .where(col(PolicyDocument.kind) == kind, col(PolicyDocument.name) == name)
        .order_by(col(PolicyDocument.version).desc())
    ).all()
    first = shipped(kind, name)
    found = [_document(row) for row in rows] + ([first] if first else [])
    if not found:
        raise NotFound(kind, name)
    return found


def policy(session: Session, name: str, version: int | None = None) -> Policy:
    """The policy in force, or a version of it. Raises NotFound; Problem 500 for a stored one that
    can no longer be read."""
    found = document(session, "policy", name, version)
    read: Policy = _read(found, lambda body: read_policy(body, found.version))
    return read


def policies(session: Session) -> list[Policy]:
    """Every policy in force: the city's first, then ours, then the vendors'."""
    edited = session.exec(
        select(PolicyDocument.name).where(col(PolicyDocument.kind) == "policy").distinct()
    ).all()
    names = sorted({*shipped_names(), *edited})
    return sorted((policy(session, name) for name in names), key=lambda p: (p.order, p.id))


def flavours(session: Session) -> tuple[Flavour, ...]:
    """The city's sizes in force."""
    read: tuple[Flavour, ...] = _read(document(session, "flavours", "flavours"), read_flavours)
    return read


def seasons(session: Session) -> tuple[Season, ...]:
    """The annual calendar in force."""
    read: tuple[Season, ...] = _read(document(session, "calendar", "calendar"), read_calendar)
    return read


def check(kind: str, name: str, body: str) -> None:
    """Raises Problem 422 that names the key, for a document that could not be used."""
    if len(body.encode()) > LONGEST_BODY:
        raise Problem(422, "document refused", f"longer than {LONGEST_BODY} bytes")
    readers: dict[str, Callable[[str], Any]] = {
        "policy": read_policy,
        "flavours": read_flavours,
        "calendar": read_calendar,
    }
    try:
        read = readers[kind](body)
    except PolicyError as error:
        raise Problem(422, "document refused", str(error)) from None
    if isinstance(read, Policy) and read.id != name:
        raise Problem(422, "document refused", f"id: is {read.id!r}, the address says {name!r}")


def save(
    session: Session, kind: str, name: str, body: str, by: str, now: datetime, note: str = ""
) -> Document:
    """Adds the next version, in the caller's write transaction. Raises Problem 422."""
    check(kind, name, body)
    if kind != "policy" and name != LISTS[kind]:
        raise NotFound(kind, name)
    last = session.exec(
        select(PolicyDocument.version)
        .where(col(PolicyDocument.kind) == kind, col(PolicyDocument.name) == name)
        .order_by(col(PolicyDocument.version).desc())
        .limit(1)
    ).first()
    row = PolicyDocument(
        kind=kind, name=name, version=(last or 0) + 1, body=body, by=by, at=now, note=note
    )
    session.add(row)
    session.flush()
    return _document(row)


def _document(row: PolicyDocument) -> Document:
    return Document(row.kind, row.name, row.version, row.body, row.by, row.at, row.note)


def _read(found: Document, reader: Callable[[str], Any]) -> Any:
    try:
        return reader(found.body)
    except PolicyError as error:
        raise Problem(
            500,
            "stored document unreadable",
            f"{found.kind} {found.name}, version {found.version}: {error}; save a corrected one",
        ) from None
