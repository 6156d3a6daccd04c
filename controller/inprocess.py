"""The API in the process of a command, on a data folder that no server holds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from controller import folder, logs
from controller.access.secrets import hash_secret, new_secret
from controller.api_process import uvicorn_config
from controller.app import create_app
from controller.children import samples_child
from controller.prepare import close_runtime, open_runtime, prepare_database, prepare_samples
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.loopback import bracketed, loopback
from controller.supervisor import StartError, listen, needs_tls, own_url


@contextmanager
def own_server(settings: Settings) -> Iterator[tuple[str, str]]:
    """The address and the token of an API of our own, on loopback, for as long as the block lasts.

    The caller holds the folder's lock. Raises PrepareError, StartError.
    """
    logs.setup("yunxun", logging.WARNING)
    runtime = open_runtime(_reached_as_served(settings))
    child = samples_child(settings, folder.write_settings(settings))
    if child is not None:
        child.start()
    try:
        prepare_database(runtime)
        prepare_samples(runtime)
        token = new_secret()
        with _serving(runtime, token) as address:
            yield address
    finally:
        close_runtime(runtime)
        if child is not None:
            child.terminate()
            child.wait(10)


def _reached_as_served(settings: Settings) -> Settings:
    """``settings`` that name the server's address: an enrolment token outlives this process."""
    if settings.public_url or needs_tls(settings):
        return settings
    url = own_url(settings, settings.port, tls=False)
    return settings.model_copy(update={"public_url": url})


@contextmanager
def _serving(runtime: Runtime, token: str) -> Iterator[tuple[str, str]]:
    app = create_app(runtime, local_token_hash=hash_secret(token))
    host = loopback()
    listener = listen(host, 0)
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise StartError("the API did not start; see the log above")
            time.sleep(0.01)
        yield f"http://{bracketed(host)}:{listener.getsockname()[1]}", token
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
