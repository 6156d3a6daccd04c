"""The registers over HTTP: scope, roles, pages, imports, problems."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from controller import errors
from controller.access.tables import AuditEntry
from controller.access.tokens import create_token
from controller.inventory import units
from controller.inventory.outcome import ImportOutcome
from controller.inventory.routers import ROUTERS
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.relational import Database
from controller.store.samples import Samples, SamplesUnavailable

from .sheets import NOW, UNITS, load_resources, load_units, text_file

RESOURCES = (
    "code,name,unit,system,site,zone,ip,vcpu,instance_uuid\n"
    "v1,交通一,jtj,门户,主中心,外网,10.0.0.1,4,\n"
    "v2,公路二,glzx,路网,主中心,外网,10.0.0.2,8,\n"
    "w1,CANARY-三,wjw,CANARY系统,CANARY站,CANARY区,10.9.9.9,16,\n"
)


@dataclass
class Caller:
    """Someone with an API token."""

    app: FastAPI
    token: str

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, f"/api/v1{path}", headers=headers, **more)

        return asyncio.run(send())

    def get(self, path: str, **params: Any) -> Any:
        response = self("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


@dataclass
class Office:
    database: Database
    app: FastAPI
    ops: Caller
    jtj: Caller
    auditor: Caller


class Away:
    """A sample store that does not answer: registers are kept all the same."""

    def query(self, *_: Any, **__: Any) -> Any:
        raise SamplesUnavailable("nobody answers")

    insert = command = query


@pytest.fixture
def office(database: Database) -> Office:
    load_units(database, UNITS)
    load_resources(database, RESOURCES)
    app = FastAPI()
    app.state.runtime = Runtime(Settings(), database, cast(Samples, Away()), lambda: NOW)
    app.state.local_token_hash = None
    app.state.subtree = units.subtree
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    with database.write() as session:
        tokens = [
            create_token(session, role, role, NOW, unit_id=unit)[0]
            for role, unit in (("ops", None), ("unit", 1), ("auditor", None))
        ]
    return Office(database, app, *(Caller(app, token) for token in tokens))


def test_a_unit_sees_its_subtree_and_others_are_not_there(office: Office) -> None:
    assert [unit["code"] for unit in office.jtj.get("/units")["items"]] == ["jtj", "glzx"]
    assert [item["code"] for item in office.jtj.get("/resources")["items"]] == ["v1", "v2"]
    assert office.ops.get("/resources")["total"] == 3
    for path in ("/units/wjw", "/units/市卫健委", "/resources/w1", "/resources/nosuch"):
        answer = office.jtj("GET", path)
        assert (answer.status_code, answer.json()["title"]) == (404, "not found")
    for path in ("/resources?unit=wjw", "/systems?unit=wjw"):
        assert office.jtj("GET", path).status_code == 404


def test_nothing_of_another_unit_leaks_through_any_list_or_search(office: Office) -> None:
    for path in (
        *("/units", "/systems", "/sites", "/zones", "/resources", "/resources?text=CANARY"),
        *("/resources?text=10.9.9.9", "/resources?system=CANARY系统", "/resources?sort=-vcpu"),
    ):
        answer = office.jtj("GET", path)
        assert answer.status_code == 200
        assert "CANARY" not in answer.text
        assert "卫健" not in answer.text
    assert "CANARY站" in office.ops("GET", "/sites").text


def test_an_earlier_owner_is_hidden_from_the_present_one(office: Office) -> None:
    answer = office.ops(
        "POST", "/resources/w1/holdings", json={"since": "2026-11-01", "unit": "jtj"}
    )
    assert answer.status_code == 200
    assert len(answer.json()["resource"]["holdings"]) == 2
    seen = office.jtj.get("/resources/w1")
    assert [holding["unit_code"] for holding in seen["holdings"]] == ["jtj"]
    assert office.jtj("GET", "/resources/w1?at=2026-10-01").status_code == 404


def test_a_list_is_paged_sorted_and_searched(office: Office) -> None:
    second = office.ops.get("/resources", sort="-vcpu", size=2, page=2)
    assert (second["total"], second["page"], second["size"]) == (3, 2, 2)
    assert [item["code"] for item in second["items"]] == ["v1"]
    assert office.ops.get("/resources", text="公路")["items"][0]["code"] == "v2"
    assert office.ops.get("/resources", text="%")["total"] == 0
    assert office.ops.get("/resources", unit="市交通局")["total"] == 2
    wrong = office.ops("GET", "/resources?sort=price")
    assert (wrong.status_code, wrong.json()["title"]) == (422, "unknown sort")
    for page in ("0", "-1", "9" * 23):  # the last is no number that SQLite knows
        assert office.ops("GET", f"/resources?page={page}").status_code == 422
    assert office.ops.get("/resources", page=1_000_000, size=1)["items"] == []


def test_systems_count_their_resources(office: Office) -> None:
    items = office.ops.get("/systems")["items"]
    assert {(item["name"], item["unit_code"], item["resources"]) for item in items} == {
        ("门户", "jtj", 1),
        ("路网", "glzx", 1),
        ("CANARY系统", "wjw", 1),
    }


def upload(caller: Caller, kind: str, text: str, **params: Any) -> httpx.Response:
    files = {"file": ("台账.csv", text_file(text), "text/csv")}
    return caller("POST", f"/import/{kind}", files=files, params=params)


def test_an_import_answers_its_outcome_and_a_refused_one_every_error(office: Office) -> None:
    good = upload(office.ops, "resources", "code,name,unit\nx1,新,glzx\n")
    assert good.status_code == 200
    outcome = ImportOutcome.model_validate(good.json())
    assert (outcome.imported, outcome.created, outcome.file_name) == (True, 1, "台账.csv")
    bad = upload(office.ops, "resources", "code,name,unit\nx2,新,水利局\n,无码,jtj\n")
    assert bad.status_code == 422
    assert bad.headers["content-type"] == "application/problem+json"
    body = bad.json()
    assert [(error["row"], error["column"]) for error in body["errors"]] == [
        (2, "unit"),
        (3, "code"),
    ]
    assert (body["title"], body["imported"], body["errors_total"]) == ("not imported", False, 2)
    dry = upload(office.ops, "resources", "code,name,unit\nx2,新,水利局\n", dry_run=True)
    assert (dry.status_code, dry.json()["imported"]) == (200, False)
    mapped = upload(office.ops, "units", "号,name\nq,新局\n", map=["号=code"])
    assert (mapped.status_code, mapped.json()["created"]) == (200, 1)


def test_every_write_leaves_one_row_in_the_audit_log(office: Office) -> None:
    upload(office.ops, "resources", "code,name,unit\nx1,新,glzx\n")
    upload(office.ops, "resources", "code,name,unit\n,新,glzx\n")
    upload(office.ops, "units", UNITS, dry_run=True)
    office.ops("POST", "/resources/v1/holdings", json={"vcpu": 2, "since": "2026-11-02T08:00:00"})
    with office.database.read() as session:
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [(entry.action, entry.object, entry.outcome) for entry in entries][-4:] == [
        ("import.resources", "台账.csv", "ok"),
        ("import.resources", "台账.csv", "refused"),
        ("import.units", "台账.csv", "dry run"),
        ("holding.correct", "v1", "ok"),
    ]


def test_only_those_who_keep_the_registers_may_write(office: Office) -> None:
    for caller in (office.jtj, office.auditor):
        assert upload(caller, "units", UNITS).status_code == 403
        answer = caller("POST", "/resources/v1/holdings", json={"vcpu": 2})
        assert answer.status_code == 403
    nobody = Caller(office.app, "yxt_nobody")
    assert upload(nobody, "units", UNITS).status_code == 401


def test_a_file_is_not_taken_in_before_the_caller_is_known(office: Office) -> None:
    taken = 0

    async def body() -> Any:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * 65536

    refused = office.jtj(
        "POST",
        "/import/units",
        content=body(),
        headers={"content-type": "multipart/form-data; boundary=x", "content-length": "6553600"},
    )
    assert refused.status_code == 403
    assert taken == 0
    huge = {"content-type": "multipart/form-data; boundary=x", "content-length": str(60 * 2**20)}
    assert office.ops("POST", "/import/units", content=body(), headers=huge).status_code == 413
    endless = {"content-type": "multipart/form-data; boundary=x"}
    assert office.ops("POST", "/import/units", content=body(), headers=endless).status_code == 411
    none = office.ops("POST", "/import/units", data={"x": "y"})
    assert (none.status_code, none.json()["title"]) == (422, "no file")


def test_a_naive_time_is_meant_in_shanghai(office: Office) -> None:
    answer = office.ops(
        "POST",
        "/resources/v1/holdings",
        json={"since": "2026-11-01", "until": "2026-11-03T00:00:00Z", "vcpu": 2},
    )
    spans = [holding["since"] for holding in answer.json()["resource"]["holdings"]]
    assert spans[1:] == ["2026-10-31T16:00:00Z", "2026-11-03T00:00:00Z"]


@pytest.mark.parametrize(
    "body",
    [{"unit": "wjw", "colour": 1}, {"vcpu": -1}, {"vcpu": "NaN"}, {"since": "soon"}, {}, []],
)
def test_a_correction_that_makes_no_sense_is_a_problem_document(office: Office, body: Any) -> None:
    answer = office.ops("POST", "/resources/v1/holdings", json=body)
    assert answer.status_code == 422
    assert answer.json()["title"]


def test_every_route_is_described_with_examples(office: Office) -> None:
    document = office.app.openapi()
    assert len(document["paths"]) >= 11
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert "$ref" in schema, path
    for name in ("UnitView", "ResourceView", "ResourceDetail", "ImportOutcome", "Correction"):
        assert document["components"]["schemas"][name]["examples"], name


def test_many_resources_are_corrected_at_once_or_none(office: Office) -> None:
    body = {"of_unit": "glzx", "since": "2026-10-01", "unit": "wjw"}
    answer = office.ops("POST", "/corrections", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["resources"] == 1
    # The sample store is away: the register is right all the same, the sums follow.
    assert answer.json()["days_pending"] > 0
    assert office.ops.get("/resources/v2")["unit_code"] == "wjw"
    assert office.ops.get("/resources/v2", at="2026-09-30")["unit_code"] == "glzx"
    body = {"resources": ["v1", "no-such"], "unit": "wjw"}
    assert office.ops("POST", "/corrections", json=body).status_code == 404
    assert office.ops.get("/resources/v1")["unit_code"] == "jtj"
    assert office.ops("POST", "/corrections", json={"unit": "wjw"}).status_code == 422
    assert office.jtj("POST", "/corrections", json=body).status_code == 403
