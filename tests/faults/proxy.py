"""A TCP proxy that misbehaves on order: it stands between an agent and a receiver.

Runs anywhere; no kernel module, no root. Faults can be changed while connections are open.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Faults:
    """What goes wrong. Everything off: bytes pass."""

    delay_s: float = 0.0
    """Before each piece, each way."""
    jitter_s: float = 0.0
    """On top, up to."""
    rate: float = 0.0
    """Bytes a second each way; 0: as fast as it goes."""
    cut_after: int | None = None
    """The connection is reset after so many bytes of the request."""
    reset_share: float = 0.0
    """This share of new connections is reset at once."""
    black_hole: bool = False
    """Bytes of either side vanish; nothing is closed (half-open)."""
    swallow_every: int = 0
    """Of so many answers one is read, dropped, and the connection reset."""
    duplicate: bool = False
    """Each piece of the request is sent again over a second connection, its answer dropped."""
    flip_at: int | None = None
    """The byte of the request at this place has a bit flipped, on every connection."""


class FaultProxy:
    """Listens on 127.0.0.1 and forwards to ``target`` port, in a thread of its own."""

    def __init__(self, target: int, faults: Faults | None = None, seed: int = 1) -> None:
        self.faults = faults or Faults()
        self.connections = self.answers = self.resets = 0
        self._target = target
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
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

    def set(self, **changes: object) -> None:
        """Changes some faults; the others stay."""
        self.faults = replace(self.faults, **changes)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Everything passes again, on new connections at least."""
        self.faults = Faults()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._random.random() < self.faults.reset_share:
            self._reset(writer)
            return
        others: list[asyncio.StreamWriter] = []
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            others.append(far_writer)
            up = asyncio.ensure_future(self._requests(reader, far_writer, writer, others))
            down = asyncio.ensure_future(self._answers(far_reader, writer))
            _, pending = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        except OSError:
            self._reset(writer)
        finally:
            for each in (*others, writer):
                with contextlib.suppress(OSError):
                    each.close()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        far: asyncio.StreamWriter,
        near: asyncio.StreamWriter,
        others: list[asyncio.StreamWriter],
    ) -> None:
        passed = 0
        second: asyncio.StreamWriter | None = None
        while piece := await reader.read(4096):
            faults = self.faults
            if faults.black_hole:
                continue
            await self._slow(len(piece))
            if faults.flip_at is not None and passed <= faults.flip_at < passed + len(piece):
                at = faults.flip_at - passed
                piece = piece[:at] + bytes([piece[at] ^ 4]) + piece[at + 1 :]
            if faults.cut_after is not None and passed + len(piece) > faults.cut_after:
                far.write(piece[: max(0, faults.cut_after - passed)])
                await far.drain()
                self._reset(near)
                return
            passed += len(piece)
            far.write(piece)
            await far.drain()
            if faults.duplicate:
                if second is None:
                    _, second = await asyncio.open_connection("127.0.0.1", self._target)
                    others.append(second)
                second.write(piece)
                await second.drain()

    async def _answers(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        while piece := await far.read(4096):
            self.answers += 1
            every = self.faults.swallow_every
            if every and self.answers % every == 0:
                self._reset(near)
                return
            if self.faults.black_hole:
                continue
            await self._slow(len(piece))
            near.write(piece)
            await near.drain()

    async def _slow(self, size: int) -> None:
        faults = self.faults
        pause = faults.delay_s + self._random.random() * faults.jitter_s
        if faults.rate:
            pause += size / faults.rate
        if pause:
            await asyncio.sleep(pause)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        """Closes with RST instead of FIN."""
        self.resets += 1
        found = writer.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
