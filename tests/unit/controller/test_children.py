"""Child processes: started anew with pauses, killed with us, watched while they hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller import folder
from controller.children import Child
from controller.settings import Settings, load
from controller.supervisor import needs_tls
from controller.watchdog import Watchdog
from tests.serving import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PING = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"Ok.")
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    json.dump({"url": f"http://x:y@127.0.0.1:{server.server_port}/", "pid": os.getpid()}, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
"""


def test_a_child_that_dies_is_due_again_after_a_pause_that_doubles() -> None:
    child = Child("dies", [sys.executable, "-c", "raise SystemExit(7)"])
    pauses = []
    for _ in range(3):
        child.start()
        assert child.process is not None
        child.process.wait(10)
        assert child.exited() == 7
        assert child.exited() is None
        assert not child.due()
        pauses.append(wait_until(child.due, 5, "due"))
    assert pauses[0] < pauses[1] < pauses[2] < 2


def test_a_child_is_killed_when_its_parent_is(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from controller.children import Child;"
            f"c = Child('x', {SLEEP!r}); c.start(); print(c.pid, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.kill()
    wait_until(lambda: _is_gone(pid), 3, "the child is gone")


def _is_gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_stop_insists_after_its_time() -> None:
    stubborn = Child(
        "stubborn",
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print(flush=True); time.sleep(60)",
        ],
    )
    process = stubborn.start(stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        stubborn.terminate()
        assert not stubborn.wait(0.2)
    willing = Child("willing", SLEEP)
    willing.start()
    willing.terminate()
    assert willing.wait(5)


def test_the_watchdog_tells_a_hanging_engine_from_one_that_answers(tmp_path: Path) -> None:
    announcement = tmp_path / "samples.json"
    child = Child("engine", [sys.executable, "-c", PING, str(announcement)])
    watchdog = Watchdog(child, announcement, ask_seconds=0.05, silent_seconds=0.6)
    child.start()
    try:
        wait_until(announcement.exists, 10, "announced")
        for _ in range(30):
            assert not watchdog.hangs()
            signal.sigtimedwait([], 0.05)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(watchdog.hangs, 5, "noticed")
    finally:
        child.kill()
        child.wait(5)
    assert not watchdog.hangs()


def test_an_announcement_of_a_predecessor_is_not_asked(tmp_path: Path) -> None:
    announcement = tmp_path / "samples.json"
    announcement.write_text(json.dumps({"url": "http://127.0.0.1:1/", "pid": 1}))
    child = Child("engine", SLEEP)
    watchdog = Watchdog(child, announcement, ask_seconds=0.0, silent_seconds=0.1)
    child.start()
    try:
        for _ in range(10):
            assert not watchdog.hangs()
            signal.sigtimedwait([], 0.05)
    finally:
        child.kill()
        child.wait(5)


def test_the_settings_file_gives_back_what_was_written(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / 'a "quoted" 目录',
        database_url="postgresql+psycopg://u:p\\w'\"x@h/db",
        tls={"names": ("a.example", "b")},  # type: ignore[arg-type]
    )
    folder.prepare(settings.data)
    path = folder.write_settings(settings)
    assert load(path, {}) == settings
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("[::1]", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.1.2.3", True),
        ("yunxun.example", True),
    ],
)
def test_tls_is_spoken_wherever_others_can_reach_us(host: str, tls: bool) -> None:
    assert needs_tls(Settings(host=host)) is tls


def test_a_folder_is_held_by_one_and_says_by_whom(tmp_path: Path) -> None:
    folder.prepare(tmp_path / "data")
    assert folder.is_held(tmp_path / "data") == ""
    with folder.hold(tmp_path / "data"):
        assert folder.is_held(tmp_path / "data") == str(os.getpid())
        with pytest.raises(folder.FolderBusy, match=f"pid {os.getpid()}"):
            folder.hold(tmp_path / "data")
    assert folder.is_held(tmp_path / "data") == ""
