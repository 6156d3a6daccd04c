"""Random exports of random registers: every row falls into the class that its making says, and
what was confirmed is undone without a trace.

The expectation is built with the export, mutation by mutation; nothing of the comparison is used.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from books import NOW, UNITS, classes, compared, confirmed, machine, registers, sheet, uuid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import empty

from controller.inventory.imports import import_resources, import_units
from controller.ledger import mapping
from controller.ledger.compare import Owner, compare
from controller.ledger.export_file import ExportRow
from controller.ledger.mapping import SourceMapping
from controller.ledger.match_rows import Known
from controller.ledger.undo import undo
from controller.schema import metadata
from controller.store.relational import Database, connect
from controller.store.samples import Samples

OWNERS = {"甲": Owner(1, "A"), "乙": Owner(2, "B"), "丙": Owner(None, problem="no unit")}

MUTATIONS = (
    "same", "resized", "renamed", "gone", "deleted", "bare", "bare renamed", "bare moved",
    "foreign", "unknown owner", "other owner", "doubled", "repeated", "readdressed",
)  # fmt: skip


def known(number: int, has_uuid: bool) -> Known:
    return Known(
        number + 1, f"vm-{number}", f"host-{number}", "vm", uuid(number) if has_uuid else None,
        (f"10.0.0.{number + 1}",), "", 1, "A", "", "S", "", 4.0, 2.0**30 * (number + 1), None, None,
    )  # fmt: skip


def row(number: int, has_uuid: bool = True, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "code": f"vm-{number}",
        "name": f"host-{number}",
        "ip": (f"10.0.0.{number + 1}",),
        "unit": "甲",
        "vcpu": 4.0,
        "mem_bytes": 2.0**30 * (number + 1),
    }
    if has_uuid:
        # By its UUID alone; the platform does not know the register's codes.
        values |= {"instance_uuid": uuid(number)}
        del values["code"]
    return {name: value for name, value in (values | changes).items() if value is not None}


@dataclass
class Made:
    """Rows of an export and how many of each class they must give."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, int] = field(default_factory=dict)

    def add(self, cls: str, *rows: dict[str, Any], count: int = 1) -> None:
        self.rows += rows
        self.expected[cls] = self.expected.get(cls, 0) + count


def mutate(made: Made, number: int, has_uuid: bool, what: str) -> None:
    """Adds machine ``number`` to the export as ``what`` says."""

    def one(**changes: Any) -> dict[str, Any]:
        return row(number, has_uuid, **changes)

    bare = {"instance_uuid": None, "code": None}
    match what:
        case "same":
            made.add("unchanged", one())
        case "resized":
            made.add("changed", one(vcpu=64.0))
        case "renamed":
            made.add("renamed", one(name=f"new-{number}", vcpu=64.0))
        case "gone":
            made.add("vanished")
        case "deleted":
            made.add("vanished", one(state="gone"))
        case "bare":
            # Neither UUID nor code: name and address say which it is.
            made.add("unchanged", one(**bare))
        case "bare renamed":
            made.add("renamed", one(**bare, name=f"new-{number}"))
        case "bare moved":
            # Another name, another size: nothing says that it is this machine.
            made.add("vanished")
            made.add("bad", one(**bare, name=f"new-{number}", vcpu=64.0))
        case "foreign":
            # Same address and size, but a UUID of its own where the register knows another.
            made.add(
                "new" if has_uuid else "renamed",
                one(instance_uuid=uuid(10_000 + number), code=None, name=f"other-{number}"),
            )
            if has_uuid:
                made.add("vanished")
        case "unknown owner":
            made.add("unmatched", one(unit="丙"))
        case "other owner":
            made.add("changed", one(unit="乙"))
        case "doubled":
            made.add("duplicate", one(), one(name=f"clone-{number}"), count=2)
        case "repeated":
            made.add("unchanged", one(), one())
            made.add("duplicate")
        case "readdressed":
            made.add("changed", one(ip=(f"10.9.0.{number + 1}", "10.8.0.1")))


