"""A receiver for agents of other namespaces: CERTIFICATE KEY PORT. GET /seen tells the batches."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time

from tests.faults.receiver import Receiver, Reply, Seen


class Everywhere(Receiver):
    """Listens on every address, on a given port."""

    def _run(self, port: int) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "0.0.0.0", port, ssl=self._context)
        )
        self.port = port
        self._ready.set()
        self._loop.run_forever()

    def _answer(self, seen: Seen) -> Reply:
        if seen.path == "/seen":
            ids = [[it.agent, it.epoch, it.seq] for it in self.batches]
            return 200, {"ids": ids}, {}
        self.seen.clear()
        return super()._answer(seen)


if __name__ == "__main__":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    with Everywhere(context, port=int(sys.argv[3])):
        while True:
            time.sleep(60)
