"""The part of ClickHouse's HTTP interface that clickhouse-connect uses, in front of an Engine.

``GET /ping``; ``POST /?database=…&param_x=…&setting=…`` with the statement in the body or in
``query``. An INSERT is its line, then the data. Errors: status 500 (400 for a refused statement),
the text as body and the code in ``X-ClickHouse-Exception-Code``, as a server answers them.
Every connection has its thread; keep-alive is the normal case.
"""

from __future__ import annotations

import base64
import hmac
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP as HTTP_POLICY
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from controller.store.engine import BUSY, READONLY, UNKNOWN, Engine, EngineError
from controller.store.loopback import family_of, loopback
from controller.store.statements import RefusedError, classify, split_insert

MAX_BODY_BYTES = 256 << 20
IDLE_SECONDS = 300
"""A keep-alive connection without a request for so long is closed."""
TRANSPORT = frozenset(
    (
        "database",
        "query",
        "wait_end_of_query",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "cancel_http_readonly_queries_on_client_close",
        "query_id",
        "session_id",
        "session_timeout",
        "session_check",
        "quota_key",
        "compress",
        "decompress",
        "buffer_size",
        "client_protocol_version",
        "role",
        "default_format",
        "readonly",
    )
)
"""Query arguments that are about the transport, not settings of the statement."""
SETTINGS_QUERY = "SELECT name, value, readonly FROM system.settings LIMIT 10000"
"""What the client asks to learn which settings it may send; under readonly=1 the answer is none."""
_STATUS = {BUSY: 503, READONLY: 403}


