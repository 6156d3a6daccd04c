"""The API on a data folder, for commands: the running server's, or our own while none runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn

from controller import folder, logs
from controller.access import audit, tokens
from controller.access.principal import local_principal
from controller.access.roles import LOCAL
from controller.access.secrets import hash_secret, new_secret
from controller.api_process import uvicorn_config
from controller.app import create_app
from controller.children import samples_child
from controller.prepare import (
    PrepareError,
    close_runtime,
    open_runtime,
    prepare_database,
    prepare_samples,
)
from controller.runtime import Runtime
from controller.settings import Settings, SettingsError, load
from controller.store.migrate import is_current
from controller.supervisor import StartError, listen

TOKEN_LIFE = timedelta(hours=12)
"""Of the token for one command beside a running server: the longest import."""


class LocalError(Exception):
    """The folder cannot be worked on; the text says why and what to do."""


@dataclass(frozen=True)
class Address:
    """Where the API is and a token that may do everything there."""

    url: str
    token: str
    ca: Path | None = None


@contextmanager
def open_folder(data: Path) -> Iterator[Address]:
    """Raises LocalError."""
    settings = _settings(data)
    try:
        lock = folder.hold(settings.data)
    except folder.FolderBusy as busy:
        with _beside_server(settings, busy) as address:
            yield address
        return
    with lock, _own_server(settings) as address:
        yield address


@contextmanager
def open_database(data: Path) -> Iterator[Runtime]:
    """The relational database alone, beside a running server or without. Raises LocalError."""
    settings = _settings(data)
    runtime = open_runtime(settings)
    try:
        if not is_current(runtime.database.engine):
            # Nobody may be serving on the old schema while we change it.
            try:
                with folder.hold(settings.data):
                    prepare_database(runtime)
            except (folder.FolderBusy, PrepareError) as error:
                raise LocalError(str(error)) from None
        yield runtime
    finally:
        close_runtime(runtime)


def _settings(data: Path) -> Settings:
    """Those of the last serve on this folder, else defaults and environment."""
    stored = data / "run" / "settings.toml"
    try:
        settings = load(stored, {}) if stored.exists() else load(data=data)
        settings = settings.model_copy(update={"data": data.resolve()})
        folder.prepare(settings.data)
    except (SettingsError, folder.FolderError) as error:
        raise LocalError(str(error)) from None
    return settings


@contextmanager
def _beside_server(settings: Settings, busy: folder.FolderBusy) -> Iterator[Address]:
    """The running server's own address, with a token for this one command."""
    server = folder.read_server(settings.data)
    if server is None:
        raise LocalError(f"{busy}; or wait until it is up") from None
    with open_database(settings.data) as runtime:
        by = local_principal(runtime.now())
        with runtime.database.write() as session:
            text, token = tokens.create_token(
                session, "command", LOCAL, by.at, days=TOKEN_LIFE / timedelta(days=1)
            )
            audit.record(
                session, by, "token.create", f"token {token.prefix}", detail={"role": LOCAL}
            )
        try:
            yield Address(server["url"], text, Path(server["ca"]) if server["ca"] else None)
        finally:
            with runtime.database.write() as session:
                tokens.delete(session, token)


@contextmanager
def _own_server(settings: Settings) -> Iterator[Address]:
    """The same API in this process, on a loopback port that only our token opens."""
    logs.setup("yunxun", logging.WARNING)
    runtime = open_runtime(settings)
    child = samples_child(settings, folder.write_settings(settings))
    if child is not None:
        child.start()
    try:
        prepare_database(runtime)
        prepare_samples(runtime)
        token = new_secret()
        with _serving(runtime, token) as address:
            yield address
    except (PrepareError, StartError) as error:
        raise LocalError(str(error)) from None
    finally:
        close_runtime(runtime)
        if child is not None:
            child.terminate()
            child.wait(10)


@contextmanager
def _serving(runtime: Runtime, token: str) -> Iterator[Address]:
    app = create_app(runtime, local_token_hash=hash_secret(token))
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise LocalError("the API did not start; see the log above")
            time.sleep(0.01)
        yield Address(f"http://127.0.0.1:{listener.getsockname()[1]}", token)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