@settings(max_examples=300, deadline=None)
@given(
    machines=st.lists(
        st.tuples(st.booleans(), st.sampled_from(MUTATIONS)), min_size=1, max_size=15
    ),
    new=st.integers(0, 3),
    random=st.randoms(use_true_random=False),
)
def test_every_row_falls_into_the_class_that_its_making_says(
    machines: Sequence[tuple[bool, str]], new: int, random: Any
) -> None:
    made = Made()
    register = []
    for number, (has_uuid, what) in enumerate(machines):
        register.append(known(number, has_uuid))
        mutate(made, number, has_uuid, what)
    for number in range(new):
        made.add("new", row(5_000 + number, ip=(f"10.5.0.{number + 1}",)))
    random.shuffle(made.rows)
    rows = [ExportRow(place, values) for place, values in enumerate(made.rows, 2)]
    expected_ids = [each.id for each in register]
    found = compare(rows, register, expected_ids, lambda word: OWNERS[word])
    counts = found.counts() | ({"unchanged": found.unchanged} if found.unchanged else {})
    assert counts == made.expected
    # Every row and every resource is spoken for exactly once.
    judged = [each.row for each in found.differences if each.row]
    assert len(judged) == len(set(judged))
    assert len(set(found.matched.values())) == len(found.matched)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.sampled_from(("same", "resize", "rename", "move", "gone", "regroup")),
        min_size=3,
        max_size=8,
    ),
    new=st.integers(0, 2),
)
def test_confirming_makes_the_register_say_what_the_export_says_and_undoing_unsays_it(
    changes: Sequence[str], new: int, samples: Samples
) -> None:
    empty(samples)  # other tests' measurements bear the same numbers
    with tempfile.TemporaryDirectory() as folder:
        database = _furnished(Path(folder), len(changes))
        before = registers(database)
        rows = [machine(900 + number, 租户="市卫健委") for number in range(new)]
        for number, change in enumerate(changes):
            each = {
                "same": {},
                "resize": {"vCPU": 32},
                "rename": {"云主机名称": f"renamed-{number}"},
                "move": {"租户": "公路中心"},
                "regroup": {"可用区": f"中心{number % 2}"},
            }.get(change)
            if each is not None:
                rows.append(machine(number, **each))
        rows = rows or [machine(900)]
        run = confirmed(database, compared(database, rows))
        again = classes(database, compared(database, rows))
        # What left the covered site by its new place is not missed; what is gone still is.
        assert {cls for cls, _ in again} <= {"vanished"}
        assert len(again) == changes.count("gone")
        with database.write() as session:
            undo(session, samples, run.id or 0, by="keeper", now=NOW)
        assert registers(database) == before
        database.close()


def _furnished(folder: Path, count: int) -> Database:
    engine = connect(f"sqlite:///{folder / 'world.db'}")
    metadata().create_all(engine)
    database = Database(engine)
    import_units(database, _bytes(UNITS), "u.csv", dry_run=False, skip_bad=False, by="t", now=NOW)
    rows = [
        {
            "编码": f"vm-{number}", "名称": each["云主机名称"], "实例UUID": each["云主机ID"],
            "IP地址": each["私有IP地址"], "CPU核数": each["vCPU"], "内存GB": each["内存(GB)"],
            "磁盘GB": each["系统盘(GB)"], "单位": each["租户"], "站点": each["可用区"],
            "开通时间": "2026-01-05",
        }
        for number, each in ((n, machine(n)) for n in range(count))
    ]  # fmt: skip
    outcome = import_resources(
        database, sheet(rows), "r.csv", dry_run=False, skip_bad=False, by="t", now=NOW
    )
    assert outcome.imported, outcome.errors
    with database.write() as session:
        covers = SourceMapping.model_validate({"covers": {"kinds": ["vm"]}})
        mapping.save_source(session, "cloud-a", "A", covers, "t", NOW)
    return database


def _bytes(text: str) -> io.BytesIO:
    return io.BytesIO(text.encode())
