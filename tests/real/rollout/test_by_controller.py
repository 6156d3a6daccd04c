"""A roll-out through the controller: a run of readiness, with its board."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.access.scope import CITY
from controller.problems import Problem
from controller.readiness import credentials, projects
from controller.readiness.projects import Wanted, WantedHost
from controller.rollout import bundles, rollouts
from controller.rollout.bundle import build
from controller.runtime import Runtime
from controller.store.migrate import upgrade
from tests.real.cutover.controller_child import runtime_of
from tests.real.cutover.test_controller import carry_out
from tests.real.cutover.town import Town, town

HEAVY = os.environ.get("HEAVY_TESTS") == "1"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), ("first", "full"), opt_size="80m") as built:
        for name in ("first", "full"):
            built.inside(
                name,
                "mkdir -p /opt/yunxun-agent;"
                "echo YUNXUN_AGENT_STATE=/opt/state >/opt/yunxun-agent/environment",
            )
        built.inside("full", "dd if=/dev/zero of=/opt/filler bs=1M 2>/dev/null")
        yield built


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = runtime_of(tmp_path / "data")
    made.settings.data.mkdir()
    upgrade(made.database.engine)
    yield made
    made.database.close()


@pytest.mark.skipif(not HEAVY, reason="half a minute more; make faults runs it")
@pytest.mark.timeout(300)
def test_a_bundle_in_the_folder_reaches_the_hosts_of_an_approved_project(
    net: Town, runtime: Runtime, tmp_path: Path
) -> None:
    made = build(bundles.folder(runtime.settings), tmp_path / "key.pem")
    now = runtime.now()
    with runtime.database.write() as session:
        wanted = Wanted(name="推送", kind="xinchuang", connection={"user": "root"})
        project = projects.create(session, CITY, wanted, "wang", now)
        hosts = [
            WantedHost(name=it.name, address=it.old.split("/")[0]) for it in net.hosts.values()
        ]
        projects.set_hosts(session, CITY, project, hosts, now)
        credentials.keep(
            session, runtime.settings, 1, key=(net.folder / "key").read_text(), password="",
            become="", by="wang", now=now,
        )  # fmt: skip
        projects.decide(session, project, "approved", "", "li", now)
    key = bundles.trusted(runtime.settings)
    bundles.trust(runtime.settings, made.manifest.with_name("signing.pub").read_bytes())
    bundle, manifest = bundles.find(runtime.settings, made.manifest.stem)
    assert bundle.why == ""
    with runtime.database.write() as session:
        number = (
            rollouts.start(
                session, CITY, 1, bundle, manifest, key, only=[], wait_s=60, by="wang", now=now
            ).id
            or 0
        )
    carry_out(net, runtime, number)
    with runtime.database.read() as session:
        board = rollouts.board_of(session, rollouts.find(session, CITY, number), now)
    states = {it.host: it.state for it in board.items}
    assert states == {"first": "upgraded", "full": "as_it_was"}, board
    assert "KB left" in next(it.message for it in board.items if it.host == "full")
    assert "0.1.0" in net.inside("first", "/opt/yunxun-agent/bin/yunxun-agent --version")

    # Another signer's manifest is refused before any host is asked.
    shutil.copy(made.manifest, made.manifest.with_name("x.manifest"))
    shutil.copy(made.signature, made.signature.with_name("x.sig"))
    forged = made.manifest.with_name("x.manifest")
    forged.write_text(forged.read_text().replace("format=1", "format=2"))
    bundle, manifest = bundles.find(runtime.settings, "x")
    with runtime.database.write() as session, pytest.raises(Problem, match="signature"):
        rollouts.start(session, CITY, 1, bundle, manifest, key, only=[], wait_s=60, by="w", now=now)
