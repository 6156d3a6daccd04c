"""``yunxun serve`` as real processes: one folder, one server; what dies comes back."""

from __future__ import annotations

import os
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.real.postgres import private_cluster
from tests.serving import ROOT, Serve, serve, wait_until

PASSWORD = "Tr0ub4dor-2026"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("serve") / "data"
    with serve(folder, YUNXUN_ADMIN_PASSWORD=PASSWORD) as running:
        wait_until(lambda: _ready(running), 30, "ready")
        yield running


def _ready(server: Serve, verify: ssl.SSLContext | bool = True) -> bool:
    try:
        answer = httpx.get(f"{server.url}/readyz", verify=verify, trust_env=False, timeout=10)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def _yunxun(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("YUNXUN_")}
    return subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean | environment,
        timeout=60,
        check=False,
    )


def test_the_folder_is_for_our_user_only_and_the_password_is_nowhere_in_it(server: Serve) -> None:
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    for path in (server.folder / "run").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert PASSWORD not in server.text()
    for path in server.folder.rglob("*"):
        if path.is_file() and "samples" not in path.parts:
            assert PASSWORD.encode() not in path.read_bytes(), path


def test_no_secret_is_in_a_command_line_or_the_childrens_environment(server: Serve) -> None:
    for pid in server.children().values():
        proc = Path(f"/proc/{pid}")
        assert PASSWORD.encode() not in (proc / "cmdline").read_bytes()
        assert b"YUNXUN_" not in (proc / "environ").read_bytes()


def test_a_second_server_on_the_folder_ends_at_once_and_names_the_first(server: Serve) -> None:
    began = time.monotonic()
    second = _yunxun("serve", "--data", str(server.folder), "--port", "0")
    assert time.monotonic() - began < 2
    assert second.returncode == 2
    assert f"already in use by pid {server.process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_said_in_one_line(server: Serve, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    second = _yunxun("serve", "--data", str(tmp_path / "other"), "--port", port)
    assert second.returncode == 2
    assert "Address already in use" in second.stderr
    assert second.stderr.count("\n") == 1


def test_commands_beside_the_server_use_its_api(server: Serve) -> None:
    assert _yunxun("doctor", "--data", str(server.folder)).returncode == 0
    token = _yunxun("admin", "token", "--data", str(server.folder), "--role", "ops")
    assert token.returncode == 0
    assert token.stdout.startswith("yxt_")
    listed = _yunxun("agent", "list", "--url", server.url, YUNXUN_TOKEN=token.stdout.strip())
    assert listed.returncode == 0, listed.stderr
    wrong = _yunxun("agent", "list", "--url", server.url, YUNXUN_TOKEN="yxt_wrong")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    gone = _yunxun("agent", "list", "--url", "http://127.0.0.1:9", YUNXUN_TOKEN="yxt_wrong")
    assert (gone.returncode, gone.stderr.count("\n")) == (3, 1)
    # Tokens of single commands do not pile up; one for the role stays.
    assert _yunxun("admin", "audit", "verify", "--data", str(server.folder)).returncode == 0


def test_each_killed_child_is_back_within_ten_seconds(server: Serve) -> None:
    for name in ("worker", "api", "samples"):
        before = server.children()
        os.kill(before[name], signal.SIGKILL)

        def is_back(name: str = name, old: int = before[name]) -> bool:
            return server.children().get(name, old) != old and _ready(server)

        wait_until(is_back, 10, f"{name} is back and ready")
        after = server.children()
        assert {k: v for k, v in after.items() if k != name} == {
            k: v for k, v in before.items() if k != name
        }


def test_a_kill_of_the_supervisor_takes_the_children_along_and_a_stop_is_orderly(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    with serve(folder) as first:
        assert "first login: user admin, password" in first.text()
        assert f"--role security_admin --data {first.folder}" in first.text()
        pids = set(first.children().values())
        assert len(pids) == 3
        first.kill(signal.SIGKILL)
        wait_until(lambda: not first.children(), 3, "the children are gone")
    with serve(folder) as again:
        assert "first login" not in again.text()
        began = time.monotonic()
        assert again.kill(signal.SIGTERM) == 0
        assert time.monotonic() - began < 15
        assert not again.children()
        assert "killed" not in again.text()
        assert not (folder / "run" / "server.json").exists()


def test_beyond_loopback_it_speaks_tls_and_only_tls(tmp_path: Path) -> None:
    with serve(tmp_path / "data", "--host", "::") as server:
        port = int(server.url.rpartition(":")[2])
        assert server.url == f"https://[::1]:{port}"
        context = ssl.create_default_context(cafile=tmp_path / "data" / "tls" / "ca.pem")
        for host in ("127.0.0.1", "[::1]"):
            answer = httpx.get(f"https://{host}:{port}/healthz", verify=context, trust_env=False)
            assert answer.status_code == 200
            assert "max-age" in answer.headers["strict-transport-security"]
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"https://127.0.0.1:{port}/healthz", trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
        done = _yunxun("agent", "list", "--data", str(tmp_path / "data"))
        assert done.returncode == 0, done.stderr


def test_commands_work_on_a_folder_without_a_server(tmp_path: Path) -> None:
    folder, units = tmp_path / "new", tmp_path / "units.csv"
    units.write_text("code,name\nHB,环保局\n", "utf-8")
    done = _yunxun("import", "units", str(units), "--data", str(folder))
    assert done.returncode == 0, done.stderr
    done = _yunxun("agent", "list", "--format", "json", "--data", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert not (folder / "run" / "samples.json").exists()


def test_a_mistyped_folder_is_said_and_not_made(tmp_path: Path) -> None:
    done = _yunxun("usage", "--from", "2026-06-01", "--to", "2026-07-01", "--data",
                   str(tmp_path / "typo"))  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no data of Yunxun here" in done.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.skipif(os.environ.get("HEAVY_TESTS") != "1", reason="takes over a minute")
@pytest.mark.timeout(300)
def test_an_engine_that_hangs_is_killed_and_started_anew(server: Serve) -> None:
    before = server.children()["samples"]
    os.kill(before, signal.SIGSTOP)
    wait_until(lambda: server.children().get("samples", before) != before, 90, "a new engine")
    wait_until(lambda: _ready(server), 15, "ready again")


def test_it_runs_on_postgresql_with_two_api_processes(tmp_path: Path) -> None:
    with private_cluster() as cluster:
        options = {
            "YUNXUN_DATABASE_URL": cluster.new_database(),
            "YUNXUN_API_PROCESSES": "2",
            "YUNXUN_ADMIN_PASSWORD": PASSWORD,
        }
        with serve(tmp_path / "data", **options) as server:
            wait_until(lambda: _ready(server), 30, "ready")
            assert server.text().count("child=api") == 2
            checked = _yunxun("doctor", "--format", "json", "--data", str(server.folder))
            assert '"postgresql"' in checked.stdout, checked.stderr
            assert not (server.folder / "yunxun.db").exists()
