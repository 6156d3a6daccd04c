"""One playbook through ansible-runner, in this process; callers make it a fresh one for each run.

What comes out is a ``Seen`` an event, cut down to what a run keeps: no environment, no invocation,
no output of tasks. The runner's own status is not the state of the hosts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from controller.readiness import private

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
_STAGE = re.compile(r"阶段\|(\d+)/(\d+)\|([^|]*)")
MOST_MESSAGE = 1000
CANCEL_FILE = "cancel"

ENDS = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
"""Events with which a task ends on a host."""


@dataclass(frozen=True)
class Seen:
    """One event. ``kind``: play, start, ok, failed, unreachable, skipped, stats."""

    kind: str
    host: str = ""
    task: str = ""
    stage: int = 0
    """1 …, 0 where the name does not say."""
    stages: int = 0
    message: str = ""
    ignored: bool = False
    """A failure that the playbook itself expects and handles."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """path, sha256, bytes, changed, yunxun_marker, yunxun_found, as far as they are there."""


@dataclass(frozen=True)
class Ended:
    """How the process of ansible ended: its own word, not what became of the hosts."""

    status: str
    """successful, failed, canceled, timeout, or incomplete: no summary was written."""
    code: int
    told: str = ""
    """The last lines it wrote, where nothing else says why."""


KEPT = ("path", "sha256", "bytes", "changed", "yunxun_marker", "yunxun_found")


def play(
    folder: Path,
    playbook: str,
    inventory: Path,
    *,
    variables: Mapping[str, Any],
    forks: int,
    on_seen: Callable[[Seen], None],
    stop: Callable[[], bool],
    minutes: int,
    limit: str = "",
    options: str = "",
    secrets: tuple[str, ...] = (),
) -> Ended:
    """Runs ``playbook`` of playbooks/ to its end. ``stop`` is asked about once a second."""
    complete = False

    def handle(event: dict[str, Any]) -> bool:
        nonlocal complete
        seen = read(event, secrets)
        if seen is not None:
            complete = complete or seen.kind == "stats"
            on_seen(seen)
        return False  # nothing of it is written to a file

    for name in ("tmp", "cp", "home"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    runner = ansible_runner.run(
        private_data_dir=str(folder),
        project_dir=str(PLAYBOOKS),
        playbook=playbook,
        inventory=str(inventory),
        limit=limit or None,
        forks=forks,
        cmdline=options or None,
        extravars={**variables, "yunxun_cancel_file": str(folder / CANCEL_FILE)},
        envvars=_environment(folder),
        # suppress_env_files would make the runner ignore these.
        settings={
            "pexpect_timeout": 1,
            "job_timeout": minutes * 60,
            "suppress_ansible_output": True,
        },
        quiet=True,
        event_handler=handle,
        cancel_callback=stop,
        rotate_artifacts=0,
    )
    status = str(runner.status)
    if status in ("successful", "failed") and not complete:
        status = "incomplete"
    told = "" if complete else scrub(_last_lines(runner), secrets)
    return Ended(status, int(runner.rc if runner.rc is not None else -1), told)


def read(event: Mapping[str, Any], secrets: tuple[str, ...] = ()) -> Seen | None:
    """What a run keeps of one event of ansible-runner, None for what it does not."""
    name, data = event.get("event", ""), event.get("event_data") or {}
    if name == "playbook_on_stats":
        return Seen("stats")
    if name == "playbook_on_play_start":
        stage, of, _ = stage_in(str(data.get("play") or data.get("name") or ""))
        return Seen("play", stage=stage, stages=of)
    if name != "runner_on_start" and name not in ENDS:
        return None
    task, host = str(data.get("task") or ""), str(data.get("host") or "")
    stage, of, _ = stage_in(task)
    if name == "runner_on_start":
        return Seen("start", host, task, stage, of)
    result = data.get("res")
    result = result if isinstance(result, dict) else {}
    facts = result.get("ansible_facts")
    merged = {**(facts if isinstance(facts, dict) else {}), **result}
    return Seen(
        ENDS[name],
        host,
        task,
        stage,
        of,
        message=scrub(_message(result), secrets),
        ignored=bool(data.get("ignore_errors")),
        result={key: merged[key] for key in KEPT if key in merged},
    )


def stage_in(text: str) -> tuple[int, int, str]:
    """(number, of how many, word) of a name such as ``阶段|2/3|研判|…``; (0, 0, "") of others."""
    found = _STAGE.search(text)
    return (int(found[1]), int(found[2]), found[3]) if found else (0, 0, "")


def scrub(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` without any of the secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _message(result: Mapping[str, Any]) -> str:
    for name in ("msg", "stderr", "stdout", "reason"):
        told = result.get(name)
        if isinstance(told, str) and told.strip():
            return " ".join(told.split())[:MOST_MESSAGE]
    return ""


def _last_lines(runner: Any) -> str:
    try:
        with runner.stdout as file:
            return " ".join(file.read()[-2000:].split())[-500:]
    except Exception:  # the runner raises its own error where there is no output at all
        return ""


def _environment(folder: Path) -> dict[str, str]:
    own = str(Path(sys.executable).parent)
    return {
        "PATH": f"{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(PLAYBOOKS.parent),
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=20s",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        private.MARK: str(folder),
    }
