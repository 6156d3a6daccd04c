"""``yunxun check … --inventory|--project``: hosts collected and judged, with a progress bar."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.commands.client import Api, CommandError, open_api
from controller.commands.terminal import plain
from playbooks.judge.results import Verdict, worst

PROBLEMS = 1
POLL_SECONDS = 0.5
FORMATS = ("table", "json", "html")
STATES = {
    "running": "采集", "ok": "完成", "failed": "失败", "unreachable": "无法连接",
    "unknown": "结果不明",
}  # fmt: skip
RUN_STATES = {
    "queued": "排队中", "running": "运行中", "done": "已完成", "failed": "失败",
    "canceled": "已取消", "unknown": "结果不明",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What to check, and how the answer is to look."""

    area: str
    inventory: Path | None
    project: str
    limit: str
    profiles: list[str]
    form: str
    output: Path | None
    english: bool
    become: bool = False
    vault: Path | None = None
    context: Path | None = None
    waivers: Path | None = None
    keep: Path | None = None
    forks: int = 20
    url: str = ""
    data: Path | None = None
    ca: Path | None = None


class Meter:
    """Progress of hosts: a bar on a terminal, a line a host elsewhere."""

    def __init__(self, progress: Progress | None, title: str) -> None:
        self._progress, self._title = progress, title
        self._task = progress.add_task(title, total=None) if progress else None
        self._seen: dict[str, str] = {}
        self._total = 0

    def tell(self, host: str, state: str, message: str = "") -> None:
        """A host's state; said again it changes nothing."""
        if self._seen.get(host) == state:
            return
        self._seen[host] = state
        done = sum(each not in ("running", "waiting") for each in self._seen.values())
        if self._progress is not None and self._task is not None:
            self._progress.update(
                self._task, completed=done, total=max(self._total, len(self._seen)) or None,
                description=plain(f"{self._title} {host} {STATES.get(state, state)}"[:60]).plain,
            )  # fmt: skip
        elif state not in ("running", "waiting"):
            told = f": {' '.join(message.split())[:200]}" if message else ""
            sys.stderr.write(
                f"{done}/{self._total or '?'} {host} {STATES.get(state, state)}{told}\n"
            )
            sys.stderr.flush()

    def expect(self, total: int) -> None:
        self._total = total
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total)


