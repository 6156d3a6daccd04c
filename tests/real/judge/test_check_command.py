"""`yunxun check xinchuang --path` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from tests.unit.playbooks.judge.elves import elf


def yunxun(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", "check", "xinchuang", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    (root / "bin").mkdir(parents=True)
    (root / "bin/arm").write_bytes(elf(183))
    (root / "bin/=intel").write_bytes(elf(62))
    (root / "readme.txt").write_text("hello")
    return root


def test_json_has_one_entry_a_file_and_profile(folder: Path) -> None:
    answer = yunxun("--path", str(folder), "--profile", "hygon-uos-a", "--profile",
                    "kunpeng920-kylin-v10", "--format", "json")  # fmt: skip
    assert (answer.returncode, answer.stderr) == (1, "")
    document = json.loads(answer.stdout)
    assert document["verdict"] == "not_ready"
    assert document["coverage"] == 1.0
    assert {(one["host"], one["profile"]): one["verdict"] for one in document["hosts"]} == {
        ("bin/arm", "hygon-uos-a"): "not_ready",
        ("bin/arm", "kunpeng920-kylin-v10"): "ready",
        ("bin/=intel", "hygon-uos-a"): "ready",
        ("bin/=intel", "kunpeng920-kylin-v10"): "not_ready",
        ("readme.txt", "hygon-uos-a"): "ready",
        ("readme.txt", "kunpeng920-kylin-v10"): "ready",
    }
    for one in document["hosts"]:
        for result in one["results"]:
            assert {"rule", "severity", "status", "evidence", "remediation"} <= set(result)


def test_everything_ready_is_exit_0(folder: Path) -> None:
    answer = yunxun("--path", str(folder / "bin/arm"), "--profile", "kunpeng920-kylin-v10")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "就绪" in answer.stdout


def test_the_table_says_what_to_do_first(folder: Path) -> None:
    answer = yunxun("--path", str(folder), "--profile", "kunpeng920-kylin-v10", "--zh")
    assert "1. [阻断] CPU-002 1 个文件" in answer.stdout
    english = yunxun("--path", str(folder), "--profile", "kunpeng920-kylin-v10", "--en")
    assert "1. [blocker] CPU-002 1 files" in english.stdout


def test_csv_and_workbook_run_no_formulas_from_file_names(folder: Path, tmp_path: Path) -> None:
    root = folder / "bin"
    answer = yunxun("--path", str(root), "--profile", "kunpeng920-kylin-v10", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(answer.stdout.lstrip("\ufeff"))))
    assert {row["host"] for row in rows} == {"arm", "'=intel"}
    book = tmp_path / "out.xlsx"
    made = yunxun("--path", str(root), "--profile", "kunpeng920-kylin-v10", "--format", "xlsx",
                  "-o", str(book))  # fmt: skip
    assert (made.returncode, made.stderr) == (1, "")
    sheets = openpyxl.load_workbook(book)
    cells = [cell for row in sheets["明细"].iter_rows() for cell in row]
    assert "=intel" in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    sheets.close()


def test_bad_paths_and_profiles_are_one_line_and_exit_2(folder: Path) -> None:
    for arguments in (
        ("--path", str(folder / "nothing"), "--profile", "all"),
        ("--path", str(folder), "--profile", "vax"),
        ("--path", str(folder), "--profile", "all", "--format", "pdf"),
        ("--path", str(folder), "--profile", "all", "-o", "/nonexistent/x"),
    ):
        answer = yunxun(*arguments)
        assert (answer.returncode, answer.stderr.count("\n")) == (2, 1), answer.stderr
