"""``yunxun agent trust``: who may sign the agents that are rolled out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.access import audit
from controller.commands.admin import DataFolder, folder_database
from controller.commands.client import CommandError, check_file
from controller.problems import Problem
from controller.rollout import bundles

MOST_BYTES = 1 << 16


def trust(
    data: DataFolder,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="signing.pub; none: what is trusted.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of another key that is trusted.")
    ] = False,
) -> None:
    """Trust a signer of agents: only what that key signed is rolled out, and hosts check with it.
    Works on the data folder. Compare the fingerprint with the one that the build printed.

    Example: yunxun agent trust dist/signing.pub --data /var/lib/yunxun
    """
    with folder_database(data) as (runtime, by):
        if file is None:
            print(bundles.signer(runtime.settings) or "no signing key is trusted yet")
            return
        check_file(file)
        with file.open("rb") as opened:
            public = opened.read(MOST_BYTES)
        try:
            with runtime.database.write() as session:
                mark = bundles.trust(runtime.settings, public, replace=replace)
                audit.record(session, by, "rollout.trust", mark)
        except Problem as problem:
            more = "; --replace takes the new one" if problem.status == 409 else ""
            raise CommandError(f"{file}: {problem.detail}{more}") from None
    print(f"trusted: {mark}")
