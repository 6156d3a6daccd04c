"""A web of sites with known readiness, in a network namespace of its own. Run as a program:

    unshare -rn python tests/real/ipv6/web.py SITES_OF_EACH_KIND FOLDER [controller]

Starts a name server and web servers on addresses of the namespace, scans every site by the
program people use, and prints what was built and what was read as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]

from tests.faults.certificates import make_authority  # noqa: E402

KINDS = ("good", "no_aaaa", "dead", "v4_ns", "different", "mixed", "slow", "broken_cert", "loop",
         "endless")  # fmt: skip
V4, V6 = "10.9.{}.{}", "fd09::{:x}:{:x}"
DNS = "10.9.255.53"
SLOW_S = 0.25


@dataclass
class Site:
    """``pages``: path to (body over IPv4, body over IPv6)."""

    kind: str
    number: int
    pages: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.kind.replace('_', '-')}{self.number}.test"

    @property
    def url(self) -> str:
        return f"http{'s' if self.kind == 'broken_cert' else ''}://{self.name}/"

    @property
    def v4(self) -> str:
        return V4.format(KINDS.index(self.kind) + 1, self.number + 1)

    @property
    def v6(self) -> str:
        return V6.format(KINDS.index(self.kind) + 1, self.number + 1)


def build(of_each: int) -> list[Site]:
    sites = [Site(kind, number) for kind in KINDS for number in range(of_each)]
    for site in sites:
        site.pages = {"/": (page(site, 4), page(site, 6))}
        for link in range(6):
            inner = "".join(f'<a href="/l{link}/{n}">x</a>' for n in range(2)).encode()
            site.pages[f"/l{link}"] = (inner, inner)
            for n in range(2):
                site.pages[f"/l{link}/{n}"] = (b"third", b"third")
    return sites


def page(site: Site, version: int) -> bytes:
    words = " ".join(f"word{n}" for n in range(200))
    if site.kind == "different" and version == 6:
        words = " ".join(f"other{n}" for n in range(200))
    links = "".join(f'<a href="/l{n}">link {n}</a>' for n in range(6))
    links += '<a href="/private/secret">not for robots</a><a href="http://elsewhere.test/">out</a>'
    if site.kind == "mixed":
        # Two of eight links lead to a host of the site without an AAAA, one of two parts as well.
        links += "".join(f'<a href="http://old.{site.name}/o{n}">old</a>' for n in range(2))
        links += f'<img src="http://old.{site.name}/logo.png">'
    links += '<img src="/own.png">'
    return f"<html><body><p>{words}</p>{links}</body></html>".encode()


def records(site: Site) -> dict[tuple[str, str], list[str]]:
    found = {
        (site.name, "A"): [site.v4],
        (site.name, "NS"): [f"ns1.{site.name}.", f"ns2.{site.name}."],
        (site.name, "SOA"): [f"ns1.{site.name}. root.{site.name}. 1 60 60 60 60"],
    }
    if site.kind != "no_aaaa":
        found[site.name, "AAAA"] = [site.v6]
    for ns in ("ns1", "ns2"):
        found[f"{ns}.{site.name}", "A"] = [DNS]
        if site.kind != "v4_ns":
            found[f"{ns}.{site.name}", "AAAA"] = ["fd09::53"]
    if site.kind == "mixed":
        found[f"old.{site.name}", "A"] = [site.v4]
    return found


class NameServer(asyncio.DatagramProtocol):
    """Answers with authority from what was built; counts nothing, forgets nothing."""

    def __init__(self, zone: dict[tuple[str, str], list[str]]) -> None:
        self.zone = zone
        self.names = {name for name, _ in zone}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA | dns.flags.RA
        asked = question.question[0]
        name = str(asked.name).rstrip(".").lower()
        kind = dns.rdatatype.to_text(asked.rdtype)
        values = self.zone.get((name, kind))
        if values:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
        elif name not in self.names:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


class Web:
    """Serves every site on both of its addresses, and remembers what was asked for."""

    def __init__(self, sites: list[Site]) -> None:
        self.sites = {site.name: site for site in sites}
        self.asked: list[tuple[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            host = next(line for line in head.split("\r\n") if line.lower().startswith("host:"))
            name = host.partition(":")[2].strip().partition(":")[0]
            version = 6 if ":" in writer.get_extra_info("sockname")[0] else 4
            self.asked.append((name, path))
            await self.answer(name, path, version, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def answer(
        self, name: str, path: str, version: int, writer: asyncio.StreamWriter
    ) -> None:
        site = self.sites.get(name.removeprefix("old."))
        if path == "/robots.txt":
            body = b"User-agent: *\nDisallow: /private/\n"
            writer.write(_head(200, len(body), "text/plain") + body)
        elif site is None:
            writer.write(_head(404, 0))
        elif site.kind == "loop" and version == 6 and path.startswith("/"):
            onward = f"/r{len(path) % 7}"
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {onward}\r\n\r\n".encode())
        elif site.kind == "endless" and version == 6 and path == "/":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
            for _ in range(2000):
                writer.write(b"<p>on and on</p>" * 1024)
                await writer.drain()
        else:
            if site.kind == "slow" and version == 6:
                await asyncio.sleep(SLOW_S)
            if name.startswith("old.") or path.endswith(".png"):
                bodies: tuple[bytes, bytes] | None = (b"x", b"x")
            else:
                bodies = site.pages.get(path)
            if bodies is None:
                writer.write(_head(404, 0))
            else:
                body = bodies[version == 6]
                writer.write(_head(200, len(body)) + body)


def _head(status: int, length: int, kind: str = "text/html; charset=utf-8") -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def make_addresses(sites: list[Site]) -> None:
    """Every address of the namespace in one batch; those of dead sites are no one's."""
    lines = [f"addr add {DNS}/32 dev lo", "addr add fd09::53/128 dev lo nodad"]
    for site in sites:
        lines.append(f"addr add {site.v4}/32 dev lo")
        if site.kind not in ("no_aaaa", "dead"):
            lines.append(f"addr add {site.v6}/128 dev lo nodad")
    batch = "link set lo up\n" + "\n".join(lines) + "\n"
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")


