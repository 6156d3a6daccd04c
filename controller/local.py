"""The API on a data folder, for commands: the running server's, or our own while none runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controller import folder
from controller.access import audit, tokens
from controller.access.principal import local_principal
from controller.access.roles import LOCAL
from controller.prepare import (
    PrepareError,
    close_runtime,
    open_runtime,
    prepare_database,
)
from controller.runtime import Runtime
from controller.settings import Settings, SettingsError, load
from controller.store.migrate import is_current
from controller.supervisor import StartError

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


def settings_of(data: Path, *, create: bool = False) -> Settings:
    """Those of the last serve on this folder, else defaults and environment.

    Raises LocalError; unless ``create``, also for a folder that was never begun.
    """
    if not create and not _begun(data):
        raise LocalError(
            f"{data}: no data of Yunxun here; check --data, or begin with "
            f"'yunxun serve --data {data}' or 'yunxun import units FILE --data {data}'"
        )
    return _settings(data)


@contextmanager
def open_folder(data: Path, *, create: bool = False) -> Iterator[Address]:
    """Raises LocalError; unless ``create``, also for a folder that was never begun."""
    settings = settings_of(data, create=create)
    try:
        lock = folder.hold(settings.data)
    except folder.FolderBusy as busy:
        with _beside_server(settings, busy) as address:
            yield address
        return
    # Loads the whole application: beside a server a command starts without it.
    from controller.inprocess import own_server  # noqa: PLC0415

    with lock:
        try:
            with own_server(settings) as (url, token):
                yield Address(url, token)
        except (PrepareError, StartError) as error:
            raise LocalError(str(error)) from None


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


def _begun(data: Path) -> bool:
    """Whether a controller worked on this folder, or its database lies elsewhere."""
    if (data / "run" / "settings.toml").exists() or (data / "yunxun.db").exists():
        return True
    try:
        return bool(load(data=data).database_url)
    except SettingsError as error:
        raise LocalError(str(error)) from None


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
