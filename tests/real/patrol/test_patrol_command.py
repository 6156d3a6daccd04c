"""``yunxun patrol`` and ``yunxun report patrol`` on a real folder, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ROOT, serve

UNITS = "code,name\nA,市交通局\n"
RESOURCES = "code,name,kind,unit,vcpu,mem_gib,since\nvm-1,窗口系统,vm,A,4,8,2026-01-01\n"


def yunxun(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")}
    return subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        capture_output=True, text=True, cwd=ROOT, env=clean, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one VM that nobody reports on."""
    made = tmp_path_factory.mktemp("patrol")
    with serve(made / "data"):
        for kind, text in (("units", UNITS), ("resources", RESOURCES)):
            (made / f"{kind}.csv").write_text(text)
            done = yunxun("import", kind, str(made / f"{kind}.csv"), "--data", str(made / "data"))
            assert done.returncode == 0, done.stderr
    return made / "data"


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Path]:
    """The same, held by a server: a command then need not start an engine of its own."""
    with serve(folder):
        yield folder


def test_a_patrol_with_problems_says_them_and_exits_1(folder: Path) -> None:
    done = yunxun("patrol", "run", "--data", str(folder))
    assert done.returncode == 1, done.stderr
    assert "窗口系统" in done.stdout
    assert "没有任何监测数据" in done.stdout
    assert "得分" in done.stdout


def test_the_same_as_json_and_in_the_list(served: Path) -> None:
    done = yunxun("patrol", "run", "--format", "json", "--unit", "A", "--data", str(served))
    document = json.loads(done.stdout)
    assert document["run"]["state"] == "done"
    assert [each["code"] for each in document["findings"]] == ["data.none"]
    assert document["run"]["problems"] == 1
    listed = yunxun("patrol", "list", "--data", str(served))
    assert listed.returncode == 0
    assert "市交通局" in listed.stdout
    shown = yunxun("patrol", "show", "--format", "json", "--data", str(served))
    assert json.loads(shown.stdout)["run"]["id"] == document["run"]["id"]
    assert shown.returncode == 1


def test_beside_a_running_server_the_server_runs_it_and_the_report_is_a_file(
    served: Path, tmp_path: Path
) -> None:
    done = yunxun("patrol", "run", "--plan", "weekly", "--data", str(served))
    assert done.returncode == 1, done.stderr
    file = tmp_path / "daily.pdf"
    made = yunxun("report", "patrol", "--format", "pdf", "-o", str(file), "--data", str(served))
    assert made.returncode == 0, made.stderr
    assert file.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("patrol", "run", "--plan", "nothing"), "没有找到巡查计划“nothing”"),
        (("patrol", "run", "--format", "xml"), "there are table, json"),
        (("patrol", "show", "4711"), "没有找到巡查记录“4711”"),
        (("report", "patrol", "--format", "pdf"), "name a file with -o FILE"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(
    served: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = yunxun(*arguments, "--data", str(served))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