class Endpoint(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens on loopback at a port of the system's choice."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = False

    def __init__(self, engine: Engine, password: str) -> None:
        self.host = loopback()
        self.address_family = family_of(self.host)
        super().__init__((self.host, 0), _Handler)
        self.engine = engine
        self.running = 0
        self.lock = threading.Lock()
        self.authorization = "Basic " + base64.b64encode(f"default:{password}".encode()).decode()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def drain(self, seconds: float) -> None:
        """Waits for the statements that are running, at most so long."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(0.02)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    wbufsize = -1
    server: Endpoint

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._guarded(self._ping)
        else:
            self._guarded(self._statement)

    def do_POST(self) -> None:
        self._guarded(self._statement)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """No access log: it would hold statements and cost more than they do."""

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except EngineError as error:
            self._fail(_STATUS.get(error.code, 500), error.code, str(error))
        except RefusedError as error:
            self._fail(403, READONLY, f"Code: {READONLY}. DB::Exception: {error}. (READONLY)")
        except _BadRequestError as error:
            self.close_connection = True
            self._fail(400, 0, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            # Answered, or the client would take it for a lost connection and send it again.
            self._fail(500, UNKNOWN, f"Code: {UNKNOWN}. DB::Exception: {error!r}")

    def _ping(self) -> None:
        self.server.engine.ping()
        self._answer(b"Ok.\n", "text/plain")

    def _statement(self) -> None:
        body = self._body()
        offered = self.headers.get("Authorization", "")
        if not hmac.compare_digest(offered.encode(), self.server.authorization.encode()):
            self._fail(401, 516, "Code: 516. DB::Exception: wrong password")
            return
        arguments = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        files: dict[str, bytes] = {}
        content_type = self.headers.get("Content-Type", "")
        if content_type.startswith("multipart/form-data"):
            fields, files = _multipart(content_type, body)
            arguments |= fields
            body = b""
        if "query" in arguments:
            body = arguments["query"].encode() + b"\n" + body
        with _counted(self.server):
            self._run(body, arguments, files)

    def _run(self, body: bytes, arguments: dict[str, str], files: dict[str, bytes]) -> None:
        engine, database = self.server.engine, arguments.get("database", "")
        parameters = {k[6:]: v for k, v in arguments.items() if k.startswith("param_")}
        external = _external(arguments, files)
        settings = {
            key: text
            for key, text in arguments.items()
            if key not in TRANSPORT
            and not key.startswith("param_")
            and not any(key.startswith(f"{name}_") for name in files)
        }
        if insert := split_insert(body):
            classify(insert.target)
            rows = engine.insert(
                insert.target,
                insert.format,
                body[insert.offset :],
                settings=settings,
                database=database,
            )
            self._answer(b"", "text/plain", rows=rows)
            return
        try:
            sql = body.decode().strip().rstrip(";")
        except UnicodeDecodeError:
            raise _BadRequestError("the statement is not UTF-8") from None
        kind = classify(sql)
        if kind == "read":
            sql, output = _output_format(sql, arguments.get("default_format", "TabSeparated"))
            answer = engine.read(
                sql,
                output,
                settings=settings,
                parameters=parameters,
                database=database,
                external=external,
                readonly="2" if sql == SETTINGS_QUERY else "1",
            )
            self._answer(answer, "application/octet-stream", output=output)
        else:
            answer = engine.write(
                sql,
                settings=settings,
                parameters=parameters,
                database=database,
                merge=kind == "merge",
            )
            self._answer(answer, "text/plain", output="TabSeparated")

    def _body(self) -> bytes:
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise _BadRequestError("compressed bodies are not taken: the peer is on this machine")
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked()
        try:
            size = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            raise _BadRequestError("Content-Length is not a number") from None
        if not 0 <= size <= MAX_BODY_BYTES:
            raise _BadRequestError(f"a body of {size} bytes; at most {MAX_BODY_BYTES} are taken")
        body = self.rfile.read(size)
        if len(body) != size:
            raise _BadRequestError("the body is shorter than its Content-Length")
        return body

    def _chunked(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0].strip() or b"-1", 16)
            except ValueError:
                raise _BadRequestError("a chunk without its size") from None
            total += size
            if size < 0 or total > MAX_BODY_BYTES:
                raise _BadRequestError("a chunk of a wrong size or a body too long")
            data = self.rfile.read(size)
            self.rfile.readline(1024)
            if len(data) != size:
                # A client that dies in the middle must not leave half an insert.
                raise _BadRequestError("the body ends in the middle of a chunk")
            if size == 0:
                return b"".join(parts)
            parts.append(data)

    def _answer(
        self, body: bytes, content_type: str, *, output: str = "", rows: int | None = None
    ) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("X-ClickHouse-Server-Display-Name", "yunxun")
        if output:
            self.send_header("X-ClickHouse-Format", output)
        if rows is not None:
            summary = {"written_rows": str(rows), "read_rows": str(rows)}
            self.send_header("X-ClickHouse-Summary", json.dumps(summary))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _fail(self, status: int, code: int, text: str) -> None:
        body = (text + "\n").encode()
        try:
            self.send_response_only(status)
            self.send_header("Content-Type", "text/plain; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-ClickHouse-Exception-Code", str(code))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except (ConnectionError, TimeoutError):
            self.close_connection = True


@contextmanager
def _counted(endpoint: Endpoint) -> Iterator[None]:
    with endpoint.lock:
        endpoint.running += 1
    try:
        yield
    finally:
        with endpoint.lock:
            endpoint.running -= 1


class _BadRequestError(ValueError):
    """The request itself is wrong; the connection is closed after the answer."""


def _output_format(sql: str, default: str) -> tuple[str, str]:
    """The query without its FORMAT clause, and that format."""
    head, separator, tail = sql.rpartition("FORMAT ")
    if separator and tail.strip().isalnum() and head[-1:].isspace():
        return head.rstrip(), tail.strip()
    return sql, default


def _external(
    arguments: dict[str, str], files: dict[str, bytes]
) -> dict[str, tuple[str, str, bytes]]:
    tables: dict[str, tuple[str, str, bytes]] = {}
    for name, data in files.items():
        structure = arguments.get(f"{name}_structure", "")
        if not structure:
            raise _BadRequestError(f"external table {name} comes without {name}_structure")
        tables[name] = (structure, arguments.get(f"{name}_format", "TabSeparated"), data)
    return tables


def _multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """(plain fields, files) of a multipart/form-data body."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP_POLICY).parsebytes(head + body)
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = str(part.get_param("name", "", header="content-disposition"))
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        if part.get_filename() is None:
            fields[name] = data.decode()
        else:
            files[name] = data
    return fields, files
