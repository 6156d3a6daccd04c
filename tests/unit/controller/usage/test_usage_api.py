"""The routes of usage and the files they give."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import httpx
import numpy as np
import openpyxl
import pytest
from rich.console import Console
from worlds import EPOCH, START, World

from controller.access.secrets import hash_secret
from controller.app import create_app
from controller.commands.usage import table
from controller.store import rollup
from controller.usage.export import plain_text
from tests.serving import serving

TOKEN = "local-token"
PERIOD = {"from": "2026-03-02T08:00:00+08:00", "to": "2026-03-02T09:00:00+08:00"}


@pytest.fixture
def client(w: World) -> Iterator[httpx.Client]:
    w.unit("A")
    w.system("A", "=1+1")
    w.vm("r1", "A", system_id=w.ids["A/=1+1"])
    w.rows("r1", START + 300 * np.arange(12), cpu_used_pct=25)
    list(rollup.roll_resource_days(w.runtime, "host", [(w.ids["r1"], EPOCH.date())]))
    app = create_app(w.runtime, local_token_hash=hash_secret(TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(app) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def test_a_report_comes_as_json_with_the_agreed_keys(client: httpx.Client) -> None:
    body = client.get("/api/v1/usage", params=PERIOD).json()
    assert (body["from"], body["to"]) == (PERIOD["from"], PERIOD["to"])
    (row,) = body["rows"]
    assert (row["unit"], row["unit_name"], row["cpu_avg_pct"]) == ("A", "单位A", 25)
    assert row["mem_avg_pct"] is None
    assert not {"system", "resource", "zone", "site"} & set(row)


def test_dates_without_a_zone_mean_shanghai(client: httpx.Client) -> None:
    body = client.get("/api/v1/usage", params={"from": "2026-03-02", "to": "2026-03-03"}).json()
    assert body["from"] == "2026-03-02T00:00:00+08:00"
    assert body["rows"][0]["cpu_avg_pct"] == 25
    for wrong in ({"from": "x", "to": "2026-03-03"}, {"from": "2026-03-03", "to": "2026-03-03"}):
        answer = client.get("/api/v1/usage", params=wrong)
        assert (answer.status_code, answer.headers["content-type"]) == (
            422,
            "application/problem+json",
        )
    assert client.get("/api/v1/usage", params=PERIOD | {"unit": "X"}).status_code == 404


def test_csv_has_a_bom_and_no_formula(client: httpx.Client) -> None:
    answer = client.get("/api/v1/usage", params=PERIOD | {"format": "csv", "by": "system"})
    text = answer.content.decode()
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["system"], row["cpu_avg_pct"], row["mem_avg_pct"]) == ("'=1+1", "25.0", "")
    assert plain_text("-x") == "'-x"


@pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")  # data bars
@pytest.mark.parametrize("by", ["unit", "resource", "zone"])
def test_a_workbook_has_a_frozen_header_a_chart_and_the_method(
    client: httpx.Client, by: str
) -> None:
    answer = client.get("/api/v1/usage", params=PERIOD | {"format": "xlsx", "by": by})
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = book["使用情况"]
    header = [cell.value for cell in sheet[4]]
    assert "CPU 平均(%)" in header
    assert sheet.cell(5, header.index("CPU 平均(%)") + 1).value == 25
    assert sheet.cell(5, header.index("内存平均(%)") + 1).value is None
    assert sheet.freeze_panes.endswith("5")
    assert len(book["图表"]._charts) == 1
    assert "80%" in "".join(str(cell.value) for cell in book["统计说明"]["A"])


def test_curves_answer_for_units_and_resources(client: httpx.Client) -> None:
    trend = client.get("/api/v1/units/A/trend", params=PERIOD | {"points": 2}).json()
    assert trend["cpu_pct"] == [25, 25]
    series = client.get("/api/v1/resources/r1/series", params=PERIOD | {"metric": ["cpu_used_pct"]})
    assert set(series.json()["values"]) == {"cpu_used_pct"}
    assert client.get("/api/v1/units/X/trend", params=PERIOD).status_code == 404


def test_an_import_answers_line_by_line(client: httpx.Client, w: World) -> None:
    text = f"resource,time,cpu_used_pct\nr1,{START + 3600},75\n"
    answer = client.post("/api/v1/import/samples", params={"name": "h.csv"}, content=text.encode())
    *progress, last = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["stage"] for line in progress} == {"checking", "storing", "rolling"}
    assert (last["outcome"]["stored"], last["outcome"]["imported"]) == (1, True)
    body = client.get("/api/v1/usage", params={**PERIOD, "to": "2026-03-02T09:05:00+08:00"}).json()
    assert body["rows"][0]["cpu_max_pct"] == 75
    answer = client.post("/api/v1/import/samples", params={"name": "h.csv"}, content=b"a,b\n1,2\n")
    assert "unknown columns: a, b" in json.loads(answer.text)["problem"]["detail"]
    assert not list((w.runtime.settings.data / "tmp").iterdir())


@pytest.mark.parametrize("english", [True, False])
def test_the_terminal_table_shows_gaps_as_dashes(client: httpx.Client, english: bool) -> None:
    body = client.get("/api/v1/usage", params=PERIOD).json()
    console = Console(width=170, record=True, file=io.StringIO())
    console.print(table(body, english))
    shown = console.export_text()
    assert "25.0" in shown
    assert "—" in shown
    assert ("Unit" in shown) is english


def test_a_period_of_no_data_is_gaps_not_zeros(client: httpx.Client) -> None:
    later = {"from": "2026-03-05", "to": "2026-03-06"}
    (row,) = client.get("/api/v1/usage", params=later).json()["rows"]
    assert (row["cpu_avg_pct"], row["coverage_pct"], row["resources"]) == (None, 0, 1)