@contextmanager
def meter(title: str) -> Iterator[Meter]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Meter(None, title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield Meter(progress, title)


def check(wanted: Wanted) -> None:
    """Exit status 1 where not everything is ready. Raises CommandError."""
    if wanted.form not in FORMATS:
        raise CommandError(f"--format {wanted.form}: there are {', '.join(FORMATS)}")
    if bool(wanted.inventory) == bool(wanted.project):
        raise CommandError(
            "what is to be checked? give --inventory FILE, or --project NAME with --url or --data"
        )
    verdict = _by_project(wanted) if wanted.project else _alone(wanted)
    if verdict is not Verdict.READY:
        raise typer.Exit(PROBLEMS)


def _alone(wanted: Wanted) -> Verdict:
    # Loads ansible-runner: only here.
    from controller.readiness import alone  # noqa: PLC0415
    from playbooks.judge.report import as_document, as_text  # noqa: PLC0415
    from playbooks.judge.report_html import as_html  # noqa: PLC0415

    assert wanted.inventory is not None  # noqa: S101 - the caller looked
    if not wanted.inventory.exists():
        raise CommandError(f"--inventory {wanted.inventory}: there is no such file")
    options = ["-b"] if wanted.become else []
    if wanted.vault is not None:
        options += ["--vault-password-file", str(wanted.vault.resolve())]
    line = " ".join(map(shlex.quote, options))
    try:
        with meter("采集 · collecting") as bar:
            bar.expect(len(alone.hosts_of(wanted.inventory, wanted.limit, line)))
            outcome = alone.check_alone(
                wanted.inventory, [wanted.area], wanted.profiles, limit=wanted.limit,
                options=line, forks=wanted.forks, context=wanted.context,
                waivers=wanted.waivers, now=lambda: datetime.now(UTC), told=bar.tell,
                keep=wanted.keep,
            )  # fmt: skip
    except alone.AloneError as error:
        raise CommandError(str(error)) from None
    judgements, rules = outcome.judgements, outcome.rules
    if wanted.form == "json":
        document = as_document(judgements, rules) | {"unseen": outcome.reasons}
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    elif wanted.form == "html":
        text = as_html(judgements, rules, "迁移与适配检查")
    else:
        text = as_text(judgements, rules, "en" if wanted.english else "zh")
        text += "".join(
            f"未能采集 · not collected: {host}: {why}\n" for host, why in outcome.reasons.items()
        )
    write(text, wanted.output)
    return worst(one.verdict for one in judgements)


def _by_project(wanted: Wanted) -> Verdict:
    with open_api(wanted.url, wanted.data, wanted.ca) as api:
        project = find_project(api, wanted.project)
        if project["kind"] != wanted.area:
            raise CommandError(
                f"project {project['name']} is of kind {project['kind']}: say "
                f"'yunxun check {project['kind']} --project {project['id']}'"
            )
        body: dict[str, Any] = {"kind": "check"}
        if wanted.limit:
            body["hosts"] = [each for each in wanted.limit.replace(":", ",").split(",") if each]
        if wanted.profiles:
            body["profiles"] = wanted.profiles
        run = api.post(f"/api/v1/readiness/projects/{project['id']}/runs", body)
        ended = follow(api, run["id"])
        document = api.get(f"/api/v1/readiness/runs/{run['id']}/results")
        form = wanted.form
        if form == "html":
            content = api.get_bytes(
                f"/api/v1/readiness/projects/{project['id']}/report", format="html", run=run["id"]
            )
            write(content.decode(), wanted.output)
    if form == "json":
        write(json.dumps(document, ensure_ascii=False, indent=1) + "\n", wanted.output)
    elif form == "table":
        write(_table(document, ended["run"], english=wanted.english), wanted.output)
    if ended["run"]["state"] != "done":
        raise CommandError(
            f"run {run['id']}: {ended['run']['state']}: {ended['run']['error']}", PROBLEMS
        )
    return Verdict(document["verdict"])


def find_project(api: Api, wanted: str) -> dict[str, Any]:
    """By number or name. Raises CommandError."""
    if wanted.isdecimal():
        found: dict[str, Any] = api.get(f"/api/v1/readiness/projects/{wanted}")
        return found
    named = [
        each for each in api.get("/api/v1/readiness/projects")["items"] if each["name"] == wanted
    ]
    if not named:
        raise CommandError(f"no project {wanted!r}: 'yunxun readiness list' shows them")
    only: dict[str, Any] = named[0]
    return only


def follow(api: Api, number: int) -> dict[str, Any]:
    """Shows a run's progress until it is over; the run with its hosts. Raises CommandError."""
    with meter(f"第 {number} 次运行 · run {number}") as bar:
        while True:
            detail: dict[str, Any] = api.get(f"/api/v1/readiness/runs/{number}")
            run = detail["run"]
            bar.expect(run["hosts"])
            for host in detail["hosts"]:
                if host["state"] != "waiting":
                    bar.tell(host["host"], host["state"], host["message"])
            if run["state"] not in ("queued", "running"):
                return detail
            if run["state"] == "queued" and not run["worker"]:
                raise CommandError(
                    f"run {number} waits and no worker is there to carry it out: start "
                    "'yunxun serve' on this data folder"
                )
            time.sleep(POLL_SECONDS)


def _table(document: dict[str, Any], run: dict[str, Any], *, english: bool) -> str:
    lines = []
    for host in document["hosts"]:
        share = host.get("coverage")
        seen = "-" if share is None else f"{share:.0%}"
        lines.append(f"{host['host']}  {host['profile'] or '-'}  {host['verdict']}  ({seen})")
        for it in host["results"]:
            if it["status"] == "fail" and it["severity"] in "BM" and not it.get("waiver"):
                title = it.get("title", {}).get("en" if english else "zh", "")
                fix = (it.get("remediation") or {}).get("en" if english else "zh", "")
                lines.append(f"  [{it['severity']}] {it['rule']} {title}: {it.get('subject', '')}")
                lines.append(f"      -> {fix}")
    state = run["state"] if english else RUN_STATES.get(run["state"], run["state"])
    lines.append(f"{state}: {document['verdict']}; {run['totals'].get('blockers', 0)} blockers")
    return "\n".join(lines) + "\n"


def write(text: str, output: Path | None) -> None:
    """To a file or to standard output. Raises CommandError."""
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None
