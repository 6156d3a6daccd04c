"""Enrolment: the CA is proven before a byte of the token leaves; the secret stays private."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enrol import EnrolError, enrol, parse_token
from agent.identity import IdentityError, read_identity, write_identity
from tests.faults.agents import ROOT, AgentProcess, eventually, token_for
from tests.faults.certificates import make_authority
from tests.faults.receiver import Receiver

FACTS = {"hostname": "web-1", "machine_id": "m1", "instance_uuid": "u1", "addresses": ["10.0.0.5"]}


def command(state: Path, *words: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """``yunxun-agent`` as a person calls it."""
    environment = {**os.environ, "YUNXUN_AGENT_STATE": str(state)}
    if token:
        environment["YUNXUN_AGENT_TOKEN"] = token
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )


def test_an_enrolled_agent_is_who_the_controller_says(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with Receiver(authority.context, authority.ca_pem) as receiver:
        token = parse_token(token_for(receiver.url, authority.fingerprint, receiver.token))
        identity = enrol(token, "", FACTS)
        assert identity[:3] == ("a1", "s3cret", receiver.url)
        assert identity.machine_id == "m1"
        sent = json.loads(receiver.seen[-1].body)
        assert {k: sent[k] for k in ("name", "machine_id", "instance_uuid", "addresses")} == {
            "name": "web-1",
            "machine_id": "m1",
            "instance_uuid": "u1",
            "addresses": ["10.0.0.5"],
        }


def test_someone_in_between_with_another_ca_sees_no_byte_of_the_token(tmp_path: Path) -> None:
    ours, theirs = make_authority(tmp_path, "ours"), make_authority(tmp_path, "theirs")
    with Receiver(theirs.context, theirs.ca_pem) as receiver:
        token = parse_token(token_for(receiver.url, ours.fingerprint, "canary-secret"))
        with pytest.raises(EnrolError, match="the token was not sent"):
            enrol(token, "", FACTS)
        assert [s.path for s in receiver.seen] == ["/api/v1/ingest/ca"]
        assert all(b"canary" not in s.body for s in receiver.seen)


def test_someone_who_shows_the_true_ca_but_has_no_key_of_it_sees_none_either(
    tmp_path: Path,
) -> None:
    ours, theirs = make_authority(tmp_path, "ours"), make_authority(tmp_path, "theirs")
    with Receiver(theirs.context, ours.ca_pem) as receiver:
        token = parse_token(token_for(receiver.url, ours.fingerprint, "canary-secret"))
        with pytest.raises(EnrolError, match="not trusted") as caught:
            enrol(token, "", FACTS)
        assert caught.value.status == 3
        assert [s.path for s in receiver.seen] == ["/api/v1/ingest/ca"]


def test_plain_http_is_for_loopback_only() -> None:
    with pytest.raises(EnrolError, match="this machine only"):
        parse_token(token_for("http://10.0.0.9:8090", "", "t"))
    assert parse_token(token_for("http://127.0.0.1:8090", "", "t")).fingerprint == ""


@pytest.mark.parametrize(
    "text", ["", "yx1.", "abc", "yx1.!!!", "yx1.e30", token_for("https://c", "", "t"), "yx1.WzFd"]
)
def test_a_damaged_token_is_told_apart_from_a_refused_one(text: str) -> None:
    with pytest.raises(EnrolError) as caught:
        parse_token(text)
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)


@given(st.text(max_size=80))
def test_no_text_breaks_the_token_reader(text: str) -> None:
    for each in (text, f"yx1.{text}"):
        try:
            parse_token(each)
        except EnrolError:
            continue


def test_a_token_survives_being_wrapped_by_a_mail_program() -> None:
    text = token_for("https://c:1", "ab" * 32, "t")
    assert parse_token(f" {text[:30]}\n  {text[30:]}\n") == parse_token(text)


def test_a_refused_token_shows_the_controllers_reason(tmp_path: Path) -> None:
    with Receiver() as receiver:
        done = command(tmp_path, "enrol", token=token_for(receiver.url, "", "used"))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"yunxun-agent: {receiver.url} refused (401): bad token: unknown or used up"
    )
    assert not (tmp_path / "identity.json").exists()


def test_a_controller_that_is_not_there_is_exit_status_3(tmp_path: Path) -> None:
    with Receiver() as receiver:
        url = receiver.url
    done = command(tmp_path, "enrol", token=token_for(url, "", "t"))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_the_identity_is_for_its_owner_only_and_not_replaced_by_accident(tmp_path: Path) -> None:
    with Receiver() as receiver:
        text = token_for(receiver.url, "", receiver.token)
        file = tmp_path / "token.txt"
        file.write_text(text)
        done = command(tmp_path / "st", "enrol", "--token-file", str(file))
        assert (done.returncode, done.stderr) == (0, "")
        again = command(tmp_path / "st", "enrol", token=text)
        assert again.returncode == 2
        assert "already enrolled as a1" in again.stderr
        assert command(tmp_path / "st", "enrol", "--force", text).returncode == 0
        loud = command(tmp_path / "st", "enrol", "--force", text)
        assert "where others can read it" in loud.stderr
    path = tmp_path / "st" / "identity.json"
    assert path.stat().st_mode & 0o077 == 0
    identity = read_identity(str(tmp_path / "st"))
    assert identity is not None
    assert identity.secret == "s3cret"


def test_a_damaged_identity_says_to_enrol_anew(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(IdentityError, match="enrol anew"):
        read_identity(str(tmp_path))
    assert read_identity(str(tmp_path / "none")) is None


def test_an_agent_started_before_enrolment_collects_and_sends_it_all_afterwards(
    tmp_path: Path,
) -> None:
    with Receiver() as receiver:
        agent = AgentProcess(tmp_path, ship_backlog_per_s="50")
        eventually(lambda: bool(agent.events("not_enrolled")), 5)
        eventually(lambda: command(tmp_path, "status").stdout.count("2 batches") > 0, 10)
        done = command(tmp_path, "enrol", token=token_for(receiver.url, "", receiver.token))
        assert done.returncode == 0
        eventually(lambda: len(receiver.rows()) >= 4, 10)
        eventually(lambda: bool(receiver.documents("facts")), 5)
        assert command(tmp_path, "status").returncode == 0
        assert agent.stop() == 0
    starts = sorted(t for t, _, _ in receiver.rows())
    assert all(b - a <= 1300 for a, b in itertools.pairwise(starts)), "a gap"
    shown = json.loads(command(tmp_path, "status", "--format", "json").stdout)
    assert not shown["running"]


def test_write_identity_leaves_no_half_file(tmp_path: Path) -> None:
    identity = read_identity(str(tmp_path))
    assert identity is None
    from agent.identity import Identity  # noqa: PLC0415

    write_identity(str(tmp_path), Identity("a", "b", "c", "d", "e"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["identity.json"]


def test_once_prints_measurements_and_once_send_gets_them_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = json.loads(command(tmp_path, "once", "--seconds", "0.2", "--format", "json").stdout)
    assert shown["readings"][0]["values"]["mem_total_bytes"] > 0
    with Receiver() as receiver:
        token = token_for(receiver.url, "", receiver.token)
        assert command(tmp_path, "enrol", token=token).returncode == 0
        assert command(tmp_path, "once", "--send", "--seconds", "0.3").returncode == 0
        assert len(receiver.rows()) == 1
    monkeypatch.setenv("YUNXUN_AGENT_SHIP_TOTAL_S", "1")
    done = command(tmp_path, "once", "--send", "--seconds", "0.3")
    assert done.returncode == 3
    assert "not everything got home: unreachable" in done.stderr


@pytest.mark.parametrize(
    "words", [["--help"], *[[c, "--help"] for c in ("enrol", "run", "once", "status")]]
)
def test_help_shows_examples(tmp_path: Path, words: list[str]) -> None:
    done = command(tmp_path, *words)
    assert done.returncode == 0
    assert "examples:" in done.stdout
    assert "yunxun-agent" in done.stdout.split("examples:")[1]


def test_a_second_agent_on_the_folder_exits_at_once_naming_the_first(tmp_path: Path) -> None:
    agent = AgentProcess(tmp_path)
    eventually(lambda: bool(agent.events("started")), 5)
    done = command(tmp_path, "run")
    assert done.returncode == 2
    assert json.loads(done.stderr)["pid"] == str(agent.pid)
    assert agent.stop() == 0


def test_metrics_are_served_with_the_catalogues_names_when_asked_for(tmp_path: Path) -> None:
    import urllib.request  # noqa: PLC0415

    agent = AgentProcess(tmp_path, metrics_listen="127.0.0.1:0")
    eventually(lambda: bool(agent.events("metrics_served")), 5)
    listen = agent.events("metrics_served")[0]["listen"]

    def text() -> str:
        with urllib.request.urlopen(f"http://{listen}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    eventually(lambda: "yunxun_mem_total_bytes{" in text(), 5)
    assert "yunxun_agent_spool_batches" in text()
    assert agent.stop() == 0
