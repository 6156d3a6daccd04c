"""The agent rolled out to hosts without Python: some fail, and those are as they were and named."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.rollout.bundle import Bundle, build
from tests.faults.certificates import make_authority
from tests.real.cutover.playing import BIN, PLAYBOOKS
from tests.real.cutover.town import Town, town

HEAVY = os.environ.get("HEAVY_TESTS") == "1"
GOOD = 27 if HEAVY else 3
NAMES = ("canary", *(f"host{n}" for n in range(1, GOOD)), "full", "lost", "forged")
CTL = "10.213.9.2"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    key = folder / "key.pem"
    return build(folder / "one", key, label="one"), build(folder / "two", key, label="two")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), NAMES, opt_size="80m") as built:
        authority = make_authority(built.folder, address=CTL)
        with (built.folder / "receiver.log").open("wb") as log:
            built.others.append(
                subprocess.Popen(
                    [
                        *("ip", "netns", "exec", built.space("ctl"), sys.executable, "-m"),
                        "tests.real.rollout.receiver_child",
                        *(str(authority.certificate), str(authority.key), "8443"),
                    ],
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
            )
        for number, name in enumerate(NAMES, 1):
            identity = {
                "agent": f"a{number}",
                "secret": "s3cret",
                "url": f"https://{CTL}:8443",
                "ca_pem": authority.ca_pem,
                "machine_id": "",
            }
            (built.folder / "identity.json").write_text(json.dumps(identity))
            settings = (
                "YUNXUN_AGENT_STATE=/opt/state\nYUNXUN_AGENT_COLLECT_INTERVAL_S=2\n"
                "YUNXUN_AGENT_COLLECT_SUBSAMPLE_S=0.5\nYUNXUN_AGENT_SPOOL_MIN_FREE_PCT=0\n"
            )
            built.inside(
                name,
                "mkdir -p -m 700 /opt/state /opt/yunxun-agent;"
                f"cp {built.folder}/identity.json /opt/state/; chmod 600 /opt/state/identity.json;"
                f"printf '{settings}' >/opt/yunxun-agent/environment",
            )
        yield built


def deploy(
    net: Town, out: Path, manifest: Path, forged: Path | None = None, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Rolls ``manifest`` out to all; to the host ``forged`` its own, where there is one."""
    text = net.inventory().read_text()
    key = manifest.with_name("signing.pub")
    bundle = f"    rollout_manifest: {manifest}\n    rollout_public_key: {key}\n"
    text = text.replace("  vars:\n", f"  vars:\n{bundle}")
    if forged is not None:
        text = text.replace("    forged:\n", f"    forged:\n      rollout_manifest: {forged}\n")
    inventory, extra = net.folder / "rollout.yml", net.folder / "extra.json"
    inventory.write_text(text)
    serial = [1, "10%", "30%", "100%"] if HEAVY else [1, "100%"]
    given = {"rollout_dest": str(out), "rollout_wait_s": 30, "rollout_serial": serial}
    extra.write_text(json.dumps(given | settings))
    return subprocess.run(
        [
            *("ip", "netns", "exec", net.space("ctl"), str(BIN / "ansible-playbook")),
            *("deploy_agent.yml", "-i", str(inventory), "-e", f"@{extra}"),
        ],
        cwd=PLAYBOOKS,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def told(net: Town) -> str:
    """What the hosts noted, for whoever reads a failure."""
    look = (
        "cd /opt/yunxun-agent/run; grep . log agent.out state previous; cat /opt/state/status.json"
    )
    return "\n".join(f"== {name}\n{net.inside(name, look)}" for name in NAMES)


def states(out: Path) -> dict[str, str]:
    return {it.stem: json.loads(it.read_text())["state"] for it in out.glob("*.json")}


def in_use(net: Town, name: str) -> str:
    return net.inside(name, "readlink /opt/yunxun-agent/current").strip().removeprefix("versions/")


def version(bundle: Bundle) -> str:
    found = re.search(r"^version=(.+)$", bundle.manifest.read_text(), re.MULTILINE)
    assert found
    return found[1]


def seen(net: Town) -> dict[str, dict[str, set[int]]]:
    """agent -> epoch -> sequence numbers that got home."""
    told = net.run("ctl", "curl", "-sk", "https://127.0.0.1:8443/seen")
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for agent, epoch, seq in json.loads(told)["ids"]:
        found[agent][epoch].add(seq)
    return found


def cut_off_during_the_switch(net: Town, old: str) -> None:
    """Its cable is out from the moment the switch begins until the host has gone back."""
    port = f"h{net.hosts['lost'].number}"
    while net.inside("lost", "cat /opt/yunxun-agent/run/state").strip() != "switching":
        time.sleep(0.1)
    net.run("router", "ip", "link", "set", port, "down")
    while net.inside("lost", "cat /opt/yunxun-agent/run/state").strip() != "went_back":
        time.sleep(0.5)
    assert in_use(net, "lost") == old
    net.run("router", "ip", "link", "set", port, "up")


@pytest.mark.timeout(900)
def test_good_hosts_are_upgraded_bad_ones_are_as_they_were_and_no_reading_is_lost(
    net: Town, bundles: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    one, two = bundles
    old, new = version(one), version(two)
    first = deploy(net, tmp_path / "one", one.manifest)
    assert first.returncode == 0, first.stdout + first.stderr + told(net)
    assert states(tmp_path / "one") == dict.fromkeys(NAMES, "upgraded")
    assert {in_use(net, it) for it in NAMES} == {old}
    assert "No such file" in net.inside("canary", "python3 --version 2>&1 || echo No such file")

    # A full disk, a forged manifest, a cable that is pulled half way.
    net.inside("full", "dd if=/dev/zero of=/opt/filler bs=1M 2>/dev/null")
    forged = tmp_path / "forged"
    shutil.copytree(two.manifest.parent, forged)
    fake = forged / two.manifest.name
    fake.write_text(fake.read_text().replace("glibc=2", "glibc=1"))
    cutter = threading.Thread(target=cut_off_during_the_switch, args=(net, old), daemon=True)
    cutter.start()
    second = deploy(net, tmp_path / "two", two.manifest, fake)
    cutter.join(timeout=60)

    bad = {"full", "lost", "forged"}
    found = states(tmp_path / "two")
    assert {it for it in NAMES if found[it] == "upgraded"} == set(NAMES) - bad, second.stdout
    assert {it: found[it] for it in bad} == {
        "full": "as_it_was",
        "forged": "as_it_was",
        "lost": "went_back",
    }
    for name in NAMES:
        assert in_use(net, name) == (old if name in bad else new), name
    assert second.returncode == 2
    for name, why in (("full", "KB left"), ("forged", "signature"), ("lost", "no heartbeat")):
        assert re.search(rf"fatal: \[{name}\].*{why}", second.stdout), (name, second.stdout)

    # Every batch that was ever numbered got home, over both agents, in one epoch.
    net.inside("full", "rm /opt/filler")
    last = {}
    for number, name in enumerate(NAMES, 1):
        status = json.loads(net.inside(name, "cat /opt/state/status.json"))
        assert status["spool"]["lost"] == {}, name
        last[f"a{number}"] = status["stored_batches"]
    until = time.monotonic() + 60
    while True:
        got = seen(net)
        whole = all(
            len(got[agent]) == 1 and _contiguous(next(iter(got[agent].values()))) for agent in last
        )
        if whole and len(got) == len(NAMES):
            break
        assert time.monotonic() < until, {a: {e: sorted(s) for e, s in got[a].items()} for a in got}
        time.sleep(1)


def _contiguous(numbers: set[int]) -> bool:
    return bool(numbers) and numbers == set(range(1, max(numbers) + 1))
