"""A small real HTTP receiver that keeps the ingest contract, and remembers everything it saw.

It stands where the controller will: enrolment, the CA, and durable-looking batches with replay and
clone detection. ``script`` lets a test decide an answer by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple

from collectors.records import Batch, BatchId, WireError, decode

Reply = tuple[int, dict[str, object], dict[str, str]]


class Seen(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Serves on 127.0.0.1 in a thread of its own; ``port`` is chosen by the system."""

    def __init__(
        self, context: ssl.SSLContext | None = None, ca_pem: str = "", port: int = 0
    ) -> None:
        self.batches: dict[BatchId, Batch] = {}
        """What was stored, each once."""
        self.digests: dict[BatchId, str] = {}
        self.seen: list[Seen] = []
        self.connections = 0
        self.replays = 0
        self.state = "active"
        self.script: Callable[[Seen], Reply | None] = lambda _: None
        self.token = "one-time"
        self._context, self._ca_pem = context, ca_pem
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def rows(self) -> list[tuple[int, str, float]]:
        """(time_ms, instance, load1) of every stored row, batch by batch: a replay shows."""
        found = []
        for batch in list(self.batches.values()):  # they come in meanwhile
            if batch.table != "documents":
                columns = batch.columns
                load = columns.get("load1", [float("nan")] * batch.rows)
                found += list(zip(columns["time"], columns["instance"], load, strict=True))
        return found

    def documents(self, kind: str) -> list[dict[str, object]]:
        """The bodies of every stored document of ``kind``."""
        return [d.body for b in list(self.batches.values()) for d in b.documents if d.kind == kind]

    def close(self) -> None:
        async def stop() -> None:
            self._server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, port: int) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self._context)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                seen = Seen(method, path, headers, body)
                self.seen.append(seen)
                status, told, extra = self.script(seen) or self._answer(seen)
                text = told["text"] if "text" in told else json.dumps(told)
                payload = str(text).encode()
                fields = {"Content-Length": str(len(payload)), **extra}
                lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in fields.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.close()

    def _answer(self, seen: Seen) -> Reply:
        if seen.path == "/api/v1/ingest/ca":
            return 200, {"text": self._ca_pem}, {}
        if seen.path == "/api/v1/ingest/enrol":
            if json.loads(seen.body)["token"] != self.token:
                return 401, {"title": "bad token", "detail": "unknown or used up"}, {}
            return 200, {"agent": "a1", "secret": "s3cret", "state": self.state}, {}
        if seen.path == "/api/v1/ingest/batches":
            return self._batch(seen)
        return 404, {"title": "not found"}, {}

    def _batch(self, seen: Seen) -> Reply:
        agent = seen.headers.get("authorization", "").removeprefix("Bearer ").split(".")[0]
        if not agent.startswith("a"):
            return 401, {"title": "unknown agent"}, {}
        if self.state != "active":
            return 403, {"title": f"agent {self.state}"}, {}
        try:
            batch = decode(seen.body)
        except WireError as error:
            return 422, {"title": "bad batch", "detail": str(error)}, {}
        if batch.id.agent != agent:
            return 403, {"title": "another agent's data"}, {}
        digest = hashlib.sha256(seen.body).hexdigest()
        if self.digests.setdefault(batch.id, digest) != digest:
            return 403, {"title": "agent conflict", "detail": f"seq {batch.id.seq} twice"}, {}
        self.replays += batch.id in self.batches
        self.batches[batch.id] = batch
        return 200, {"acked": batch.id.seq, "acked_through": self._through(batch.id)}, {}

    def _through(self, batch_id: BatchId) -> int:
        seq = 0
        while batch_id._replace(seq=seq + 1) in self.batches:
            seq += 1
        return seq
