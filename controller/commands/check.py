"""``yunxun check``: is it ready to move? Hosts of an inventory or a project, or files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from controller.commands import check_hosts
from controller.commands.check_hosts import Wanted
from controller.commands.client import Ca, CommandError, Data, Url
from controller.commands.language import chinese
from controller.commands.terminal import plain
from playbooks.judge.offline import Scan
from playbooks.judge.offline_profiles import NoProfile, chosen
from playbooks.judge.offline_run import FORMATS, BadUsage, existing, write
from playbooks.judge.results import Verdict

app = typer.Typer(
    no_args_is_help=True,
    help="Readiness: migration to the cloud and the extranet, IPv6 and Xinchuang adaptation.",
)
PROBLEMS = 1


@app.callback()
def _group() -> None:
    """One command below another."""


Inventory = Annotated[
    Path | None,
    typer.Option("--inventory", "-i", metavar="FILE", help="An Ansible inventory; no controller."),
]
Project = Annotated[
    str, typer.Option("--project", metavar="P", help="A project of the controller: number or name.")
]
Limit = Annotated[str, typer.Option("--limit", metavar="HOSTS", help="These hosts only.")]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="P", help="A target machine; repeat it, or say all."),
]
Form = Annotated[str, typer.Option("--format", help="table | json | html")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
]
English = Annotated[
    bool | None, typer.Option("--en/--zh", help="Language of the texts. Default: as LANG says.")
]
Become = Annotated[bool, typer.Option("--become", "-b", help="Become root by sudo (sees more).")]
Vault = Annotated[
    Path | None, typer.Option("--vault-password-file", metavar="FILE", help="As ansible takes it.")
]
Context = Annotated[
    Path | None, typer.Option("--context", metavar="FILE", help="JSON: plan, edges, window …")
]
Waivers = Annotated[
    Path | None, typer.Option("--waivers", metavar="FILE", help="JSON: accepted findings.")
]
Keep = Annotated[
    Path | None, typer.Option("--keep", metavar="DIR", help="Keep the bundles in this folder.")
]
Forks = Annotated[int, typer.Option("--forks", min=1, max=200, help="Hosts at one time.")]


def _hosts(area: str) -> Callable[..., None]:
    """The command that checks hosts for one area."""

    def command(
        inventory: Inventory = None,
        project: Project = "",
        limit: Limit = "",
        profile: Profiles = None,
        form: Form = "table",
        output: Output = None,
        english: English = None,
        become: Become = False,
        vault: Vault = None,
        context: Context = None,
        waivers: Waivers = None,
        keep: Keep = None,
        forks: Forks = 20,
        url: Url = "",
        data: Data = None,
        ca: Ca = None,
    ) -> None:
        check_hosts.check(
            Wanted(
                area=area, inventory=inventory, project=project, limit=limit,
                profiles=profile or [], form=form, output=output,
                english=english if english is not None else not chinese(), become=become,
                vault=vault, context=context, waivers=waivers, keep=keep, forks=forks,
                url=url, data=data, ca=ca,
            )
        )  # fmt: skip

    command.__doc__ = f"""{AREAS[area]} Reads only.

    Example: yunxun check {area} --inventory hosts.yml --limit web01
    --format json. With --project the controller carries it out:
    yunxun check {area} --project 3 --url https://yunxun.example:8090.
    Exit status 1 says that not everything is ready.
    """
    return command


AREAS = {
    "migration": "Are these hosts ready for the cloud and the extranet?",
    "network": "Are these hosts ready for the network cut-over?",
    "ipv6": "Are these hosts ready for IPv6?",
}
for _area in AREAS:
    app.command(_area)(_hosts(_area))


@app.command()
def xinchuang(
    path: Annotated[
        str,
        typer.Option("--path", metavar="PATH", help="Folder, archive, JAR, wheel or image."),
    ] = "",
    inventory: Inventory = None,
    project: Project = "",
    limit: Limit = "",
    profile: Profiles = None,
    form: Annotated[
        str, typer.Option("--format", help="table | json; csv | xlsx of files; html of hosts")
    ] = "table",
    output: Output = None,
    english: English = None,
    become: Become = False,
    vault: Vault = None,
    context: Context = None,
    waivers: Waivers = None,
    keep: Keep = None,
    forks: Forks = 20,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Will this run on a domestic machine? Files (--path) need no server and no host.

    Example: yunxun check xinchuang --path /opt/app --profile kunpeng920-kylin-v10
    --profile hygon-uos-a. Hosts: yunxun check xinchuang --inventory hosts.yml -b.
    Reads only. Exit status 1 says that not everything is ready.
    """
    in_english = english if english is not None else not chinese()
    if not path:
        if not inventory and not project:
            raise CommandError(
                "what is to be checked? give --path PATH, --inventory FILE or --project NAME"
            )
        check_hosts.check(
            Wanted(
                area="xinchuang", inventory=inventory, project=project, limit=limit,
                profiles=profile or [], form=form, output=output, english=in_english,
                become=become, vault=vault, context=context, waivers=waivers, keep=keep,
                forks=forks, url=url, data=data, ca=ca,
            )
        )  # fmt: skip
        return
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
    try:
        scan = Scan(existing(path), chosen(profile or []))
        _run(scan, form, output, english=in_english)
    except (NoProfile, BadUsage) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename or path}: {error.strerror}") from None
    if scan.verdict is not Verdict.READY:
        raise typer.Exit(PROBLEMS)


def _run(scan: Scan, form: str, output: Path | None, *, english: bool) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        write(scan, form, output, english=english)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("…")

        def show(count: int, at: str) -> None:
            progress.update(task, description=plain(f"{count:,} {at[-60:]}").plain)

        scan.progress = show
        write(scan, form, output, english=english)
