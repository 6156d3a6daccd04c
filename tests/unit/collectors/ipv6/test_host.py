"""The parsers of a host's readiness, on literals."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from collectors.ipv6.host import steady
from collectors.ipv6.host.addresses import Address, count_kinds, parse_addresses
from collectors.ipv6.host.firewall import count_file_rules, judge
from collectors.ipv6.host.gateway import Route, parse_default_routes
from collectors.ipv6.host.resolvers import encode_query, parse_resolv, read_resolvers
from collectors.ipv6.host.services import Socket, find_v4_only, parse_socket

IF_INET6 = """\
fe800000000000000a0027fffe8e0b1d 02 40 20 80     eth0
24080000000000000000000000000007 02 40 00 80     eth0
24080000000000001111222233334444 02 40 00 01     eth0
24080000000000001111222233334445 02 40 00 21     eth0
fd120000000000000000000000000007 02 40 00 c8     eth0
20020a00000100000000000000000001 03 10 00 80     tun6to4
"""


@pytest.mark.parametrize(
    ("address", "kind", "usable"),
    [
        ("fe80::a00:27ff:fe8e:b1d", "link_local", True),
        ("2408::7", "global", True),
        ("2408::1111:2222:3333:4445", "global", False),
        ("fd12::7", "ula", False),
        ("2002:a00:1::1", "tunnel", True),
    ],
)
def test_an_address_has_its_kind_and_use(address: str, kind: str, usable: bool) -> None:
    found = {each.address: each for each in parse_addresses(IF_INET6)}
    assert (found[address].kind, found[address].usable) == (kind, usable)


def test_a_failed_duplicate_and_a_deprecated_address_do_not_count() -> None:
    counts = count_kinds(parse_addresses(IF_INET6))
    assert counts == {
        "global": 2, "ula": 0, "link_local": 1, "tunnel": 1, "other": 0, "temporary": 1,
    }  # fmt: skip


def test_a_rejecting_default_route_is_none() -> None:
    zeros = "0" * 32
    via = "fe800000000000000000000000000001"
    text = (
        f"{zeros} 00 {zeros} 00 {via} 00000400 1 0 00000003 eth0\n"
        f"{zeros} 00 {zeros} 00 {zeros} 00000100 1 0 00000001 wg0\n"
        f"{zeros} 00 {zeros} 00 {zeros} ffffffff 1 0 00200200 lo\n"
        f"{zeros} 00 {zeros} 00 {via} 00000001 1 0 00000203 eth1\n"
        f"{'fd' + '0' * 30} 40 {zeros} 00 {zeros} 00000100 1 0 00000001 eth0\n"
    )
    assert parse_default_routes(text) == [
        Route("fe80::1", "eth0", 0x400), Route("", "wg0", 0x100),
    ]  # fmt: skip


def test_resolv_conf_gives_servers_and_the_first_domain() -> None:
    told = parse_resolv(
        "# x\nsearch a.test b.test\nnameserver fd00::1\nnameserver 10.0.0.1 x\n;y\n"
    )
    assert told == (["fd00::1", "10.0.0.1"], "a.test")


def test_the_resolvers_behind_a_stub_are_asked(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n", "utf-8")
    behind = tmp_path / "run/systemd/resolve"
    behind.mkdir(parents=True)
    (behind / "resolv.conf").write_text("nameserver ::1\n", "utf-8")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        closed = probe.getsockname()[1]
    assert read_resolvers(str(tmp_path), port=closed) == [
        {"address": "::1", "version": 6, "reachable": False, "aaaa": None}
    ]


def test_a_question_is_for_aaaa_and_recursive() -> None:
    query = encode_query(7, "a.test")
    assert query == b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\x1c\0\1"


def _socket(address: str, port: int, inode: int = 0) -> Socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return Socket(socket.inet_pton(family, address), port, b"", inode)


def test_passing_ports_loopback_and_the_dhcp_client_are_no_services() -> None:
    listeners = {
        ("tcp", 4): [_socket("0.0.0.0", 80), _socket("127.0.0.1", 81), _socket("10.0.0.1", 40_000)],
        ("tcp", 6): [_socket("::1", 80), _socket("fd00::1", 443)],
        ("udp", 4): [_socket("0.0.0.0", 68), _socket("0.0.0.0", 40_001), _socket("0.0.0.0", 161)],
        ("udp", 6): [_socket("::", 161)],
    }
    found, total = find_v4_only(listeners, (32_768, 60_999))
    assert [(protocol, each.port) for protocol, each in found] == [("tcp", 80), ("tcp", 40_000)]
    assert total == 4


def test_a_mapped_address_is_an_ipv4_one() -> None:
    mapped = bytes(10) + b"\xff\xff"
    body = struct.pack(">HH16s16s", 80, 5000, mapped + bytes([10, 0, 0, 1]),
                       mapped + bytes([10, 0, 0, 2]))  # fmt: skip
    message = bytes([socket.AF_INET6, 1, 0, 0]) + body + bytes(28) + struct.pack("=II", 0, 42)
    found = parse_socket(message)
    assert (found.local, found.remote) == (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    assert found.port == 80


@pytest.mark.parametrize(
    ("v4", "v6", "state"), [(0, 0, "none"), (3, 0, "v4_only"), (0, 1, "v6_only"), (2, 2, "both")]
)
def test_a_firewall_for_one_version_is_named(v4: int, v6: int, state: str) -> None:
    assert judge(v4, v6) == state


def test_rules_are_counted_in_files_where_the_kernel_is_silent(tmp_path: Path) -> None:
    (tmp_path / "etc/iptables").mkdir(parents=True)
    (tmp_path / "etc/iptables/rules.v4").write_text(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n"
        "-A FORWARD -j ACCEPT\nCOMMIT\n", "utf-8",
    )  # fmt: skip
    assert count_file_rules(str(tmp_path)) == (2, 0)
    assert count_file_rules(str(tmp_path / "nowhere")) is None


def test_counts_of_the_moment_are_no_change() -> None:
    temporary = Address("eth0", "2408::1", 64, "global", True, True)._asdict()
    lasting = Address("eth0", "2408::2", 64, "global", False, True)._asdict()
    one = {"addresses": [temporary, lasting], "connections": {"v6": 1}, "kinds": {"temporary": 1}}
    two = {"addresses": [lasting], "connections": {"v6": 9}, "kinds": {"temporary": 0}}
    assert steady(one) == steady(two)
