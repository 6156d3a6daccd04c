"""What a run's inventory holds of a plan, and by which address and key a host is known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from controller.readiness import runs
from controller.readiness.known_hosts import also_known_as
from controller.readiness.private import Target
from controller.readiness.tables import ReadinessRun
from controller.readiness.targets import targets
from tests.unit.controller.readiness.conftest import NOW, Desk

PLAN = {"old_address": "10.0.0.1/24", "address": "10.66.1.1/24"}


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("address", ["10.0.0.1", "10.66.1.1"])
def test_a_host_is_given_its_own_part_of_a_plan_and_asked_by_its_old_address(
    desk: Desk, address: str, looked_at: bool
) -> None:
    with desk.database.write() as session:
        run = runs.enqueue(
            session, desk.project(session), "cutover", by="wang", now=NOW, hosts=["a"],
            approved=True, started_by="plan",
            variables={"cutover_hosts": {"a": PLAN, "z": {"address": "x"}}, "cutover_id": "w"},
        )  # fmt: skip
        host = desk.host(session, "a")
        host.address = address
        host.variables = {"enable_ipv6_x": 1, "cutover_out_of_band": True}
        if looked_at:
            run = ReadinessRun(
                project_id=run.project_id, kind="inspect", by="", queued=NOW,
                variables=run.variables, inspects=run.id,
            )  # fmt: skip
        found, variables = targets(session, run, [host.id or 0])
    own = {"enable_ipv6_x": 1, "cutover_hosts": {"a": PLAN}}
    assert found == [Target("a", "10.0.0.1", None, own)]
    assert variables == {"cutover_id": "w"}


@pytest.mark.parametrize("port", [22, 2222])
@pytest.mark.parametrize("hashed", [False, True])
def test_a_machine_that_moved_is_known_by_its_key_under_the_new_address(
    tmp_path: Path, port: int, hashed: bool
) -> None:
    def name(address: str) -> str:
        return address if port == 22 else f"[{address}]:{port}"

    keys = []
    for number in range(2):
        made = tmp_path / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made], check=True)
        keys.append(" ".join(made.with_suffix(".pub").read_text().split()[:2]))
    file = tmp_path / "known_hosts"
    file.write_text(f"# seen\n{name('10.0.0.1')} {keys[0]}\n{name('10.66.1.1')} {keys[1]}\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    file.write_text(also_known_as(file.read_text(), "10.0.0.1", "10.66.1.1", port))

    def found(address: str) -> list[str]:
        done = subprocess.run(
            ["ssh-keygen", "-F", name(address), "-f", file],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        return [line.split(maxsplit=1)[1] for line in lines]

    assert found("10.0.0.1") == [keys[0]]
    assert found("10.66.1.1") == [keys[0]]


def test_a_machine_whose_key_is_not_known_leaves_everything_as_it_was() -> None:
    text = "10.9.9.9 ssh-ed25519 AAAA\n@revoked 10.0.0.1 ssh-ed25519 BBBB\n"
    assert also_known_as(text, "10.0.0.1", "10.66.1.1", 22) == text


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("10.0.0.1,10.66.1.1 ssh-ed25519 A", ["10.0.0.1 ssh-ed25519 A", "10.66.1.1 ssh-ed25519 A"]),
        ("10.66.1.1,10.0.0.1,web ssh-ed25519 A",
         ["10.0.0.1,web ssh-ed25519 A", "10.66.1.1 ssh-ed25519 A"]),
    ],
)  # fmt: skip
def test_a_line_that_names_both_addresses_keeps_its_other_names(
    line: str, after: list[str]
) -> None:
    there = also_known_as(f"{line}\n", "10.0.0.1", "10.66.1.1", 22)
    assert there.splitlines() == after
    back = also_known_as(there, "10.66.1.1", "10.0.0.1", 22)
    assert sorted(back.splitlines())[:2] == sorted(
        ["10.0.0.1 ssh-ed25519 A", "10.66.1.1 ssh-ed25519 A"]
    )


def test_a_name_that_another_machine_shares_with_the_new_address_stays_its_own() -> None:
    text = "10.0.0.1 ssh-ed25519 A\n10.66.1.1,other ssh-ed25519 B\n"
    assert also_known_as(text, "10.0.0.1", "10.66.1.1", 22).splitlines() == [
        "10.0.0.1 ssh-ed25519 A", "other ssh-ed25519 B", "10.66.1.1 ssh-ed25519 A",
    ]  # fmt: skip
