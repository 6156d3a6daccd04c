"""What a script on a host starts outlives the terminal that Ansible gives its session."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import time
from pathlib import Path

import pytest

ROLES = Path(__file__).parents[3] / "playbooks/roles"


@pytest.fixture
def slow_setsid(tmp_path: Path) -> Path:
    """A PATH whose setsid is late: the session is over before it has left it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    real = shutil.which("setsid")
    assert real
    (folder / "setsid").write_text(f'#!/bin/sh\nsleep 0.5\nexec {real} "$@"\n')
    (folder / "setsid").chmod(0o755)
    return folder


def in_a_terminal(script: Path, path: Path, *words: str) -> None:
    """Runs the script as the leader of a session on a terminal that goes when the script ends."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve("/bin/sh", ["sh", str(script), *words], {"PATH": f"{path}:/usr/bin:/bin"})
    try:
        while os.read(terminal, 1024):
            pass
    except OSError:  # the end of a terminal
        pass
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0


def appears(path: Path) -> bool:
    until = time.monotonic() + 10
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    return path.exists()


def test_a_switch_of_the_agent_begins_although_the_session_ends(
    tmp_path: Path, slow_setsid: Path
) -> None:
    base = tmp_path / "agent"
    (base / "versions" / "2").mkdir(parents=True)
    script = tmp_path / "order.sh"
    head = f"BASE={shlex.quote(str(base))}\nWAIT=1\nFACTS='version=2'\n"
    head += f"YUNXUN_AGENT_STATE={shlex.quote(str(tmp_path / 'state'))}\n"
    script.write_text(head + (ROLES / "rollout/files/rollout.sh").read_text())
    in_a_terminal(script, slow_setsid, "switch", "2")
    assert appears(base / "run" / "previous")


def test_the_timer_of_a_cut_over_runs_although_the_session_ends(
    tmp_path: Path, slow_setsid: Path
) -> None:
    folder = tmp_path / "state" / "one"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text(f"touch {shlex.quote(str(folder))}/began\n")
    script = tmp_path / "order.sh"
    head = f"PLAN=''\nSTATE={shlex.quote(str(folder.parent))}\nID=one\n"
    script.write_text(
        head + (ROLES / "cutover/files/10-state.sh").read_text() + "\ndetached watch\n"
    )
    in_a_terminal(script, slow_setsid)
    assert appears(folder / "began")
