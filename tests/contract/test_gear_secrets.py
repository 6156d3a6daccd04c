"""A credential of network gear goes in over the API and comes out nowhere."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlmodel import select

from controller.access.tables import AuditEntry
from tests.contract.conftest import House

CANARY = "canary-5be02c7f"
GOOD = {"name": "canary", "community": CANARY}
BAD = (
    {"name": "canary2", "kind": "v3", "user": "u", "auth": "MD4", "auth_password": CANARY},
    {"name": "canary3", "kind": "v9", "community": CANARY},
    {"name": "bad name!", "community": CANARY},
    {"name": "canary4", "community": CANARY, "unknown": CANARY},
)


def test_no_answer_log_audit_row_or_file_holds_the_secret(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    with caplog.at_level(logging.DEBUG), house.client(house.tokens["ops"]) as client:
        for body in (GOOD, GOOD, *BAD):
            answer = client.post("/api/v1/network/credentials", json=body)
            said += [answer.text, str(answer.headers)]
        said.append(client.put("/api/v1/network/credentials/canary", json=GOOD).text)
        made = client.post(
            "/api/v1/network/devices",
            json={"address": "10.88.0.1", "unit": "A", "credential": "canary"},
        )
        assert made.status_code == 201, made.text
        for path in (
            "/api/v1/network/credentials",
            "/api/v1/network/devices",
            f"/api/v1/network/devices/{made.json()['code']}",
            "/api/v1/agent-tasks",
            "/api/v1/openapi.json",
            "/metrics",
        ):
            said.append(client.get(path).text)
        assert client.get("/api/v1/network/credentials").json()["items"][-1]["name"]
    with house.runtime.database.read() as session:
        said += [str(row.model_dump()) for row in session.exec(select(AuditEntry)).all()]
    said.append(caplog.text)
    assert not [text for text in said if CANARY in text]
    data = Path(house.runtime.settings.data)
    files = [path for path in data.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_a_unit_sees_a_devices_state_and_neither_its_credentials_nor_proposals(
    house: House,
) -> None:
    with house.client(house.tokens["unit"]) as client:
        assert client.get("/api/v1/network/devices/dev-A").status_code == 200
        for path in ("credentials", "proposals", "scan-ranges"):
            assert client.get(f"/api/v1/network/{path}").status_code == 403
