"""One HTTP request without a framework: its body under limits, its answer as bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any, NamedTuple

from starlette.types import Message, Receive, Scope

from controller.problems import Problem

BODY_SECONDS = 20.0
SLOWEST_BYTES_S = 4_096
"""A body may take BODY_SECONDS and a second for each of these bytes."""
DRAIN_BYTES = 16 << 20
DRAIN_SECONDS = 5.0

_COMMON_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_OK_HEADERS = [(b"content-type", b"application/json"), *_COMMON_HEADERS]


class Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Body:
    """A request's body, read as a stream under a limit of bytes and time."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False
        self.taken = 0

    async def read(self, content_length: bytes | None, most: int) -> bytes:
        """Raises Problem 408, 413, and 400 for a connection that went away."""
        length = int(content_length) if content_length and content_length.isdigit() else most
        if length > most:
            raise Problem(413, "batch too large", f"{length} bytes; at most {most}")
        try:
            async with asyncio.timeout(BODY_SECONDS + length / SLOWEST_BYTES_S):
                message = await self._next()
                if self.complete:
                    body: bytes = message.get("body", b"")
                    if len(body) > most:
                        raise Problem(413, "batch too large", f"over {most} bytes")
                    return bytes(body)
                chunks = [message.get("body", b"")]
                while not self.complete:
                    chunks.append((await self._next()).get("body", b""))
                    if self.taken > most:
                        raise Problem(413, "batch too large", f"over {most} bytes")
                return b"".join(chunks)
        except TimeoutError:
            raise Problem(408, "body too slow", f"{self.taken} bytes came in time") from None

    async def _next(self) -> MutableMapping[str, Any]:
        message: Message = await self._receive()
        if message["type"] == "http.disconnect":
            self.complete = True
            raise Problem(400, "connection lost", "before the body was complete")
        self.taken += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message

    async def drain(self) -> bool:
        """Reads on without keeping, so that the sender gets to read our answer; False if there
        is more than is worth waiting for."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.complete and self.taken <= DRAIN_BYTES:
                    await self._next()
        except (TimeoutError, Problem):
            return False
        return self.complete


def agreed(done: dict[str, Any]) -> Answer:
    """200 with a JSON document."""
    text = json.dumps(done, separators=(",", ":"))
    return Answer(200, [*_OK_HEADERS, _length(text)], text.encode())


async def refusal(problem: Problem, scope: Scope, body: Body) -> Answer:
    """A problem document, once the body is read or given up."""
    headers = [(b"content-type", b"application/problem+json"), *_COMMON_HEADERS]
    headers += [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
    if not body.complete and not await body.drain():
        headers.append((b"connection", b"close"))
    text = json.dumps(problem.body(scope.get("state", {}).get("request_id", "")))
    return Answer(problem.status, [*headers, _length(text)], text.encode())


def _length(text: str) -> tuple[bytes, bytes]:
    return b"content-length", str(len(text)).encode()
