"""What the ledger's calls act upon: a source, imports that wait or were confirmed, a check."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx
from sqlmodel import Session

from controller.ledger.confirm import confirm
from controller.ledger.imports import pack_rows
from controller.ledger.mapping import SourceMapping, save_source
from controller.ledger.tables import PendingCheck, PlatformImport

WAITING, TO_CONFIRM, TO_UNDO, TO_DISCARD = 901, 902, 903, 904
CHECK = 905

EXPORT = "云主机名称,云主机ID,租户\nhost-C,6ba7b810-9dad-41d1-80b4-00c04fd430c8,A\n".encode()

LEDGER_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("PUT", "/api/v1/ledger/sources/{source}"): (
        "ops",
        lambda c: c.put("/api/v1/ledger/sources/cloud-b", json={"name": "B"}),
    ),
    ("POST", "/api/v1/ledger/sources/{source}/preview"): (
        "ops",
        lambda c: c.post(
            "/api/v1/ledger/sources/cloud-a/preview", files={"file": ("export.csv", EXPORT)}
        ),
    ),
    ("POST", "/api/v1/ledger/imports"): (
        "ops",
        lambda c: c.post(
            "/api/v1/ledger/imports",
            params={"name": "export.csv", "source": "cloud-a"},
            content=EXPORT,
        ),
    ),
    ("POST", "/api/v1/ledger/imports/{import_id}/decisions"): (
        "ops",
        lambda c: c.post(
            f"/api/v1/ledger/imports/{WAITING}/decisions",
            json={"cls": "new", "decision": "accepted"},
        ),
    ),
    ("POST", "/api/v1/ledger/imports/{import_id}/compare"): (
        "ops",
        lambda c: c.post(f"/api/v1/ledger/imports/{WAITING}/compare"),
    ),
    ("POST", "/api/v1/ledger/imports/{import_id}/confirm"): (
        "ops",
        lambda c: c.post(f"/api/v1/ledger/imports/{TO_CONFIRM}/confirm", json={}),
    ),
    ("POST", "/api/v1/ledger/imports/{import_id}/undo"): (
        "ops",
        lambda c: c.post(f"/api/v1/ledger/imports/{TO_UNDO}/undo"),
    ),
    ("POST", "/api/v1/ledger/imports/{import_id}/discard"): (
        "ops",
        lambda c: c.post(f"/api/v1/ledger/imports/{TO_DISCARD}/discard"),
    ),
    ("POST", "/api/v1/ledger/pending/{check_id}"): (
        "ops",
        lambda c: c.post(
            f"/api/v1/ledger/pending/{CHECK}", json={"state": "kept", "note": "备份机"}
        ),
    ),
    ("POST", "/api/v1/ledger/months"): (
        "system_admin",
        lambda c: c.post("/api/v1/ledger/months", json={"month": "2026-01", "force": "先行发布"}),
    ),
}
"""As WRITES of test_audit_rows."""


def furnish_ledger(session: Session, now: datetime) -> None:
    """Adds them; resource 2 is the other unit's."""
    source = save_source(session, "cloud-a", "云平台 A", SourceMapping(), "test", now)
    for number in (TO_UNDO, WAITING, TO_CONFIRM, TO_DISCARD):
        session.add(
            PlatformImport(
                id=number,
                source_id=source.id or 0,
                file_name="export.csv",
                sha256="e" * 64,
                since=now,
                uploaded=now,
                document=pack_rows([], {}),
            )
        )
    session.flush()
    confirm(session, TO_UNDO, since=None, by="test", now=now)
    session.add(PendingCheck(id=CHECK, resource_id=2, import_id=TO_UNDO, noticed=now))
