"""``yunxun notice``: letters to units, from the draft to the close."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from controller.commands.client import Api, Ca, CommandError, Data, Url, check_file, open_api
from controller.commands.terminal import plain, show

app = typer.Typer(help="Notices: draft, review, sign, send, follow, close.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(metavar="CODE", help="Such as TX-2026-0007.")]
Item = Annotated[int, typer.Argument(metavar="ITEM", help="Number of the resource's line.")]
Person = Annotated[str, typer.Option("--person", help="Name of who reviews, signs or approves.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]
Form = Annotated[str, typer.Option("--format", help="table or json")]

ROOT = "/api/v1/notices"


@app.command()
def draft(
    verdict: Annotated[
        list[int] | None, typer.Option("--verdict", help="Id of a verdict; may be repeated.")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", help="Code of a resource; may be repeated.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Of the resources given.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Draft letters, one a unit, and print their codes.

    Example: yunxun notice draft --verdict 17 --verdict 18 --data /var/lib/yunxun
    """
    if resource and not reason:
        raise CommandError("--resource: give the --reason too, it stands in the letter")
    body = {
        "verdicts": verdict or [],
        "items": [{"resource": each, "reason": reason} for each in resource or []],
    }
    with open_api(url, data, ca) as api:
        made = api.post(f"{ROOT}/draft", body)
    for code in made["codes"]:
        print(code)
    for left, why in made["skipped"].items():
        typer.echo(f"{left}: left out: {why}", err=True)