async def start(of_each: int, folder: Path) -> tuple[list[Site], Web]:
    """The namespace's addresses, name servers and web servers."""
    sites = build(of_each)
    make_addresses(sites)
    zone = {key: values for site in sites for key, values in records(site).items()}
    loop = asyncio.get_running_loop()
    for address in (DNS, "fd09::53"):
        for port in (53, 5353):
            await loop.create_datagram_endpoint(
                lambda: NameServer(zone), local_addr=(address, port)
            )
    expired = datetime.now(UTC) - timedelta(days=60)
    broken = make_authority(folder, "broken", since=expired, days=30).context
    web = Web(sites)
    for host in ("0.0.0.0", "::"):
        await asyncio.start_server(web.serve, host, 80, limit=1 << 16)
        await asyncio.start_server(web.serve, host, 443, ssl=broken)
    return sites, web


async def run(of_each: int, folder: Path) -> dict[str, object]:
    """The scanner on its own."""
    sites, web = await start(of_each, folder)
    listing = folder / "sites.csv"
    listing.write_text("code,url\n" + "".join(f"{s.name},{s.url}\n" for s in sites), "utf-8")
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collectors.ipv6", str(listing), "--dns", DNS,
        "--allow", "10.9.0.0/16", "--allow", "fd09::/16", "--vantage", "extranet",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        limit=1 << 22,
    )  # fmt: skip
    out, err = await process.communicate()
    return {
        "sites": {site.name: site.kind for site in sites},
        "readings": [json.loads(line) for line in out.decode().splitlines()],
        "seconds": time.monotonic() - began,
        "rss_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "status": process.returncode,
        "stderr": err.decode(),
        "asked_private": [name for name, path in web.asked if path.startswith("/private")],
    }


async def through_controller(of_each: int, folder: Path) -> dict[str, object]:
    """What an ops team does: register, scan, report, on a controller's folder."""
    sites, _web = await start(of_each, folder)
    data = str(folder / "data")
    (folder / "units.csv").write_text("code,name\nHB,市生态环境局\nJT,市交通运输局\n", "utf-8")
    lines = [f"{s.name},网站 {s.name},{s.url},{('HB', 'JT')[s.number % 2]}" for s in sites]
    (folder / "list.csv").write_text("编码,名称,网址,单位\n" + "\n".join(lines), "utf-8")
    told: dict[str, object] = {"sites": {site.name: site.kind for site in sites}}
    for name, arguments in {
        "units": ["import", "units", str(folder / "units.csv")],
        "import": ["ipv6", "import", str(folder / "list.csv")],
        "scan": ["ipv6", "scan", "--dns", f"{DNS}#5353", "--allow", "10.9.0.0/16",
                 "--allow", "fd09::/16", "--vantage", "extranet", "--format", "json"],
        "again": ["ipv6", "scan", "--unit", "NOBODY"],
        "report": ["ipv6", "report", "--format", "json"],
        "table": ["ipv6", "report"],
        "xlsx": ["ipv6", "report", "--format", "xlsx", "-o", str(folder / "ipv6.xlsx")],
    }.items():  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "controller", *arguments, "--data", data, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        told[name] = {"status": process.returncode, "out": out.decode(), "err": err.decode()}
    return told


