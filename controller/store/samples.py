"""The only client of the sample store: a ClickHouse endpoint over HTTP, embedded or external.

``Samples`` is thread-safe and synchronous. The embedded endpoint changes its address with every
restart; a call that finds nobody reads ``<data>/run/samples.json`` again before it gives up.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from clickhouse_connect.driver import httpclient
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.external import ExternalData
from clickhouse_connect.driver.httputil import get_pool_manager

from controller.settings import Settings
from controller.store import native
from controller.store.blocks import blocks, rows_of, taken
from controller.store.native import Columns, Dictionary

__all__ = [
    "Columns",
    "Dictionary",
    "QueryTooHeavy",
    "Samples",
    "SamplesError",
    "SamplesFull",
    "SamplesUnavailable",
    "UnknownColumn",
]


class SamplesError(Exception):
    """The sample store refused a statement; ``code`` is ClickHouse's, 0 where there is none."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class SamplesUnavailable(SamplesError):
    """Nobody answers, or it is too busy: ask again later (503)."""


class SamplesFull(SamplesError):
    """The disk of the sample store is full: nothing of the insert counts as stored (507)."""


class QueryTooHeavy(SamplesError):
    """The query went beyond its time, memory or rows: ask for less (422)."""


class UnknownColumn(SamplesError):
    """An insert names a column that the table does not have."""


DURABLE = {
    "async_insert": 0,
    # The answer must mean: on the disk. Table settings cannot be trusted alone, see ddl.
    "wait_for_async_insert": 1,
    "insert_quorum_parallel": 0,
}
READ = {
    # A partition holds all versions of its rows (time is in both keys), so FINAL need not
    # merge across partitions; a merged one then costs what a plain read costs.
    "do_not_merge_across_partitions_select_final": 1,
}
TOO_HEAVY = frozenset((158, 159, 160, 241, 307, 396))
"""TOO_MANY_ROWS, TIMEOUT, TOO_SLOW, MEMORY_LIMIT, TOO_MANY_BYTES, …_ROWS_OR_BYTES."""
FULL = frozenset((243,))
BUSY = frozenset((202, 209, 210, 242, 252, 285, 319, 999))
"""Too many queries or parts, network, read-only replica, quorum, unknown status, Keeper."""
UNKNOWN_DATABASE = 81
MEMORY_LIMIT = 241

CONNECT_SECONDS = 5
ANSWER_MARGIN_SECONDS = 15
"""How much longer than the query's own limit the client waits for the answer."""
INSERT_SECONDS = 30
QUICK_SECONDS = 5
"""A query with no more time than this has a lane that reports cannot take (embedded engine)."""
COMMAND_SECONDS = 6 * 3600
RESTART_WAIT_SECONDS = 2.0
"""How long one call waits for a restarted endpoint to announce itself."""
POOL = 16

T = TypeVar("T")


