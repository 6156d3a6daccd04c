"""gear.yml against simulated gear over real SSH (see gear_simulator); not against real devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.real.cutover.gear_simulator import BASE, Gear

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
BIN = Path(sys.executable).parent
LINES = ["interface Vlanif100", "ip address 10.66.1.1 24"]


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[dict[str, Gear]]:
    made = {
        "vrp": Gear("vrp8", tmp_path),
        "comware": Gear("comware7", tmp_path),
        "vrp_cut": Gear("vrp8", tmp_path),
        "comware_bad": Gear("comware7", tmp_path),
        "busy": Gear("comware7", tmp_path),
    }
    if HEAVY:
        made["vrp_bad"] = Gear("vrp8", tmp_path)
        made["immediate"] = Gear("vrp8", tmp_path, two_phase=False)
    yield made
    for gear in made.values():
        gear.close()


def move(tmp: Path, name: str, gear: Gear, **settings: Any) -> tuple[int, str]:
    given = {
        "gear_name": "wave-1",
        "gear_kind": gear.kind,
        "gear_address": "127.0.0.1",
        "gear_port": gear.port,
        "gear_user": "ops",
        "gear_password": "Secret-1",
        "gear_lines": LINES,
        "gear_expect": [{"command": "display ip interface brief", "contains": "10.66.1.1"}],
        "gear_seconds": 1800,
        "gear_dest": str(tmp / name),
        "gear_known_hosts": str(gear.known_hosts),
        **settings,
    }
    extra = tmp / f"{name}.json"
    extra.write_text(json.dumps(given))
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "gear.yml", "-i", f"{name},", "-e", f"@{extra}"],
        cwd=PLAYBOOKS,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(240)
def test_trials_are_confirmed_when_they_work_and_go_back_when_they_do_not(
    devices: dict[str, Gear], tmp_path: Path
) -> None:
    devices["busy"].running.append("vlan 999")  # somebody's unsaved change, or their trial
    settings: dict[str, dict[str, Any]] = {
        "vrp_bad": {"gear_expect": [{"command": "display ip interface brief", "contains": "10.9"}]},
        "comware_bad": {"gear_lines": [*LINES, "nonsense"]},
        "vrp_cut": {"gear_lines": [*LINES, "shutdown management"], "gear_seconds": 300},
    }
    with ThreadPoolExecutor(7) as pool:
        runs = {
            name: pool.submit(move, tmp_path, name, gear, **settings.get(name, {}))
            for name, gear in devices.items()
        }
        done = {name: run.result() for name, run in runs.items()}

    for name in ("vrp", "comware"):
        assert done[name][0] == 0, done[name][1]
        assert devices[name].running == devices[name].saved == [*BASE, *LINES]
        assert devices[name].before is None
        backup = (tmp_path / name / "127.0.0.1-wave-1.cfg").read_text()
        assert "ip address 192.168.50.1 24" in backup
        assert "10.66.1.1" not in backup
        assert "Secret-1" not in done[name][1]
    if HEAVY:
        assert "10.9" in done["vrp_bad"][1]
        assert "taken back by abort trial" in done["vrp_bad"][1]
        assert "not in two-phase mode" in done["immediate"][1]
    assert "nonsense: % Unrecognized command" in done["comware_bad"][1]
    assert "already in trial or with unsaved changes" in done["busy"][1]
    assert devices["busy"].running == [*BASE, "vlan 999"]
    # Cut off it gives no answer; once the device is back, what was tried is gone.
    assert "no answer" in done["vrp_cut"][1] or "is not in its output" in done["vrp_cut"][1]

    until = time.monotonic() + 20
    bad = set(devices) - {"vrp", "comware", "busy"}
    while time.monotonic() < until and any(devices[it].running != list(BASE) for it in bad):
        time.sleep(0.2)
    for name in bad:
        assert done[name][0] != 0, name
        assert devices[name].running == devices[name].saved == list(BASE), name


@pytest.mark.timeout(120)
def test_a_trial_that_runs_is_seen_and_gear_without_trials_is_refused(
    devices: dict[str, Gear], tmp_path: Path
) -> None:
    gear = devices["vrp"]
    gear.begin_trial(6000, "someone")
    with ThreadPoolExecutor(3) as pool:
        runs = [
            pool.submit(move, tmp_path, "vrp", gear),
            pool.submit(move, tmp_path, "other", devices["comware"], gear_kind="ruijie"),
            pool.submit(
                move,
                tmp_path,
                "stranger",
                devices["comware"],
                gear_known_hosts=str(gear.known_hosts),
            ),
        ]
        seen, other, stranger = (it.result() for it in runs)
    assert seen[0] != 0
    assert "already in trial" in seen[1]
    assert not any(it.startswith("interface") for it in gear.commands)
    assert "plan a manual window" in other[1]
    assert stranger[0] != 0
    assert "not found in known_hosts" in stranger[1] or "not in known" in stranger[1].lower(), (
        stranger[1]
    )
