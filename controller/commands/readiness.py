"""``yunxun readiness``: projects of the controller, their hosts, bundles, waivers and runs."""

from __future__ import annotations

import csv
import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands import check_hosts
from controller.commands.check_hosts import find_project, follow
from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.terminal import day_of, plain, show

app = typer.Typer(
    no_args_is_help=True, help="Readiness projects: hosts, runs, bundles, accepted risks."
)

FORMATS = ("table", "json")
FILES = ("html", "pdf", "xlsx", "json")
KINDS = ("migration", "network", "xinchuang", "ipv6")
VERDICTS = {
    "ready": "具备条件", "conditional": "有条件具备", "not_ready": "不具备条件",
    "unknown": "无法判定",
}  # fmt: skip

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Number or name.")]
Form = Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))]


@app.command("list")
def list_projects(form: Form = "table", url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """The projects and what stands now.

    Example: yunxun readiness list --url https://yunxun.example:8090
    """
    with open_api(url, data, ca) as api:
        items = api.get("/api/v1/readiness/projects")["items"]
    if form == "json":
        _dump(items)
        return
    table = Table(
        "编号", "项目", "类别", "单位", "主机", "证据包", "研判结果", "阻断项", "最近运行"
    )
    for each in items:
        counts = " · ".join(
            f"{VERDICTS.get(name, name)} {count}" for name, count in each["verdicts"].items()
        )
        table.add_row(
            str(each["id"]), plain(each["name"]), each["kind"],
            plain("、".join(each["unit_names"]) or "全市"), str(each["hosts"]),
            str(each["bundles"]), counts or "–", str(each["blockers"]),
            f"{each['last_run']} {each['last_run_state']}" if each["last_run"] else "–",
        )  # fmt: skip
    show(table)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the wave is called.")],
    kind: Annotated[str, typer.Option("--kind", help=" | ".join(KINDS))],
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="Code or name; repeat it. None: the city.")
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", help="Target machine; repeat it, or say all.")
    ] = None,
    user: Annotated[str, typer.Option("--user", help="Who logs in. Default: root.")] = "",
    become: Annotated[bool, typer.Option("--become", help="Become root by sudo.")] = False,
    jump: Annotated[
        str, typer.Option("--jump", metavar="[USER@]HOST[:PORT]", help="Bastion host.")
    ] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Set a project up.

    Example: yunxun readiness create 财政一体化第一批 --kind xinchuang --unit 330100-CZJ
    --profile kunpeng920-kylin-v10 --user ops --become --jump ops@10.1.0.5
    """
    if kind not in KINDS:
        raise CommandError(f"--kind {kind}: there are {', '.join(KINDS)}")
    connection: dict[str, Any] = {"user": user, "become": become, **_jump(jump)}
    with open_api(url, data, ca) as api:
        made = api.post(
            "/api/v1/readiness/projects",
            {"name": name, "kind": kind, "units": unit or [], "profiles": profile or [],
             "connection": connection},
        )  # fmt: skip
    typer.echo(f"项目 {made['id']} 已建立 · project {made['id']}")


def _jump(text: str) -> dict[str, Any]:
    if not text:
        return {}
    user, _, rest = text.rpartition("@")
    host, separator, port = rest.rpartition(":")
    if not separator or not port.isdecimal():
        host, port = rest, ""
    found: dict[str, Any] = {"jump_host": host.strip("[]"), "jump_user": user}
    return found | ({"jump_port": int(port)} if port else {})


@app.command()
def hosts(
    project: Project,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV: name,address,port,system,unit")
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Take out hosts that are not listed.")
    ] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register a project's hosts. Without an address bundles are uploaded by hand.

    Example: yunxun readiness hosts 3 hosts.csv --replace
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{file}: cannot be read: {error}") from None
    wanted = []
    for number, row in enumerate(rows, 2):
        port = (row.get("port") or "").strip()
        if not (row.get("name") or "").strip():
            raise CommandError(f"{file} row {number}: name is missing; the head must say name")
        if port and not port.isdecimal():
            raise CommandError(f"{file} row {number} column port: {port!r} is no number")
        wanted.append(
            {"name": row["name"].strip(), "address": (row.get("address") or "").strip(),
             "port": int(port) if port else None, "system": (row.get("system") or "").strip(),
             "unit": (row.get("unit") or "").strip()}
        )  # fmt: skip
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        listed = api.put(
            f"/api/v1/readiness/projects/{number}/hosts", {"hosts": wanted, "replace": replace}
        )
    typer.echo(f"共 {len(listed['items'])} 台主机 · {len(listed['items'])} hosts")


@app.command()
def credential(
    project: Project,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Private key without passphrase.")
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password instead of a key.")
    ] = False,
    become: Annotated[
        bool, typer.Option("--become-password", help="Ask for the password of sudo, too.")
    ] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Keep how to log in, sealed. Passwords are asked for, never taken from the command line.

    Example: yunxun readiness credential 3 --key ~/.ssh/wave --become-password
    """
    if bool(key) == password:
        raise CommandError("give --key FILE, or --password to be asked")
    body = {"key": "", "password": "", "become": ""}
    if key is not None:
        try:
            body["key"] = key.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"--key {key}: cannot be read: {error}") from None
    else:
        body["password"] = _ask("登录口令 · password: ")
    if become:
        body["become"] = _ask("sudo 口令 · password of sudo: ")
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        kept = api.put(f"/api/v1/readiness/projects/{number}/credential", body)
    typer.echo(f"已加密保存 · sealed: {kept['kind']} {kept['mark']}".rstrip())


