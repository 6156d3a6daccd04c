"""Plans are data: shipped, edited in versions, refused when they say what cannot be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from controller.access.principal import Principal
from controller.patrol import plans
from controller.patrol.checks import LOOKERS
from controller.problems import NotFound, Problem
from controller.schema import metadata
from controller.store.relational import Database, connect
from tests.unit.controller.patrol.city import NOW

BY = Principal("wang", "ops", NOW)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(connect(f"sqlite:///{tmp_path / 'test.db'}"))
    metadata().create_all(made.engine)
    return made


def test_every_check_has_its_function_and_texts_that_can_be_filled() -> None:
    for check in plans.catalogue().values():
        assert check.look in LOOKERS
        for text in (check.finding_zh, check.finding_en):
            names = set(re.findall(r"{(\w+)[:}]", text))
            assert names <= set(check.evidence) | {"class_zh", "reason_zh", "reason_en"}, check.id
        assert plans.merged(plans.PlanCheck(id=check.id)) == check  # its own levels are in order


def test_every_function_is_used_by_a_check() -> None:
    assert {check.look for check in plans.catalogue().values()} == set(LOOKERS)


def test_a_level_is_reached_from_below_or_from_above() -> None:
    up, down = plans.catalogue()["cpu.high"], plans.catalogue()["data.gap"]
    assert [up.level(x) for x in (79.9, 80, 97, 100)] == [None, "minor", "major", "critical"]
    assert [down.level(x) for x in (90.1, 90, 60, 0)] == [None, "minor", "major", "major"]


def test_an_edited_plan_is_a_new_version_and_the_shipped_one_stays(database: Database) -> None:
    edited = plans.shipped()["daily"].model_dump(mode="json", exclude_none=True)
    edited["schedule"]["at"] = "06:00"
    with database.write() as session:
        assert plans.get_plan(session, "daily").version == 0
        plans.save_plan(session, edited, BY, "提前")
        plans.save_plan(session, edited, BY, "")
        view = plans.get_plan(session, "daily")
        assert (view.version, view.author, view.plan.schedule.at.hour) == (2, "wang", 6)
        assert [each.version for each in plans.versions(session, "daily")] == [2, 1]
        assert [each.plan.name for each in plans.list_plans(session)][:3] == list(plans.shipped())
        with pytest.raises(NotFound):
            plans.get_plan(session, "nothing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"checks": [{"id": "no.such"}]}, "no check 'no.such'"),
        ({"checks": []}, "at least 1 item"),
        ({"checks": [{"id": "cpu.high"}, {"id": "cpu.high"}]}, "twice"),
        ({"checks": [{"id": "cpu.high", "parameters": {"minuts": 5}}]}, "no parameter 'minuts'"),
        ({"checks": [{"id": "cpu.high", "parameters": {"minutes": "5"}}]}, "right type"),
        ({"checks": [{"id": "cpu.high", "parameters": {"minutes": True}}]}, "right type"),
        ({"checks": [{"id": "cpu.high", "parameters": {"minutes": 0}}]}, "above 0"),
        (
            {
                "checks": [
                    {
                        "id": "cpu.high",
                        "levels": [
                            {"severity": "major", "at": 90},
                            {"severity": "minor", "at": 80},
                        ],
                    }
                ]
            },
            "from mild to grave",
        ),
        ({"name": "Daily Plan"}, "name"),
        ({"schedule": {"at": "25:00"}}, "schedule.at"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_the_reason(
    database: Database, change: dict[str, Any], said: str
) -> None:
    known = plans.shipped()["daily"].model_dump(mode="json", exclude_none=True)
    with pytest.raises(Problem) as refused, database.write() as session:
        plans.save_plan(session, known | change, BY, "")
    assert refused.value.status == 422
    assert said in refused.value.detail
