"""Who depends on whom, from what hosts saw; and what a unit may see of it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from controller.access.scope import CITY, Scope
from controller.inventory.tables import Holding, Resource
from controller.inventory.unclaimed import ensure_unclaimed, list_unclaimed
from controller.moves.edge_documents import BadEdgesError, purge_edges, take_edges
from controller.moves.edge_graph import Graph
from controller.moves.edge_views import Map, candidates_by_links, neighbours_by_links, seen
from controller.moves.tables import MoveEdges, MoveNetwork
from controller.store.relational import Database
from tests.unit.controller.moves.conftest import NOW

WEB, DB, SHARED, TWIN = 1, 2, 3, 4


def _tell(
    database: Database, resource: int, *edges: list[object], at: datetime = NOW,
    local: tuple[list[object], ...] = (),
) -> None:  # fmt: skip
    with database.write() as session:
        take_edges(session, resource, {"edges": list(edges), "local": list(local)}, at, NOW)


def _named(graph: Graph) -> set[tuple[str, str, tuple[int, ...]]]:
    return {(graph.nodes[a.source].name, graph.nodes[a.target].name, a.ports) for a in graph.arrows}


def _map(database: Database, scope: Scope = CITY, days: int = 30) -> Map:
    with database.read() as session:
        return Map(session, scope, days, NOW)


def test_a_connection_seen_at_both_ends_is_one_link(database: Database) -> None:
    _tell(database, WEB, ["out", "tcp", "10.1.0.2", 5432, "java", 3, 1])
    _tell(database, DB, ["in", "tcp", "10.1.0.1", 5432, "postgres", 5, 2])
    found = _map(database)
    assert len(found.links) == 1
    assert int(found.links.looks[0]) == 5
    assert _named(found.graph("system")) == {("系统1", "系统2", (5432,))}
    # Both systems are one unit's: nothing to draw between units.
    assert found.graph("unit").arrows == []


def test_the_same_address_in_two_zones_is_each_zones_own(database: Database) -> None:
    """10.1.0.2 is db in the extranet and twin in the private network."""
    _tell(database, WEB, ["out", "tcp", "10.1.0.2", 22, "", 1, 1])
    _tell(database, TWIN, ["out", "tcp", "10.2.0.1", 443, "", 1, 1])
    assert _named(_map(database).graph("system")) == {
        ("系统1", "系统2", (22,)),
        ("系统4", "系统3", (443,)),
    }
    # From a zone without such a machine it is the only one that bears it anywhere.
    with database.write() as session:
        session.get_one(Resource, SHARED).ip = "10.9.0.1"
        twin = session.get_one(Resource, TWIN)
        twin.ip = "10.2.0.9"
    _tell(database, TWIN, ["out", "tcp", "10.1.0.2", 22, "", 1, 1])
    assert ("系统4", "系统2", (22,)) in _named(_map(database).graph("system"))


def test_unknown_peers_are_told_by_whose_range_they_lie_in(database: Database) -> None:
    with database.write() as session:
        session.add(
            MoveNetwork(code="video", name="视频专网", unit_id=1, prefixes=["172.20.8.0/22"],
                        updated=NOW)
        )  # fmt: skip
    _tell(
        database, WEB,
        ["out", "tcp", "172.20.9.7", 554, "", 1, 1],
        ["in", "tcp", "192.168.7.9", 443, "", 1, 1],
        ["in", "tcp", "192.168.7.10", 443, "", 1, 1],
        ["out", "tcp", "8.8.8.8", 443, "", 1, 1],
        ["out", "tcp", "2400:3200::1", 443, "", 1, 1],
    )  # fmt: skip
    found = _map(database)
    graph = found.graph("system")
    kinds = {node.name or node.kind: (node.kind, node.hosts) for node in graph.nodes}
    assert kinds == {
        "系统1": ("system", 1), "视频专网": ("network", 1),
        "192.168.7.0/24": ("range", 2), "internet": ("internet", 2),
    }  # fmt: skip
    assert graph.unknown == 5
    rows = found.rows(unknown=True, text="554")
    (view,) = found.views(rows, 0, 10)
    assert (view.server.address, view.server.network) == ("172.20.9.7", "视频专网")


@pytest.mark.parametrize("known", [False, True], ids=["its first documents", "further ones"])
def test_two_documents_of_one_host_at_once_are_both_kept(database: Database, known: bool) -> None:
    """Two agents of one machine, each at a process of its own."""
    ports = {1, 2}
    if known:
        _tell(database, WEB, ["out", "tcp", "10.1.0.2", 3, "", 1, 1])
        ports.add(3)
    second = threading.Thread(
        target=_tell, args=(database, WEB, ["out", "tcp", "10.1.0.2", 2, "", 1, 1])
    )
    with database.write() as session:
        body = {"edges": [["out", "tcp", "10.1.0.2", 1, "", 1, 1]]}
        take_edges(session, WEB, body, NOW, NOW)
        second.start()
        second.join(0.5)  # it has read what there is, or waits until we are done
    second.join(10)
    assert not second.is_alive()
    assert {int(port) for port in _map(database).links.port} == ports


def test_only_the_days_asked_for_count(database: Database) -> None:
    _tell(database, WEB, ["out", "tcp", "10.1.0.2", 1, "", 1, 1], at=NOW - timedelta(days=20))
    _tell(database, WEB, ["out", "tcp", "10.1.0.2", 2, "", 1, 1])
    assert {int(port) for port in _map(database, days=7).links.port} == {2}
    assert {int(port) for port in _map(database, days=30).links.port} == {1, 2}


def test_loopback_is_kept_and_not_drawn(database: Database) -> None:
    _tell(database, WEB, local=([6379, "redis", 9, 2],))
    with database.read() as session:
        assert session.get_one(MoveEdges, WEB).edges == 1
    assert len(_map(database).links) == 0


def test_a_unit_sees_its_own_links_and_of_others_only_the_kind(database: Database) -> None:
    with database.write() as session:
        session.add(
            MoveNetwork(code="their", name="别人的专网", unit_id=2, prefixes=["172.31.0.0/16"],
                        updated=NOW)
        )  # fmt: skip
    _tell(
        database, WEB,
        ["out", "tcp", "10.2.0.1", 5432, "java", 3, 1],
        ["out", "tcp", "172.31.0.5", 80, "java", 3, 1],
    )  # fmt: skip
    _tell(database, TWIN, ["out", "tcp", "10.2.0.1", 443, "curl", 3, 1])
    found = _map(database, Scope(frozenset({1})))
    rows = found.rows()
    views = list(found.views(rows, 0, 10))
    text = repr(views) + repr(found.graph("system"))
    assert {view.server.kind for view in views} == {"other"}
    assert {view.server.name for view in views} == {"vm", "network"}
    for secret in ("shared", "10.2.0.1", "市大数据中心", "系统3", "别人的专网", "172.31", "curl"):
        assert secret not in text
    # What it cannot see it cannot find either.
    assert len(found.rows(text="shared")) == 0
    # The other unit sees that somebody calls it, though its own host tells nothing.
    theirs = _map(database, Scope(frozenset({2})))
    assert len(theirs.links) == 2


def test_a_document_that_is_none_changes_nothing(database: Database) -> None:
    bad: list[dict[str, object]] = [
        {"edges": "x"},
        {"edges": [["out", "tcp", "nowhere", 80, "", 1, 1]]},
        {"edges": [["out", "tcp", "10.0.0.1", 0, "", 1, 1]]},
        {"edges": [["sideways", "tcp", "10.0.0.1", 80, "", 1, 1]]},
        {"edges": [["out", "tcp", "10.0.0.1", 80]]},
        {"edges": [["out", "tcp", "10.0.0.1", 80, "", 1, 1]] * 1_001},
        {"local": [[80, "", "many", 1]]},
    ]
    for body in bad:
        with database.write() as session, pytest.raises(BadEdgesError):
            take_edges(session, WEB, body, NOW, NOW)
    with database.write() as session, pytest.raises(BadEdgesError, match="future"):
        take_edges(session, WEB, {"edges": []}, NOW + timedelta(days=3), NOW)
    with database.read() as session:
        assert session.get(MoveEdges, WEB) is None


def test_a_machine_is_likest_to_be_the_units_whose_hosts_it_talks_to(database: Database) -> None:
    _tell(
        database, TWIN,
        ["out", "tcp", "10.1.0.1", 80, "", 1, 1],
        ["out", "tcp", "10.2.0.1", 80, "", 1, 1],
    )  # fmt: skip
    _tell(database, DB, ["out", "tcp", "10.2.0.1", 80, "", 1, 1])
    with database.write() as session:
        session.get_one(Resource, TWIN).ip = "10.1.0.3"
        session.get_one(Resource, DB).ip = "10.1.0.4"
    _tell(database, TWIN, ["out", "tcp", "10.1.0.4", 80, "", 1, 1])
    with database.read() as session:
        assert neighbours_by_links(session, ["twin"], NOW) == {"twin": [(1, 2)]}


def test_what_no_agent_tells_of_any_more_is_dropped(database: Database) -> None:
    _tell(database, WEB, ["out", "tcp", "10.1.0.2", 1, "", 1, 1], at=NOW - timedelta(days=29))
    _tell(database, DB, ["out", "tcp", "10.1.0.1", 1, "", 1, 1])
    with database.write() as session:
        assert purge_edges(session, NOW + timedelta(days=3)) == 1
        told = seen(session, CITY, 30, NOW)
    assert (told.hosts_telling, told.hosts) == (1, 4)


def test_the_list_of_the_unclaimed_names_units_by_connections(database: Database) -> None:
    with database.write() as session:
        holder = ensure_unclaimed(session, NOW)
        holding = session.exec(select(Holding).where(Holding.resource_id == TWIN)).one()
        holding.unit_id, holding.zone_id = holder, 1
        session.get_one(Resource, TWIN).ip = "10.77.0.9"
        session.add(holding)
    _tell(
        database, TWIN,
        ["out", "tcp", "10.1.0.1", 80, "", 1, 1],
        ["out", "tcp", "10.1.0.2", 80, "", 1, 1],
    )  # fmt: skip
    with database.read() as session:
        (plain,) = list_unclaimed(session, CITY, NOW)
        (view,) = list_unclaimed(session, CITY, NOW, further=(candidates_by_links,))
        mine = list_unclaimed(session, Scope(frozenset({2})), NOW, further=(candidates_by_links,))
    known = {each.unit_code for each in plain.candidates}
    more = {each.unit_code: each.why_zh for each in view.candidates}
    assert "jtj" not in known
    assert more["jtj"] == "与该单位 2 台主机有连接"
    # Another unit does not learn that it exists.
    assert mine == []
