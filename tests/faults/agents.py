"""A real agent process for fault tests, and readings that can be told apart."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.identity import Identity, write_identity

ROOT = Path(__file__).parents[2]


def token_for(url: str, fingerprint: str, secret: str) -> str:
    """An enrolment token as the controller prints it."""
    body = json.dumps({"u": url, "f": fingerprint, "t": secret}).encode()
    return "yx1." + base64.urlsafe_b64encode(body).decode().rstrip("=")


def enrolled(state: Path, url: str, agent: str = "a1", ca_pem: str = "") -> None:
    """Gives ``state`` an identity without the ceremony."""
    write_identity(str(state), Identity(agent, "s3cret", url, ca_pem, ""))


class AgentProcess:
    """``yunxun-agent run`` on a state folder, at a compressed interval."""

    def __init__(self, state: Path, interval_s: float = 1.0, **settings: str) -> None:
        environment = {
            **os.environ,
            "YUNXUN_AGENT_STATE": str(state),
            "YUNXUN_AGENT_COLLECT_INTERVAL_S": str(interval_s),
            "YUNXUN_AGENT_COLLECT_SUBSAMPLE_S": "0.5",
            **{f"YUNXUN_AGENT_{name.upper()}": value for name, value in settings.items()},
        }
        self.log = state / "log.jsonl"
        state.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent", "run"], env=environment, cwd=ROOT, stderr=log
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def events(self, name: str = "") -> list[dict[str, object]]:
        """The log's events, those called ``name`` only if given."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if name in ("", line["event"])]

    def rss_mb(self) -> float:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text[text.index("VmRSS") :].split()[1]) / 1024


def eventually(holds: Callable[[], bool], seconds: float = 10.0, what: str = "") -> None:
    """Waits until ``holds()``; fails after ``seconds``."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what or "did not come true in time"
        time.sleep(0.05)