def _ask(prompt: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\n")


@app.command()
def upload(
    project: Project,
    files: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE…", help="What collect.sh wrote, NAME.json.")
    ],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Bring bundles collected by hand; NAME.json.sha256 beside one is checked.

    Example: yunxun readiness upload 3 web01.json db01.json
    """
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        for file in files:
            beside = file.with_name(f"{file.name}.sha256")
            digest = beside.read_text("ascii").split()[0] if beside.is_file() else ""
            taken = api.post_file(f"/api/v1/readiness/bundles/{number}", file, {"sha256": digest})
            partial = (
                f"，不完整 · partial: {', '.join(taken['incomplete'])}"
                if taken["incomplete"]
                else ""
            )
            typer.echo(f"{file}: {taken['host']}{partial}")


@app.command()
def judge(
    project: Project,
    profile: Annotated[
        list[str] | None, typer.Option("--profile", help="Other targets; repeat it, or say all.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Judge the bundles that are here; no host is logged in to. Exit status 1: not all ready.

    Example: yunxun readiness judge 3 --profile loongson3c5000-new-world
    """
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        body = {"kind": "judge", "profiles": profile or None}
        run = api.post(f"/api/v1/readiness/projects/{number}/runs", body)
        ended = follow(api, run["id"])
    told = ended["run"]
    typer.echo(f"第 {told['id']} 次运行 · run {told['id']}: {told['state']} {told['verdict']}")
    if told["verdict"] != "ready":
        raise typer.Exit(check_hosts.PROBLEMS)


@app.command()
def waive(
    project: Project,
    rule: Annotated[str, typer.Option("--rule", help="Rule to accept, such as OS-002.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it can be accepted.")],
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")],
    approved_by: Annotated[str, typer.Option("--approved-by", help="Who approved it.")],
    until: Annotated[str, typer.Option("--until", help="Last moment, such as 2026-12-31.")],
    host: Annotated[
        list[str] | None, typer.Option("--host", help="These hosts; none: all of the project.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Accept a finding until a day; after it the failure counts again.

    Example: yunxun readiness waive 3 --rule OS-002 --host cz-app-01 --reason 月底退役
    --owner wang.wu --approved-by li.lei --until 2026-12-31
    """
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        made = api.post(
            f"/api/v1/readiness/projects/{number}/waivers",
            {"rule": rule, "hosts": host or [], "reason": reason, "owner": owner,
             "approved_by": approved_by, "expires": until},
        )  # fmt: skip
    typer.echo(f"已接受 · waiver {made['id']} until {day_of(made['expires'])}")


@app.command()
def compare(
    before: Annotated[int, typer.Argument(help="Number of the earlier run.")],
    after: Annotated[int, typer.Argument(help="Number of the later run.")],
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Two runs of a project: new, fixed, still open, lost from sight.

    Example: yunxun readiness compare 12 14
    """
    with open_api(url, data, ca) as api:
        told = api.get(f"/api/v1/readiness/runs/{after}/difference", before=before)
    if form == "json":
        _dump(told)
        return
    words = {"new": "新增", "fixed": "已整改", "still_open": "仍未关闭", "lost_sight": "失去跟踪"}
    table = Table("变化", "级别", "主机", "规则", "问题", "对象")
    for each in told["changes"]:
        table.add_row(words[each["change"]], each["severity"], plain(each["host"]), each["rule"],
                      plain(each["title"]), plain(each["subject"]))  # fmt: skip
    show(table)
    typer.echo(" · ".join(f"{words[name]} {count}" for name, count in told["counts"].items()))


@app.command()
def cancel(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Cancel a run. One that changes hosts ends its step, then the hosts are looked at.

    Example: yunxun readiness cancel 12
    """
    with open_api(url, data, ca) as api:
        told = api.post(f"/api/v1/readiness/runs/{run}/cancel")
    typer.echo(f"第 {run} 次运行 · run {run}: {told['state']}, {told['cancel_by']}")


def write_report(
    project: str, run: int | None, form: str, output: Path | None, url: str, data: Path | None,
    ca: Path | None,
) -> None:  # fmt: skip
    """``yunxun report readiness``: a project's report as a file. Raises CommandError."""
    if form not in FILES:
        raise CommandError(f"--format {form}: there are {', '.join(FILES)}")
    if output is None and form in ("pdf", "xlsx"):
        raise CommandError(f"--format {form}: name a file with -o FILE")
    with open_api(url, data, ca) as api:
        number = find_project(api, project)["id"]
        content = api.get_bytes(f"/api/v1/readiness/projects/{number}/report", format=form, run=run)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None


def _dump(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
