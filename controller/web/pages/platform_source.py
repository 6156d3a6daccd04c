"""A source's column mapping: tried on a file, corrected by hand, saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from controller.access import audit
from controller.inventory.places import list_sites
from controller.ledger import mapping
from controller.ledger.export_file import open_sheets
from controller.ledger.fields import FIELDS
from controller.ledger.mapping import Preview, PreviewColumn, SourceMapping
from controller.ledger.received import received_file
from controller.ledger.tables import PlatformSource
from controller.problems import NotFound, Problem
from controller.said import say
from controller.web import ledger_words, render
from controller.web.language import Text
from controller.web.pages.platform_imports import LedgerKeeper
from controller.web.shell import Area, Crumb, Flash

router = APIRouter()

NEW = "new"


@dataclass(frozen=True)
class SourcePage(render.Context):
    """A source's name, columns, words and what it speaks for; ``code`` "" makes a new one."""

    template: ClassVar[str] = "platform_source.html"

    code: str
    name: str
    columns: list[PreviewColumn]
    words: str
    """A line each: field: word = what it means."""
    defaults: str
    sites: list[str]
    chosen_sites: list[str]
    sheet: str
    sizes: dict[str, str]
    """Units of mem_gib and disk_gib where no header names one; GB where not said."""
    fields: list[tuple[str, str]]
    """(field, name) that a column can be read as."""
    tabs: tuple[Area, ...]


@dataclass(frozen=True)
class ColumnsPart(render.Context):
    """The columns of the file just tried; ``problem`` says why there are none."""

    template: ClassVar[str] = "platform_columns.html"

    columns: list[PreviewColumn]
    fields: list[tuple[str, str]]
    sheet: str
    rows: int
    problem: str


@router.get("/ledger/sources/{code}")
def source_page(code: str, view: LedgerKeeper) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        source = None if code == NEW else mapping.find_source(session, code)
        sites = [site.name for site in list_sites(session, view.scope)]
        saved = mapping.mapping_of(source) if source else SourceMapping()
        name = source.name if source else ""
    context = SourcePage(
        code=code if source else "",
        name=name,
        columns=[
            PreviewColumn(header=header, field=field, suggested="", saved=True, samples=[])
            for header, field in saved.columns.items()
        ],
        words=_lines(saved),
        defaults="\n".join(f"{field} = {value}" for field, value in saved.defaults.items()),
        sites=sites,
        chosen_sites=saved.covers.sites,
        sheet=saved.sheet,
        sizes=saved.sizes,
        fields=_fields(_),
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    crumbs = [Crumb(_("平台清单"), "/ledger/imports"), Crumb(name or _("新建来源"))]
    return view.page(context, active="ledger", crumbs=crumbs)


@router.post("/ledger/sources/{code}/preview")
def preview(
    code: str, view: LedgerKeeper, file: Annotated[UploadFile, Depends(received_file)]
) -> Response:
    """Sent by htmx; the answer takes the place of the columns."""
    name = file.filename or "file"
    with view.runtime.database.read() as session:
        try:
            saved = mapping.mapping_of(mapping.find_source(session, code))
        except NotFound:
            saved = SourceMapping()
    try:
        found = mapping.preview(open_sheets(file.file, name), saved)
        problem = ""
    except Problem as refused:
        found = Preview(sheet="", header_row=0, columns=[], rows=0)
        problem = view.why(refused)
    with view.runtime.database.write() as session:
        detail = {"file_name": name[:200]}
        audit.record(session, view.principal, "ledger.preview", code[:64], "ok", detail)
    return view.fragment(
        ColumnsPart(found.columns, _fields(view.text), found.sheet, found.rows, problem)
    )


@router.post("/ledger/sources")
def save(
    view: LedgerKeeper,
    code: Annotated[str, Form(min_length=1, max_length=64)],
    name: Annotated[str, Form(max_length=200)] = "",
    header: Annotated[list[str] | None, Form()] = None,
    field: Annotated[list[str] | None, Form()] = None,
    words: Annotated[str, Form(max_length=20_000)] = "",
    defaults: Annotated[str, Form(max_length=2_000)] = "",
    site: Annotated[list[str] | None, Form()] = None,
    sheet: Annotated[str, Form(max_length=64)] = "",
    memory: Annotated[str, Form(pattern="^(|GB|MB|TB)$")] = "",
    storage: Annotated[str, Form(pattern="^(|GB|MB|TB)$")] = "",
) -> RedirectResponse:
    _ = view.text
    known: dict[str, PlatformSource] = {}
    try:
        with view.runtime.database.write() as session:
            known = {each.code: each for each in mapping.list_sources(session)}
            old = mapping.mapping_of(known[code]) if code in known else SourceMapping()
            body = old.model_dump() | {
                "columns": dict(zip(header or [], field or [], strict=False)),
                "words": _parse_words(words),
                "defaults": dict(_pair(line) for line in defaults.splitlines() if line.strip()),
                "covers": old.covers.model_dump() | {"sites": site or []},
                "sheet": sheet.strip(),
                "sizes": _sizes(memory, storage, old),
            }
            made = SourceMapping.model_validate(body)
            saved = mapping.save_source(session, code, name, made, view.principal.name, view.now)
            audit.record(session, view.principal, "ledger.source", saved.code, "ok", body)
    except Problem as problem:
        target = code if code in known else NEW
        return render.go(f"/ledger/sources/{target}", Flash("bad", view.why(problem)))
    return render.go(
        "/ledger/imports", Flash("good", _("已保存 {name} 的列对应。", name=saved.name))
    )


def _sizes(memory: str, storage: str, old: SourceMapping) -> dict[str, str]:
    """``storage`` is that of both kinds of disks, unless nothing was changed."""
    if (memory, storage) == (old.sizes.get("mem_gib", ""), old.sizes.get("disk_gib", "")):
        return old.sizes
    units = {"mem_gib": memory, "disk_gib": storage, "data_disk_gib": storage}
    return {field: unit for field, unit in units.items() if unit}


def _fields(_: Text) -> list[tuple[str, str]]:
    names = ledger_words.fields(_)
    return [(field, names.get(field, field)) for field in FIELDS]


def _lines(saved: SourceMapping) -> str:
    return "\n".join(
        f"{field}: {word} = {meant}"
        for field, words in saved.words.items()
        for word, meant in words.items()
    )


def _parse_words(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        field, separator, rest = line.replace("：", ":").partition(":")
        if not separator:
            raise Problem(
                422,
                "unclear word",
                say(
                    f"{line!r}: write field: word = meaning",
                    f"“{line}”：请写 项目: 平台说法 = 台账说法",
                ),
            )
        word, meant = _pair(rest)
        found.setdefault(field.strip(), {})[word] = meant
    return found


def _pair(line: str) -> tuple[str, str]:
    left, separator, right = line.rpartition("=")
    if not separator or not left.strip() or not right.strip():
        raise Problem(
            422,
            "unclear word",
            say(f"{line!r}: write left = right", f"“{line}”：请写 左 = 右"),
        )
    return left.strip(), right.strip()
