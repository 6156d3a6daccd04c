"""What a scan found fits into one document, however many answer and however much they say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from time import monotonic
from typing import Any

import pytest

from collectors.snmp import scan as scanning
from collectors.snmp.profile import Profiles
from collectors.snmp.target import Target

DOCUMENT = 1 << 20
"""The most that the controller takes as one result."""


def scanned(monkeypatch: pytest.MonkeyPatch, wanted: str, name: str, descr: str) -> scanning.Found:
    """Every address of the range answers with this name and description."""

    async def who(target: Target, _: Sequence[Any], __: Profiles) -> dict[str, Any]:
        return {
            "address": target.host, "port": 161, "credential": "core-v3",
            "sys_object_id": "1.3.6.1.4.1.25506.1.1234", "sys_name": name, "sys_descr": descr,
            "vendor": "H3C", "profile": "h3c-comware",
        }  # fmt: skip

    monkeypatch.setattr(scanning, "_who", who)
    return asyncio.run(
        scanning.scan(
            wanted, [], Profiles({}), rate_per_s=1e9, stop_at=monotonic() + 60,
            progress=lambda *_: None,
        )
    )  # fmt: skip


def document(found: scanning.Found) -> int:
    body = {"task": 1 << 60, "state": "done", "result": {"found": found.rows, "full": True}}
    return len(json.dumps(body, ensure_ascii=False).encode())


def test_a_few_are_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scanned(monkeypatch, "10.1.0.0/24", "sw", "机" * 500)
    assert (len(found.rows), found.full) == (254, False)
    assert {len(each["sys_descr"]) for each in found.rows} == {500}


def test_descriptions_are_shortened_so_that_all_that_answer_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = scanned(monkeypatch, "10.1.0.0/21", "sw", "机" * 500)
    assert (len(found.rows), found.full) == (2046, False)
    assert {len(each["sys_descr"]) for each in found.rows} == {80}
    assert DOCUMENT * 0.8 < document(found) < DOCUMENT - 4_000


def test_a_scan_ends_with_what_fits_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scanned(monkeypatch, "10.1.0.0/20", "机" * 200, "机" * 500)
    assert 1_000 < len(found.rows) < 2_000
    assert found.full
    assert document(found) < DOCUMENT - 4_000
