"""``yunxun patrol``: run a plan, list the runs, show what one found."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.commands.client import Api, Ca, CommandError, Data, Url, open_api
from controller.commands.files import save
from controller.commands.terminal import plain, show

app = typer.Typer(help="Patrol: scheduled inspection, its runs and what they found.")

POLL_SECONDS = 0.3
LONGEST_SECONDS = 900
FORMATS = ("table", "json")
FILES = ("html", "pdf", "xlsx", "json")
WORDS = {
    "critical": "紧急", "major": "重要", "minor": "一般", "info": "提示",
    "opened": "新增", "reopened": "复发", "still": "持续", "resolved": "已消除",
    "running": "进行中", "done": "已完成", "failed": "失败", "died": "中断",
}  # fmt: skip
STYLES = {"critical": "bold red", "major": "red", "minor": "yellow", "info": ""}

Form = Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))]


@app.command("run")
def run(
    plan: Annotated[str, typer.Option("--plan", help="Name of the plan.")] = "daily",
    unit: Annotated[
        str, typer.Option("--unit", help="Code or name; its subtree. Default: the whole city.")
    ] = "",
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Run a plan now and show what it found. Exit status 1 where there are problems.

    Example: yunxun patrol run --plan daily --data /var/lib/yunxun
    """
    _check(form)
    with open_api(url, data, ca) as api:
        begun = api.post("/api/v1/patrol/runs", {"plan": plan, "unit": unit})
        number = begun["run"]["id"]
        document = _wait(api, number)
        found = _findings(api, number)
    if document["run"]["state"] != "done":
        raise CommandError(
            f"patrol run {number} {document['run']['state']}: {document['run']['error']}"
        )
    _print(document, found, form)
    if document["run"]["problems"]:
        raise typer.Exit(1)


@app.command("list")
def list_runs(
    plan: Annotated[str, typer.Option("--plan", help="Of this plan only.")] = "",
    size: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many.")] = 20,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The latest runs.

    Example: yunxun patrol list --plan daily --last 7 --url https://yunxun.example:8090
    """
    _check(form)
    with open_api(url, data, ca) as api:
        page = api.get("/api/v1/patrol/runs", plan=plan or None, size=size)
    if form == "json":
        _dump(page)
        return
    table = Table("编号", "方案", "范围", "开始", "状态", "得分", "问题", "新增", "已消除", "签名")
    for each in page["items"]:
        counts = each["counts"]
        table.add_row(
            str(each["id"]),
            plain(each["title_zh"]),
            plain(each["unit_name"] or "全市"),
            _moment(each["started"]),
            WORDS.get(each["state"], each["state"]),
            "–" if each["score"] is None else f"{each['score']:.1f}",
            str(each["problems"]),
            str(counts.get("opened", 0) + counts.get("reopened", 0)),
            str(counts.get("resolved", 0)),
            plain(each["signed_by"] or "–"),
        )
    show(table)


@app.command("show")
def show_run(
    number: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="Number of the run. Default: the last.")
    ] = None,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """One run: score, checks, findings. Exit status 1 where there are problems.

    Example: yunxun patrol show 17 --format json --url https://yunxun.example:8090
    """
    _check(form)
    with open_api(url, data, ca) as api:
        chosen = _last(api) if number is None else number
        document = api.get(f"/api/v1/patrol/runs/{chosen}")
        found = _findings(api, chosen)
    _print(document, found, form)
    if document["run"]["problems"]:
        raise typer.Exit(1)


def write_report(
    number: int | None, form: str, output: Path | None, url: str, data: Path | None, ca: Path | None
) -> None:
    """``yunxun report patrol``: the inspection report of a run as a file. Raises CommandError."""
    if form not in FILES:
        raise CommandError(f"--format {form}: there are {', '.join(FILES)}")
    if output is None and form in ("pdf", "xlsx"):
        raise CommandError(f"--format {form}: name a file with -o FILE")
    with open_api(url, data, ca) as api:
        chosen = _last(api) if number is None else number
        content = api.get_bytes(f"/api/v1/patrol/runs/{chosen}/report", format=form)
    save(content, output)


def _last(api: Api) -> int:
    items = api.get("/api/v1/patrol/runs", state="done", size=1)["items"]
    if not items:
        raise CommandError("there is no run yet; 'yunxun patrol run' makes one")
    return int(items[0]["id"])


def _wait(api: Api, number: int) -> dict[str, Any]:
    """The run once it has ended; a bar on a terminal, nothing elsewhere."""
    deadline = time.monotonic() + LONGEST_SECONDS
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("巡查", total=None)
        while True:
            document: dict[str, Any] = api.get(f"/api/v1/patrol/runs/{number}")
            run = document["run"]
            bar.update(task, total=run["total"], completed=run["done"])
            if run["state"] != "running":
                return document
            if time.monotonic() > deadline:
                raise CommandError(f"patrol run {number} is not done; see 'yunxun patrol show'")
            time.sleep(POLL_SECONDS)


def _findings(api: Api, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = api.get(f"/api/v1/patrol/runs/{number}/findings", page=page, size=1000)
        found += answer["items"]
        if page * 1000 >= answer["total"]:
            return found
        page += 1


def _print(document: dict[str, Any], found: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        _dump({**document, "findings": found})
        return
    run = document["run"]
    table = Table("级别", "变化", "对象", "单位", "问题")
    for each in found:
        table.add_row(
            WORDS[each["severity"]],
            WORDS[each["change"]],
            plain(each["subject_name"] or each["subject_key"]),
            plain(each["unit_name"]),
            plain(each["title_zh"]),
            style=STYLES[each["severity"]] if each["change"] != "resolved" else "dim",
        )
    if found:
        show(table)
    counts = run["counts"]
    said = "，".join(
        f"{WORDS[name]} {counts.get(name, 0)}"
        for name in ("critical", "major", "minor", "info", "resolved")
    )
    score = "–" if run["score"] is None else f"{run['score']:.1f}"
    before = "" if run["previous_score"] is None else f"（上次 {run['previous_score']:.1f}）"
    print(f"第 {run['id']} 次 {run['title_zh']}：得分 {score}{before}；{said}")
    for each in document["checks"]:
        if each["error"]:
            print(f"未完成的检查项 {each['title_zh']}：{each['error']}", file=sys.stderr)


def _dump(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M}"


def _check(form: str) -> None:
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
