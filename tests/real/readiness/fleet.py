"""Hosts made of network namespaces behind one switch, each with a real sshd, an /etc and a
/proc/cpuinfo of its own; reached from this machine's own namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.playbooks.hosts_in_namespaces import (
    CENTOS,
    HOME_OF_PYTHON,
    KUNPENG,
    KYLIN,
    PYTHONS,
    XEON,
)

HYGON = """\
processor\t: 0
vendor_id\t: HygonGenuine
cpu family\t: 24
model\t\t: 1
model name\t: Hygon C86 7185 32-core Processor
flags\t\t: fpu sse4_2 avx avx2 fma bmi1 bmi2
"""
PHYTIUM = """\
processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU implementer\t: 0x70
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0x663
CPU revision\t: 3
"""
UOS = (
    'NAME="UnionTech OS Server 20"\nVERSION="20"\nID="uos"\nPLATFORM_ID="platform:uel20"\n'
    'VERSION_ID="20"\nPRETTY_NAME="UnionTech OS Server 20"\n'
)
OPENEULER = (
    'NAME="openEuler"\nVERSION="22.03 (LTS-SP3)"\nID="openEuler"\nVERSION_ID="22.03"\n'
    'PRETTY_NAME="openEuler 22.03 (LTS-SP3)"\n'
)
UBUNTU = (
    'NAME="Ubuntu"\nVERSION="22.04.4 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n'
    'PRETTY_NAME="Ubuntu 22.04.4 LTS"\n'
)


@dataclass(frozen=True)
class Machine:
    """What a host shows of itself."""

    name: str
    os_release: str
    cpuinfo: str


FIVE = (
    Machine("kylin", KYLIN, KUNPENG),
    Machine("centos", CENTOS, XEON),
    Machine("uos", UOS, HYGON),
    Machine("euler", OPENEULER, PHYTIUM),
    Machine("ubuntu", UBUNTU, XEON),
)


@dataclass
class Fleet:
    """The hosts' addresses by name, and the key to log in with as root."""

    folder: Path
    tag: str
    subnet: str
    key: Path
    machines: Sequence[Machine]
    addresses: dict[str, str] = field(default_factory=dict)
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def namespace(self, name: str) -> str:
        return f"yxf{self.tag}{name}"

    def run(self, name: str, *command: str) -> str:
        """A command on a host."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace(name), *command],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def etc(self, name: str) -> Path:
        return Path("/etc/netns") / self.namespace(name)

    def hosts(self) -> list[dict[str, str]]:
        """As the API takes them."""
        return [{"name": name, "address": at} for name, at in self.addresses.items()]

    def start_sshd(self, machine: Machine, *addresses: str) -> None:
        """An sshd on the host's address, or on these; no Python can be started there."""
        name = machine.name
        listen = "".join(f"ListenAddress {each}\n" for each in addresses or (self.addresses[name],))
        fake = self.folder / f"cpuinfo-{name}"
        fake.write_text(machine.cpuinfo)
        config = self.folder / f"sshd-{name}"
        config.write_text(
            f"{listen}HostKey {self.folder}/host_key\nUsePAM no\n"
            f"AuthorizedKeysFile {self.key}.pub\nStrictModes no\nPermitRootLogin yes\n"
            f"PidFile {self.folder}/{name}.pid\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
            "UseDNS no\n"
        )
        script = (
            f"mount --bind {fake} /proc/cpuinfo; "
            f"for p in {' '.join(PYTHONS)}; do mount --bind /bin/false $p; done; "
            f"mount -t tmpfs none {HOME_OF_PYTHON}; "
            f"mount -t tmpfs none {Path.home()}; "  # no login scripts of this machine
            f"exec /usr/sbin/sshd -D -e -f {config}"
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            self.servers[name] = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(name), "sh", "-c", script],
                stdout=log,
                stderr=log,
            )

    def stop_sshd(self, name: str) -> None:
        """As if the host were gone."""
        server = self.servers.pop(name)
        server.terminate()
        server.wait()


@contextmanager
def fleet(folder: Path, machines: Sequence[Machine] = FIVE) -> Iterator[Fleet]:
    """Builds switch and hosts, and takes them away again."""
    number = os.getpid()
    tag = f"{number % 100000}"
    built = Fleet(
        folder, tag, f"10.{217 + number // 250 % 8}.{number % 250}", folder / "key", machines
    )
    for key in (built.key, folder / "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    switch, uplink = f"yxf{tag}sw", f"yxf{tag}u"
    try:
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", switch, "link", "set", "br0", "up")
        _ip("link", "add", uplink, "type", "veth", "peer", "name", "p0", "netns", switch)
        _ip("-n", switch, "link", "set", "p0", "master", "br0", "up")
        _ip("addr", "add", f"{built.subnet}.1/24", "dev", uplink)
        _ip("link", "set", uplink, "up")
        for place, machine in enumerate(machines, 11):
            _add(built, machine, switch, place)
        wait_listening(built)
        yield built
    finally:
        for server in built.servers.values():
            server.terminate()
            server.wait()
        for name in (switch, *(built.namespace(each.name) for each in machines)):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
        subprocess.run(["ip", "link", "del", uplink], check=False, stderr=subprocess.DEVNULL)


def _add(built: Fleet, machine: Machine, switch: str, place: int) -> None:
    own = built.namespace(machine.name)
    etc = built.etc(machine.name)
    (etc / "sysctl.d").mkdir(parents=True)
    (etc / "os-release").write_text(machine.os_release)
    (etc / "sysctl.d" / "90-site.conf").write_text("net.ipv6.conf.all.disable_ipv6 = 1\n")
    _ip("netns", "add", own)
    _ip("-n", own, "link", "set", "lo", "up")
    _ip(
        "-n", own, "link", "add", "l0", "type", "veth", "peer", "name", f"p{place}", "netns", switch
    )
    _ip("-n", switch, "link", "set", f"p{place}", "master", "br0", "up")
    built.addresses[machine.name] = f"{built.subnet}.{place}"
    _ip("-n", own, "addr", "add", f"{built.addresses[machine.name]}/24", "dev", "l0")
    _ip("-n", own, "link", "set", "l0", "up")
    built.run(machine.name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
    built.start_sshd(machine)


def wait_listening(built: Fleet) -> None:
    """Until every sshd listens."""
    deadline = time.monotonic() + 30
    for name, process in built.servers.items():
        log = built.folder / f"{name}.log"
        while "listening" not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
