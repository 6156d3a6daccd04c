"""Platform, register and agent side by side: each way of disagreeing is named, and the score
follows from counts that anyone can redo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.ledger.match_rows import Known
from controller.ledger.reconcile import (
    WEIGHTS,
    AgentSide,
    PlatformSide,
    Reconciliation,
    Tolerances,
    reconcile,
)
from controller.ledger.sides import cores_of

GIB = 2.0**30
SEEN = datetime(2026, 11, 23, tzinfo=UTC)


def known(number: int, **changes: Any) -> Known:
    values: dict[str, Any] = {
        "id": number, "code": f"vm-{number}", "name": f"host-{number}", "kind": "vm",
        "instance_uuid": None, "ip": (f"10.0.0.{number}",), "os": "", "unit_id": 1, "unit": "A",
        "system": "", "site": "S", "zone": "", "vcpu": 4.0, "mem_bytes": 8 * GIB,
        "disk_bytes": 100 * GIB, "bandwidth_bit_s": None,
    }  # fmt: skip
    return Known(**values | changes)


def on_platform(number: int, resource: int | None, **changes: Any) -> PlatformSide:
    values: dict[str, Any] = {
        "source": "cloud-a", "row": number, "key": f"id-{number}", "name": f"host-{number}",
        "owner_named": True, "owner": 1, "sizes": (4.0, 8 * GIB, 100 * GIB),
        "resource_id": resource,
    }  # fmt: skip
    return PlatformSide(**values | changes)


def agent(number: int, resource: int | None, **changes: Any) -> AgentSide:
    values: dict[str, Any] = {
        "id": f"agent-{number}", "name": f"host-{number}", "unit_id": 1, "resource_id": resource,
        "sizes": (4.0, 7.6 * GIB, 95 * GIB), "last_seen": SEEN,
    }  # fmt: skip
    return AgentSide(**values | changes)


@pytest.fixture
def found() -> Reconciliation:
    return reconcile(
        [
            known(1),
            known(2),
            known(3, vcpu=8.0),
            known(4, unit_id=2, unit="B"),
            known(5),
            known(6, ip=("10.0.0.5",)),
        ],
        [
            on_platform(1, 1),
            on_platform(3, 3),
            on_platform(4, 4),
            on_platform(5, 5, owner=None),
            on_platform(9, None),
        ],
        [agent(1, 1), agent(3, 3), agent(4, 4), agent(44, 4), agent(8, None)],
        {1: SEEN, 3: SEEN, 4: SEEN},
        frozenset({1, 2, 3, 4, 5}),
        Tolerances(),
    )


def test_every_way_of_disagreeing_is_named(found: Reconciliation) -> None:
    assert {line.key: line.issues for line in found.lines} == {
        "id-9": ["only_platform"],
        "vm-2": ["only_register", "no_data", "no_agent"],
        "agent-8": ["only_agent"],
        "vm-5": ["owner_unknown", "duplicate_address", "no_data", "no_agent"],
        "vm-4": ["owner_differs", "double_agent"],
        "vm-3": ["size_platform", "size_agent"],
        "vm-6": ["duplicate_address", "no_data", "no_agent"],
        "vm-1": [],
    }
    assert [line.key for line in found.lines][:2] == ["id-9", "vm-2"]


def test_the_score_is_the_weighted_mean_of_four_shares(found: Reconciliation) -> None:
    shares = {name: (share.good, share.of) for name, share in found.shares.items()}
    assert shares == {"machines": (4, 6), "owners": (2, 5), "sizes": (3, 4), "data": (3, 6)}
    expected = 35 * 4 / 6 + 20 * 2 / 5 + 20 * 3 / 4 + 25 * 3 / 6
    assert found.score == pytest.approx(expected, abs=0.005)
    assert sum(WEIGHTS.values()) == 100


def test_a_share_with_nothing_to_judge_is_left_out_with_its_weight() -> None:
    nothing = reconcile([], [], [], {}, frozenset(), Tolerances())
    assert nothing.score is None
    alone = reconcile([known(1), known(2)], [], [], {1: SEEN}, frozenset(), Tolerances())
    assert alone.score == 50.0


def test_coverage_counts_each_side_by_unit(found: Reconciliation) -> None:
    assert found.coverage == {
        1: {"resources": 5, "platform": 3, "agent": 2, "data": 2, "agreeing": 1},
        2: {"resources": 1, "platform": 1, "agent": 1, "data": 1, "agreeing": 0},
    }


@pytest.mark.parametrize(
    ("name", "one", "other", "alike"),
    [
        ("vcpu", 4.0, 4.0, True),
        ("vcpu", 4.0, 5.0, False),
        ("vcpu", None, 5.0, True),
        ("mem_bytes", 8 * GIB, 7.3 * GIB, True),
        ("mem_bytes", 8 * GIB, 7.1 * GIB, False),
        ("disk_bytes", 100 * GIB, 71 * GIB, True),
        ("disk_bytes", 100 * GIB, 69 * GIB, False),
    ],
)
def test_sizes_agree_within_their_tolerance(
    name: str, one: float | None, other: float | None, alike: bool
) -> None:
    assert Tolerances().alike(name, one, other) is alike
    assert Tolerances().alike(name, other, one) is alike


@pytest.mark.parametrize(
    ("cpu", "cores"),
    [({"logical": 8}, 8.0), ({"logical": 10**400}, None), ({"logical": True}, None),
     ({"logical": "8"}, None), ({"logical": 0}, None), (8, None), (None, None)],
    ids=["8", "huge", "true", "text", "none", "number", "absent"],
)  # fmt: skip
def test_processors_that_cannot_be_are_not_compared(cpu: object, cores: float | None) -> None:
    assert cores_of({"cpu": cpu}) == cores
