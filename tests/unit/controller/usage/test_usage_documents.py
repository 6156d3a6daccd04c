"""The usage report as a document: the same numbers in every form, gaps said, scope kept."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import docx
import httpx
import numpy as np
import pytest
from worlds import EPOCH, START, World

from controller.access.secrets import hash_secret
from controller.app import create_app
from controller.reports.usage_chart import Curve, draw, nice_top
from controller.store import rollup
from tests.serving import serving

TOKEN = "local-token"
DAY = {"from": "2026-03-02T08:00:00+08:00", "to": "2026-03-02T10:00:00+08:00"}
PATH = "/api/v1/reports/usage"


@pytest.fixture
def client(w: World) -> Iterator[httpx.Client]:
    w.unit("A")
    w.unit("B")
    w.system("A", "<b>系统</b>")
    w.vm("r1", "A", system_id=w.ids["A/<b>系统</b>"])
    w.vm("r2", "B")
    for code, share in (("r1", 25), ("r2", 50)):
        w.rows(code, START + 300 * np.arange(12), cpu_used_pct=share)
        list(rollup.roll_resource_days(w.runtime, "host", [(w.ids[code], EPOCH.date())]))
    app = create_app(w.runtime, local_token_hash=hash_secret(TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def test_every_form_says_the_same_numbers(client: httpx.Client, tmp_path: Path) -> None:
    asked = DAY | {"unit": "A"}
    total = client.get(PATH, params=asked | {"format": "json"}).json()["total"]
    assert (total["cpu_avg_pct"], total["mem_avg_pct"]) == (25, None)
    page = client.get(PATH, params=asked | {"format": "html"}).text
    (tmp_path / "a.pdf").write_bytes(client.get(PATH, params=asked).content)
    paper = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "a.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    answer = client.get(PATH, params=asked | {"format": "docx"})
    office = "\n".join(each.text for each in docx.Document(io.BytesIO(answer.content)).paragraphs)
    for text in (page, paper, office):
        flat = re.sub(r"\s+", "", text)
        assert "单位A政务云资源使用情况报告" in flat
        assert "CPU平均使用率25.0%" in flat
        assert "内存使用率数据缺失" in flat


def test_the_whole_city_is_weighted_by_its_cores(client: httpx.Client) -> None:
    document = client.get(PATH, params=DAY | {"format": "json"}).json()
    assert document["total"]["cpu_avg_pct"] == 37.5
    assert document["total"]["cpu_p95_pct"] is None  # percentiles of units do not add up
    assert [row["unit"] for row in document["lines"]["rows"]] == ["A", "B"]


def test_names_from_outside_are_text(client: httpx.Client) -> None:
    page = client.get(PATH, params=DAY | {"unit": "A", "format": "html"}).text
    assert "&lt;b&gt;系统&lt;/b&gt;" in page
    assert "<b>系统" not in page


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"unit": "X"}, 404),
        ({"month": "2026-03"}, 422),
        ({"from": ""}, 422),
        ({"to": "2029-03-02"}, 422),
        ({"version": "1"}, 422),
        ({"format": "odt"}, 422),
    ],
)
def test_what_cannot_be_answered_is_said(
    client: httpx.Client, wrong: dict[str, str], status: int
) -> None:
    answer = client.get(PATH, params=DAY | wrong)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_an_unpublished_month_has_no_version(client: httpx.Client) -> None:
    answer = client.get(PATH, params={"month": "2026-02", "version": "latest"})
    assert answer.status_code == 404


def test_a_unit_without_anything_gets_a_report_that_says_so(client: httpx.Client) -> None:
    page = client.get(PATH, params={"month": "2025-01", "unit": "A", "format": "html"})
    assert "没有政务云资源" in page.text or page.status_code == 404


SHANGHAI = ZoneInfo("Asia/Shanghai")


def _curve(used: list[float | None]) -> Curve:
    times = [START + 300 * number for number in range(len(used))]
    return Curve("CPU", "核", times, 300, [4.0] * len(used), used, used)


def test_a_gap_is_shaded_and_the_line_is_broken_there() -> None:
    whole = draw(_curve([1, 2, 3, 2, 1, 1]), SHANGHAI)
    broken = draw(_curve([1, 2, None, None, 1, 1]), SHANGHAI)
    assert (whole.count("<rect"), broken.count("<rect")) == (0, 1)
    assert broken.count("<polyline") == 2 * whole.count("<polyline") == 4


def test_a_curve_without_any_value_is_no_picture() -> None:
    curve = _curve([None, None])
    nothing = Curve("", "", curve.times, 300, [None, None], [None, None], [None, None])
    assert draw(nothing, SHANGHAI) == ""


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.3, 0.3), (7, 8), (95, 100), (101, 200), (2_472, 3_000)]
)
def test_an_axis_ends_at_a_round_figure_above_the_highest(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)
