"""What the calls of readiness act upon: a project of A, one of B, each with a judged host."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
from sqlmodel import Session

from controller.access.scope import CITY
from controller.readiness import judging, projects, runs, waivers
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessProject, ReadinessRun
from playbooks.judge.bundle import parse_bundle
from tests.facts_bundles import OFF, bundle

OURS, THEIRS = 1, 2
"""Projects, and the runs of the same numbers."""
TO_CANCEL, TO_END = 903, 904


def furnish_readiness(session: Session, now: datetime) -> None:
    rules = judging.chosen_rules(["ipv6"])
    for number, code in ((OURS, "A"), (THEIRS, "B")):
        wanted = Wanted(name=f"项目{code}", kind="ipv6", units=[code])
        project = projects.create(session, CITY, wanted, "wang", now)
        assert project.id == number
        named = WantedHost(name=f"ready-{code}", address="10.9.9.9")
        projects.set_hosts(session, CITY, project, [named], now)
        host = projects.find_host(session, number, f"ready-{code}")
        run = runs.enqueue(session, project, "check", by="wang", now=now)
        assert run.id == number
        facts = parse_bundle(bundle(host.name, {"sysctl": OFF}))
        judged = judging.judge_host(facts, host.name, "", rules, [None], [], now, {})
        judging.keep(session, run, host, judged, now)
        runs.finish(session, run, "done", now, totals=judging.totals(session, number))
        host.bundle = "0" * 64
        waivers.create(
            session, project, rule="V6-006", fingerprint="", hosts=[], reason=f"reason-{code}",
            owner="wang", approved_by="li", expires=now + timedelta(days=30), by="li", now=now,
        )  # fmt: skip


def furnish_writes(session: Session, now: datetime) -> None:
    """A run to cancel and a waiver to end, made when they are needed."""
    project = session.get_one(ReadinessProject, OURS)
    session.add(
        ReadinessRun(
            id=TO_CANCEL, project_id=OURS, kind="check", by="wang", queued=now, stages=["采集"]
        )
    )
    row = waivers.create(
        session, project, rule="V6-001", fingerprint="", hosts=[], reason="x", owner="wang",
        approved_by="li", expires=now + timedelta(days=3), by="li", now=now,
    )  # fmt: skip
    row.id = TO_END
    session.add(row)


PRODUCTS = (
    "类别,产品名称,版本,等级,公告号,有效期至\n操作系统,某操作系统,V1,Ⅱ,第0号,2027-05-01\n".encode()
)
_P = f"/api/v1/readiness/projects/{OURS}"

READINESS_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/readiness/projects"): (
        "engineer",
        lambda c: c.post("/api/v1/readiness/projects", json={"name": "audited", "kind": "ipv6"}),
    ),
    ("PATCH", "/api/v1/readiness/projects/{project_id}"): (
        "engineer",
        lambda c: c.patch(_P, json={"note": "x"}),
    ),
    ("PUT", "/api/v1/readiness/projects/{project_id}/hosts"): (
        "engineer",
        lambda c: c.put(f"{_P}/hosts", json={"hosts": [{"name": "second"}]}),
    ),
    ("DELETE", "/api/v1/readiness/projects/{project_id}/hosts/{name}"): (
        "engineer",
        lambda c: c.delete(f"{_P}/hosts/second"),
    ),
    ("PUT", "/api/v1/readiness/projects/{project_id}/credential"): (
        "engineer",
        lambda c: c.put(f"{_P}/credential", json={"password": "Secret-4711"}),
    ),
    ("DELETE", "/api/v1/readiness/projects/{project_id}/credential"): (
        "engineer",
        lambda c: c.delete(f"{_P}/credential"),
    ),
    ("POST", "/api/v1/readiness/projects/{project_id}/approvals"): (
        "ops",
        lambda c: c.post(f"{_P}/approvals", json={"decision": "approved"}),
    ),
    ("POST", "/api/v1/readiness/projects/{project_id}/runs"): (
        "engineer",
        lambda c: c.post(f"{_P}/runs", json={"kind": "check"}),
    ),
    ("POST", "/api/v1/readiness/runs/{run_id}/cancel"): (
        "engineer",
        lambda c: c.post(f"/api/v1/readiness/runs/{TO_CANCEL}/cancel"),
    ),
    ("POST", "/api/v1/readiness/projects/{project_id}/waivers"): (
        "ops",
        lambda c: c.post(
            f"{_P}/waivers",
            json={"rule": "V6-004", "reason": "x", "owner": "wang", "approved_by": "li",
                  "expires": "2027-01-01"},
        ),
    ),
    ("DELETE", "/api/v1/readiness/waivers/{waiver_id}"): (
        "ops",
        lambda c: c.delete(f"/api/v1/readiness/waivers/{TO_END}"),
    ),
    ("POST", "/api/v1/import/products"): (
        "ops",
        lambda c: c.post("/api/v1/import/products", files={"file": ("p.csv", PRODUCTS)}),
    ),
    ("POST", "/api/v1/readiness/bundles/{project_id}"): (
        "unit",
        lambda c: c.post(
            f"/api/v1/readiness/bundles/{OURS}",
            files={"file": ("ready-A.json", bundle("ready-A", {"sysctl": OFF}))},
        ),
    ),
}  # fmt: skip
