"""What is written for good, by the files of each network manager, under three shells.

NetworkManager and netplan cannot run here: their commands are recorded, not carried out.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from playbooks.cutover.plan import read_host

PARTS = Path(__file__).parents[4] / "playbooks" / "roles" / "cutover" / "files"
SHELLS = (("dash",), ("busybox", "sh"), ("bash", "--posix"))
PLAN = read_host(
    "web01",
    {
        "interface": "eth0",
        "address": "10.66.1.21/22",
        "old_address": "192.168.50.21/24",
        "gateway": "10.66.1.1",
        "address6": "fd00:66::21/64",
        "gateway6": "fd00:66::1",
        "dns": ["10.66.2.5", "10.66.2.6"],
        "search": "city.example",
        "routes": [
            {"to": "10.0.0.0/8", "via": "10.66.1.254"},
            {"to": "fd00::/16", "via": "fd00:66::2"},
        ],
    },
)


def persist(tmp: Path, shell: tuple[str, ...], manager: str) -> str:
    """Confirms and persists with /etc below ``tmp``; what the script said."""
    script = "".join(it.read_text() for it in sorted(PARTS.glob("[0-9]*.sh")))
    script = script.replace("/etc/", f"{tmp}/etc/")
    run = tmp / "state" / "w1"
    (run / "backup" / "files").mkdir(parents=True)
    head = f"STATE={tmp}/state\nID=w1\nPLAN='{PLAN.lines()}'\n"
    (run / "run.sh").write_text(head + script)
    (run / "applying").write_text(f"at=x\nbackend={manager}\n")
    (run / "decision").symlink_to("confirmed")
    for file in sorted((tmp / "etc").rglob("*")):
        if file.is_file():
            copy = run / "backup" / "files" / str(file).lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
            with (run / "backup" / "list").open("a") as known:
                known.write(f"{file}\n")
    (run / "backup" / "list").touch()
    done = subprocess.run(
        [*shell, str(run / "run.sh"), "persist"],
        env={**os.environ, "PATH": f"{tmp}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def recorder(tmp: Path, name: str, script: str) -> Path:
    """A command that notes its arguments."""
    (tmp / "bin").mkdir(exist_ok=True)
    log = tmp / f"{name}.log"
    command = tmp / "bin" / name
    command.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{log}\necho >>{log}\n{script}\n')
    command.chmod(0o755)
    return log


@pytest.mark.parametrize("shell", SHELLS, ids=lambda it: it[0])
def test_ifcfg_keeps_what_is_not_an_address(tmp_path: Path, shell: tuple[str, ...]) -> None:
    folder = tmp_path / "etc" / "sysconfig" / "network-scripts"
    folder.mkdir(parents=True)
    file = folder / "ifcfg-eth0"
    file.write_text(
        "DEVICE=eth0\nHWADDR=52:54:00:12:34:56\nBOOTPROTO=dhcp\nIPADDR=192.168.50.21\nPREFIX=24\n"
        "GATEWAY=192.168.50.1\nDNS1=192.168.50.2\nONBOOT=yes\nZONE=public\n"
    )
    assert "persisted=yes" in persist(tmp_path, shell, "ifcfg")
    lines = file.read_text().splitlines()
    assert lines[:4] == ["DEVICE=eth0", "HWADDR=52:54:00:12:34:56", "ONBOOT=yes", "ZONE=public"]
    assert {"IPADDR=10.66.1.21", "PREFIX=22", "NETMASK=255.255.252.0", "BOOTPROTO=none"} < set(
        lines
    )
    assert {"DNS1=10.66.2.5", "DNS2=10.66.2.6", "IPV6ADDR=fd00:66::21/64"} < set(lines)
    assert "192.168.50" not in file.read_text()
    assert (folder / "route-eth0").read_text() == "10.0.0.0/8 via 10.66.1.254 dev eth0\n"
    assert (folder / "route6-eth0").read_text() == "fd00::/16 via fd00:66::2 dev eth0\n"


@pytest.mark.parametrize("shell", SHELLS, ids=lambda it: it[0])
def test_ifupdown_replaces_its_own_stanzas_only(tmp_path: Path, shell: tuple[str, ...]) -> None:
    folder = tmp_path / "etc" / "network"
    (folder / "interfaces.d").mkdir(parents=True)
    file = folder / "interfaces.d" / "lan"
    file.write_text(
        "# ours\nauto eth0\niface eth0 inet static\n"
        "  address 192.168.50.21/24\n  gateway 192.168.50.1\n"
        "allow-hotplug eth1\niface eth1 inet dhcp\n  metric 5\n"
    )
    (folder / "interfaces").write_text("source interfaces.d/*\n")
    assert "persisted=yes" in persist(tmp_path, shell, "ifupdown")
    text = file.read_text()
    assert text.startswith(
        "# ours\nauto eth0\nallow-hotplug eth1\niface eth1 inet dhcp\n  metric 5\n"
    )
    assert "iface eth0 inet static\n    address 10.66.1.21/22\n    gateway 10.66.1.1\n" in text
    assert "iface eth0 inet6 static\n    address fd00:66::21/64\n" in text
    assert "up ip route replace 10.0.0.0/8 via 10.66.1.254 dev eth0" in text
    assert "192.168.50" not in text


def test_networkmanager_gets_one_change_of_the_profile_in_charge(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    log = recorder(
        tmp_path, "nmcli", "case $* in *CON-UUID*) echo GENERAL.CON-UUID:1234-ab ;; esac"
    )
    assert "persisted=yes" in persist(tmp_path, ("dash",), "networkmanager")
    change = log.read_text().splitlines()[-1]
    assert change.startswith("connection|modify|1234-ab|ipv4.method|manual|")
    assert (
        "|ipv4.addresses|10.66.1.21/22|ipv4.gateway|10.66.1.1|ipv4.dns|10.66.2.5,10.66.2.6|"
        in change
    )
    assert "|ipv6.addresses|fd00:66::21/64|" in change


def test_netplan_lists_are_emptied_before_they_are_set_and_the_result_is_generated(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "etc" / "netplan"
    folder.mkdir(parents=True)
    (folder / "50-site.yaml").write_text("network:\n  ethernets:\n    eth0:\n      dhcp4: true\n")
    log = recorder(
        tmp_path, "netplan", "[ $1 = get ] && printf 'network:\\n  ethernets:\\n    eth0:\\n' || :"
    )
    assert "persisted=yes" in persist(tmp_path, ("dash",), "netplan")
    calls = log.read_text().splitlines()
    empty = "set|--origin-hint|50-site|ethernets.eth0.addresses=null|"
    filled = "set|--origin-hint|50-site|ethernets.eth0.addresses=[10.66.1.21/22, fd00:66::21/64]|"
    assert calls.index(empty) < calls.index(filled)
    assert calls[-1] == "generate|"


def test_a_manager_that_refuses_leaves_the_files_as_they_were_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "netplan"
    folder.mkdir(parents=True)
    file = folder / "50-site.yaml"
    file.write_text("network:\n  ethernets:\n    eth0:\n      dhcp4: true\n")
    recorder(
        tmp_path,
        "netplan",
        f"[ $1 = get ] && printf 'network:\\n  ethernets:\\n    eth0:\\n' || echo '#' >>{file}\n"
        "[ $1 != generate ]",
    )
    said = persist(tmp_path, ("dash",), "netplan")
    assert "FAIL the new address works but is not in the files of netplan" in said
    assert file.read_text().endswith("dhcp4: true\n")
    assert (tmp_path / "state" / "w1" / "persist_failed").exists()


def test_without_a_manager_it_is_said_that_the_address_lives_until_the_next_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "etc").mkdir()
    said = persist(tmp_path, ("dash",), "iproute2")
    assert "persisted=by_hand" in said
    assert "until the next start" in said
