"""What operators change of units, resources, claims, systems, lines and samples."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from controller.inventory.register_tables import Claim
from tests.contract.conftest import House

UNITS = "code,name,parent\nC,单位C,A\n".encode()
RESOURCES = b"code,name,kind,unit,vcpu,mem_gib,since\nvm-C,host-C,vm,A,2,4,2026-01-01\n"
SYSTEMS = "单位,系统名称,等保级别\nA,系统A,三级\n".encode()
ALLOCATIONS = "申请单号,单位,申请CPU,批复CPU\nZY-1,A,8,4\n".encode()
POOLS = "编码,名称,站点,架构,CPU总量\np,池,市中心,x86,64\n".encode()
LINES = "电路编号,运营商,单位,带宽\nL-9,电信,A,1G\n".encode()
POINTS = "编码,层级,单位,地址\nap-9,市级,A,10.9.9.9\n".encode()
SAMPLES = b"resource,time,cpu_used_pct\nvm-A,2026-11-01T00:00:00+08:00,12.5\n"

HOUSE: list[House] = []
"""The test's own, for what no route makes."""


def _rename(client: httpx.Client, name: str) -> httpx.Response:
    body = {"kind": "rename", "effective": "2026-06-01", "units": ["A"],
            "into": [{"code": "A", "name": name}]}  # fmt: skip
    return client.post("/api/v1/unit-changes", json=body)


def _open_claim(client: httpx.Client) -> int:
    return int(client.get("/api/v1/claims?state=open").json()["items"][0]["id"])


def _last_claim(client: httpx.Client) -> int:
    """The claim before was withdrawn: one more, written by another hand of this test."""
    assert HOUSE, "the fixture sets it"
    with HOUSE[0].runtime.database.write() as session:
        claim = Claim(
            resource_id=1, unit_id=1, since=HOUSE[0].runtime.now().replace(day=2),
            at=HOUSE[0].runtime.now(),
        )  # fmt: skip
        session.add(claim)
        session.flush()
        return claim.id or 0


INVENTORY_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/resources/{code}/holdings"): (
        "ops",
        lambda c: c.post(
            "/api/v1/resources/vm-A/holdings",
            json={"since": "2026-02-01", "until": "2026-03-01", "vcpu": 8},
        ),
    ),
    ("POST", "/api/v1/corrections"): (
        "ops",
        lambda c: c.post(
            "/api/v1/corrections",
            json={"of_unit": "A", "since": "2026-02-01", "until": "2026-03-01", "vcpu": 6},
        ),
    ),
    ("PUT", "/api/v1/units/{code}/register"): (
        "ops",
        lambda c: c.put("/api/v1/units/A/register", json={"aliases": ["甲"]}),
    ),
    ("POST", "/api/v1/unit-changes"): ("ops", lambda c: _rename(c, "单位甲")),
    ("POST", "/api/v1/unit-changes/{change_id}/undo"): (
        "ops",
        lambda c: c.post(
            f"/api/v1/unit-changes/{c.get('/api/v1/unit-changes').json()['items'][0]['id']}/undo"
        ),
    ),
    ("POST", "/api/v1/import/units"): (
        "ops",
        lambda c: c.post("/api/v1/import/units", files={"file": ("units.csv", UNITS)}),
    ),
    ("PUT", "/api/v1/resources/{code}/share"): (
        "ops",
        lambda c: c.put(
            "/api/v1/resources/vm-A/share", json={"mode": "public", "since": "2026-06-01"}
        ),
    ),
    ("POST", "/api/v1/unclaimed"): (
        "ops",
        lambda c: c.post("/api/v1/unclaimed", json={"resources": ["vm-A"], "since": "2026-11-01"}),
    ),
    ("POST", "/api/v1/claims"): (
        "ops",
        lambda c: c.post("/api/v1/claims", json={"resource": "vm-A", "unit": "A"}),
    ),
    ("POST", "/api/v1/claims/{claim_id}/withdrawal"): (
        "ops",
        lambda c: c.post(f"/api/v1/claims/{_open_claim(c)}/withdrawal"),
    ),
    ("POST", "/api/v1/claims/{claim_id}/decision"): (
        "ops",
        lambda c: c.post(f"/api/v1/claims/{_last_claim(c)}/decision", json={"approve": True}),
    ),
    ("POST", "/api/v1/import/systems"): (
        "ops",
        lambda c: c.post("/api/v1/import/systems", files={"file": ("s.csv", SYSTEMS)}),
    ),
    ("POST", "/api/v1/import/allocations"): (
        "ops",
        lambda c: c.post("/api/v1/import/allocations", files={"file": ("a.csv", ALLOCATIONS)}),
    ),
    ("POST", "/api/v1/import/pools"): (
        "ops",
        lambda c: c.post("/api/v1/import/pools", files={"file": ("p.csv", POOLS)}),
    ),
    ("POST", "/api/v1/import/lines"): (
        "ops",
        lambda c: c.post("/api/v1/import/lines", files={"file": ("l.csv", LINES)}),
    ),
    ("POST", "/api/v1/import/points"): (
        "ops",
        lambda c: c.post("/api/v1/import/points", files={"file": ("p.csv", POINTS)}),
    ),
    ("PUT", "/api/v1/lines/{line_id}"): (
        "ops",
        lambda c: c.put("/api/v1/lines/1", json={"bandwidth_bit_s": 2e9}),
    ),
    ("DELETE", "/api/v1/lines/{line_id}"): (
        "ops",
        lambda c: c.delete("/api/v1/lines/1?confirm=circuit-A"),
    ),
    ("PUT", "/api/v1/access-points/{code}"): (
        "ops",
        lambda c: c.put("/api/v1/access-points/ap-9", json={"address": "fd00::9"}),
    ),
    ("DELETE", "/api/v1/access-points/{code}"): (
        "ops",
        lambda c: c.delete("/api/v1/access-points/ap-9?confirm=ap-9"),
    ),
    ("PUT", "/api/v1/system-register/{system_id}"): (
        "ops",
        lambda c: c.put("/api/v1/system-register/1", json={"level": 2}),
    ),
    ("POST", "/api/v1/import/resources"): (
        "ops",
        lambda c: c.post("/api/v1/import/resources", files={"file": ("res.csv", RESOURCES)}),
    ),
    ("POST", "/api/v1/import/samples"): (
        "ops",
        lambda c: c.post(
            "/api/v1/import/samples",
            params={"name": "samples.csv"},
            content=SAMPLES,
            headers={"content-type": "application/octet-stream"},
        ),
    ),
    ("POST", "/api/v1/ingest/rows"): (
        "ops",
        lambda c: c.post(
            "/api/v1/ingest/rows",
            json={
                "rows": [
                    {
                        "resource": "vm-A",
                        "time": "2026-11-01T00:05:00+08:00",
                        "interval_s": 60,
                        "cpu_used_pct": 12.5,
                    }
                ]
            },
        ),
    ),
}
"""In an order in which they succeed."""
