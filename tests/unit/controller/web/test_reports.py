from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.access.scope import CITY, Scope
from controller.usage.model import UsageQuery, UsageReport
from controller.web import reports
from controller.web.reports import Reports

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
QUERY = UsageQuery(NOW - timedelta(days=30), NOW)
OWN = Scope(frozenset({1}))
RUNTIME: Any = None
"""Handed through to usage_report only, which stands replaced below."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Scope]:
    """The scopes that the store was really asked for."""
    found: list[Scope] = []

    def answer(
        _runtime: Any, scope: Scope, query: UsageQuery, _names: Sequence[str]
    ) -> UsageReport:
        found.append(scope)
        return UsageReport(query.since, query.until, query.by, [], NOW, None)

    monkeypatch.setattr(reports, "usage_report", answer)
    return found


def test_one_question_is_answered_once_a_minute(asked: list[Scope]) -> None:
    kept = Reports()
    for seconds in (0, 30, 59):
        kept.read(RUNTIME, CITY, QUERY, NOW + timedelta(seconds=seconds))
    assert len(asked) == 1
    kept.read(RUNTIME, CITY, QUERY, NOW + timedelta(seconds=61))
    assert len(asked) == 2


def test_nobody_gets_the_answer_of_another_scope(asked: list[Scope]) -> None:
    kept = Reports()
    for scope in (CITY, OWN, Scope(frozenset()), OWN):
        kept.read(RUNTIME, scope, QUERY, NOW)
    assert asked == [CITY, OWN, Scope(frozenset())]


def test_who_asks_meanwhile_waits_for_the_same_answer(asked: list[Scope]) -> None:
    kept = Reports()
    threads = [
        threading.Thread(target=kept.read, args=(RUNTIME, CITY, QUERY, NOW)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def test_what_is_kept_is_bounded(asked: list[Scope]) -> None:
    kept = Reports()
    for number in range(200):
        kept.read(RUNTIME, Scope(frozenset({number})), QUERY, NOW)
    assert len(kept.known) == reports.MOST
    assert len(asked) == 200


def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch, asked: list[Scope]) -> None:
    kept, works = Reports(), reports.usage_report

    def fail(*_: Any) -> UsageReport:
        raise RuntimeError("the store is away")

    monkeypatch.setattr(reports, "usage_report", fail)
    with pytest.raises(RuntimeError):
        kept.read(RUNTIME, CITY, QUERY, NOW)
    monkeypatch.setattr(reports, "usage_report", works)
    assert kept.read(RUNTIME, CITY, QUERY, NOW).rows == []
    assert asked == [CITY]
