"""Run in a fresh network namespace: the whole system without any IPv4 address, not even loopback's.

Started by test_only_v6.py as ``unshare -rn python only_v6_child.py FOLDER``; prints one JSON object
of what each part said. The controller stands at fd0e::1, agent, snmpd and mail server in a second
namespace at fd0e::2.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]

from tests.serving import Serve, serve  # noqa: E402

PASSWORD = "Watch-tower-91"
MAIL = """
import asyncio, json, sys
from aiosmtpd.smtp import SMTP
class Keep:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"from": session.peer[0], "to": envelope.rcpt_tos}), flush=True)
        return "250 kept"
async def main():
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Keep()), "fd0e::2", 2525)
    print("ready", flush=True)
    await asyncio.sleep(300)
asyncio.run(main())
"""
UNITS = "code,name\nA,单位A\n"
RESOURCES = "code,name,kind,unit,vcpu,mem_gib,since\nhost-a,机器A,vm,A,2,4,2026-01-01\n"


def run(*words: str, text: str = "", **environment: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, input=text or None, check=False,
        cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def yunxun(*words: str, **environment: str) -> str:
    return run(sys.executable, "-m", "controller", *words, **environment)


def make_network(neighbour: int) -> tuple[str, ...]:
    there = ("nsenter", "-t", str(neighbour), "-n")
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    run("ip", "link", "set", "v1", "netns", str(neighbour))
    for prefix, name, last in (((), "v0", "1"), (there, "v1", "2")):
        run(*prefix, "ip", "link", "set", "lo", "up")
        run(*prefix, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        run(*prefix, "ip", "link", "set", name, "up")
        run(*prefix, "ip", "addr", "add", f"fd0e::{last}/64", "dev", name, "nodad")
        assert "inet " not in run(*prefix, "ip", "addr")
    run(*there, "ip", "-6", "route", "add", "default", "via", "fd0e::1")
    return there


def wait(what: str, holds: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, what
        time.sleep(0.2)
    return found


def with_agent(folder: Path, server: Serve, there: tuple[str, ...]) -> dict[str, Any]:
    """Registers, the agent enrolled and running, pages, the poller."""
    url, ca = server.url.replace("[::1]", "[fd0e::1]"), str(folder / "ca.pem")
    context = ssl._create_unverified_context()
    with httpx.Client(verify=context, trust_env=False) as stranger:
        Path(ca).write_text(stranger.get(f"{url}/api/v1/ingest/ca").text, "utf-8")
    data = str(server.folder)
    token = yunxun("admin", "token", "--data", data, "--role", "system_admin")
    asks = {"YUNXUN_TOKEN": token, "YUNXUN_URL": url, "YUNXUN_CA": ca}
    (folder / "units.csv").write_text(UNITS, "utf-8")
    (folder / "resources.csv").write_text(RESOURCES, "utf-8")
    told: dict[str, Any] = {"url": url}
    told["import"] = [
        yunxun("import", name, str(folder / f"{name}.csv"), **asks)
        for name in ("units", "resources")
    ]
    enrol = yunxun("agent", "token", "--unit", "A", "--auto-approve", **asks)
    state = {"YUNXUN_AGENT_STATE": str(folder / "agent"), "YUNXUN_AGENT_COLLECT_INTERVAL_S": "2",
             "YUNXUN_AGENT_COLLECT_SUBSAMPLE_S": "1"}  # fmt: skip
    run(*there, sys.executable, "-m", "agent", "enrol", "-", text=enrol, **state)
    agent = subprocess.Popen(
        [*there, sys.executable, "-m", "agent", "run"], cwd=ROOT, env=os.environ | state,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    verified = ssl.create_default_context(cafile=ca)
    headers = {"authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=url, verify=verified, headers=headers, trust_env=False,
                          timeout=30) as api:  # fmt: skip

            def sends() -> Any:
                items = api.get("/api/v1/agents").json()["items"]
                return next((each for each in items if each["last_sample"]), None)

            seen = wait("the agent sends samples", sends)
            told["agent"] = {"address": seen["address"], "resource": seen["resource_code"]}

            def host() -> Any:
                found = api.get(f"/api/v1/ipv6/hosts/{seen['resource_code']}").json()
                return found if found.get("document") else None

            found = wait("its readiness is there", host)
            told["host"] = {"score": found["score"], "route": found["document"]["default_route"],
                            "kinds": found["document"]["kinds"]}  # fmt: skip
            usage = api.get("/api/v1/usage?from=2026-01-01&to=2030-01-01&by=resource")
            told["usage"] = usage.status_code
            told["unit"] = api.get("/api/v1/ipv6/units/A").json()["parts"]
        told["list"] = yunxun("agent", "list", **asks)
        told["pages"] = look(url)
        told["status"] = run(*there, sys.executable, "-m", "agent", "status", **state)
    finally:
        agent.terminate()
        agent.wait(20)
    return told


def look(url: str) -> dict[str, Any]:
    """The console in a browser: sign in, and two pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.goto(f"{url}/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_load_state()
        found = {}
        for path in ("/ipv6", "/ipv6/hosts", "/agents"):
            answer = page.goto(url + path)
            found[path] = [answer.status if answer else 0, page.title()]
        browser.close()
    return found


def poll(folder: Path, there: tuple[str, ...]) -> dict[str, Any]:
    """yunxun-agent poll of a real snmpd on udp6."""
    config = folder / "snmpd.conf"
    config.write_text("rocommunity6 public\nsysName only-v6\n", "utf-8")
    daemon = subprocess.Popen(
        [*there, "/usr/sbin/snmpd", "-f", "-Lf", str(folder / "snmpd.log"), "-C", "-c", str(config),
         "-I", "-smux", "udp6:[fd0e::2]:1161"],
        env=os.environ | {"MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "snmp")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = folder / "snmpd.log"
    try:
        wait("snmpd is up", lambda: log.exists() and "NET-SNMP version" in log.read_text())
        polled = json.loads(
            run(sys.executable, "-m", "agent", "poll", "[fd0e::2]:1161", "--community", "public",
                "--format", "json")
        )  # fmt: skip
        addresses = [each["address"] for each in polled["ip_addresses"]]
        return {"name": polled["system"]["name"], "addresses": addresses}
    finally:
        daemon.terminate()
        daemon.wait(10)


def mail(there: tuple[str, ...]) -> dict[str, Any]:
    """A notice's mail by the notices' own mailer."""
    from controller.notices.channels.mail import Mailer  # noqa: PLC0415
    from controller.notices.outbox import Message  # noqa: PLC0415
    from controller.settings import MailSettings  # noqa: PLC0415

    server = subprocess.Popen(
        [*there, sys.executable, "-c", MAIL], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        settings = MailSettings(host="fd0e::2", port=2525, security="none", sender="y@a.test")
        message = Message(1, "k", "m1", "mail", "unit@a.test", "提示函", {"lines": ["正文"]}, 0)
        with Mailer(settings) as mailer:
            mailer.send(message, "https://[fd0e::1]:8443/n/x", datetime.now(UTC))
        kept: dict[str, Any] = json.loads(server.stdout.readline())
        return kept
    finally:
        server.kill()
        server.wait()


def main() -> None:
    folder = Path(sys.argv[1])
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "300"])
    try:
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{neighbour.pid}/ns/net") == ours:
            time.sleep(0.01)
        there = make_network(neighbour.pid)
        told: dict[str, Any] = {}
        with serve(folder / "tls", "--host", "::", YUNXUN_ADMIN_PASSWORD=PASSWORD) as server:
            told["tls"] = with_agent(folder, server, there)
        with serve(folder / "plain", "--host", "::1") as server:
            told["plain_url"] = server.url
            token = yunxun("admin", "token", "--data", str(folder / "plain"), "--role", "ops")
            told["plain"] = yunxun("usage", "--from", "2026-01-01", "--to", "2026-01-02",
                                   "--format", "json", YUNXUN_TOKEN=token,
                                   YUNXUN_URL=server.url)  # fmt: skip
        told["without_server"] = yunxun("import", "units", str(folder / "units.csv"),
                                        "--data", str(folder / "plain"))  # fmt: skip
        told["poll"] = poll(folder, there)
        told["mail"] = mail(there)
        print(json.dumps(told))
    finally:
        neighbour.kill()
        neighbour.wait()


if __name__ == "__main__":
    main()
