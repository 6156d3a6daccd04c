"""Register, scan and report by the commands, on sites whose readiness is known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.timeout(240)  # whichever test is first waits for the whole scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, str(Path(__file__).parent / "web.py"), "1",
         str(folder), "controller"],
        capture_output=True, text=True, timeout=200, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_step_says_how_it_went(told: dict[str, Any]) -> None:
    for name in ("units", "import", "scan", "report", "table", "xlsx"):
        assert told[name]["status"] == 0, (name, told[name])
    assert "10 sites: 10 new" in told["import"]["out"]
    assert told["again"]["status"] == 2
    assert "no sites registered" in told["again"]["err"]


def test_the_scores_follow_what_was_built(told: dict[str, Any]) -> None:
    scores = {each["code"]: each for each in json.loads(told["scan"]["out"])}
    by_kind = {kind: scores[code]["score"] for code, kind in told["sites"].items()}
    assert by_kind["good"] == 100
    # Of 95, since plain HTTP has no certificate: name servers alone; an AAAA besides.
    assert by_kind["no_aaaa"] == pytest.approx(100 * 10 / 95, abs=0.01)
    assert by_kind["dead"] == pytest.approx(100 * 20 / 95, abs=0.01)
    assert by_kind["v4_ns"] == pytest.approx(100 * 85 / 95, abs=0.01)
    assert by_kind["different"] == pytest.approx(100 * 85 / 95, abs=0.01)
    assert by_kind["mixed"] == pytest.approx(100 * (95 - 2.5 - 4) / 95, abs=0.01)
    assert by_kind["slow"] == pytest.approx(100 * 88 / 95, abs=0.01)
    assert by_kind["broken_cert"] == 95
    assert by_kind["loop"] < 30
    assert {each["home_v4"] for each in scores.values()} == {True}


def test_the_report_names_units_and_the_best_actions(told: dict[str, Any]) -> None:
    report = json.loads(told["report"]["out"])
    assert (report["sites"], report["measured"], report["official"]) == (10, 10, False)
    assert [each["unit"] for each in report["units"]] == ["HB"]
    assert report["actions"][0]["code"] == "home"
    assert "市生态环境局" in told["table"]["out"]


def test_the_workbook_has_every_site_and_indicator(told: dict[str, Any], folder: Path) -> None:
    assert told["xlsx"]["status"] == 0
    book = openpyxl.load_workbook(folder / "ipv6.xlsx")
    assert book.sheetnames[:3] == ["概况", "单位", "网站与系统"]
    assert set(book.sheetnames[3:]) == {"主机", "网络设备", "流量占比", "官方监测结果"}
    sheet = book["网站与系统"]
    assert sheet.max_row == 11
    assert sheet.max_column == 6 + 10
    assert sheet.freeze_panes == "B2"
