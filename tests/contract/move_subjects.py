"""Moves of two units for the contract tests: what each may see, and every write once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from sqlmodel import Session

from controller.inventory.tables import Resource
from controller.moves.edge_documents import take_edges
from controller.moves.tables import STEPS, MoveNetwork, MovePlan, MoveProject, MoveStep

Call = Callable[[httpx.Client], httpx.Response]

MOVE_THEIRS = [
    "/api/v1/moves/projects/move-{x}",
    "/api/v1/moves/networks?unit={x}",
    "/api/v1/moves/graph?unit={x}",
    "/api/v1/moves/links?unit={x}",
]
MOVE_LISTS = [
    "/api/v1/moves/networks",
    "/api/v1/moves/carried?by=unit",
    "/api/v1/moves/carried?by=county",
    "/api/v1/moves/projects",
    "/api/v1/moves/graph?by=system",
    "/api/v1/moves/graph?by=unit",
    "/api/v1/moves/links",
    "/api/v1/moves/links?text=10.177.0.2",
    "/api/v1/moves/links?format=csv",
    "/api/v1/moves/plans",
    "/api/v1/moves/plans/1",
    "/api/v1/moves/plans/1/file?kind=yml",
]

PLAN = (
    "主机,网卡,现IP,IPv4地址,掩码,网关\nvm-A,eth0,10.177.0.1/24,10.66.9.9,24,10.66.9.1\n"
).encode()
NETWORKS = "编码,名称,单位,处置\naudited-import,导入的专网,A,保留\n".encode()


def furnish_moves(session: Session, now: datetime) -> None:
    """A network and a project of each unit, cut over and waiting for the unit's word; the two
    units' machines talk to each other and to an address of each other's network."""
    for number, code in ((1, "A"), (2, "B")):
        machine = session.get_one(Resource, number)
        machine.ip = f"10.177.0.{number}"
        session.add(machine)
        network = MoveNetwork(
            id=number, code=f"net-{code}", name=f"专网 net-{code}", unit_id=number,
            disposition="migrate", prefixes=[f"172.30.{number}.0/24"], updated=now,
        )  # fmt: skip
        session.add(network)
        session.flush()
        session.add(
            MoveProject(
                id=number, code=f"move-{code}", name=f"move-{code}", network_id=number,
                unit_id=number, created=now,
            )
        )  # fmt: skip
        session.flush()
        for step in STEPS:
            state = "done" if step in ("addresses", "parallel", "cutover") else "waiting"
            session.add(MoveStep(project_id=number, step=step, state=state))
        other = 3 - number
        edges = [
            ["out", "tcp", f"10.177.0.{other}", 5432, "app", 3, 1],
            ["out", "tcp", f"172.30.{other}.9", 80, "app", 3, 1],
        ]
        take_edges(session, number, {"edges": edges}, now, now)
    # A's plan, with a permit towards B's machine: A learns that it is another unit's, no more.
    end_a = {"source": "10.66.0.1", "source_name": "vm-A", "source_unit": "", "source_system": "",
             "source_own": True, "source_known": True}  # fmt: skip
    end_b = {"target": "10.177.0.2", "target_name": "vm-B", "target_unit": "单位B",
             "target_system": "系统B", "target_own": False, "target_known": True}  # fmt: skip
    permit = {"protocol": "tcp", "port": 80, "use": "", "days": 1, "last": "", "note": "",
              "known": True}  # fmt: skip
    host = dict.fromkeys(("name", "system", "gateway", "address6", "gateway6", "search",
                          "dns_probe", "note", "unit"), "")  # fmt: skip
    host |= {"code": "vm-A", "row": 2, "wave": 1, "interface": "eth0", "mtu": None, "vlan": None,
             "old_address": "10.177.0.1/24", "address": "10.66.0.1/24", "dns": [], "ntp": [],
             "routes": [], "edges": [{"peer": "10.177.0.2", "port": 80}]}  # fmt: skip
    session.add(
        MovePlan(
            id=1, project_id=1, unit_id=1, file_name="plan.xlsx", sha256="0" * 64,
            digest="0" * 64, at=now, by="contact-B", hosts=[host], faults=[],
            acl=[end_a | end_b | permit], waves=[], summary={},
        )
    )  # fmt: skip
    session.flush()


def _last_plan(client: httpx.Client) -> int:
    return int(client.get("/api/v1/moves/plans?project=audited-move").json()["items"][0]["id"])


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


MOVE_WRITES: dict[tuple[str, str], tuple[str, Call]] = {
    ("PUT", "/api/v1/moves/networks"): (
        "engineer",
        lambda c: c.put(
            "/api/v1/moves/networks", json={"code": "audited-net", "name": "网", "unit": "A"}
        ),
    ),
    ("POST", "/api/v1/import/own-networks"): (
        "ops",
        lambda c: c.post("/api/v1/import/own-networks", files={"file": ("n.csv", NETWORKS)}),
    ),
    ("DELETE", "/api/v1/moves/networks/{code}"): (
        "ops",
        lambda c: c.delete("/api/v1/moves/networks/audited-import"),
    ),
    ("POST", "/api/v1/moves/projects"): (
        "engineer",
        lambda c: c.post(
            "/api/v1/moves/projects", json={"code": "audited-move", "network": "audited-net"}
        ),
    ),
    ("PATCH", "/api/v1/moves/projects/{code}/steps/{step}"): (
        "engineer",
        lambda c: c.patch(
            "/api/v1/moves/projects/audited-move/steps/addresses", json={"state": "doing"}
        ),
    ),
    ("POST", "/api/v1/moves/projects/{code}/cancel"): (
        "ops",
        lambda c: c.post("/api/v1/moves/projects/audited-move/cancel", json={"text": "并入他网"}),
    ),
    ("POST", "/api/v1/moves/projects/{code}/reopen"): (
        "ops",
        lambda c: c.post("/api/v1/moves/projects/audited-move/reopen", json={"text": "恢复"}),
    ),
    ("POST", "/api/v1/moves/plans"): (
        "engineer",
        lambda c: c.post(
            "/api/v1/moves/plans?project=audited-move", files={"file": ("plan.csv", PLAN)}
        ),
    ),
    ("POST", "/api/v1/moves/plans/{plan_id}/submit"): (
        "engineer",
        lambda c: c.post(
            f"/api/v1/moves/plans/{_last_plan(c)}/submit",
            json={"begin": _in_days(1), "end": _in_days(2)},
        ),
    ),
    ("POST", "/api/v1/moves/plans/{plan_id}/decision"): (
        "ops",
        lambda c: c.post(f"/api/v1/moves/plans/{_last_plan(c)}/decision", json={"approve": True}),
    ),
    ("POST", "/api/v1/moves/plans/{plan_id}/withdrawal"): (
        "ops",
        lambda c: c.post(f"/api/v1/moves/plans/{_last_plan(c)}/withdrawal"),
    ),
    ("POST", "/api/v1/moves/projects/{code}/sign-off"): (
        "unit",
        lambda c: c.post("/api/v1/moves/projects/move-A/sign-off", json={"accept": True}),
    ),
}
