"""`yunxun import` as it is typed, on a data folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet


def yunxun(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "units.csv").write_bytes(
        "编码,名称,上级单位\nb,乙中心,甲局\na,甲局,\n".encode("gbk")
    )
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(["云资源台账"])
    sheet.append(["编码", "名称", "单位", "内存GB", "备注"])
    sheet.append(["vm-1", "一", "甲局", 16, "好"])
    sheet.append(["vm-2", "二", "丙局", "十六", None])
    book.save(tmp_path / "resources.xlsx")
    return tmp_path


def test_an_office_imports_its_registers_and_is_told_what_to_mend(folder: Path) -> None:
    data = folder / "data"
    units = yunxun(data, "import", "units", str(folder / "units.csv"))
    assert (units.returncode, units.stderr) == (0, "")
    assert units.stdout == "units.csv：已导入：2 行，新增 2\n"

    file = str(folder / "resources.xlsx")
    bad = yunxun(data, "import", "resources", file, "--map", "备注=", "--dry-run")
    assert bad.returncode == 2
    assert "请填写数字" in bad.stderr
    assert bad.stderr.splitlines()[-1].startswith("yunxun: resources.xlsx 未导入，错误 2 处")
    bad = yunxun(data, "--lang", "en", "import", "resources", file, "--map", "备注=", "--dry-run")
    assert "write digits" in bad.stderr
    assert "丙局" in bad.stderr
    assert "十六" in bad.stderr
    assert bad.stderr.splitlines()[-1].startswith(
        "yunxun: resources.xlsx would not be imported, errors: 2; mend what is listed"
    )

    good = yunxun(
        data, "import", "resources", file, "--map", "备注=", "--skip-bad", "--format", "json"
    )
    assert good.returncode == 0
    outcome = json.loads(good.stdout)
    assert (outcome["imported"], outcome["created"], outcome["skipped"]) == (True, 1, 1)

    missing = yunxun(data, "import", "units", str(folder / "nosuch.csv"))
    assert missing.returncode == 2
    assert len(missing.stderr.splitlines()) == 1
