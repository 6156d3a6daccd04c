"""A private PostgreSQL for a test session: its own cluster, on a Unix socket, gone afterwards.

Use it as a fixture of the session::

    from tests.real.postgres import private_cluster

    @pytest.fixture(scope="session")
    def postgres() -> Iterator[Cluster]:
        with private_cluster() as cluster:
            yield cluster

    def test_…(postgres):
        url = postgres.new_database()
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text

SERVER_USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package brings this user."""


class Cluster:
    """A running cluster; ``new_database`` makes an empty database and gives its URL."""

    def __init__(self, socket_dir: Path, user: str) -> None:
        self._socket_dir = socket_dir
        self._user = user
        self._numbers = count(1)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self._user}@/{database}?host={self._socket_dir}"

    def new_database(self) -> str:
        name = f"yunxun_test_{next(self._numbers)}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


def find_binaries() -> Path:
    """The folder of initdb and pg_ctl. Raises FileNotFoundError naming the missing package."""
    on_path = shutil.which("pg_ctl")
    found = [Path(on_path).parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists():
            return folder
    raise FileNotFoundError("PostgreSQL's server is missing: install the package postgresql")


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A cluster without fsync (it is thrown away) that listens on a Unix socket only."""
    binaries = find_binaries()
    as_user = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
    user = SERVER_USER if as_user else _own_name()
    # Not pytest's tmp_path: a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="yxpg-", dir="/tmp"))
    try:
        if as_user:
            shutil.chown(folder, SERVER_USER)
        folder.chmod(0o755)
        data = folder / "data"
        _run(
            *as_user,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            user,
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _run(
            *as_user,
            str(binaries / "pg_ctl"),
            "-D",
            str(data),
            "-l",
            str(folder / "log"),
            "-o",
            options,
            "-w",
            "start",
        )
        try:
            yield Cluster(folder, user)
        finally:
            _run(*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own_name() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


def _run(*command: str) -> None:
    # The server inherits its starter's descriptors: with a pipe we would wait for its end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", check=False
        )
        output.seek(0)
        if done.returncode:
            raise RuntimeError(f"{command[-1]}: {output.read().decode(errors='replace')}")
