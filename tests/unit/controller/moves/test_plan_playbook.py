"""What the playbooks read out of a plan is what the address plan says."""

from __future__ import annotations

import yaml

from controller.moves.plan_hosts import playbook_plan
from controller.store.relational import Database
from playbooks.cutover.plan import read_hosts
from tests.unit.controller.moves.test_plans import ROWS, _make, project

__all__ = ["project"]


def test_the_playbooks_take_the_plan_as_it_is(project: Database) -> None:
    made = _make(project, ROWS)
    assert made.faults == []
    text = yaml.safe_dump(playbook_plan(made.hosts), allow_unicode=True)
    hosts = read_hosts(yaml.safe_load(text)["cutover_hosts"])
    web = hosts["web"]
    assert (web.old_address, web.address, web.gateway) == (
        "10.1.0.1/24", "10.66.1.21/24", "10.66.1.1",
    )  # fmt: skip
    assert (web.address6, web.gateway6, web.mtu) == ("fd00:66::21/64", "fd00:66::1", 1500)
    assert web.dns == ("10.66.9.5",)
    # The database moves with it: it is called at its new address. What was met once may fail.
    assert {(edge.peer, edge.port, edge.required) for edge in web.edges} == {
        ("10.66.2.22", 5432, True), ("10.2.0.1", 443, True), ("8.8.8.8", 53, False),
    }  # fmt: skip
