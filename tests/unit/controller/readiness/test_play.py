"""What a run keeps of ansible's events, and what its private folder holds."""

from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path
from typing import Any

import pytest

from controller.readiness import private
from controller.readiness.credentials import Opened
from controller.readiness.play import Seen, read, stage_in
from controller.settings import ReadinessSettings, Settings


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": name, "event_data": data}


def test_a_stage_is_read_from_the_name_of_a_task() -> None:
    assert stage_in("collect : 阶段|2/3|研判|按规则研判") == (2, 3, "研判")
    assert stage_in("Gathering Facts") == (0, 0, "")


def test_of_a_result_only_what_a_run_keeps_comes_through() -> None:
    seen = read(
        event(
            "runner_on_ok", host="one", task="阶段|1/1|采集|x",
            res={"sha256": "ab", "path": "/x", "bytes": 3, "invocation": {"a": "secret"},
                 "stdout": "much"},
        )
    )  # fmt: skip
    assert seen is not None
    assert (seen.kind, seen.host, seen.stage) == ("ok", "one", 1)
    assert dict(seen.result) == {"sha256": "ab", "path": "/x", "bytes": 3}


def test_a_marker_set_as_a_fact_is_found() -> None:
    res = {"ansible_facts": {"yunxun_found": "rolled_back", "other": 1}}
    seen = read(event("runner_on_ok", host="one", task="t", res=res))
    assert seen is not None
    assert dict(seen.result) == {"yunxun_found": "rolled_back"}


def test_secrets_are_struck_out_of_messages() -> None:
    res = {"msg": "Permission denied, tried hunter22 twice"}
    seen = read(event("runner_on_unreachable", host="one", task="t", res=res), ("hunter22",))
    assert seen is not None
    assert seen.message == "Permission denied, tried *** twice"


@pytest.mark.parametrize("name", ["verbose", "playbook_on_task_start", "warning", ""])
def test_events_that_say_nothing_of_a_host_are_left_out(name: str) -> None:
    assert read(event(name, host="one")) is None


def test_the_summary_is_seen() -> None:
    assert read(event("playbook_on_stats")) == Seen("stats")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, readiness=ReadinessSettings(private_folder=str(tmp_path)))


def test_the_private_folder_is_ours_alone_and_its_files_too(settings: Settings) -> None:
    folder = private.make(settings)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secrets = Opened(key="KEY\n", become="sesame")
    inventory = private.write_inventory(
        folder, [private.Target("one", "10.0.0.1", 2222, {"enable_ipv6_address": "fd00::1/64"})],
        {"user": "ops", "become": True, "jump_host": "10.0.0.9", "jump_user": "gate"},
        secrets, "",
    )  # fmt: skip
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    told = json.loads(inventory.read_text())["all"]
    assert told["hosts"]["one"] == {
        "enable_ipv6_address": "fd00::1/64", "ansible_host": "10.0.0.1", "ansible_port": 2222,
    }  # fmt: skip
    options = told["vars"]["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=accept-new" in options
    assert "gate@10.0.0.9" in options
    # In brackets, or the jump host could not tell an IPv6 address from its port.
    proxy = next(each for each in shlex.split(options) if each.startswith("ProxyCommand="))
    assert shlex.split(proxy)[shlex.split(proxy).index("-W") + 1] == "[%h]:%p"
    assert "sesame" not in options
    assert told["vars"]["ansible_become_password"] == "sesame"
    private.remove(folder)
    assert not folder.exists()


def test_a_folder_that_is_not_a_runs_is_never_removed(tmp_path: Path) -> None:
    other = tmp_path / "important"
    other.mkdir()
    private.remove(other)
    assert other.is_dir()


def test_what_hides_in_a_key_counts_as_a_secret_line_by_line() -> None:
    key = "-----BEGIN X-----\nAAAABBBB\nCCCC\n-----END X-----\n"
    assert Opened(key=key, password="pass-word").texts == ("AAAABBBB", "CCCC", "pass-word")
    assert "AAAABBBB" not in repr(Opened(key=key))
