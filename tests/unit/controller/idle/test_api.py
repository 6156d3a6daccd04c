"""Policies, scans and what-if over HTTP, and the same from the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from idle_rows import END, GIB, put
from typer.testing import CliRunner
from worlds import EPOCH, World

from controller.access import tokens
from controller.access.scope import CITY
from controller.app import create_app
from controller.cli import build
from controller.idle.nightly import scan_city
from controller.idle.queries import latest_scan
from tests.serving import serving

KEYS = {"resource", "unit", "class", "evidence", "coverage_pct", "window_days", "reason"}


@pytest.fixture
def house(w: World) -> Iterator[tuple[World, httpx.Client]]:
    """Units A and B, an idle machine of each, an oversized one of A; ops are calling."""
    site, zone = w.site("S"), w.zone("Z")
    for code in ("A", "B"):
        w.unit(code)
        w.vm(f"idle-{code}", code, site_id=site, zone_id=zone)
        put(w, f"idle-{code}", 1.0)
    w.vm("big-A", "A", vcpu=16, site_id=site, zone_id=zone)
    put(w, "big-A", 8.0, mem_gib=3.0)
    with w.runtime.database.write() as session:
        given = tokens.create_token(session, "ops", "ops", w.clock[0])[0]
    with serving(create_app(w.runtime)) as url:
        headers = {"authorization": f"Bearer {given}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            client.headers["x-token"] = given
            yield w, client


def test_a_scan_answers_with_every_row_in_the_agreed_form(
    house: tuple[World, httpx.Client],
) -> None:
    _, client = house
    made = client.post("/api/v1/idle/scans", json={"policy": "city"})
    assert made.status_code == 201, made.text
    document = made.json()
    assert document["classes"] == {"idle": 2, "oversized": 1}
    assert {row["resource"]: row["class"] for row in document["rows"]} == {
        "big-A": "oversized",
        "idle-A": "idle",
        "idle-B": "idle",
    }
    assert all(set(row) == KEYS for row in document["rows"])
    again = client.get(f"/api/v1/idle/scans/{document['scan']}").json()
    assert again == document
    english = client.get(f"/api/v1/idle/scans/{document['scan']}", params={"language": "en"})
    assert "samples" in english.json()["rows"][0]["reason"]
    lines = list(
        csv.reader(
            io.StringIO(
                client.get(f"/api/v1/idle/scans/{document['scan']}", params={"format": "csv"}).text
            )
        )
    )
    assert len(lines) == 4
    listed = client.get("/api/v1/idle/scans").json()
    assert (listed["total"], listed["items"][0]["classes"]) == (1, {"idle": 2, "oversized": 1})


def test_verdicts_are_filtered_sorted_and_paged(house: tuple[World, httpx.Client]) -> None:
    _, client = house
    number = client.post("/api/v1/idle/scans", json={}).json()["scan"]
    path = f"/api/v1/idle/scans/{number}/verdicts"
    found = client.get(path, params={"class": "idle", "unit": "A"}).json()
    assert [row["resource"] for row in found["items"]] == ["idle-A"]
    assert found["items"][0]["recommendation"]["action"] == "shrink"
    down = client.get(path, params={"sort": "-vcpu", "size": 1}).json()
    assert (down["total"], down["items"][0]["resource"]) == (3, "big-A")
    assert client.get(path, params={"class": "lazy"}).status_code == 422
    assert client.get(path, params={"sort": "colour"}).status_code == 422
    assert client.get("/api/v1/idle/scans/99/verdicts").status_code == 404


def test_a_unit_sees_its_own_verdicts_only(house: tuple[World, httpx.Client]) -> None:
    w, client = house
    number = client.post("/api/v1/idle/scans", json={}).json()["scan"]
    with w.runtime.database.write() as session:
        given = tokens.create_token(session, "b", "unit", w.clock[0], unit_id=w.ids["B"])[0]
    headers = {"authorization": f"Bearer {given}"}
    rows = client.get(f"/api/v1/idle/scans/{number}", headers=headers).json()
    assert [row["resource"] for row in rows["rows"]] == ["idle-B"]
    assert rows["classes"] == {"idle": 1}
    only_a = client.post("/api/v1/idle/scans", json={"unit": "A"}).json()["scan"]
    assert client.get(f"/api/v1/idle/scans/{only_a}", headers=headers).status_code == 404
    freed = client.get("/api/v1/idle/what-if", headers=headers).json()
    assert (freed["total"]["vcpu_held"], freed["total"]["resources"]) == (4, 1)


def test_what_would_come_back_is_added_up_by_site_and_zone(
    house: tuple[World, httpx.Client],
) -> None:
    _, client = house
    assert client.get("/api/v1/idle/what-if").json()["scan"] is None
    client.post("/api/v1/idle/scans", json={})
    answer = client.get("/api/v1/idle/what-if").json()
    # Two idle ones of 4 cores shrink to 1, the large one of 16 to 4.
    total = answer["total"]
    assert (total["vcpu_freed"], total["vcpu_held"], total["resources"]) == (18, 24, 3)
    assert total["vcpu_share_pct"] == 75.0
    assert total["mem_bytes_freed"] == pytest.approx((7 + 7 + 4) * GIB)
    assert [(row["key"], row["vcpu_freed"]) for row in answer["sites"]] == [("S", 18)]
    idle = client.get("/api/v1/idle/what-if", params={"class": "idle"}).json()["total"]
    assert (idle["vcpu_freed"], idle["by_class"]) == (6, {"idle": 2})


def test_an_edited_policy_is_a_new_version_and_in_force(
    house: tuple[World, httpx.Client],
) -> None:
    _, client = house
    path = "/api/v1/idle/documents/policies/city"
    first = client.get(path).json()
    assert first["version"] == 0
    body = first["body"].replace("less_than = 5}", "less_than = 0.5}")
    made = client.post(f"{path}/versions", json={"body": body, "note": "更严"})
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.json()["note"]) == (1, "更严")
    assert client.get(path).json()["body"] == body
    assert [each["version"] for each in client.get(f"{path}/versions").json()] == [1, 0]
    document = client.post("/api/v1/idle/scans", json={"policy": "city"}).json()
    assert document["version"] == 1
    assert "idle" not in document["classes"]


def test_a_document_that_cannot_be_evaluated_is_refused_by_key(
    house: tuple[World, httpx.Client],
) -> None:
    _, client = house
    path = "/api/v1/idle/documents/policies/city/versions"
    refused = client.post(path, json={"body": 'id = "city"\ncolour = 1'})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("rule:")
    other = client.get("/api/v1/idle/documents/policies/az-2019").json()["body"]
    assert "the address says" in client.post(path, json={"body": other}).json()["detail"]
    sizes = "/api/v1/idle/documents/flavours/flavours/versions"
    assert client.post(sizes, json={"body": "flavours = [[4, 8], [2, 4]]"}).status_code == 201
    odd = "/api/v1/idle/documents/flavours/other/versions"
    assert client.post(odd, json={"body": "flavours = [[4, 8]]"}).status_code == 404
    assert client.get("/api/v1/idle/documents/policies/..%2f..%2fx").status_code == 404


def test_the_nightly_scan_judges_whole_days_of_the_office(
    house: tuple[World, httpx.Client],
) -> None:
    w, _ = house
    w.clock[0] = EPOCH + timedelta(days=60, hours=-4)
    number = scan_city(w.runtime)
    with w.runtime.database.read() as session:
        kept = latest_scan(session, CITY, "city")
    assert kept is not None
    assert (kept.id, kept.by) == (number, "worker")
    assert kept.as_of.timestamp() == END - 8 * 3600  # midnight in China
    w.clock[0] += timedelta(days=60)
    scan_city(w.runtime)


def test_the_command_prints_the_interface_and_the_policies(
    house: tuple[World, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = house
    monkeypatch.setenv("YUNXUN_TOKEN", client.headers["x-token"])
    monkeypatch.setenv("YUNXUN_URL", str(client.base_url))
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    runner = CliRunner()
    app = build(["idle"])
    done = runner.invoke(app, ["idle", "scan", "--policy", "city", "--format", "json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert set(document) == {"policy", "as_of", "rows"}
    assert all(set(row) == KEYS for row in document["rows"])
    table = runner.invoke(app, ["idle", "scan", "--policy", "city"])
    assert "闲置 2, 配置偏高 1" in table.stdout
    listed = runner.invoke(app, ["idle", "policies"])
    assert "aws-co-idle-ec2" in listed.stdout
    printed = runner.invoke(app, ["idle", "policy", "city"])
    assert printed.stdout.startswith('id = "city"')
    wrong = runner.invoke(app, ["idle", "scan", "--policy", "none"])
    assert wrong.exit_code != 0
