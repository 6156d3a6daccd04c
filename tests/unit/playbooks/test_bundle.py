"""A bundle is used only as it was made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge.bundle import BundleError, parse_bundle, read_bundle


def document(**changes: Any) -> dict[str, Any]:
    text = "sysname=Linux\n"
    section = {
        "status": "ok",
        "bytes": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "data": text,
    }
    whole = {
        "format": 1,
        "asset": "web01",
        "collector_version": 1,
        "taken_at": "2026-11-23T09:00:00Z",
        "duration_ms": 900,
        "privilege": "root",
        "sections": {"uname": section},
    }
    return {**whole, **changes}


def raw(**changes: Any) -> bytes:
    return json.dumps(document(**changes)).encode()


def test_a_whole_bundle_is_read_and_what_it_lacks_is_absent() -> None:
    bundle = parse_bundle(raw(), hashlib.sha256(raw()).hexdigest())
    assert bundle.section("uname").complete
    assert bundle.section("elf").status == "absent"
    assert bundle.taken_at.isoformat() == "2026-11-23T09:00:00+00:00"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "not a facts bundle"),
        (b"[" * 100_000, "not a facts bundle"),
        (b"[]", "not a facts bundle of format 1"),
        (raw(format=2), "not a facts bundle of format 1"),
        (raw(asset=""), "asset"),
        (raw(taken_at="2026-11-23T09:00:00"), "no zone"),
        (raw(sections={"uname": {"status": "fine", "data": ""}}), "sections.uname"),
        (raw(sections={"uname": {"status": "ok", "data": "x", "sha256": "0" * 64}}), "altered"),
        (raw(sections=[]), "of a wrong kind"),
    ],
)
def test_anything_else_is_refused_with_the_reason(content: bytes, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        parse_bundle(content)


def test_a_bundle_altered_on_the_way_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(raw())
    with pytest.raises(BundleError, match=r"b\.json: its SHA-256 is not the one announced"):
        read_bundle(path, "0" * 64)
    with pytest.raises(BundleError, match="cannot be read"):
        read_bundle(tmp_path / "none.json")
