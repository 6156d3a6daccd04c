"""What one look at the connections becomes: told at once when new, else once an hour."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from collectors.host import edges
from collectors.host.edges import IN, LOCAL, OUT, Edges, Key, Look
from collectors.host.sockets import SocketOwners

HOUR = 3_600.0
DB: Key = (OUT, socket.inet_aton("10.1.0.5"), 5236)
WEB: Key = (IN, socket.inet_aton("10.9.0.7"), 443)


class NoOwners(SocketOwners):
    def find(self, inodes: Mapping[object, int]) -> None:
        pass


def _look(**counts: int) -> Look:
    found = Look()
    for name, count in counts.items():
        found.edges[{"db": DB, "web": WEB}[name]] = count
    return found


def _edges() -> Edges:
    return Edges(300, NoOwners())


def message(family: int, state: int, ours: int, theirs: int, source: str, peer: str) -> bytes:
    """A netlink message of one socket, as the kernel writes it (with one attribute)."""
    packed = [socket.inet_pton(family, each).ljust(16, b"\0") for each in (source, peer)]
    body = struct.pack("!BBBBHH16s16s", family, state, 0, 0, ours, theirs, *packed)
    body += struct.pack("=IIIIIIII", 0, 0, 0, 0, 0, 0, 1000, 4711) + struct.pack("=HHI", 5, 8, 0)
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def gather(*messages: bytes, listening: frozenset[int] = frozenset({443})) -> Look:
    found = Look()
    edges.gather(b"".join(messages), listening, found)
    edges.keep_apart(found)
    return found


def test_the_port_is_the_peers_where_we_call_and_ours_where_it_calls() -> None:
    v4, v6 = socket.AF_INET, socket.AF_INET6
    found = gather(
        message(v4, 1, 40_000, 5236, "10.1.0.1", "10.1.0.5"),
        message(v4, 1, 40_002, 5236, "10.1.0.1", "10.1.0.5"),
        message(v6, 1, 443, 51_000, "fd01::1", "fd01::7"),
        message(v6, 1, 443, 51_000, "::ffff:10.1.0.1", "::ffff:10.9.0.7"),
    )
    v6_peer = socket.inet_pton(v6, "fd01::7")
    assert found.edges == {DB: 2, (IN, v6_peer, 443): 1, WEB: 1}
    assert found.inodes[DB] == 4711


def test_what_a_host_says_to_itself_is_kept_apart_and_counted_once() -> None:
    v4 = socket.AF_INET
    found = gather(
        message(v4, 1, 40_000, 443, "127.0.0.1", "127.0.0.1"),
        message(v4, 1, 443, 40_000, "127.0.0.1", "127.0.0.1"),
        message(v4, 1, 40_001, 443, "10.1.0.1", "10.1.0.2"),
        message(v4, 1, 443, 40_001, "10.1.0.2", "10.1.0.1"),
    )
    assert found.edges == {(LOCAL, b"", 443): 2}


def test_a_closed_connection_between_two_callers_ports_tells_nothing() -> None:
    v4 = socket.AF_INET
    gone = message(v4, 6, 8080, 40_000, "10.1.0.1", "10.9.0.7")
    short = message(v4, 6, 40_000, 5236, "10.1.0.1", "10.1.0.5")
    assert gather(gone, short).edges == {DB: 1}


def test_new_edges_are_told_at_once_and_all_of_them_once_an_hour() -> None:
    told = _edges()
    told.take(_look(db=3), 1_000)
    first = told.tell(1_000, 0.0)
    assert first is not None
    assert first.body["edges"] == [["out", "tcp", "10.1.0.5", 5236, "", 1, 3]]
    told.take(_look(db=5), 2_000)
    assert told.tell(2_000, 300.0) is None
    told.take(_look(db=1, web=2), 3_000)
    news = told.tell(3_000, 600.0)
    assert news is not None
    assert [edge[:4] for edge in news.body["edges"]] == [["in", "tcp", "10.9.0.7", 443]]
    assert not news.body["whole"]
    told.take(_look(web=1), 4_000)
    whole = told.tell(4_000, HOUR)
    assert whole is not None
    # What was told as news is not counted again.
    assert {edge[0]: edge[5:] for edge in whole.body["edges"]} == {"out": [2, 5], "in": [1, 1]}
    assert (whole.body["from_ms"], whole.body["to_ms"]) == (1_000, 4_000)


def test_the_same_edges_have_the_same_hash_whatever_their_counts() -> None:
    hashes = []
    for counts in ({"db": 1, "web": 9}, {"web": 2, "db": 7}):
        told = _edges()
        told.take(_look(**counts), 1_000)
        document = told.tell(1_000, 0.0)
        assert document is not None
        hashes.append(document.body["hash"])
    assert hashes[0] == hashes[1]


def test_a_document_is_bounded_and_says_how_many_it_left_out() -> None:
    told, found = _edges(), Look()
    for number in range(edges.MOST_EDGES + 100):
        found.edges[(OUT, socket.inet_aton(f"10.7.{number >> 8}.{number & 255}"), 80)] = 1
    told.take(found, 1_000)
    document = told.tell(1_000, 0.0)
    assert document is not None
    assert len(document.body["edges"]) == edges.MOST_SENT
    assert document.body["left_out"] == edges.MOST_EDGES + 100 - edges.MOST_SENT


def test_the_owner_of_a_socket_is_found_piece_by_piece(tmp_path: Path) -> None:
    for pid, name in (("7", "java"), ("8", "nginx")):
        folder = tmp_path / pid / "fd"
        folder.mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(f"{name}\n")
        for number in range(300):
            (folder / str(number)).symlink_to(f"socket:[{pid}{number:03d}]")
    owners = SocketOwners(str(tmp_path))
    wanted = {DB: 7_001, WEB: 8_299}
    for _ in range(3):
        owners.find(wanted)
    assert (owners.name(DB), owners.name(WEB)) == ("java", "nginx")