class Samples:
    """Queries, durable inserts and commands on the sample store."""

    def __init__(
        self, url: str = "", *, announcement: Path | None = None, seconds: int = 60
    ) -> None:
        """``url`` of a server, or where the embedded endpoint announces its own.

        No connection is made before the first call.
        """
        self._url = url
        self._announcement = announcement
        self._seconds = seconds
        self._lock = threading.Lock()
        self._clients: dict[str, httpclient.HttpClient] = {}
        self._client_url = ""
        # The client has one timeout for all its calls, so there is one client a purpose.
        self._timeouts = {
            "insert": INSERT_SECONDS,
            "query": seconds + ANSWER_MARGIN_SECONDS,
            "command": COMMAND_SECONDS,
        }
        self._types: dict[str, dict[str, str]] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> Samples:
        announcement = settings.data / "run" / "samples.json"
        return cls(
            settings.samples.url,
            announcement=None if settings.samples.url else announcement,
            seconds=settings.samples.query_seconds,
        )

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        seconds: int | None = None,
        settings: Mapping[str, Any] | None = None,
        external: Mapping[str, Sequence[tuple[str, str, Any]]] | None = None,
    ) -> Columns:
        """The answer's columns: numbers as typed arrays, times as datetime64 in UTC, strings and
        lists as objects, NULL as NaN, NaT or None.

        ``parameters`` fill ``{name:Type}``. ``settings`` go here: a SETTINGS clause is refused
        (reads are readonly). ``external`` are tables of this query only: name to (column, type,
        values). Raises QueryTooHeavy, SamplesUnavailable, SamplesError.
        """
        limit = self._seconds if seconds is None else seconds
        options = {**READ, "max_execution_time": limit, **(settings or {})}
        data = ExternalData()
        for name, columns in (external or {}).items():
            data.add_file(
                file_name=name,
                fmt="Native",
                structure=[f"{column} {kind}" for column, kind, _ in columns],
                data=native.encode(columns, rows_of(values for _, _, values in columns)),
            )

        def run(client: httpclient.HttpClient) -> bytes:
            return client.raw_query(
                sql,
                parameters=dict(parameters or {}),
                settings=options,
                fmt="Native",
                external_data=data if external else None,
            )

        purpose = "query" if limit <= self._seconds else "command"
        return native.decode(self._call(run, purpose, again=True))

    def insert(self, table: str, columns: Mapping[str, Any]) -> int:
        """Stores rows as one block, on the disk before this returns; gives the number of rows.

        A column is an array, a list, a ``Dictionary`` of strings, or one value for all rows;
        times are datetime64 or integers in the column's unit (ms for ``time``). Columns left out
        take their default: NaN for a metric. Rows of more than MONTHS_PER_BLOCK months go in
        several blocks, all durable on return; if one fails the call raises and the rows before
        it may be there already: insert again, the keys are the same.

        Raises UnknownColumn, SamplesFull, SamplesUnavailable, native.NativeError.
        """
        types = self._columns(table, columns)
        rows = rows_of(columns.values())
        if rows == 0:
            return 0
        for chosen in blocks(columns.get("time")):
            block = [
                (name, types[name], values if chosen is None else taken(values, chosen))
                for name, values in columns.items()
            ]
            count = rows if chosen is None else len(chosen)
            self._insert_block(table, list(columns), native.encode(block, count))
        return rows

    def _insert_block(self, table: str, names: list[str], data: bytes) -> None:
        def run(client: httpclient.HttpClient) -> None:
            client.raw_insert(table, names, data, settings=DURABLE, fmt="Native")

        try:
            # Sent again to a restarted endpoint: the same keys, so the same rows.
            self._call(run, "insert", again=True)
        except QueryTooHeavy as error:
            # Other statements hold the engine's memory; the rows themselves are fine.
            raise SamplesUnavailable(str(error), error.code) from None

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        seconds: int = COMMAND_SECONDS,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """DDL, OPTIMIZE, ALTER, INSERT … SELECT. Gives the answer's text; errors as ``query``."""
        options = {**DURABLE, "max_execution_time": seconds, **(settings or {})}

        def run(client: httpclient.HttpClient) -> str:
            answer = client.command(sql, parameters=dict(parameters or {}), settings=options)
            return str(answer) if isinstance(answer, str | int) else ""

        if not sql.lstrip()[:8].upper().startswith(("OPTIMIZE", "INSERT")):
            self._types.clear()
        return self._call(run, "command", again=False)

    def ping(self) -> bool:
        """Whether the store answers now."""
        try:
            return self._attempt(lambda client: client.ping(), "query")
        except SamplesError:
            return False

    def close(self) -> None:
        with self._lock:
            self._drop()
            self._client_url = ""

    def columns(self, table: str) -> dict[str, str]:
        """Column name to ClickHouse type of ``table``; {} when there is no such table."""
        if table not in self._types:
            found = self.query(
                "SELECT name, type FROM system.columns "
                "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
                {"table": table},
                seconds=QUICK_SECONDS,
            )
            if not len(found.get("name", ())):
                return {}
            self._types[table] = dict(zip(found["name"], found["type"], strict=True))
        return self._types[table]

    def _columns(self, table: str, columns: Mapping[str, Any]) -> dict[str, str]:
        types = self.columns(table)
        if not set(columns) <= set(types):
            # Another process may just have added a metric.
            self._types.pop(table, None)
            types = self.columns(table)
        if not types:
            raise SamplesError(f"there is no sample table {table}")
        if unknown := sorted(set(columns) - set(types)):
            raise UnknownColumn(f"table {table} has no column {', '.join(unknown)}")
        return types

    def _call(self, run: Callable[[httpclient.HttpClient], T], purpose: str, again: bool) -> T:
        """``run`` on a connected client; where nobody answers and the embedded endpoint comes
        back at another address, ``again`` allows a second try there."""
        try:
            return self._attempt(run, purpose)
        except SamplesUnavailable as error:
            if error.code or self._announcement is None or not again:
                raise
            if not self._moved():
                raise
        return self._attempt(run, purpose)

    def _attempt(self, run: Callable[[httpclient.HttpClient], T], purpose: str) -> T:
        try:
            return run(self._connected(purpose))
        except ClickHouseError as error:
            raise _translate(error, self._hide) from None

    def _hide(self, text: str) -> str:
        password = urlsplit(self._client_url).password
        return text.replace(password, "…") if password else text

    def _moved(self) -> bool:
        """Waits shortly for an address other than the one that did not answer."""
        before = self._client_url
        deadline = time.monotonic() + RESTART_WAIT_SECONDS
        while True:
            address = self._address()
            if address and address != before:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def _address(self) -> str:
        if self._announcement is None:
            return self._url
        try:
            return str(json.loads(self._announcement.read_text("utf-8"))["url"])
        except (OSError, ValueError, KeyError):
            return ""

    def _connected(self, purpose: str) -> httpclient.HttpClient:
        # The file is read at every call (10 µs): an address that moved is never tried in vain.
        address = self._address()
        if not address:
            raise SamplesUnavailable(
                f"the sample store is not running: {self._announcement} is not there"
            )
        with self._lock:
            if address != self._client_url:
                self._drop()
                self._client_url = address
            client = self._clients.get(purpose)
            if client is None:
                client = _connect(address, self._timeouts[purpose])
                self._clients[purpose] = client
            return client

    def _drop(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()


def _connect(address: str, seconds: int) -> httpclient.HttpClient:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SamplesError("samples.url is not http(s)://user:password@host:port/database")
    database = parts.path.strip("/") or "yunxun"

    def open_client(name: str | None) -> httpclient.HttpClient:
        return httpclient.HttpClient(
            interface=parts.scheme,
            host=str(parts.hostname),
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=name,
            compress=False,
            query_retries=0,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=seconds,
            autogenerate_session_id=False,
            pool_mgr=get_pool_manager(maxsize=POOL, num_pools=2),
        )

    try:
        return open_client(database)
    except ClickHouseError as error:
        if getattr(error, "code", 0) != UNKNOWN_DATABASE:
            raise
        client = open_client(None)
        client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        client.close()
        return open_client(database)


def _translate(error: ClickHouseError, hide: Any) -> SamplesError:
    code = int(getattr(error, "code", 0) or 0)
    text = hide(str(error))
    if "No space left on device" in text or code in FULL:
        return SamplesFull(f"the disk of the sample store is full: {text}", code)
    if code in TOO_HEAVY:
        return QueryTooHeavy(text, code)
    if code == 0 or code in BUSY:
        return SamplesUnavailable(text, code)
    return SamplesError(text, code)
