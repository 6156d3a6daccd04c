"""What the pages of the registers share: their tabs, and tables of plain cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from fastapi.responses import Response

from controller.web import render, tables
from controller.web.language import Text
from controller.web.shell import Area
from controller.web.view import View, opened

Row = TypeVar("Row")

RegisterView = Annotated[View, Depends(opened("registers.read"))]
PoolsView = Annotated[View, Depends(opened("pools.read"))]
RegisterWriter = Annotated[View, Depends(opened("inventory.write"))]
Claimant = Annotated[View, Depends(opened("claims.make"))]


@dataclass(frozen=True)
class Cell:
    """A cell: its text, where it leads, and how it is judged (good, warn, bad, or not); a long text
    is ``wide``, so that a phone scrolls sideways rather than breaking it into a pillar."""

    text: str
    href: str = ""
    tone: str = ""
    title: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Head:
    """A column: what it is sorted by ("": not), what it is called, and whether it holds figures."""

    key: str
    label: str
    numeric: bool = False


@dataclass(frozen=True)
class Option:
    """One choice of a filter."""

    value: str
    label: str


@dataclass(frozen=True)
class Listing:
    """A table with its heads, one page of its rows, and how it is shown."""

    heads: tuple[Head, ...]
    rows: list[list[Cell]]
    state: tables.TableState
    exports: tuple[tables.ExportLink, ...]
    filtered: bool


def tabs(view: View) -> tuple[Area, ...]:
    """The pages of the registers that this person may open."""
    _ = view.text
    found = [
        Area("unit-register", _("单位"), "/registers/units", "building-community"),
        Area("systems", _("业务系统"), "/registers/systems", "layout-dashboard"),
        Area("allocations", _("申请与批复"), "/registers/allocations", "file-text"),
        Area("due", _("到期事项"), "/registers/due", "history"),
    ]
    if view.may("pools.read"):
        found.append(Area("pools", _("资源池"), "/registers/pools", "server-2"))
    found.append(Area("unclaimed", _("待认领与共享"), "/registers/unclaimed", "users"))
    return tuple(found)


def listing(
    view: View,
    path: str,
    found: Iterable[Row],
    columns: Sequence[tuple[Head, Callable[[Row], Any], Callable[[Row], Cell]]],
    chosen: Mapping[str, str],
    default: str,
) -> Listing | Response:
    """The table of a page, or its export where the query asks for a file. A column is its head,
    what it sorts by, and its cell."""
    asked = view.request.query_params
    keys = {head.key: sort for head, sort, _ in columns if head.key}
    sort, descending = tables.parse_sort(asked.get("sort", ""), keys, default)
    rows = tables.ordered(found, keys[sort], descending=descending)
    query = {key: value for key, value in chosen.items() if value}
    heads = tuple(head for head, _, _ in columns)
    file = asked.get("file", "")
    if file in ("csv", "xlsx"):
        name = f"{path.rsplit('/', 1)[-1]}-{view.now.astimezone(view.zone):%Y%m%d}"
        cells = ([make(row).text for _, _, make in columns] for row in rows)
        return tables.export(file, name, [head.label for head in heads], cells)
    page = tables.parse_page(asked.get("page", ""))
    state = tables.TableState(path, query, sort, descending, page, tables.PAGE_SIZE, len(rows))
    return Listing(
        heads,
        [[make(row) for _, _, make in columns] for row in tables.cut(rows, page)],
        state,
        exports(path, query, state.sort_word, view.text),
        bool(query),
    )


def exports(
    path: str, query: Mapping[str, str], sort: str, _: Text
) -> tuple[tables.ExportLink, ...]:
    """The page's table as files."""
    return (
        tables.ExportLink(
            "xlsx", _("Excel 表格（XLSX）"), render.link(path, query, sort=sort, file="xlsx")
        ),
        tables.ExportLink(
            "csv", _("文本表格（CSV）"), render.link(path, query, sort=sort, file="csv")
        ),
    )


def text_filter(view: View) -> str:
    """What was typed into the filter."""
    return view.request.query_params.get("text", "").strip()[:100]
