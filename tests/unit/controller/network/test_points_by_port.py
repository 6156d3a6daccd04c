"""Points on polled gear: reached where their port is up, unless an address was measured."""

from __future__ import annotations

from controller.access.scope import CITY
from controller.inventory.tables import Resource
from controller.network.line_ends import ends_of, ports_named
from controller.network.lines import list_lines
from controller.network.point_import import POINTS
from controller.network.points import Reach, list_points
from controller.network.tables import Device, DevicePort
from controller.store.relational import Database

from .conftest import NOW, load


def furnish(database: Database, *, state: str = "up") -> None:
    with database.write() as session:
        for number, (code, name) in enumerate((("core-1", "核心一"), ("sw", "双"), ("x", "双")), 1):
            session.add(Resource(id=number, code=code, name=name, kind="device", created=NOW))
            session.flush()
            session.add(Device(id=number, address=f"10.0.0.{number}", state=state))
            session.flush()
            for index, (port, oper) in enumerate((("GE1/0/1", "up"), ("GE1/0/2", "down")), 1):
                session.add(
                    DevicePort(device_id=number, instance=f"port:{port}", if_index=index,
                               name=port, oper=oper, admin="up", seen=NOW)
                )  # fmt: skip
    assert load(
        database, POINTS,
        "编码,层级,单位,设备,端口\nq-up,县级,ljq,CORE-1,ge1/0/1\nq-down,县级,ljq,核心一,GE1/0/2\n"
        "q-two,县级,ljq,双,GE1/0/1\nq-none,县级,ljq,core-1,GE9\n",
    ).imported  # fmt: skip


def reached(database: Database, reach: dict[int, Reach]) -> dict[str, bool | None]:
    with database.read() as session:
        return {
            each.code: each.reachable for each in list_points(session, CITY, NOW, reach, text="q-")
        }


def test_a_point_is_reached_where_its_port_is_up(town: Database) -> None:
    furnish(town)
    assert reached(town, {}) == {"q-up": True, "q-down": False, "q-two": None, "q-none": None}
    with town.read() as session:
        down = next(p.id for p in list_points(session, CITY, NOW, {}) if p.code == "q-down")
    assert reached(town, {down: Reach(True, 100.0)})["q-down"] is True  # an answer is an answer


def test_a_silent_device_says_nothing_of_its_points(town: Database) -> None:
    furnish(town, state="down")
    assert set(reached(town, {}).values()) == {None}


def test_lines_end_at_ports_in_any_spelling_and_at_no_device_of_two(town: Database) -> None:
    furnish(town)
    with town.read() as session:
        lines = list_lines(session, CITY, NOW)
        ends = {line.number: ends_of(session, [line]) for line in lines}
        assert ports_named(session, [("双", "GE1/0/1"), ("", "GE1/0/1"), ("core-1", "")]) == {}
    by_number = {number: list(each.values()) for number, each in ends.items() if each}
    assert by_number == {"P-1": [[(1, "port:GE1/0/1")]], "L-1": [[(1, "port:GE1/0/2")]]}
