"""``yunxun serve``: the controller, all of its processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from controller import folder, logs
from controller.commands.client import CommandError
from controller.settings import Settings, SettingsError, load
from controller.supervisor import Started, StartError, Supervisor, needs_tls

app = typer.Typer()


@app.command()
def serve(
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything that is kept.", show_default="var")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; :: is every one.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, show_default="8090")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file, see docs/settings.md.")] = None,
) -> None:
    """Run the controller until Ctrl-C or SIGTERM. Beyond loopback it speaks TLS.

    Example: yunxun serve --data /var/lib/yunxun --host 0.0.0.0 --port 8090
    """
    try:
        settings = load(config, data=data, host=host, port=port)
    except SettingsError as error:
        raise CommandError(str(error)) from None
    raise typer.Exit(run_server(settings))


def run_server(settings: Settings) -> int:
    """Serve in this process until a signal; the exit status. Raises CommandError."""
    logs.setup("serve")
    try:
        folder.prepare(settings.data)
        with folder.hold(settings.data):
            supervisor = Supervisor(
                settings,
                tls=needs_tls(settings),
                admin_password=os.environ.get("YUNXUN_ADMIN_PASSWORD", ""),
            )
            return supervisor.run(lambda started: _announce(started, settings))
    except (folder.FolderError, StartError) as error:
        raise CommandError(str(error)) from None


def _announce(started: Started, settings: Settings) -> None:
    """For people, on stdout; the log goes to stderr."""
    print(
        f"yunxun: listening on {started.url} (data in {settings.data}, pid {os.getpid()})",
        flush=True,
    )
    if started.fingerprint:
        print(f"yunxun: own CA {started.ca}, SHA-256 {started.fingerprint}", flush=True)
    if started.admin_password:
        print(
            f"yunxun: first login: user admin, password {started.admin_password} "
            "(shown this once; to be changed at the first login)",
            flush=True,
        )
        # admin administers the system and may make no accounts: duties are kept apart.
        print(
            "yunxun: accounts are made by a security administrator; make the first one with: "
            f"yunxun admin user add NAME --role security_admin --data {settings.data}",
            flush=True,
        )
    for note in started.notes:
        print(f"yunxun: warning: {note}", flush=True)
