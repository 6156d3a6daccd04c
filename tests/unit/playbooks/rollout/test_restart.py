"""What the script on a host makes of a switch that a restart cut off; needs no root."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "playbooks/roles/rollout/files/rollout.sh"
BOOT = Path("/proc/sys/kernel/random/boot_id")
FACTS = "version=2\\narch=x\\nglibc=2.0\\nsize=1\\nunpacked_kb=1"


def ask(base: Path, *verb: str) -> str:
    head = f"BASE={base}\nWAIT=1\nFACTS=$(printf '{FACTS}')\n"
    done = subprocess.run(
        ["sh", "-s", "--", *verb],
        input=head + SCRIPT.read_text(),
        env={"PATH": "/usr/bin:/bin", "YUNXUN_AGENT_STATE": str(base / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state").write_text("switching\n")
    return tmp_path


def test_a_switch_of_this_start_holds_up_another(base: Path) -> None:
    (base / "run" / "boot").write_text(BOOT.read_text())
    (base / "versions" / "2").mkdir(parents=True)
    assert "a switch is under way" in ask(base, "check")
    assert "a switch is under way" in ask(base, "switch", "2")
    assert "state=switching" in ask(base, "where")


@pytest.mark.parametrize("boot", ["", "an earlier start\n"])
def test_a_switch_that_a_restart_cut_off_does_not_lock_the_host_for_ever(
    base: Path, boot: str
) -> None:
    (base / "run" / "boot").write_text(boot)
    said = ask(base, "check")
    assert "glibc=" in said
    assert "under way" not in said
    assert "state=cut_off" in ask(base, "where")
