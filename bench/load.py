"""A load generator of its own process: kept-alive raw connections, requests encoded beforehand.

``python -m bench.load PORT FILE SECONDS``: FILE is a pickled list of connections, each a list of
whole HTTP requests, sent one after the other as the answers come. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop


class Connection(asyncio.Protocol):
    """Sends its requests one at a time and notes how long each answer took."""

    def __init__(self, requests: list[bytes], done: Counter[int], seconds: list[float]) -> None:
        self.requests = requests
        self.done = done
        self.seconds = seconds
        self.sent = 0
        self.began = 0.0
        self.buffer = b""
        self.transport: asyncio.Transport | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self.stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def start(self) -> None:
        self.send()

    def send(self) -> None:
        assert self.transport is not None
        if self.stopping or self.sent >= len(self.requests) or self.transport.is_closing():
            self.transport.close()
            if not self.ended.done():
                self.ended.set_result(None)
            return
        self.began = time.perf_counter()
        self.transport.write(self.requests[self.sent])
        self.sent += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lowered = self.buffer[:head].lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < head + 4 + length:
            return
        self.done[int(self.buffer[9:12])] += 1
        self.seconds.append(time.perf_counter() - self.began)
        self.buffer = b""
        self.send()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.done[0] += 1
            self.ended.set_result(None)


async def run(port: int, connections: list[list[bytes]], seconds: float) -> dict[str, object]:
    done: Counter[int] = Counter()
    taken: list[float] = []
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    for requests in connections:
        _, one = await loop.create_connection(
            lambda r=requests: Connection(r, done, taken), "127.0.0.1", port
        )
        made.append(one)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    # Agents are spread over their interval: not all in the same millisecond.
    spread = min(1.0, seconds / 10)
    for number, connection in enumerate(made):
        loop.call_later(spread * number / len(made), connection.start)

    def stop() -> None:
        for connection in made:
            connection.stopping = True

    loop.call_later(seconds, stop)
    await asyncio.gather(*(connection.ended for connection in made))
    elapsed = time.perf_counter() - began
    taken.sort()
    return {
        "answers": sum(done.values()),
        "ok": done[200] + done[204],
        "statuses": {str(status): count for status, count in done.items()},
        "elapsed": elapsed,
        "p50": taken[len(taken) // 2] if taken else 0.0,
        "p99": taken[int(len(taken) * 0.99)] if taken else 0.0,
    }


def main() -> int:
    port, path, seconds = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    connections = pickle.loads(path.read_bytes())
    print(json.dumps(uvloop.run(run(port, connections, seconds))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
