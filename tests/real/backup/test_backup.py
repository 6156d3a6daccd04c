"""``yunxun backup``: made beside a serving controller, verified, restored; damage and kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, Serve, serve, wait_until

pytestmark = pytest.mark.timeout(300)  # a dozen commands, each a process of its own

UNITS = "编码,名称\nA,甲局\nB,乙局\n"
RESOURCES = (
    "编码,名称,类型,单位,vcpu,内存GB,开通时间\nvm-1,一,vm,甲局,4,16,2026-01-01\n"
    "vm-2,二,vm,乙局,8,32,2026-01-01\n"
)


def _yunxun(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")},
        timeout=100,
        check=False,
    )


def _done(*arguments: str) -> str:
    result = _yunxun(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def _samples(folder: Path, day: int) -> Path:
    start = 1_772_323_200 + day * 86_400  # 2026-03-01T00:00:00Z and on
    lines = [
        f"vm-{vm},{start + 300 * step},{10 * vm + step % 7}" for vm in (1, 2) for step in range(288)
    ]
    path = folder / f"day{day}.csv"
    path.write_text("resource,time,cpu_used_pct\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def _usage(data: Path) -> list[dict[str, object]]:
    period = ("--from", "2026-03-01", "--to", "2026-03-05", "--by", "resource", "--format", "json")
    rows: list[dict[str, object]] = json.loads(_done("usage", *period, "--data", str(data)))["rows"]
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Serve]:
    with serve(place / "data", YUNXUN_ADMIN_PASSWORD="Tr0ub4dor-2026") as running:
        wait_until(lambda: _ready(running), 30, "ready")
        data = ("--data", str(running.folder))
        for name, text in (("units", UNITS), ("resources", RESOURCES)):
            (place / f"{name}.csv").write_text(text, "utf-8")
            _done("import", name, str(place / f"{name}.csv"), *data)
        _done("import", "samples", str(_samples(place, 0)), "--source", "platform", *data)
        (running.folder / "link.key").write_text("ab" * 32)
        yield running


def _ready(server: Serve) -> bool:
    try:
        return httpx.get(f"{server.url}/readyz", trust_env=False, timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def backups(server: Serve, place: Path) -> list[Path]:
    """Two: the second after another day of samples."""
    to = place / "backups"
    _done("backup", "create", "--data", str(server.folder), "--to", str(to))
    data = ("--data", str(server.folder))
    _done("import", "samples", str(_samples(place, 1)), "--source", "platform", *data)
    time.sleep(1)
    _done("backup", "create", *data, "--to", str(to))
    return sorted(to.glob("[0-9]*"))


def test_a_backup_beside_the_server_comes_back_with_the_same_figures(
    server: Serve, backups: list[Path], place: Path
) -> None:
    back = place / "back"
    text = _done("backup", "restore", str(backups[-1]), "--data", str(back))
    assert "unbroken chain" in text
    assert (back / "link.key").read_text() == "ab" * 32
    before = _usage(server.folder)
    assert [row["cpu_avg_pct"] for row in before] == pytest.approx([13, 23], abs=0.1)
    assert _usage(back) == before
    older = place / "older"
    _done("backup", "restore", str(backups[0]), "--data", str(older))
    assert _usage(older) != before


def test_the_second_backup_links_the_parts_of_the_first(backups: list[Path]) -> None:
    first, second = ({p.stat().st_ino for p in b.rglob("data.bin")} for b in backups)
    assert first & second
    assert not list(backups[0].parent.glob(".partial*"))


def test_nobody_else_can_read_a_backup(backups: list[Path]) -> None:
    for path in [backups[0].parent, *backups, *backups[-1].rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_damage_is_named_and_never_restored(backups: list[Path], place: Path) -> None:
    assert _yunxun("backup", "verify", str(backups[-1])).returncode == 0
    broken = place / "broken"
    shutil.copytree(backups[-1], broken)
    victim = next(broken.rglob("data.bin"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    verified = _yunxun("backup", "verify", str(broken))
    assert (verified.returncode, verified.stderr.count("\n")) == (1, 1)
    assert str(victim) in verified.stderr
    restored = _yunxun("backup", "restore", str(broken), "--data", str(place / "never"))
    assert restored.returncode == 2
    assert str(victim) in restored.stderr


def test_a_folder_with_data_is_not_written_over(server: Serve, backups: list[Path]) -> None:
    answer = _yunxun("backup", "restore", str(backups[-1]), "--data", str(server.folder))
    assert answer.returncode == 2
    assert "holds files already" in answer.stderr


def test_a_mistyped_folder_is_said_and_nothing_is_made(place: Path) -> None:
    made = _yunxun("backup", "create", "--data", str(place / "nothing"), "--to", str(place / "x"))
    assert made.returncode == 2
    assert not (place / "nothing").exists()
    assert not (place / "x").exists()
    assert _yunxun("backup", "verify", str(place / "nothing")).returncode == 1


def test_a_manifest_cannot_lead_outside_the_folder(backups: list[Path], place: Path) -> None:
    evil = place / "evil"
    shutil.copytree(backups[0], evil)
    manifest = json.loads((evil / "manifest.json").read_text())
    manifest["entries"].append(["files/../../evil.txt", 0, "e3b0c442"])
    (evil / "manifest.json").write_text(json.dumps(manifest))
    answer = _yunxun("backup", "restore", str(evil), "--data", str(place / "target"))
    assert answer.returncode == 2
    assert "outside the backup" in answer.stderr
    assert not (place / "evil.txt").exists()


def test_a_killed_backup_is_none_and_the_next_one_is_whole(
    server: Serve, backups: list[Path], place: Path
) -> None:
    to = place / "killed"
    command = [sys.executable, "-m", "controller", "backup", "create"]
    for wait in (0.5, 1.0, 1.5):
        process = subprocess.Popen(
            [*command, "--data", str(server.folder), "--to", str(to)], cwd=ROOT
        )
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    whole = [path for path in to.glob("[0-9]*") if (path / "manifest.json").exists()]
    for path in whole:
        _done("backup", "verify", str(path))
    _done("backup", "create", "--data", str(server.folder), "--to", str(to), "--keep", "1")
    (last,) = to.glob("[0-9]*")
    _done("backup", "verify", str(last))
    assert not list(to.glob(".partial*"))
    frozen = server.folder / "samples" / "data" / "shadow"
    assert not [path for path in frozen.glob("yunxun_*") if path.is_dir()]
