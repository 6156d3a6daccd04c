"""The embedded engine's own process: chDB behind ClickHouse's HTTP interface on loopback.

``python -m controller.store.embedded [--data DIR] [--config FILE]``

It keeps its files in ``<data>/samples`` and says where it listens in ``<data>/run/samples.json``
(mode 0600: the address holds a random password). chDB has no users, installs signal handlers,
hangs in forked children and reads ``config.xml`` from the working directory; so it lives alone,
in an empty private directory, and nothing else in the project imports it.

Ends on SIGTERM, SIGINT, or when the process that started it is gone. Exit status 3: the folder is
held by another process (named on stderr), 1: the engine would not open.
"""

from __future__ import annotations

import argparse
import faulthandler
import fcntl
import json
import os
import resource
import secrets
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from controller.settings import Settings, SettingsError, load
from controller.store.endpoint import Endpoint
from controller.store.engine import Connection, Engine, Limits
from controller.store.loopback import bracketed

DATABASE = "yunxun"
LOCK_SECONDS = 15.0
"""A killed predecessor's lock goes with it, but a stopping one may still be merging."""
PARENT_POLL_SECONDS = 1.0
DRAIN_SECONDS = 10.0

CONFIG = """<clickhouse>
  <logger><level>fatal</level><console>0</console></logger>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <query_condition_cache_size>16777216</query_condition_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <merges_mutations_memory_usage_soft_limit>{merges}</merges_mutations_memory_usage_soft_limit>
  <async_load_databases>false</async_load_databases>
  <remote_url_allow_hosts></remote_url_allow_hosts>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
"""


def main(arguments: list[str] | None = None) -> int:
    """Serves until told to stop; returns the exit status where the engine was never opened."""
    parser = argparse.ArgumentParser(prog="python -m controller.store.embedded")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    try:
        settings = load(options.config, data=options.data)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    parent = os.getppid()
    data = settings.data.resolve()
    folder = data / "samples"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(folder / "lock")
    if lock is None:
        return 3
    _confine(folder)
    try:
        engine = open_engine(folder, settings)
    except Exception as error:
        print(f"samples: {folder}: the engine does not open: {error}", file=sys.stderr)  # noqa: T201
        os._exit(1)
    _restore_signals()
    _serve(engine, data / "run" / "samples.json", parent)
    # chDB has crashed at interpreter exit before (chdb#226, #320): closed above, now leave.
    os._exit(0)


def open_engine(folder: Path, settings: Settings) -> Engine:
    """The engine on ``folder``/data with our configuration and nobody else's."""
    memory = settings.samples.memory_mb << 20
    config = folder / "engine.xml"
    config.write_text(CONFIG.format(memory=memory, merges=memory // 2), "utf-8")
    # Heavy, and forbidden in every other process: imported only once the process is confined.
    from chdb.state.sqlitelike import connect  # noqa: PLC0415

    address = f"{folder / 'data'}?config-file={config}"

    def open_connection() -> Connection:
        connection: Connection = connect(address)
        return connection

    limits = Limits(
        memory_bytes=memory,
        seconds=settings.samples.query_seconds,
        threads=settings.samples.threads,
    )
    return Engine(open_connection, limits, DATABASE)


def _restore_signals() -> None:
    """A crash ends the process, with a Python traceback on stderr.

    chDB's own handlers were seen to hang for longer than 20 s instead, and to ignore SIGTERM.
    """
    for number in (signal.SIGTRAP, signal.SIGSYS, signal.SIGTSTP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable(all_threads=False)


def _lock(path: Path) -> Any:
    """The open lock file, or None after saying who holds it."""
    handle = path.open("a+")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                print(f"samples: {path.parent} is in use by pid {holder}", file=sys.stderr)  # noqa: T201
                return None
            time.sleep(0.1)
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def _confine(folder: Path) -> None:
    """No core dumps, and an empty private folder for working directory, HOME and TMPDIR."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    for name in ("work", "tmp"):
        # A killed predecessor leaves its temporary files.
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(mode=0o700)
    os.environ["TMPDIR"] = str(folder / "tmp")
    # ~/.clickhouse-local is read as configuration too.
    os.environ["HOME"] = str(folder / "work")
    # What a report took goes back within a second (else 60 MB of it stayed for good).
    os.environ.setdefault("JE_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")
    os.chdir(folder / "work")


def _serve(engine: Engine, announcement: Path, parent: int) -> None:
    password = secrets.token_urlsafe(32)
    endpoint = Endpoint(engine, password)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = threading.Thread(target=endpoint.serve_forever, args=(0.2,), daemon=True)
    server.start()
    url = f"http://default:{password}@{bracketed(endpoint.host)}:{endpoint.port}/{DATABASE}"
    _announce(announcement, {"url": url, "pid": os.getpid()})
    while not stop.wait(PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            break
    endpoint.shutdown()
    endpoint.drain(DRAIN_SECONDS)
    announcement.unlink(missing_ok=True)
    engine.close()


def _announce(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
