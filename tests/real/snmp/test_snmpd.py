"""A real snmpd, asked in every way the poller knows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.snmp import session
from collectors.snmp.device import DevicePoll
from collectors.snmp.poll import poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.session import Timing
from collectors.snmp.snmprec import read_recording
from collectors.snmp.target import Community, Credential, Target, User
from collectors.snmp.walk import DeviceMemory
from tests.real.snmp.daemon import AUTH_WORD, PRIV_WORD, Snmpd, snmpd
from tests.real.snmp.player import Device, playing

QUICK = Timing(waits=(0.3, 0.6, 1.2), deadline=30)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with snmpd(tmp_path_factory.mktemp("snmpd")) as running:
        yield running


def ask(target: Target, credential: Credential, memory: DeviceMemory | None = None) -> DevicePoll:
    return asyncio.run(poll_once(target, credential, load_profiles(), timing=QUICK, memory=memory))


def user(name: str, auth: str, priv: str, word: str = AUTH_WORD) -> User:
    return User(name=name, auth=auth, auth_password=word, priv=priv, priv_password=PRIV_WORD)


CREDENTIALS = [
    pytest.param(Community(community="public"), id="v2c"),
    pytest.param(Community(community="public", version="1"), id="v1"),
    pytest.param(user("sha1", "SHA-1", "AES-128"), id="SHA-1/AES-128"),
    pytest.param(user("sha256", "SHA-256", "AES-256"), id="SHA-256/AES-256"),
    pytest.param(user("sha512", "SHA-512", "AES-192"), id="SHA-512/AES-192"),
    pytest.param(user("short", "SHA-1", "AES-256"), id="SHA-1/AES-256 stretched"),
    pytest.param(User(name="signed", auth_password=AUTH_WORD), id="authNoPriv"),
    pytest.param(User(name="open"), id="noAuthNoPriv"),
]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_credential_works_over_ipv4_and_ipv6(
    agent: Snmpd, credential: Credential, family: int
) -> None:
    target = Target("127.0.0.1", agent.port4) if family == 4 else Target("::1", agent.port6)
    poll = ask(target, credential)
    assert poll.error == ""
    assert poll.partial == {}
    assert poll.system.name == "yunxun-test"
    assert poll.system.profile == "net-snmp"
    named = dict(socket.if_nameindex())
    assert {port.if_index: port.if_name for port in poll.ports} == named
    loopback = next(port for port in poll.ports if port.if_name == "lo")
    assert loopback.if_type == "softwareLoopback"
    assert loopback.in_octets is not None
    assert loopback.counter_bits == (32 if credential == CREDENTIALS[1].values[0] else 64)
    assert poll.memory[0].total_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert "127.0.0.1" in {one.address for one in poll.ip_addresses}


def test_a_long_v3_poll_learns_the_time_of_the_device_again(
    agent: Snmpd, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = ask(Target("127.0.0.1", agent.port4), user("sha256", "SHA-256", "AES-256"))
    monkeypatch.setattr(session, "FRESH_S", 0.0)
    always = ask(Target("127.0.0.1", agent.port4), user("sha256", "SHA-256", "AES-256"))
    assert always.error == ""
    assert always.partial == {}
    assert always.requests > 1.5 * once.requests


def test_the_second_poll_of_a_v3_device_needs_no_discovery(agent: Snmpd) -> None:
    memory = DeviceMemory()
    target = Target("127.0.0.1", agent.port4)
    credential = user("sha256", "SHA-256", "AES-256")
    first = ask(target, credential, memory)
    second = ask(target, credential, memory)
    assert second.error == ""
    assert second.requests < first.requests
    assert [port.if_index for port in second.ports] == [port.if_index for port in first.ports]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(user("sha256", "SHA-256", "AES-256", "not-the-password"), id="password"),
        pytest.param(user("nobody", "SHA-256", "AES-256"), id="user"),
        pytest.param(user("sha1", "SHA-512", "AES-128"), id="algorithm"),
    ],
)
def test_a_wrong_user_is_told_as_such(agent: Snmpd, wrong: User) -> None:
    poll = ask(Target("127.0.0.1", agent.port4), wrong)
    assert "user, passwords and algorithms" in poll.error


def test_a_wrong_community_is_silence_and_a_closed_port_is_refused(agent: Snmpd) -> None:
    silent = ask(Target("127.0.0.1", agent.port4), Community(community="wrong"))
    assert "no answer" in silent.error
    assert silent.retransmissions == 2
    assert "nothing listens" in ask(Target("127.0.0.1", 9), Community(community="public")).error


def test_a_restarted_device_is_polled_with_what_was_remembered_of_it(tmp_path: Path) -> None:
    memory = DeviceMemory()
    credential = user("sha256", "SHA-256", "AES-256")
    for boot in range(2):  # other engine boots, other port, the same memory
        folder = tmp_path / str(boot)
        folder.mkdir()
        with snmpd(folder) as running:
            target = Target("127.0.0.1", running.port4)
            polls = [ask(target, credential, memory) for _ in range(2)]
        assert polls[-1].error == "", boot


def test_a_device_that_is_stopped_in_the_middle_is_partial_not_lost(tmp_path: Path) -> None:
    with snmpd(tmp_path) as running:

        async def run() -> DevicePoll:
            target = Target("127.0.0.1", running.port4)
            timing = Timing(waits=(0.1, 0.1), deadline=10)
            task = asyncio.create_task(
                poll_once(target, Community(community="public"), load_profiles(), timing=timing)
            )
            while not task.done():
                await asyncio.sleep(0.004)
                os.kill(running.process.pid, signal.SIGSTOP)
                break
            try:
                return await task
            finally:
                os.kill(running.process.pid, signal.SIGCONT)

        poll = asyncio.run(run())
    assert poll.error or poll.partial


# ---- the command


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "poll", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_command_prints_json_in_the_promised_shape(agent: Snmpd) -> None:
    done = command(f"127.0.0.1:{agent.port4}", "--community", "public", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["partial"] == []
    assert set(told["system"]) >= {
        "sys_object_id",
        "descr",
        "name",
        "uptime_s",
        "vendor",
        "profile",
    }
    assert set(told["ports"][0]) >= {
        "if_index",
        "if_name",
        "if_descr",
        "if_alias",
        "if_type",
        "mtu",
        "speed_bit_s",
        "admin_status",
        "oper_status",
        "phys_address",
        "in_octets",
        "out_octets",
        "in_errors",
        "out_errors",
        "in_discards",
        "out_discards",
    }
    assert set(told["memory"][0]) >= {"index", "kind", "used_bytes", "total_bytes", "used_pct"}
    # snmpd has no processor load in its first minute
    assert all(set(one) == {"oid", "usage_pct"} for one in told["processors"])
    assert set(told["ip_addresses"][0]) == {"if_index", "address", "prefix_length"}
    assert {one["version"] for one in told["ip_version_counters"]} == {4, 6}


def test_secrets_are_taken_from_the_environment_or_a_file(agent: Snmpd, tmp_path: Path) -> None:
    where = f"[::1]:{agent.port6}"
    assert command(where, YUNXUN_AGENT_COMMUNITY="public").returncode == 0
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(f'auth_password = "{AUTH_WORD}"\npriv_password = "{PRIV_WORD}"\n')
    words = ("--user", "sha256", "--auth", "sha256", "--priv", "AES256")
    done = command(where, *words, "--secrets", str(secrets))
    assert done.returncode == 0, done.stderr
    assert "yunxun-test" in done.stdout


def test_a_saved_recording_plays_the_same_device(agent: Snmpd, tmp_path: Path) -> None:
    saved = tmp_path / "host.snmprec"
    where = f"127.0.0.1:{agent.port4}"
    done = command(where, "--community", "public", "--save", str(saved), "--walk", "1.3.6.1.2.1.7")
    assert done.returncode == 0, done.stderr
    rows = read_recording(saved.read_bytes())
    assert any(oid.startswith("1.3.6.1.2.1.7.") for oid, _, _ in rows)

    async def replay() -> DevicePoll:
        async with playing({"again": Device(rows)}) as (port, _):
            return await poll_once(
                Target("127.0.0.1", port), Community(community="again"), load_profiles()
            )

    again = asyncio.run(replay())
    live = ask(Target("127.0.0.1", agent.port4), Community(community="public"))
    assert [p.if_name for p in again.ports] == [p.if_name for p in live.ports]
    assert [m.total_bytes for m in again.memory] == [m.total_bytes for m in live.memory]
    assert {a.address for a in again.ip_addresses} == {a.address for a in live.ip_addresses}


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("127.0.0.1:9", "--community", "public"), 3, "nothing listens"),
        (("no-such-host.invalid", "--community", "public"), 3, "cannot be resolved"),
        (("127.0.0.1",), 2, "no credential"),
        (("127.0.0.1:x", "--community", "public"), 2, "port"),
        (("127.0.0.1", "--user", "u", "--auth", "SHA-3:x"), 2, "SHA-256"),
        (("127.0.0.1", "--community", "c", "--secrets", "/no/such/file"), 2, "No such file"),
        (("127.0.0.1", "--community", "c", "--walk", "ifTable"), 2, "numeric OID"),
    ],
)
def test_errors_are_one_line_with_the_right_status(
    words: tuple[str, ...], status: int, says: str
) -> None:
    done = command(*words)
    assert done.returncode == status
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_the_extra_the_command_says_what_to_install() -> None:
    hidden = (
        "import sys; sys.modules['gufo'] = None; sys.modules['gufo.snmp'] = None;"
        "from agent.__main__ import main;"
        "sys.exit(main(['poll', '127.0.0.1', '--community', 'c']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "yunxun-agent: polling needs gufo-snmp: pip install 'yunxun[poller]'"
    ]


def test_an_agent_that_does_not_poll_loads_nothing_of_snmp() -> None:
    look = (
        "import sys; from agent.__main__ import parser; parser();"
        "import agent.service;"
        "print([m for m in sys.modules if 'snmp' in m or m == 'asyncio'])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
