"""Forecasts from registers and rows in the real engine, over HTTP and from the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import EPOCH, GIB, World

from controller.access import tokens
from controller.app import create_app
from controller.cli import build
from controller.forecasts.compute import compute, nightly
from controller.inventory.register_tables import Pool, PoolCapacity
from tests.serving import serving

END = int((EPOCH + timedelta(days=60)).timestamp())
HOURS = np.arange(END - 60 * 86_400, END, 3600)


def put(w: World, code: str, instance: str = "", **values: Any) -> None:
    w.samples.insert(
        "host_1h",
        {
            "resource": np.full(len(HOURS), w.ids[code], np.uint32),
            "instance": [instance] * len(HOURS),
            "time": HOURS * 1000,
            "seconds": np.full(len(HOURS), 3600, np.float32),
            **{n: np.broadcast_to(np.asarray(v, float), HOURS.shape) for n, v in values.items()},
            "version": np.full(len(HOURS), 1, np.uint64),
            "arrived": np.full(len(HOURS), END, np.int64),
        },
    )


@pytest.fixture
def city(w: World) -> World:
    """Unit A's machine fills its disk and its line; B's is quiet. The pool of both fills up."""
    site, zone = w.site("S"), w.zone("Z")
    for code in ("A", "B"):
        w.unit(code)
        w.resource(f"vm-{code}", kind="vm", arch="kunpeng")
        w.holding(f"vm-{code}", code, vcpu=16, site_id=site, zone_id=zone, bandwidth_bit_s=80e6)
    for day in range(2, 58, 4):
        code = f"new-{day}"
        w.resource(code, kind="vm", arch="kunpeng", created=EPOCH + timedelta(days=day))
        w.holding(code, "B", since=EPOCH + timedelta(days=day), vcpu=8, site_id=site, zone_id=zone)
    with w.runtime.database.write() as session:
        pool = Pool(code="p1", name="主池", site_id=site, zone_id=zone, arch="kunpeng",
                    updated=EPOCH)  # fmt: skip
        session.add(pool)
        session.flush()
        session.add(
            PoolCapacity(
                pool_id=pool.id or 0, since=EPOCH, vcpu=200, mem_bytes=1000 * GIB,
                disk_bytes=90_000 * GIB, cpu_overcommit=1.0, mem_overcommit=1.0, reserve_pct=10,
            )
        )  # fmt: skip
    days = (HOURS - HOURS[0]) / 86_400
    busy = np.where((HOURS // 3600 % 24 > 1) & (HOURS // 3600 % 24 < 11), 1.0, 0.1)
    put(w, "vm-A", cpu_used_pct=20 + 10 * busy, mem_used_bytes=4 * GIB,
        disk_used_bytes=(40 + 0.8 * days) * GIB, disk_total_bytes=100 * GIB,
        disk_used_pct=40 + 0.8 * days, net_tx_bytes_s=busy * (4e6 + 0.06e6 * days),
        net_rx_bytes_s=1e5)  # fmt: skip
    put(w, "vm-B", cpu_used_pct=5.0, mem_used_bytes=2 * GIB, disk_used_bytes=10 * GIB,
        disk_total_bytes=100 * GIB, disk_used_pct=10.0, net_tx_bytes_s=10.0,
        net_rx_bytes_s=10.0)  # fmt: skip
    put(w, "vm-A", "fs:/data", disk_used_bytes=(20 + 1.2 * days) * GIB,
        disk_total_bytes=100 * GIB, disk_used_pct=20 + 1.2 * days)  # fmt: skip
    w.resource("sw-1", kind="device")
    w.holding("sw-1", "B", vcpu=None, site_id=site, zone_id=zone)
    w.samples.insert(
        "port_1h",
        {
            "resource": np.full(len(HOURS), w.ids["sw-1"], np.uint32),
            "instance": ["port:Gi0/1"] * len(HOURS),
            "time": HOURS * 1000,
            "seconds": np.full(len(HOURS), 3600, np.float32),
            "port_out_bytes_s": busy * (50e6 + 0.6e6 * days),
            "port_in_bytes_s": np.full(len(HOURS), 1e5),
            "port_speed_bit_s": np.full(len(HOURS), 1e9),
            "version": np.full(len(HOURS), 1, np.uint64),
            "arrived": np.full(len(HOURS), END, np.int64),
        },
    )
    return w


@pytest.fixture
def house(city: World) -> Iterator[tuple[World, httpx.Client, str]]:
    with city.runtime.database.write() as session:
        ops = tokens.create_token(session, "ops", "ops", city.clock[0])[0]
        unit = tokens.create_token(session, "unit-b", "unit", city.clock[0], unit_id=city.ids["B"])[
            0
        ]
    with (
        serving(create_app(city.runtime)) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=120) as client,
    ):
        client.headers["authorization"] = f"Bearer {ops}"
        yield city, client, unit


def by_key(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["key"], row["metric"]): row for row in rows}


def test_pools_lines_and_disks_are_forecast_and_the_quiet_are_only_counted(
    house: tuple[World, httpx.Client, str],
) -> None:
    _, client, _unit = house
    assert client.get("/api/v1/forecasts/last-run").json() is None
    made = client.post("/api/v1/forecasts", json={})
    assert (made.status_code, made.json()) == (202, {"before": None}), made.text
    run, deadline = None, time.monotonic() + 120
    while run is None:
        assert time.monotonic() < deadline
        run = client.get("/api/v1/forecasts/last-run").json()
        time.sleep(0.1)
    found = by_key(client.get("/api/v1/forecasts").json()["items"])
    disk = found["vm-A:/data", "disk"]
    # 100 GiB less the last day's 91.4, at 1.2 a day.
    assert (disk["state"], disk["unit"]) == ("reaches", "A")
    assert disk["days"] == pytest.approx(7.2, abs=0.7)
    assert ("vm-A", "disk") not in found  # its file systems are told apart
    pool = found["p1", "alloc_vcpu"]
    assert (pool["now"], pool["limit"]) == (16 * 2 + 14 * 8, 180)
    assert pool["state"] == "reaches"
    assert pool["days"] == pytest.approx((180 - 144) / 2, rel=0.2)
    assert found["vm-A", "line_out"]["state"] in ("reaches", "over")
    port = found["sw-1:Gi0/1", "line_out"]
    # 100 MB/s is 80 % of a gigabit; 86 on the last day, 0.6 more each day.
    assert (port["state"], port["unit"]) == ("reaches", "B")
    assert port["days"] == pytest.approx(14 / 0.6, rel=0.25)
    assert {key for key, _ in found if key.startswith(("vm-B", "new"))} == set()
    counts = run["counts"]
    assert counts["volume"]["steady"] == 2  # B's, and A's whole host beside its file system
    assert counts["link"]["steady"] >= 1


def test_a_picture_has_the_past_and_what_lies_ahead(
    house: tuple[World, httpx.Client, str],
) -> None:
    city, client, _unit = house
    compute(city.runtime)
    for row in client.get("/api/v1/forecasts").json()["items"]:
        picture = client.get(f"/api/v1/forecasts/{row['id']}/series")
        assert picture.status_code == 200, (row, picture.text)
        told = picture.json()
        assert [v for v in told["history"] if v is not None]
        assert len(told["values"]) == len(told["low"]) == len(told["high"])
        assert bool(told["values"]) == (row["state"] != "refused" and row["growth"] is not None)
        page = client.get(f"/forecasts/{row['id']}")
        assert page.status_code == 200
        data = client.get(f"/web-data/forecasts/{row['id']}").json()
        assert len(data["times"]) == len(data["charts"]["main"]["series"][0]["values"])


def test_a_unit_sees_its_own_and_nothing_of_pools(
    house: tuple[World, httpx.Client, str],
) -> None:
    city, client, unit = house
    compute(city.runtime)
    rows = client.get("/api/v1/forecasts").json()["items"]
    client.headers["authorization"] = f"Bearer {unit}"
    own = client.get("/api/v1/forecasts").json()["items"]
    assert {row["key"] for row in own} == {"sw-1:Gi0/1"}
    for row in rows:
        if row in own:
            continue
        assert client.get(f"/api/v1/forecasts/{row['id']}").status_code == 404
        assert client.get(f"/api/v1/forecasts/{row['id']}/series").status_code == 404
    assert client.get("/api/v1/forecasts?unit=A").status_code == 404
    assert client.get("/api/v1/forecasts/last-run").json()["counts"] == {}
    assert client.post("/api/v1/forecasts", json={}).status_code == 403


def test_making_them_again_replaces_them_and_wrong_questions_are_answered(
    house: tuple[World, httpx.Client, str],
) -> None:
    city, client, _unit = house
    first = compute(city.runtime)
    nightly(city.runtime)
    page = client.get("/api/v1/forecasts", params={"size": 2, "sort": "-share"}).json()
    assert page["total"] == first
    shares = [row["now"] / row["limit"] for row in page["items"]]
    assert shares == sorted(shares, reverse=True)
    assert client.get("/api/v1/forecasts?sort=nonsense").status_code == 422
    assert client.get("/api/v1/forecasts?kind=nonsense").status_code == 422
    for file in ("csv", "xlsx"):
        assert client.get(f"/forecasts?file={file}").status_code == 200


def test_an_empty_city_has_no_forecasts_and_says_how_they_come(w: World) -> None:
    assert compute(w.runtime) == 0


def test_the_command_lists_and_makes_them(house: tuple[World, httpx.Client, str]) -> None:
    _, client, _unit = house
    token = client.headers["authorization"].removeprefix("Bearer ")
    environment = {"YUNXUN_URL": str(client.base_url), "YUNXUN_TOKEN": token, "LANG": "en_GB"}

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(build(arguments), list(arguments), env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "none yet" in run("forecast", "list")
    assert " s" in run("forecast", "run")
    assert "/data" in run("forecast", "list", "--kind", "volume")
    rows = json.loads(run("forecast", "list", "--format", "json"))
    assert {row["kind"] for row in rows} == {"pool", "link", "volume"}