async def through_poller(of_each: int, folder: Path) -> dict[str, object]:
    """A served controller and a real agent that holds the poller's role, told what to scan."""
    sites, _web = await start(of_each, folder)
    await asyncio.to_thread(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)
    return await asyncio.to_thread(with_poller, sites, folder)


def with_poller(sites: list[Site], folder: Path) -> dict[str, object]:
    """Registers the sites, enrols the agent, makes it the extranet's eyes, waits for readings."""
    # Here, not above: what the scanner's memory is measured by remembers the parent's.
    from tests.serving import serve  # noqa: PLC0415

    (folder / "units.csv").write_text("code,name\nHB,市生态环境局\n", "utf-8")
    lines = "".join(f"{s.name},{s.name},{s.url},HB\n" for s in sites)
    (folder / "list.csv").write_text("code,name,url,unit\n" + lines, "utf-8")
    with serve(folder / "data") as server:
        token = command("admin", "token", "--data", str(server.folder), "--role", "system_admin")
        asks = {"YUNXUN_TOKEN": token, "YUNXUN_URL": server.url}
        command("import", "units", str(folder / "units.csv"), **asks)
        command("ipv6", "import", str(folder / "list.csv"), **asks)
        enrol = command("agent", "token", "--unit", "HB", "--auto-approve", **asks)
        state = {"YUNXUN_AGENT_STATE": str(folder / "agent"), "YUNXUN_AGENT_NAME": "eyes",
                 "YUNXUN_AGENT_COLLECT_INTERVAL_S": "1",
                 "YUNXUN_AGENT_COLLECT_SUBSAMPLE_S": "1"}  # fmt: skip
        program([sys.executable, "-m", "agent", "enrol", "-"], enrol, state)
        agents = json.loads(command("agent", "list", "--format", "json", **asks))
        command("agent", "roles", agents[0]["id"], "poller", **asks)
        command("ipv6", "vantage", "set", "extranet", "--agent", "eyes", "--allow", "10.9.0.0/16",
                "--allow", "fd09::/16", "--dns", DNS, **asks)  # fmt: skip
        agent = subprocess.Popen(
            [sys.executable, "-m", "agent", "run"], cwd=ROOT, env=os.environ | state,
            stdout=subprocess.DEVNULL, stderr=(folder / "agent.log").open("wb"),
        )  # fmt: skip
        try:
            first = readings(sites, asks)
            command("ipv6", "vantage", "scan", "extranet", **asks)
            again = readings(sites, asks, newer_than=max(str(each["at"]) for each in first))
            listed = json.loads(command("ipv6", "vantage", "list", "--format", "json", **asks))
        finally:
            agent.terminate()
            agent.wait(20)
    kinds = {site.name: site.kind for site in sites}
    return {"sites": kinds, "first": first, "again": len(again), "vantages": listed}


def readings(
    sites: list[Site], asks: dict[str, str], newer_than: str = ""
) -> list[dict[str, object]]:
    """Every site with a reading newer than that."""
    until = time.monotonic() + 150
    while True:
        with urllib.request.urlopen(
            urllib.request.Request(
                f"{asks['YUNXUN_URL']}/api/v1/ipv6/sites?size=500",
                headers={"Authorization": f"Bearer {asks['YUNXUN_TOKEN']}"},
            )
        ) as answer:
            found = json.load(answer)["items"]
        fresh = [each for each in found if each["at"] and each["at"] > newer_than]
        if len(fresh) == len(sites):
            return list(found)
        assert time.monotonic() < until, f"{len(fresh)} of {len(sites)} sites were read"
        time.sleep(0.5)


def command(*words: str, **environment: str) -> str:
    return program([sys.executable, "-m", "controller", *words], "", environment)


def program(words: list[str], text: str, environment: dict[str, str]) -> str:
    done = subprocess.run(words, input=text or None, capture_output=True, text=True, check=False,
                          timeout=120, cwd=ROOT, env=os.environ | environment)  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


WORKS = {"controller": through_controller, "poller": through_poller}

if __name__ == "__main__":
    work = WORKS.get(sys.argv[3], run) if sys.argv[3:] else run
    print(json.dumps(asyncio.run(work(int(sys.argv[1]), Path(sys.argv[2])))))
