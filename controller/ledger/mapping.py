"""How one source's columns and words are read: saved, checked, and suggested from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from controller.inventory.cells import shown
from controller.inventory.columns import header_key
from controller.inventory.naming import fold, narrow, tidy
from controller.inventory.sheet import Cell, Row, Sheet
from controller.inventory.table import HEADER_WITHIN
from controller.ledger.fields import FIELDS, SIZE_UNITS, STATES, size_hint, suggestions
from controller.ledger.tables import PlatformSource
from controller.problems import NotFound, Problem
from controller.said import say

KEYS = ("instance_uuid", "code", "name")
WORD_FIELDS = ("unit", "system", "site", "zone", "kind", "os", "state")
"""Fields whose words can be translated."""

PREVIEW_ROWS = 8


class Covers(BaseModel):
    """What the source speaks for: a resource held there that it does not name has vanished.

    Empty lists are no limit; with all three empty, only what an earlier confirmed export of the
    source named can vanish.
    """

    model_config = ConfigDict(extra="forbid")

    sites: list[str] = []
    zones: list[str] = []
    kinds: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.sites or self.zones or self.kinds)


class SourceMapping(BaseModel):
    """Headers, words and units of one source."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "columns": {"云主机名称": "name", "云主机ID": "instance_uuid", "备注": ""},
                    "words": {"unit": {"市数据局(云)": "330100-SJJ"}, "state": {"已冻结": "gone"}},
                    "sizes": {"mem_gib": "MB"},
                    "defaults": {"site": "主中心"},
                    "covers": {"sites": ["主中心"], "kinds": ["vm"]},
                    "sheet": "",
                }
            ]
        },
    )

    columns: dict[str, str] = Field({}, description="Header -> field; '' ignores the column.")
    words: dict[str, dict[str, str]] = Field(
        {}, description="Field -> word of the export -> word (or code) of the register."
    )
    sizes: dict[str, str] = Field({}, description="mem_gib, disk_gib, data_disk_gib -> GB, MB, TB.")
    defaults: dict[str, str] = Field({}, description="Field -> value where the export says none.")
    covers: Covers = Covers()
    sheet: str = ""

    def checked(self) -> SourceMapping:
        """Itself. Raises Problem 422 that names what cannot be."""
        for header, name in self.columns.items():
            _known("columns", header, name, ("", *FIELDS))
        for name, unit in self.sizes.items():
            _known("sizes", name, unit, SIZE_UNITS)
        for name in (*self.words, *self.defaults):
            _known("words and defaults", name, name, WORD_FIELDS)
        for word, state in self.words.get("state", {}).items():
            _known("states", word, state, tuple(STATES))
        return self

    def own_headers(self) -> dict[str, str]:
        """Header key -> field."""
        return {header_key(header): name for header, name in self.columns.items()}

    def folded_words(self, name: str) -> dict[str, str]:
        """Folded word of the export -> word of the register."""
        return {fold(word): meant for word, meant in self.words.get(name, {}).items()}


