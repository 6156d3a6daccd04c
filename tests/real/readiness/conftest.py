"""A served controller and five hosts of different makes, all for one module of tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real.readiness.fleet import Fleet, fleet
from tests.serving import ROOT, Serve, wait_until

UNDER_WAY = ("queued", "running")


@dataclass
class Site:
    """The fleet, the controller, and callers by role."""

    hosts: Fleet
    serve: Serve
    folder: Path
    tokens: dict[str, str]

    def call(self, role: str, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.serve.url}/api/v1/readiness{path}",
            headers={"authorization": f"Bearer {self.tokens[role]}"},
            timeout=60,
            trust_env=False,
            **more,
        )

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("engineer", "GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, role: str, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(role, method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def project(self, name: str, kind: str, *hosts: str, **more: Any) -> int:
        """A project over these hosts of the fleet, with its credential."""
        made = self.do(
            "engineer", "POST", "/projects",
            {"name": name, "kind": kind, "connection": {"user": "root"}, **more},
        )  # fmt: skip
        number = int(made["id"])
        chosen = [each for each in self.hosts.hosts() if not hosts or each["name"] in hosts]
        self.do("engineer", "PUT", f"/projects/{number}/hosts", {"hosts": chosen})
        self.do(
            "engineer", "PUT", f"/projects/{number}/credential",
            {"key": self.hosts.key.read_text(), "become": "Canary-Become-7731"},
        )  # fmt: skip
        return number

    def start(self, project: int, **body: Any) -> int:
        return int(self.do("engineer", "POST", f"/projects/{project}/runs", body)["id"])

    def ended(self, run: int, seconds: float = 200) -> dict[str, Any]:
        """The run once it is over."""
        wait_until(
            lambda: self.get(f"/runs/{run}")["run"]["state"] not in UNDER_WAY,
            seconds,
            f"run {run} ends: {self.serve.text()[-2000:]}",
        )
        found: dict[str, Any] = self.get(f"/runs/{run}")
        return found

    def grid(self, project: int, host: str, profile: str = "") -> dict[str, str]:
        rows = self.get(f"/projects/{project}/judgements", profile=profile)["items"]
        found: dict[str, str] = next(row["grid"] for row in rows if row["host"] == host)
        return found


def token(folder: Path, role: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "controller", "admin", "token", "--data", str(folder),
         "--role", role],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("readiness")
    with fleet(folder) as hosts:
        serve = Serve(folder / "data")
        try:
            serve.wait_listening()
            tokens = {role: token(folder / "data", role) for role in ("engineer", "ops")}
            yield Site(hosts, serve, folder, tokens)
        finally:
            serve.process.terminate()
            serve.process.wait(30)
