"""Traps and informs of net-snmp, received by the agent's own process over both IP versions."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.log import Log
from agent.traps import TrapService, parse_listen
from collectors.records import Document
from collectors.snmp.flood import Floodgate
from collectors.snmp.notifications import read
from collectors.snmp.traps import Receiver, User, v3_sender

LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
IF_INDEX, IF_NAME = "1.3.6.1.2.1.2.2.1.1", "1.3.6.1.2.1.31.1.1.1.1"
USERS = [
    ["strong", "sha256", "auth-pass-1", "aes256", "priv-pass-1"],
    ["plain", "sha", "auth-pass-2", "none", ""],
]
ENGINE = "0x80000000010203"


def free_port(family: int, address: str) -> int:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class Desk:
    """What came, and where to send."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.four, self.six = free_port(socket.AF_INET, "127.0.0.1"), free_port(10, "::1")
        listen = f"127.0.0.1:{self.four}, [::1]:{self.six}"
        self.service = TrapService(listen, self.documents.append, Log("debug"))
        self.service.take([{"communities": ["trap-secret"], "users": USERS}])
        self.until(lambda: _taken(self.four), "the port to be taken")

    def send(self, program: str, *words: str, six: bool = False, oid: str = LINK_DOWN) -> int:
        to = f"udp6:[::1]:{self.six}" if six else f"127.0.0.1:{self.four}"
        variables = (f"{IF_INDEX}.7", "i", "7", f"{IF_NAME}.7", "s", "GE0/0/7")
        done = subprocess.run(
            [program, *words, *(("-t", "3", "-r", "1") if program == "snmpinform" else ()), to,
             "", oid, *variables],
            capture_output=True, timeout=20, check=False,
        )  # fmt: skip
        return done.returncode

    def traps(self) -> list[dict[str, Any]]:
        return [trap for document in list(self.documents) for trap in document.body["traps"]]

    def counted(self, what: str) -> int:
        return sum(sum(document.body[what].values()) for document in list(self.documents))

    def until(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 20
        while not ready():
            assert time.monotonic() < deadline, what
            time.sleep(0.1)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.service.stop()


V3 = ("-v3", "-u", "strong", "-l", "authPriv", "-a", "SHA-256", "-A", "auth-pass-1", "-x",
      "AES-256", "-X", "priv-pass-1")  # fmt: skip
PLAIN = ("-v3", "-u", "plain", "-l", "authNoPriv", "-a", "SHA", "-A", "auth-pass-2")


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize(
    ("program", "words", "version"),
    [
        ("snmptrap", ("-v2c", "-c", "trap-secret"), "2c"),
        ("snmpinform", ("-v2c", "-c", "trap-secret"), "2c"),
        ("snmptrap", ("-e", ENGINE, *V3), "3"),
        ("snmpinform", V3, "3"),
        ("snmptrap", ("-e", ENGINE, *PLAIN), "3"),
    ],
)
def test_a_notification_comes_with_its_port(
    desk: Desk, program: str, words: tuple[str, ...], version: str, six: bool
) -> None:
    before = len(desk.traps())
    assert desk.send(program, *words, six=six) == 0  # an inform is answered, or it fails
    desk.until(lambda: len(desk.traps()) > before, "the trap")
    trap = desk.traps()[-1]
    assert (trap["kind"], trap["about"], trap["version"]) == ("link_down", "7", version)
    assert trap["source"] == ("::1" if six else "127.0.0.1")
    assert trap["values"] == {"if_index": "7", "if_name": "GE0/0/7"}


def test_who_is_not_known_is_counted_and_not_heard(desk: Desk) -> None:
    before, refused = len(desk.traps()), desk.counted("refused")
    wrong = ("-v3", "-e", ENGINE, "-u", "strong", "-l", "authPriv", "-a", "SHA-256", "-A",
             "auth-pass-X", "-x", "AES-256", "-X", "priv-pass-1")  # fmt: skip
    unsecured = ("-v3", "-e", ENGINE, "-u", "strong", "-l", "noAuthNoPriv")
    stranger = ("-v3", "-e", ENGINE, "-u", "nobody", "-l", "noAuthNoPriv")
    for words in (("-v2c", "-c", "guess"), wrong, unsecured, stranger):
        desk.send("snmptrap", *words)
    desk.until(lambda: desk.counted("refused") >= refused + 4, "four refused")
    assert len(desk.traps()) == before


def test_no_secret_travels_with_a_trap(desk: Desk) -> None:
    """A v1 trap is turned into a v2 one, of which the community is a variable."""
    before = len(desk.traps())
    subprocess.run(
        ["snmptrap", "-v1", "-c", "trap-secret", f"127.0.0.1:{desk.four}", "1.3.6.1.4.1.2011",
         "10.9.9.9", "6", "17", "55"],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    desk.until(lambda: len(desk.traps()) > before, "the v1 trap")
    trap = desk.traps()[-1]
    assert (trap["kind"], trap["oid"]) == ("raw", "1.3.6.1.4.1.2011.0.17")
    assert trap["values"] == {"relayed_for": "10.9.9.9"}
    assert not [d for d in desk.documents if "trap-secret" in repr(d) or "-pass-" in repr(d)]


def test_a_flood_is_dropped_before_it_is_decoded_and_counted(desk: Desk) -> None:
    """Last of its module: the bucket of 127.0.0.1 is empty afterwards."""
    before = len(desk.traps())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for _ in range(2_000):
            sender.sendto(b"\x30\x03\x02\x01\x00", ("127.0.0.1", desk.four))
            time.sleep(0.0002)
    desk.until(lambda: desk.counted("dropped") > 1_500, "the flood to be counted")
    assert desk.counted("dropped") < 2_000
    assert len(desk.traps()) == before


def captured(*words: str) -> bytes:
    """One notification as it travels."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as catcher:
        catcher.bind(("127.0.0.1", 0))
        catcher.settimeout(10)
        to = f"127.0.0.1:{catcher.getsockname()[1]}"
        subprocess.run(
            ["snmptrap", *words, to, "", LINK_DOWN, f"{IF_INDEX}.7", "i", "7"],
            check=True, capture_output=True, timeout=20,
        )  # fmt: skip
        return catcher.recv(65_535)


@pytest.mark.parametrize("seconds", [60.0 if os.environ.get("HEAVY_TESTS") else 2.0])
def test_broken_messages_neither_end_the_receiver_nor_fill_its_memory(seconds: float) -> None:
    chance = random.Random(20_261_128)
    whole = [captured("-v2c", "-c", "trap-secret"), captured("-e", ENGINE, *V3)]
    heard: list[Any] = []
    users = [User(*USERS[0])]
    receiver = Receiver(["trap-secret"], users, heard.append, Floodgate(1e6, 1e6, 1e6))

    async def bombard() -> int:
        asyncio.get_running_loop().set_exception_handler(receiver.note_fault)
        ((_, port),) = await receiver.open([("127.0.0.1", 0)])
        until, sent = time.monotonic() + seconds, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while time.monotonic() < until:
                broken = bytearray(chance.choice(whole))
                for _ in range(chance.randrange(1, 6)):
                    broken[chance.randrange(len(broken))] = chance.randrange(256)
                cut = chance.randrange(len(broken)) if chance.random() < 0.2 else len(broken)
                sender.sendto(bytes(broken[:cut]), ("127.0.0.1", port))
                sent += 1
                await asyncio.sleep(0.001)
            before = len(heard)
            sender.sendto(whole[0], ("127.0.0.1", port))
            for _ in range(100):
                await asyncio.sleep(0.05)
                if len(heard) > before:
                    break
        receiver.close()
        assert len(heard) > before, "a good trap after the broken ones is not heard"
        return sent

    assert asyncio.run(bombard()) > 100
    assert len(receiver._entered) <= 200 + 2 * seconds + 1


def test_other_sources_are_heard_while_one_floods() -> None:
    gate = Floodgate(per_s=10, burst=20, all_per_s=1_000)
    admitted = sum(gate.admits("10.0.0.1", 0.001 * each) for each in range(1_000))
    assert 20 <= admitted <= 31
    assert all(gate.admits(f"10.0.1.{each}", 1.0) for each in range(200))
    assert gate.take_dropped() == {"10.0.0.1": 1_000 - admitted}
    assert gate.take_dropped() == {}
    whole = Floodgate(per_s=10, burst=20, all_per_s=50)
    assert sum(whole.admits(f"10.{each}.0.1", 1.0) for each in range(200)) == 50


BGP = "1.3.6.1.2.1.15.3.1.2"
OSPF = "1.3.6.1.2.1.14.10.1.6"


@pytest.mark.parametrize(
    ("oid", "variables", "kind", "about"),
    [
        ("1.3.6.1.6.3.1.1.5.1", [], "cold_start", ""),
        ("1.3.6.1.6.3.1.1.5.5", [], "authentication_failure", ""),
        ("1.3.6.1.6.3.1.1.5.4", [("1.3.6.1.2.1.2.2.1.8.12", "1")], "link_up", "12"),
        ("1.3.6.1.6.3.1.1.5.3", [], "raw", ""),
        ("1.3.6.1.2.1.15.7.2", [(f"{BGP}.10.0.0.2", "1")], "bgp_down", "10.0.0.2"),
        ("1.3.6.1.2.1.15.0.1", [(f"{BGP}.10.0.0.2", "6")], "bgp_up", "10.0.0.2"),
        ("1.3.6.1.2.1.14.16.2.2", [(f"{OSPF}.10.0.0.3.0", "1")], "ospf_down", "10.0.0.3"),
        ("1.3.6.1.2.1.14.16.2.2", [(f"{OSPF}.10.0.0.3.0", "8")], "ospf_up", "10.0.0.3"),
        ("1.3.6.1.4.1.2011.5.25.1", [("1.3.6.1.4.1.2011.1", "x")], "raw", ""),
    ],
)
def test_what_a_trap_is_about(
    oid: str, variables: list[tuple[str, str]], kind: str, about: str
) -> None:
    found = read("10.0.0.1", "2c", [("1.3.6.1.6.3.1.1.4.1.0", oid), *variables])
    assert (found.kind, found.about) == (kind, about)
    assert found.variables == variables


def test_a_trap_of_any_size_is_kept_small() -> None:
    found = read("10.0.0.1", "2c", [(f"1.3.{n}", "x" * 5_000) for n in range(500)])
    assert len(found.variables) == 32
    assert max(len(value) for _, value in found.variables) == 200


@pytest.mark.parametrize("text", ["nonsense", "127.0.0.1", "127.0.0.1:99999", ":162", "a:b"])
def test_an_address_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="traps"):
        parse_listen(text)


def test_both_versions_of_addresses_are_read() -> None:
    assert parse_listen(" 0.0.0.0:162, [::]:1162 ,") == [("0.0.0.0", 162), ("::", 1162)]


@pytest.mark.parametrize("datagram", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 300])
def test_a_datagram_that_is_no_message_has_no_sender(datagram: bytes) -> None:
    assert v3_sender(datagram) is None
