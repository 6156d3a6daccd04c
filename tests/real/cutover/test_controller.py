"""An approved plan carried out by the controller: runs, board, and the way back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from controller.access.scope import CITY
from controller.cutover import cutovers
from controller.inventory.tables import Unit, UnitVersion
from controller.moves.plan_hosts import PLAYBOOK_FIELDS
from controller.moves.tables import STEPS, MoveNetwork, MovePlan, MoveProject, MoveStep
from controller.problems import Problem
from controller.readiness import credentials, projects
from controller.readiness.projects import Wanted
from controller.readiness.tables import ReadinessProject
from controller.runtime import Runtime
from controller.store.migrate import upgrade
from tests.real.cutover.controller_child import runtime_of
from tests.real.cutover.playing import plan_of
from tests.real.cutover.town import Host, Town, town

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
"""Then what was carried out is taken back, too."""
CHILD = Path(__file__).with_name("controller_child.py")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), ("web", "badsix")) as built:
        yield built


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = runtime_of(tmp_path / "data")
    made.settings.data.mkdir()
    upgrade(made.database.engine)
    yield made
    made.database.close()


def host_plan(host: Host, **changes: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(PLAYBOOK_FIELDS, "")
    return {**empty, **plan_of(host, **changes), "code": host.name, "unit": "JTJ", "wave": 1}


def furnish(session: Session, runtime: Runtime, net: Town) -> None:
    now = runtime.now()
    session.add(Unit(id=1, code="JTJ", created=now))
    session.flush()
    session.add(UnitVersion(unit_id=1, name="市交通运输局", since=now - timedelta(days=9)))
    session.add(MoveNetwork(id=1, code="net", name="视频专网", unit_id=1, disposition="migrate",
                            prefixes=["192.168.50.0/24"], updated=now))  # fmt: skip
    session.flush()
    session.add(MoveProject(id=1, code="mv", name="mv", network_id=1, unit_id=1, created=now))
    session.flush()
    for step in STEPS:
        over = step in ("addresses", "parallel")
        session.add(MoveStep(project_id=1, step=step, state="done" if over else "waiting"))
    bad = {"gateway6": "fd00:66::99"}
    hosts = [host_plan(net.hosts["web"]), host_plan(net.hosts["badsix"], **bad)]
    session.add(MovePlan(id=7, project_id=1, unit_id=1, file_name="地址方案.xlsx", sha256="0" * 64,
                         digest="1" * 64, at=now, hosts=hosts, faults=[], acl=[],
                         waves=[{"number": 1}], state="submitted",
                         window_from=now - timedelta(hours=1),
                         window_until=now + timedelta(hours=4)))  # fmt: skip
    wanted = Wanted(name="交通局迁网", kind="network", units=["JTJ"], connection={"user": "root"})
    project = projects.create(session, CITY, wanted, "wang", now)
    credentials.keep(
        session, runtime.settings, project.id or 0, key=(net.folder / "key").read_text(),
        password="", become="", by="wang", now=now,
    )  # fmt: skip


def carry_out(net: Town, runtime: Runtime, run_id: int) -> None:
    done = subprocess.run(
        ["ip", "netns", "exec", net.space("ctl"), sys.executable, str(CHILD),
         str(runtime.settings.data), str(run_id)],
        cwd=CHILD.parents[3], env={**os.environ, "PYTHONPATH": str(CHILD.parents[3])},
        capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def begin(session: Session, runtime: Runtime) -> int:
    run = cutovers.start(
        session, CITY, 7, 1, wave=1, only=[], deadline_s=120, verify_s=20, by="wang",
        now=runtime.now(),
    )  # fmt: skip
    return run.id or 0


def known(runtime: Runtime) -> tuple[dict[str, str], str, tuple[str, int | None]]:
    """Addresses of the hosts, the keys they are known by, and the move's step."""
    with runtime.database.read() as session:
        hosts = {it.name: it.address for it in projects.hosts(session, 1)}
        step = session.get_one(MoveStep, (1, "cutover"))
        keys = session.get_one(ReadinessProject, 1).known_hosts
        return hosts, keys, (step.state, step.hosts_done)


@pytest.mark.timeout(400)
def test_an_approved_plan_is_carried_out_and_each_host_says_where_it_is(
    net: Town, runtime: Runtime
) -> None:
    with runtime.database.write() as session:
        furnish(session, runtime, net)
    with runtime.database.write() as session, pytest.raises(Problem, match="not approved"):
        begin(session, runtime)
    with runtime.database.write() as session:
        session.get_one(MovePlan, 7).state = "approved"
        session.flush()
        number = begin(session, runtime)
    before = net.network("badsix")
    carry_out(net, runtime, number)

    with runtime.database.read() as session:
        board = cutovers.board(session, CITY, number, runtime.now())
    hosts = {it.host: it for it in board.items}
    assert board.run.state == "failed"  # one host did not succeed
    assert (hosts["web"].state, hosts["badsix"].state) == ("confirmed", "rolled_back")
    assert [it.stage for it in hosts["web"].stages] == [
        "check", "backup", "arm", "apply", "reach", "verify", "confirm", "persist", "settle",
    ]  # fmt: skip
    assert "gateway6 fd00:66::99" in hosts["badsix"].message
    assert all(it.deadline_at is None for it in board.items)
    assert f" {net.hosts['web'].new} " in net.network("web")[0]
    assert net.network("badsix") == before

    old, new = (it.split("/")[0] for it in (net.hosts["web"].old, net.hosts["web"].new))
    addresses, keys, step = known(runtime)
    assert addresses == {"web": new, "badsix": net.hosts["badsix"].old.split("/")[0]}
    assert step == ("doing", 1)
    # Debian's ssh hashes the names that it notes itself.
    assert [line.split()[0] for line in keys.splitlines()][2:] == [new]

    if not HEAVY:
        return
    with runtime.database.write() as session:
        back = cutovers.take_back(session, CITY, number, "wang", runtime.now()).id or 0
    carry_out(net, runtime, back)
    with runtime.database.read() as session:
        board = cutovers.board(session, CITY, back, runtime.now())
        newest, total = cutovers.list_runs(session, CITY, runtime.now(), page=1, size=10)
    assert known(runtime)[0]["web"] == old
    assert known(runtime)[2] == ("doing", 0)
    states = {it.host: it.state for it in board.items}
    assert states == {"web": "rolled_back", "badsix": "rolled_back"}, board
    assert board.run.back_of == number
    assert f" {net.hosts['web'].old} " in net.network("web")[0]
    assert f" {net.hosts['web'].new} " not in net.network("web")[0]
    assert (total >= 2, newest[0].kind) == (True, "rollback")
