"""A department's old network, the extranet's new one, and hosts that move: network namespaces.

    ctl --- router --- svc (10.66.2.5: TCP 5432, DNS and NTP by dnsmasq and chrony)
              | bridge: 192.168.50.1 (old), 10.66.1.1 and fd00:66::1 (new)
      host … host       each with a real sshd, files of its own, and no Python

ctl and svc have the same place before and after; only the hosts' addresses change.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.playbooks.hosts_in_namespaces import HOME_OF_PYTHON, PYTHONS

STATE = "/var/lib/yunxun-cutover"
INTERFACES = """\
# written by hand
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    address {old}
    gateway 192.168.50.1
# the end
"""


@dataclass
class Host:
    """One host: its number gives its addresses."""

    name: str
    number: int
    space: str
    folder: Path
    server: subprocess.Popen[bytes] | None = None

    @property
    def old(self) -> str:
        return f"192.168.50.{self.number}/24"

    @property
    def new(self) -> str:
        return f"10.66.1.{self.number}/24"

    @property
    def new6(self) -> str:
        return f"fd00:66::{self.number}/64"


@dataclass
class Town:
    """The namespaces and what runs in them."""

    folder: Path
    prefix: str
    hosts: dict[str, Host] = field(default_factory=dict)
    opt_size: str = ""
    """Gives each host an /opt of its own, of this size."""
    extra: list[str] = field(default_factory=list)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def space(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def run(self, space: str, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self.space(space), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def inside(self, name: str, script: str) -> str:
        """Runs sh where the host's sshd lives: with its files and its network."""
        server = self.hosts[name].server
        assert server is not None
        done = subprocess.run(
            ["nsenter", "-t", str(server.pid), "-m", "-n", "sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def network(self, name: str) -> tuple[str, str, str, str]:
        """Addresses and routes of a host, as the kernel tells them."""
        return (
            self.run(name, "ip", "-o", "-4", "addr", "show", "dev", "eth0", "scope", "global"),
            self.run(name, "ip", "-o", "-6", "addr", "show", "dev", "eth0", "scope", "global"),
            self.run(name, "ip", "-4", "route"),
            self.run(name, "ip", "-6", "route", "show", "default"),
        )

    def start_sshd(self, name: str) -> None:
        """Starts the host: its second start keeps the files of the first."""
        host = self.hosts[name]
        config = host.folder / "sshd"
        config.write_text(
            f"HostKey {self.folder}/host_key\nUsePAM no\nAuthorizedKeysFile {self.folder}/key.pub\n"
            "StrictModes no\nPermitRootLogin yes\nMaxStartups 100\nUseDNS no\n"
            f"PidFile {host.folder}/sshd.pid\nSubsystem sftp internal-sftp\n"
        )
        if host.server is not None:  # the holder of its mounts lives on
            self.inside(name, f"/usr/sbin/sshd -E {host.folder}/sshd.log -f {config}")
            return
        size = "64k" if name.startswith("disk") else "4m"
        script = (
            f"mount -t tmpfs -o size={size} none {STATE}; "
            f"{f'mount -t tmpfs -o size={self.opt_size} none /opt; ' if self.opt_size else ''}"
            f"for p in {' '.join(PYTHONS)}; do mount --bind /bin/false $p; done; "
            f"mount -t tmpfs none {HOME_OF_PYTHON}; "
            f"mount -t tmpfs none {Path.home()}; "  # no login scripts of this machine
            f"/usr/sbin/sshd -E {host.folder}/sshd.log -f {config}; exec sleep 100000"
        )
        with (host.folder / "log").open("wb") as log:
            host.server = subprocess.Popen(
                ["ip", "netns", "exec", host.space, "sh", "-c", script], stdout=log, stderr=log
            )

    def kill_sshd(self, name: str) -> None:
        """Ends the host's sshd with every session it serves."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.hosts[name].space],
            capture_output=True,
            text=True,
            check=True,
        )
        for pid in listed.stdout.split():
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/comm").read_text()
                if line.startswith("sshd"):
                    os.kill(int(pid), signal.SIGKILL)

    def add_host(self, name: str, number: int) -> Host:
        host = Host(name, number, self.space(name), self.folder / name)
        host.folder.mkdir()
        etc = Path("/etc/netns") / host.space
        (etc / "network").mkdir(parents=True)
        (etc / "network" / "interfaces").write_text(INTERFACES.format(old=host.old))
        if name.startswith("disk"):
            (etc / "network" / "interfaces").write_text("# long\n" * 20_000)
        (etc / "resolv.conf").write_text("nameserver 192.168.50.1\n")
        self.hosts[name] = host
        self._space(name)
        port = f"h{number}"
        self._cable("router", port, name, "eth0")
        self.run("router", "ip", "link", "set", port, "master", "br0")
        self.run(name, "ip", "addr", "add", host.old, "brd", "+", "dev", "eth0")
        self.run(name, "ip", "route", "add", "default", "via", "192.168.50.1", "metric", "100")
        self.start_sshd(name)
        return host

    def add_squatter(self, address: str) -> None:
        """A station on the new network that has this address already."""
        self._space("squat")
        self.extra.append("squat")
        self._cable("router", "squat", "squat", "eth0")
        self.run("router", "ip", "link", "set", "squat", "master", "br0")
        self.run("squat", "ip", "addr", "add", address, "dev", "eth0")

    def inventory(self, *names: str) -> Path:
        path = self.folder / f"hosts-{'-'.join(names) or 'all'}.yml"
        known = self.folder / "known_hosts"
        options = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known} -o LogLevel=ERROR"
        lines = [
            "all:",
            "  vars:",
            "    ansible_user: root",
            f"    ansible_ssh_private_key_file: {self.folder}/key",
            f"    ansible_ssh_common_args: {options}",
            "  hosts:",
        ]
        for name in names or self.hosts:
            lines += [f"    {name}:", f"      ansible_host: {self.hosts[name].old.split('/')[0]}"]
        path.write_text("\n".join(lines) + "\n")
        key = (self.folder / "host_key.pub").read_text().strip()
        known.write_text("".join(f"{h.old.split('/')[0]} {key}\n" for h in self.hosts.values()))
        return path

    def _space(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", self.space(name)], check=True)
        self.run(name, "ip", "link", "set", "lo", "up")

    def _cable(self, left: str, port: str, right: str, other: str) -> None:
        subprocess.run(
            [
                *("ip", "link", "add", port, "netns", self.space(left), "type", "veth"),
                *("peer", "name", other, "netns", self.space(right)),
            ],
            check=True,
        )
        self.run(left, "ip", "link", "set", port, "up")
        self.run(right, "ip", "link", "set", other, "up")

    def build(self) -> None:
        for name in ("router", "ctl", "svc"):
            self._space(name)
        self.run("router", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.run("router", "ip", "link", "add", "br0", "type", "bridge")
        self.run("router", "ip", "link", "set", "br0", "up")
        for address in ("192.168.50.1/24", "10.66.1.1/24"):
            self.run("router", "ip", "addr", "add", address, "dev", "br0")
        self.run("router", "ip", "addr", "add", "fd00:66::1/64", "dev", "br0", "nodad")
        for name, net, last in (("ctl", "10.213.9", 2), ("svc", "10.66.2", 5)):
            self._cable("router", name, name, "eth0")
            self.run("router", "ip", "addr", "add", f"{net}.1/24", "dev", name)
            self.run(name, "ip", "addr", "add", f"{net}.{last}/24", "dev", "eth0")
            self.run(name, "ip", "route", "add", "default", "via", f"{net}.1")
        rules = (
            "add table inet acl; add chain inet acl fw { type filter hook forward priority 0 ; }"
        )
        self.run("router", "nft", rules)
        chrony = self.folder / "chrony.conf"
        chrony.write_text(
            "local stratum 10\nallow all\ncmdport 0\nbindcmdaddress /\n"
            f"pidfile {self.folder}/chrony.pid\n"
        )
        self._serve(
            "svc",
            "dnsmasq",
            "--no-daemon",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--pid-file",
            "--user=root",
            "--address=/portal.example/10.66.2.5",
        )
        self._serve("svc", "chronyd", "-x", "-d", "-u", "root", "-f", str(chrony))
        self._serve(
            "svc", sys.executable, "-m", "http.server", "5432", "--directory", str(self.folder)
        )

        self._wait_for_services()

    def _wait_for_services(self) -> None:
        """TCP 5432, UDP 53 and UDP 123 are bound."""
        until = time.monotonic() + 30
        while True:
            listed = self.run("svc", "ss", "-Hlntu")
            if all(f":{port} " in listed for port in (5432, 53, 123)):
                return
            assert time.monotonic() < until, listed
            time.sleep(0.2)

    def _serve(self, space: str, *command: str) -> None:
        with (self.folder / f"{Path(command[0]).name}.log").open("wb") as log:
            self.others.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.space(space), *command], stdout=log, stderr=log
                )
            )

    def forbid(self, rule: str) -> None:
        """An access list of the new network, as nft words."""
        self.run("router", "nft", f"add rule inet acl fw {rule} drop")

    def close(self) -> None:
        for name in ("router", "ctl", "svc", *self.extra, *self.hosts):
            listed = subprocess.run(
                ["ip", "netns", "pids", self.space(name)],
                capture_output=True,
                text=True,
                check=False,
            )
            for pid in listed.stdout.split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(
                ["ip", "netns", "del", self.space(name)], check=False, capture_output=True
            )
            shutil.rmtree(Path("/etc/netns") / self.space(name), ignore_errors=True)
        for process in (*self.others, *(it.server for it in self.hosts.values() if it.server)):
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()


@contextmanager
def town(folder: Path, names: Sequence[str], opt_size: str = "") -> Iterator[Town]:
    """Builds it with these hosts and takes everything away again."""
    for key in ("key", "host_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True
        )
    for needed in ("/run/sshd", "/etc/network", STATE):
        Path(needed).mkdir(exist_ok=True, parents=True)
    prefix = f"yt{os.getpid() % 100000}{os.urandom(1).hex()}"
    built = Town(folder, prefix, opt_size=opt_size)
    try:
        built.build()
        for number, name in enumerate(names, 21):
            built.add_host(name, number)
        for name in names:
            until = time.monotonic() + 20
            while not (built.hosts[name].folder / "sshd.pid").exists():
                assert time.monotonic() < until, (built.hosts[name].folder / "log").read_text()
                time.sleep(0.1)
        yield built
    finally:
        built.close()
