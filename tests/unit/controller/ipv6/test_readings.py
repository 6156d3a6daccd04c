"""Sites registered and readings taken: whole, or refused by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event
from sqlmodel import select
from worlds import World

from controller.ingest.tasks import MOST_BODY_BYTES
from controller.ipv6.index import load_index
from controller.ipv6.model import SiteIn
from controller.ipv6.reading import ReadingIn
from controller.ipv6.sites import put_sites, store_readings
from controller.ipv6.tables import Ipv6Reading
from controller.ipv6.vantages import _first
from controller.problems import Problem

READING: dict[str, Any] = {
    "code": "s1",
    "vantage": "extranet",
    "at": "2026-01-05T00:00:00+00:00",
    "aaaa_valid": True,
    "home_v6": True,
    "home_v4": True,
    "success_rate": 0.6,
    "tries": {"home_v6": 5, "home_v6_good": 3},
    "name_servers": {},
    "links_second": {"total": 4, "rate": 0.5, "broken": 1},
    "something_newer": {"kept": True},
}


def test_a_reading_is_kept_as_it_came(w: World) -> None:
    w.unit("A")
    now = w.runtime.now()
    sent = READING | {"at": now.isoformat()}
    with w.runtime.database.write() as session:
        put_sites(session, [SiteIn(code="s1", url="http://s1.test/", unit="A")], now)
        store_readings(session, [ReadingIn.model_validate(sent)], load_index(), "p", now)
    with w.runtime.database.read() as session:
        [kept] = session.exec(select(Ipv6Reading)).all()
    assert datetime.fromisoformat(kept.reading["at"]) == now
    assert kept.reading | {"at": ""} == READING | {"at": ""}


@pytest.mark.parametrize(
    "odd",
    [
        {"success_rate": "often"},
        {"success_rate": 1.5},
        {"links_second": [1]},
        {"links_second": {"total": 1, "rate": "x"}},
        {"certificate": {"valid": None}},
        {"times_v6": {"total": float("inf")}},
        {"degradation": float("nan")},
        {"notes": "text"},
        {"notes": ["x" * 400]},
        {"aaaa": ["::1"] * 99},
        {"tries": {"home_v6": -1}},
    ],
)
def test_a_reading_of_odd_shape_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadingIn.model_validate(READING | odd)


def test_wrong_sites_are_named_and_none_is_taken(w: World) -> None:
    urls = [
        "ftp://a.test/",
        "http://u:p@a.test/",
        "http://[x/",
        "javascript:alert(1)",
        "http://a:0/",
    ]
    given = [SiteIn(code=f"s{n}", url=url, unit="A") for n, url in enumerate(urls)]
    given += [SiteIn(code=f"t{n}", url="http://a.test/", unit="NOBODY") for n in range(30)]
    with pytest.raises(Problem) as refused, w.runtime.database.write() as session:
        put_sites(session, given, w.runtime.now())
    assert "site 1 (s0)" in refused.value.detail
    assert "and 15 more" in refused.value.detail


def test_a_long_list_asks_for_each_unit_once(w: World) -> None:
    w.unit("A")
    given = [SiteIn(code=f"s{n}", url=f"http://s{n}.test/", unit="A") for n in range(2_000)]
    asked = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal asked
        asked += statement.startswith("SELECT")

    with w.runtime.database.write() as session:
        event.listen(session.get_bind(), "before_cursor_execute", count)
        assert put_sites(session, given, w.runtime.now()) == (2_000, 0)
        event.remove(session.get_bind(), "before_cursor_execute", count)
    assert 0 < asked < 20


def test_a_task_names_as_many_sites_as_it_may() -> None:
    few = [{"code": f"s{n}", "url": f"http://s{n}.test/"} for n in range(100)]
    assert _first(few) == few
    many = [{"code": f"站{n}", "url": "http://s.test/" + "x" * 400} for n in range(500)]
    assert 50 < len(_first(many)) < 150
    assert len(str(_first(many)).encode()) < MOST_BODY_BYTES
