"""When assigned sites are scanned, and what becomes of a scanner that gives up."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent import sites as module
from agent.log import Log
from agent.site_scan import Scan, ScanError, sites_of
from agent.sites import SiteScans
from agent.tasks import Task, TaskError
from collectors.records import Document

BODY: dict[str, Any] = {
    "vantage": "extranet",
    "sites": [{"code": "a", "url": "http://a.test/"}, {"code": "b", "url": "http://b.test/"}],
    "every_s": 3_600,
}


class Faked:
    """Stands for the scanner's process; counts runs."""

    runs = 0
    fails = False

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __iter__(self) -> Iterator[dict[str, Any]]:
        Faked.runs += 1
        if Faked.fails:
            raise ScanError("no resolver")
        for site in sites_of(self.body):
            yield {"code": site["code"], "vantage": self.body["vantage"]}

    def stop(self) -> None:
        pass


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SiteScans, list[Document]]]:
    monkeypatch.setattr(module, "Scan", Faked)
    Faked.runs, Faked.fails = 0, False
    posted: list[Document] = []
    made = SiteScans(posted.append, Log("error", io.StringIO()))
    yield made, posted
    made.stop()


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_sites_never_scanned_are_scanned_at_once_and_once(
    scans: tuple[SiteScans, list[Document]],
) -> None:
    made, posted = scans
    made.take([BODY])
    eventually(lambda: len(posted) == 2)
    made.take([BODY])
    time.sleep(0.1)
    assert Faked.runs == 1
    assert [(each.kind, each.body["code"]) for each in posted] == [
        ("ipv6_reading", "a"), ("ipv6_reading", "b"),
    ]  # fmt: skip


def test_fresh_readings_at_the_controller_put_the_scan_off(
    scans: tuple[SiteScans, list[Document]],
) -> None:
    made, posted = scans
    made.take([BODY | {"age_s": 60}])
    time.sleep(0.1)
    assert posted == []


def test_a_task_scans_whatever_is_due(scans: tuple[SiteScans, list[Document]]) -> None:
    made, posted = scans
    told: list[dict[str, Any]] = []
    assert made.scan_now(Task(1, "ipv6_scan", BODY, told.append)) == {"readings": 2}
    assert len(posted) == 2


@pytest.mark.parametrize("body", [{}, {"vantage": "x", "sites": [{"code": 1, "url": 2}]}])
def test_a_task_without_sites_fails(
    scans: tuple[SiteScans, list[Document]], body: dict[str, Any]
) -> None:
    with pytest.raises(TaskError, match="no sites"):
        scans[0].scan_now(Task(1, "ipv6_scan", body, print))


def test_a_scanner_that_gives_up_fails_the_task_with_its_words(
    scans: tuple[SiteScans, list[Document]],
) -> None:
    Faked.fails = True
    with pytest.raises(TaskError, match="no resolver"):
        scans[0].scan_now(Task(1, "ipv6_scan", BODY, print))


def test_the_real_process_says_why_it_cannot_scan() -> None:
    with pytest.raises(ScanError, match="allow"):
        list(Scan(BODY | {"allow": ["not a network"]}))
