"""``yunxun report usage``: a unit's usage report as a document, or one for every unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from controller.commands.client import Api, CommandError
from controller.commands.files import save

FORMS = ("html", "pdf", "docx", "xlsx", "csv", "json")
BINARY = ("pdf", "docx", "xlsx")
PATH = "/api/v1/reports/usage"


def write_one(api: Api, params: dict[str, Any], form: str, output: Path | None) -> None:
    """The report that ``params`` ask for. Raises CommandError."""
    if output is None and form in BINARY:
        raise CommandError(f"--format {form}: name a file with -o FILE")
    save(api.get_bytes(PATH, **params, format=form), output)


def write_each(api: Api, params: dict[str, Any], form: str, folder: Path | None) -> list[Path]:
    """A file a unit of the first level that holds something, into ``folder``; what was written.

    Raises CommandError; the files written until then stay.
    """
    if folder is None:
        raise CommandError("--each: name a folder with -o FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder}: cannot be made: {error.strerror}") from None
    usage = {name: params[name] for name in ("month", "from", "to", "version")}
    rows = api.get("/api/v1/usage", **usage, by="unit")["rows"]
    units = [row for row in rows if not row.get("depth") and row["resources"]]
    written = []
    for unit in _with_bar(units):
        path = folder / f"{_file_name(unit['unit_name'])}-{_file_name(unit['unit'])}.{form}"
        save(api.get_bytes(PATH, **params | {"unit": unit["unit"]}, format=form), path)
        written.append(path)
    return written


def _with_bar(units: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("报告 · reports", total=len(units))
        for unit in units:
            yield unit
            bar.advance(task)


def _file_name(text: str) -> str:
    """Names come from outside: what a file system or a shell would stumble over is a dash."""
    return re.sub(r"[^\w.()（）-]+", "-", text).strip(".-")[:80] or "unit"