@app.command()
def review(code: Code, person: Person, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Note that a named person reviewed it (核稿).

    Example: yunxun notice review TX-2026-0007 --person 王芳
    """
    with open_api(url, data, ca) as api:
        _act(api, code, act="review", person=person)


@app.command()
def sign(code: Code, person: Person, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Note that a named person, not the reviewer, signed it (签发).

    Example: yunxun notice sign TX-2026-0007 --person 赵强
    """
    with open_api(url, data, ca) as api:
        _act(api, code, act="sign", person=person)


@app.command("return")
def send_back(code: Code, note: Note, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Give it back to the drafter.

    Example: yunxun notice return TX-2026-0007 --note 依据条款有误
    """
    with open_api(url, data, ca) as api:
        _act(api, code, act="return", note=note)


@app.command()
def send(
    code: Code,
    number: Annotated[str, typer.Option("--number", help="发文字号, as the OA gave it.")] = "",
    scan: Annotated[
        Path | None, typer.Option("--scan", help="The stamped letter: PDF, PNG or JPEG.")
    ] = None,
    dated: Annotated[str, typer.Option("--dated", help="成文日期, such as 2026-11-23.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register number and scan: the clock starts and the unit is told. Sent already: tell again.

    Example: yunxun notice send TX-2026-0007 --number 市数函〔2026〕7号 --scan letter.pdf
    """
    with open_api(url, data, ca) as api:
        if scan is not None:
            check_file(scan)
            api.post_file(f"/api/v1/notice-files/{quote(code, safe='')}", scan)
        if number:
            more = {"dated": dated} if dated else {}
            _act(api, code, act="register", number=number, **more)
        elif api.get(_path(code))["state"] == "issued":
            _act(api, code, act="send_again")
        else:
            raise CommandError(f"{code} is not issued: give --number, and --scan once")


@app.command("list")
def list_notices(
    state: Annotated[
        str, typer.Option("--state", help="A state, or open, overdue, proposed.")
    ] = "open",
    unit: Annotated[str, typer.Option("--unit", help="Code of a unit.")] = "",
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Notices, overdue first; those that are open unless --state says otherwise (all: "").

    Example: yunxun notice list --state issued --unit 330100-JTJ
    """
    with open_api(url, data, ca) as api:
        found = list(api.items(ROOT, state=state or None, unit=unit or None))
    if _as_json(form, found):
        return
    table = Table()
    for heading in ("code", "state", "unit", "number", "due", "days left", "items", "open"):
        table.add_column(heading, no_wrap=heading == "code", overflow="fold")
    for each in found:
        left = each["days_left"]
        table.add_row(
            each["code"], each["state"], plain(each["unit_name"]), plain(each["number"]),
            each["due"] or "", "" if left is None else str(left), str(each["items"]),
            str(each["open"]),
        )  # fmt: skip
    show(table)


@app.command("show")
def show_notice(
    code: Code, form: Form = "table", url: Url = "", data: Data = None, ca: Ca = None
) -> None:
    """One notice: its resources with their state, and its history.

    Example: yunxun notice show TX-2026-0007
    """
    with open_api(url, data, ca) as api:
        notice = api.get(_path(code))
    if _as_json(form, notice):
        return
    print(f"{notice['code']}  {notice['state']}  {notice['addressee']}  {notice['number']}")
    table = Table()
    for heading in ("item", "resource", "state", "finding", "answer", "due"):
        table.add_column(heading, overflow="fold")
    for each in notice["resources"]:
        table.add_row(
            str(each["id"]), plain(each["resource_code"]), each["state"], plain(each["reason"]),
            each["answer"], each["due"] or "",
        )  # fmt: skip
    show(table)
    for each in notice["events"]:
        note = f"  {each['note']}" if each["note"] else ""
        show_line = f"{each['at'][:19]}  {each['by']}  {each['act']}  {each['resource_code']}{note}"
        print(plain(show_line.rstrip()).plain)


@app.command()
def letter(
    code: Code,
    output: Annotated[Path, typer.Option("-o", "--output", help="File: .pdf, .docx or .html.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Save the letter in the form that the file's name asks for.

    Example: yunxun notice letter TX-2026-0007 -o 提示函.pdf
    """
    form = output.suffix.lstrip(".").lower()
    if form not in ("pdf", "docx", "html"):
        raise CommandError(f"-o {output}: end it with .pdf, .docx or .html")
    with open_api(url, data, ca) as api:
        content = api.get_bytes(f"{_path(code)}/letter", format=form)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None
    print(output)


@app.command()
def answer(
    code: Code,
    item: Item,
    given: Annotated[str, typer.Argument(metavar="release|shrink|keep|dispute")],
    note: Note = "",
    keep_reason: Annotated[str, typer.Option("--reason", help="Reason code of a keep.")] = "",
    until: Annotated[str, typer.Option("--until", help="Last day of a keep.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Answer as the unit's handler; the person in charge confirms on the page.

    Example: yunxun notice answer TX-2026-0007 31 release
    """
    body = {
        "answer": given, "note": note, "keep_reason": keep_reason, "keep_until": until or None,
    }  # fmt: skip
    with open_api(url, data, ca) as api:
        _say(api.post(f"{_path(code)}/items/{item}/answer", body), item)


@app.command()
def decide(
    code: Code,
    item: Item,
    act: Annotated[
        str,
        typer.Argument(
            help="drop, grant_keep, refuse_keep, accept_dispute, reject_dispute, withdraw, "
            "restore, verify_by_hand, claim, force, order_stop, order_recover, order_shrink"
        ),
    ],
    person: Person = "",
    note: Note = "",
    until: Annotated[str, typer.Option("--until", help="Last day of a keep.")] = "",
    unit: Annotated[str, typer.Option("--unit", help="Unit that claims it.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Decide on one resource, or order the provider to stop, recover or shrink it.

    Example: yunxun notice decide TX-2026-0007 31 order_stop --person 李雷
    """
    body = {"act": act, "person": person, "note": note, "unit": unit, "until": until or None}
    with open_api(url, data, ca) as api:
        _say(api.post(f"{_path(code)}/items/{item}/acts", body), item)


@app.command()
def call(
    code: Code,
    person: Annotated[str, typer.Option("--person", help="Whom you called.")],
    reply: Annotated[str, typer.Option("--reply", help="What they said.")],
    phone: Annotated[str, typer.Option("--phone")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Note a follow-up call (催办).

    Example: yunxun notice call TX-2026-0007 --person 李雷 --phone 0571-1234567 --reply 本周答复
    """
    with open_api(url, data, ca) as api:
        api.post(f"{_path(code)}/calls", {"person": person, "phone": phone, "reply": reply})
    print(f"{code}: call noted")


@app.command()
def close(code: Code, note: Note, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """End it by hand: an issued one is withdrawn and the unit told, a draft is cancelled.

    Example: yunxun notice close TX-2026-0007 --note 资源已另行调整
    """
    with open_api(url, data, ca) as api:
        state = api.get(_path(code))["state"]
        _act(api, code, act="close" if state in ("issued", "closed") else "cancel", note=note)


def _act(api: Api, code: str, **body: str) -> None:
    print(f"{code}: {api.post(f'{_path(code)}/acts', body)['state']}")


def _say(notice: dict[str, Any], item: int) -> None:
    line = next(each for each in notice["resources"] if each["id"] == item)
    print(f"{notice['code']} {line['resource_code']}: {line['state']}")


def _path(code: str) -> str:
    return f"{ROOT}/{quote(code, safe='')}"


def _as_json(form: str, found: object) -> bool:
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table and json")
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
    return form == "json"
