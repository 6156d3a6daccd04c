"""``yunxun doctor``: is everything in order, and what to do if not."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese, word
from controller.commands.terminal import plain, show

app = typer.Typer()


@app.command()
def doctor(
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
) -> None:
    """Check stores, disk, worker, rollups, agents and certificates; exit status 1 on problems.

    Example: yunxun doctor --data /var/lib/yunxun
    """
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table and json")
    with open_api(url, data, ca) as api:
        checks = api.get("/api/v1/checks")
    if form == "json":
        print(json.dumps(checks, ensure_ascii=False, indent=2))
    else:
        table = Table(word("检查项", "check"), "", word("结果", "finding"))
        zh = "_zh" if chinese() else ""
        for check in checks:
            mark = word("正常", "ok") if check["fine"] else word("问题", "problem")
            mark = f"[{'green' if check['fine'] else 'red'}]{mark}[/]"
            name, text = check.get(f"name{zh}"), check.get(f"text{zh}")
            table.add_row(name or check["name"], mark, plain(text or check["text"]))
        show(table)
    if not all(check["fine"] for check in checks):
        raise typer.Exit(PROBLEMS)
