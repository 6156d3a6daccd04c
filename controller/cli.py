"""The command ``yunxun``: everything of the controller from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from controller.commands.client import BAD_INPUT, CommandError
from controller.commands.language import speak

EPILOG = """Examples:

  yunxun serve --data /var/lib/yunxun --host 0.0.0.0

  yunxun import units units.xlsx --data /var/lib/yunxun --dry-run

  yunxun agent token --unit HB --data /var/lib/yunxun

  yunxun usage --from 2026-06-01 --to 2026-07-01 --url https://yunxun.example:8090

Exit status: 0 fine, 1 problems found, 2 bad usage or input, 3 the other side is unreachable.
"""


@dataclass(frozen=True)
class Group:
    """A module of controller.commands with an ``app``; ``nested``: its commands stand below it."""

    name: str
    module: str
    nested: bool = False


GROUPS = (
    Group("serve", "controller.commands.serve"),
    Group("demo", "controller.commands.demo"),
    Group("usage", "controller.commands.usage"),
    Group("import", "controller.commands.imports", nested=True),
    Group("idle", "controller.commands.idle", nested=True),
    Group("forecast", "controller.commands.forecast", nested=True),
    Group("notice", "controller.commands.notice", nested=True),
    Group("ledger", "controller.commands.ledger", nested=True),
    Group("unit", "controller.commands.units", nested=True),
    Group("allocation", "controller.commands.allocations", nested=True),
    Group("pool", "controller.commands.pools", nested=True),
    Group("device", "controller.commands.devices", nested=True),
    Group("line", "controller.commands.lines", nested=True),
    Group("point", "controller.commands.points", nested=True),
    Group("trap", "controller.commands.traps", nested=True),
    Group("patrol", "controller.commands.patrol", nested=True),
    Group("report", "controller.commands.report", nested=True),
    Group("agent", "controller.commands.agents", nested=True),
    Group("admin", "controller.commands.admin", nested=True),
    Group("check", "controller.commands.check", nested=True),
    Group("readiness", "controller.commands.readiness", nested=True),
    Group("ipv6", "controller.commands.ipv6", nested=True),
    Group("ipv6", "controller.commands.ipv6_more", nested=True),
    Group("backup", "controller.commands.backup", nested=True),
    Group("move", "controller.commands.moves", nested=True),
    Group("cutover", "controller.commands.cutover", nested=True),
    Group("doctor", "controller.commands.doctor"),
)
"""Every command. Only the one that is called is loaded: ``serve`` stays small and starts fast."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application with the group that ``arguments`` name, or with all of them (for help)."""
    app = typer.Typer(
        name="yunxun",
        help="Yunxun (云巡): patrols and analyses every unit's use of the government cloud.",
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    first = _command(arguments)
    wanted = [group for group in GROUPS if group.name == first]
    for group in wanted or GROUPS:
        commands: typer.Typer = import_module(group.module).app
        app.add_typer(commands, name=group.name if group.nested else None)
    return app


def _command(arguments: Sequence[str]) -> str:
    """The first word that is neither an option nor the language that follows one."""
    words = iter(arguments)
    for each in words:
        if each == "--lang":
            next(words, "")
        elif not each.startswith("-"):
            return each
    return ""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"yunxun {version('yunxun')}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            "--lang",
            metavar="zh|en",
            help="Language of the answers. Default: YUNXUN_LANGUAGE, else the locale's.",
        ),
    ] = "",
) -> None:
    """Options that stand before the command."""
    if language:
        speak(language)


def main() -> None:
    """The entry point: expected errors are one line on stderr and an exit status."""
    try:
        result = build(sys.argv[1:])(prog_name="yunxun", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except CommandError as error:
        _fail(str(error), error.status)
    except typer.TyperException as error:  # what typer itself found wrong with the arguments
        _fail(_usage_line(error), BAD_INPUT)
    except typer.Abort:
        _fail("interrupted", BAD_INPUT)
    except BrokenPipeError:  # "yunxun … | head"
        sys.stderr.close()
        sys.exit(0)


def _usage_line(error: typer.TyperException) -> str:
    if "\n" in error.format_message():  # no command given: this is the help itself
        return error.format_message()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "yunxun"
    return f"{error.format_message().rstrip('.')}; see '{path} --help'"


def _fail(text: str, status: int) -> NoReturn:
    print(f"yunxun: {text}" if "\n" not in text else text, file=sys.stderr)  # noqa: T201
    sys.exit(status)
