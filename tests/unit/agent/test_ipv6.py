"""When a host's readiness for IPv6 is read and sent."""

from __future__ import annotations

import time
from typing import Any

from agent.facts import ChildFacts
from agent.ipv6 import CHECK_S, Ipv6Reports


class Source:
    """Gives what the test puts there; None is still at work."""

    def __init__(self) -> None:
        self.begun = 0
        self.answer: dict[str, Any] | None = None

    def begin(self) -> None:
        self.begun += 1

    def ready(self) -> dict[str, Any] | None:
        return self.answer

    def close(self) -> None:
        pass


def said(digest: str) -> dict[str, Any]:
    return {"digest": digest, "document": {"version": 1}}


def test_the_first_reading_is_sent_when_it_is_there() -> None:
    source = Source()
    reports = Ipv6Reports(source, 21_600, 100.0)
    reports.begin(100.0)
    assert reports.due(110.0, 1) is None
    source.answer = said("a")
    document = reports.due(120.0, 2)
    assert document is not None
    assert (document.kind, document.time_ms, document.body) == ("ipv6_host", 2, {"version": 1})
    assert source.begun == 1


def test_it_is_read_hourly_and_sent_when_changed_or_old() -> None:
    source = Source()
    source.answer = said("a")
    reports = Ipv6Reports(source, 3 * CHECK_S, 0.0)
    assert reports.due(0.0, 0) is not None
    assert reports.due(60.0, 0) is None
    assert source.begun == 1
    assert reports.due(CHECK_S, 0) is None, "the same is not sent again"
    assert source.begun == 2
    source.answer = said("b")
    assert reports.due(2 * CHECK_S, 0) is not None
    assert reports.due(3 * CHECK_S, 0) is None
    assert reports.due(5 * CHECK_S, 0) is not None, "unchanged, but old"


def test_a_new_identity_is_told_at_once() -> None:
    source = Source()
    source.answer = said("a")
    reports = Ipv6Reports(source, 21_600, 0.0)
    assert reports.due(0.0, 0) is not None
    reports.renew()
    assert reports.due(1.0, 0) is not None


def test_zero_seconds_switch_it_off() -> None:
    source = Source()
    reports = Ipv6Reports(source, 0, 0.0)
    reports.begin(0.0)
    assert (reports.due(1.0, 0), source.begun) == (None, 0)


def test_what_cannot_be_read_is_no_document() -> None:
    source = Source()
    source.answer = {}
    assert Ipv6Reports(source, 60, 0.0).due(0.0, 0) is None


def test_the_child_process_reads_this_host_and_can_be_ended() -> None:
    child = ChildFacts("ipv6")
    child.begin()
    child.close()
    assert child.ready() == {}
    child.begin()
    until = time.monotonic() + 30
    while (told := child.ready()) is None and time.monotonic() < until:
        time.sleep(0.05)
    assert told is not None
    assert told["document"]["version"] == 1
    assert len(told["digest"]) == 64
