"""The api process: uvicorn on the socket that the supervisor opened.

``python -m controller.api_process --config FILE --fd N --ready N [--certificate PEM --key PEM]``
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from controller import logs
from controller.app import create_app
from controller.prepare import close_runtime, open_runtime
from controller.settings import load

HEADER_SECONDS = 10.0
"""A client that has not sent its headers by then is cut off (slow-loris)."""
HEADER_BYTES = 32 * 1024
HEADER_COUNT = 100
KEEP_ALIVE_SECONDS = 20
GRACE_SECONDS = 4


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on the headers: their time, size and number."""

    header_timer: asyncio.TimerHandle | None = None
    header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_done()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.header_bytes = 0
        if self.header_timer is None:
            self._await_headers()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._headers_done()
        super().on_headers_complete()

    def _await_headers(self) -> None:
        self.header_timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _headers_done(self) -> None:
        if self.header_timer is not None:
            self.header_timer.cancel()
            self.header_timer = None

    def _too_slow(self) -> None:
        self.header_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _count(self, size: int) -> None:
        self.header_bytes += size
        if self.header_bytes > HEADER_BYTES or len(self.headers) >= HEADER_COUNT:
            # The parser turns it into a 400 and closes the connection.
            raise ValueError("headers too large")


class Server(uvicorn.Server):
    """Writes one byte to ``ready`` once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            os.write(self.ready, b"!")


def uvicorn_config(app: object, *, certificate: str = "", key: str = "") -> uvicorn.Config:
    """How we serve: no proxy headers believed, no version told, TLS where it is given."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=DoorProtocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=certificate or None,
        ssl_keyfile=key or None,
    )


def tune_collector() -> None:
    """Looks for cyclic garbage seldom, and never among what was imported.

    Thousands of batches wait for their commit at one time, each a task with its futures; at the
    default thresholds the collector went through all of them again and again and took half of
    the CPU (1,400 one-row batches a second; 4,200 with these).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m controller.api_process")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--ready", type=int, required=True)
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    options = parser.parse_args(arguments)
    logs.setup("api")
    # uvicorn tells of every start, connection and lifespan step; we log what matters ourselves.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    runtime = open_runtime(load(options.config, {}))
    tune_collector()
    try:
        config = uvicorn_config(
            create_app(runtime), certificate=options.certificate, key=options.key
        )
        Server(config, options.ready).run(sockets=[socket.socket(fileno=options.fd)])
    finally:
        close_runtime(runtime)
    return 0


if __name__ == "__main__":
    sys.exit(main())