def _known(where: str, key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        listed = ", ".join(each for each in allowed if each)
        raise Problem(
            422,
            "unclear mapping",
            say(
                f"{where}: {key!r} to {value!r}: use one of {listed}",
                f"“{key}”不能对应到“{value}”：可用 {listed}",
            ),
        )


def find_source(session: Session, code: str) -> PlatformSource:
    """Raises NotFound."""
    source = session.exec(select(PlatformSource).where(PlatformSource.code == code)).first()
    if source is None:
        raise NotFound("source", code)
    return source


def list_sources(session: Session) -> list[PlatformSource]:
    """By code."""
    return list(session.exec(select(PlatformSource).order_by(col(PlatformSource.code))))


def save_source(
    session: Session, code: str, name: str, mapping: SourceMapping, by: str, now: datetime
) -> PlatformSource:
    """Makes the source of this code or changes it. Raises Problem 422."""
    code = narrow(code)
    if not code or len(code) > 64 or "/" in code:
        raise Problem(
            422,
            "unclear code",
            say(
                f"{code!r}: 1 to 64 characters without a slash",
                f"来源编码“{code}”：请用 1 到 64 个字符，不含斜杠",
            ),
        )
    mapping.checked()
    source = session.exec(select(PlatformSource).where(PlatformSource.code == code)).first()
    if source is None:
        source = PlatformSource(code=code, name=name or code, changed=now)
    source.name = tidy(name)[:200] or source.name
    source.mapping = mapping.model_dump()
    source.changed, source.changed_by = now, by
    session.add(source)
    session.flush()
    return source


class PreviewColumn(BaseModel):
    """A column of the file: what it holds, what it is read as, and what its name suggests."""

    header: str
    field: str = Field(description="As the saved mapping, else as suggested; '' is ignored.")
    suggested: str
    saved: bool
    size_unit: str = Field("", description="GB, MB or TB, if the header names one.")
    samples: list[str]


class Preview(BaseModel):
    """The first rows of a file as a source would read them."""

    sheet: str
    header_row: int
    columns: list[PreviewColumn]
    rows: int


def preview(sheets: Sequence[Sheet], mapping: SourceMapping) -> Preview:
    """What the file's columns are and could be. Raises Problem 422 where there is no header."""
    sheet, place = locate(sheets, mapping)
    header, below = sheet.rows[place], sheet.rows[place + 1 :]
    fields = read_as(header, mapping)
    own, known = mapping.own_headers(), suggestions()
    columns = []
    for index, cell in enumerate(header.cells):
        title = tidy(str(cell))
        if not title:
            continue
        columns.append(
            PreviewColumn(
                header=title,
                field=fields.get(title, ""),
                suggested=known.get(header_key(title), ""),
                saved=header_key(title) in own,
                size_unit=size_hint(title),
                samples=[
                    shown(_at(row, index)) for row in below[:PREVIEW_ROWS] if _at(row, index) != ""
                ],
            )
        )
    return Preview(sheet=sheet.name, header_row=header.number, columns=columns, rows=len(below))


def locate(sheets: Sequence[Sheet], mapping: SourceMapping) -> tuple[Sheet, int]:
    """The sheet with the table and the place of its header row. Raises Problem 422."""
    own, known = mapping.own_headers(), suggestions()
    best: tuple[int, Sheet, int] | None = None
    found: dict[str, set[str]] = {}
    for sheet in sheets:
        if mapping.sheet and sheet.name != mapping.sheet:
            continue
        for place, row in enumerate(sheet.rows[:HEADER_WITHIN]):
            keys = {header_key(cell) for cell in row.cells if isinstance(cell, str) and tidy(cell)}
            fields = {own.get(key, known.get(key, "")) for key in keys} - {""}
            if fields & set(KEYS) and len(fields) > len(found.get(sheet.name, ())):
                found[sheet.name] = fields
            if fields & set(KEYS) and (best is None or len(fields) > best[0]):
                best = (len(fields), sheet, place)
    if best is None:
        first = next((sheet.rows[0] for sheet in sheets if sheet.rows), None)
        seen = "" if first is None else ", ".join(shown(cell) for cell in first.cells if cell != "")
        raise Problem(
            422,
            "no header found",
            say(
                f"no row names an instance id, a code or a name in the first {HEADER_WITHIN} "
                f"rows; the first reads: {seen[:200]}. Map such a column for this source",
                f"前 {HEADER_WITHIN} 行中没有表头列出实例 ID、编码或名称；首行为：{seen[:200]}。"
                "请在该来源的列映射中指定这一列",
            ),
        )
    _no_twin(best[1].name, found)
    return best[1], best[2]


def _no_twin(chosen: str, found: Mapping[str, set[str]]) -> None:
    """Raises Problem 422 where another sheet holds the same columns: read alone, one of them would
    make everything that stands on the other look vanished."""
    twins = [name for name, fields in found.items() if fields == found[chosen]]
    if len(twins) > 1:
        raise Problem(
            422,
            "several sheets",
            say(
                f"the sheets {', '.join(map(repr, twins))} hold the same columns: put them into "
                "one, or name the sheet to read in the source's mapping",
                f"工作表 {'、'.join(twins)} 的列相同：请合并为一张，或在该来源的列对应中指定工作表",
            ),
        )


def read_as(header: Row, mapping: SourceMapping) -> dict[str, str]:
    """Header as the file has it -> field, "" where ignored.

    A saved header is read as saved. One that is not saved is read by its name, unless another
    column has that field already.
    """
    own, known = mapping.own_headers(), suggestions()
    titles = [title for cell in header.cells if (title := tidy(str(cell)))]
    fields = {title: own[header_key(title)] for title in titles if header_key(title) in own}
    taken = set(fields.values())
    for title in titles:
        if title in fields:
            continue
        field = known.get(header_key(title), "")
        fields[title] = "" if field in taken else field
        taken.add(field)
    return fields


def _at(row: Row, index: int) -> Cell:
    return row.cells[index] if index < len(row.cells) else ""


def mapping_of(source: PlatformSource) -> SourceMapping:
    """What is saved for the source."""
    saved: Mapping[str, Any] = source.mapping
    return SourceMapping.model_validate(saved)
