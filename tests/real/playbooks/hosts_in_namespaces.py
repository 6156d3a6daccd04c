"""Hosts made of network namespaces with a real sshd, an /etc and a /proc/cpuinfo of their own.

ctl (the controller) -- one -- two: the second is reached through the first, as behind a bastion.
No Python can be started on them: every interpreter of the system is covered by /bin/false.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

KUNPENG = """\
processor\t: 0
BogoMIPS\t: 200.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm
CPU implementer\t: 0x48
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd01
CPU revision\t: 0
"""
KYLIN = """\
NAME="Kylin Linux Advanced Server"
VERSION="V10 (Sword)"
ID="kylin"
VERSION_ID="V10"
PRETTY_NAME="Kylin Linux Advanced Server V10 (Sword)"
"""
CENTOS = (
    'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\n'
)
XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz
flags\t\t: fpu sse4_2 avx avx2
"""


# The interpreter that runs these tests may live beside the system's; hosts must not see it.
PLACES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin")
PYTHONS = sorted(
    {
        str(each)
        for place in (*os.environ["PATH"].split(":"), *PLACES)
        for each in Path(place).glob("python*")
        if each.is_file() and sys.prefix not in str(each)
    }
)
"""Every interpreter that a login could find, wherever this machine keeps them."""
HOME_OF_PYTHON = sys.base_prefix if sys.base_prefix not in ("/usr", "/") else "/usr/share/python3"


@dataclass
class Network:
    """The namespaces' names, the key to log in with, and sshd processes to end."""

    folder: Path
    prefix: str
    key: Path
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def name(self, host: str) -> str:
        return f"{self.prefix}{host}"

    def run(self, host: str, *command: str) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self.name(host), *command],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def start_sshd(self, host: str, address: str, cpuinfo: str) -> None:
        fake = self.folder / f"cpuinfo-{host}"
        fake.write_text(cpuinfo)
        config = self.folder / f"sshd-{host}"
        config.write_text(
            f"ListenAddress {address}\nHostKey {self.folder}/host_key\nUsePAM no\n"
            f"AuthorizedKeysFile {self.key}.pub\nStrictModes no\nPermitRootLogin yes\n"
            f"PidFile {self.folder}/{host}.pid\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
        )
        script = (
            f"mount --bind {fake} /proc/cpuinfo; "
            f"for p in {' '.join(PYTHONS)}; do mount --bind /bin/false $p; done; "
            f"mount -t tmpfs none {HOME_OF_PYTHON}; "
            f"mount -t tmpfs none {Path.home()}; "  # no login scripts of this machine
            f"exec /usr/sbin/sshd -D -e -f {config}"
        )
        log = (self.folder / f"{host}.log").open("wb")
        with log:
            self.servers.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.name(host), "sh", "-c", script],
                    stdout=log,
                    stderr=log,
                )
            )

    def inventory(self) -> Path:
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        jump = f"ssh -i {self.key} {options} -W %h:%p root@10.213.1.2"
        path = self.folder / "hosts.yml"
        path.write_text(
            "all:\n"
            "  vars:\n"
            "    ansible_user: root\n"
            f"    ansible_ssh_private_key_file: {self.key}\n"
            f"    ansible_ssh_common_args: {options}\n"
            "  hosts:\n"
            "    one:\n      ansible_host: 10.213.1.2\n"
            "    two:\n      ansible_host: 10.213.2.2\n"
            f"      ansible_ssh_common_args: '{options} -o ProxyCommand=\"{jump}\"'\n"
            "    gone:\n      ansible_host: 10.213.1.9\n      ansible_ssh_timeout: 3\n"
        )
        return path


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Builds the three namespaces and takes them away again."""
    net = Network(folder, f"yx{os.getpid() % 100000}", folder / "key")
    hosts = ("ctl", "one", "two")
    for key in (net.key, folder / "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    systems = {"one": KYLIN, "two": CENTOS}
    for host, text in systems.items():
        etc = Path("/etc/netns") / net.name(host)
        (etc / "sysctl.d").mkdir(parents=True)
        (etc / "os-release").write_text(text)
        (etc / "sysctl.d" / "90-site.conf").write_text(
            "net.ipv6.conf.all.disable_ipv6 = 1\nvm.swappiness = 10\n"
        )
    try:
        for host in hosts:
            subprocess.run(["ip", "netns", "add", net.name(host)], check=True)
            net.run(host, "ip", "link", "set", "lo", "up")
        for left, right, number in (("ctl", "one", 1), ("one", "two", 2)):
            subprocess.run(
                [
                    *("ip", "link", "add", "r0", "netns", net.name(left), "type", "veth"),
                    *("peer", "name", "l0", "netns", net.name(right)),
                ],
                check=True,
            )
            for host, dev, last in ((left, "r0", 1), (right, "l0", 2)):
                net.run(host, "ip", "addr", "add", f"10.213.{number}.{last}/24", "dev", dev)
                net.run(host, "ip", "link", "set", dev, "up")
        net.run("one", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        net.start_sshd("one", "10.213.1.2", KUNPENG)
        net.start_sshd("two", "10.213.2.2", XEON)
        time.sleep(1)
        yield net
    finally:
        for server in net.servers:
            server.terminate()
            server.wait()
        for host in hosts:
            subprocess.run(["ip", "netns", "del", net.name(host)], check=False)
            shutil.rmtree(Path("/etc/netns") / net.name(host), ignore_errors=True)
