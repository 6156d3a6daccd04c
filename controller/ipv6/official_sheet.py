"""An official report from a spreadsheet or CSV: a site or unit and a score; the rest is kept."""

from __future__ import annotations

from typing import Any, BinaryIO

from controller.inventory.naming import fold
from controller.inventory.sheet import UnreadableError, read_sheets
from controller.ipv6.official import MOST_ITEMS, OfficialRow
from controller.problems import Problem

SITE = "site 网站 网站编码 网站标识 网址 域名 首页地址 网站域名"
UNIT = "unit 单位 单位名称 单位编码 主办单位"
SCORE = "score 得分 总分 综合得分 分数 评分"
HEAD_ROWS = 10
"""Titles and remarks may stand above the heads."""
MOST_ROWS = 2_000


def read_official_file(file: BinaryIO, name: str) -> list[OfficialRow]:
    """Rows as the API takes them. Raises Problem 422 naming row and column."""
    try:
        sheets = list(read_sheets(file, name))
    except UnreadableError as error:
        raise Problem(422, "unreadable file", str(error)) from None
    for sheet in sheets:
        lines = [(row.number, [_text(cell) for cell in row.cells]) for row in sheet.rows]
        for place, (_, heads) in enumerate(lines[:HEAD_ROWS]):
            columns = _columns(heads)
            if columns is not None:
                return _rows(lines[place + 1 :], heads, columns)
    raise Problem(
        422,
        "no heads",
        f"{name}: no row has a site or unit (网站, 域名, 单位) and a score (得分) as heads",
    )


def _columns(heads: list[str]) -> tuple[int | None, int | None, int] | None:
    def find(words: str) -> int | None:
        wanted = {fold(word) for word in words.split()}
        return next((n for n, head in enumerate(heads) if fold(head) in wanted), None)

    site, unit, score = find(SITE), find(UNIT), find(SCORE)
    if score is None or (site is None and unit is None):
        return None
    return site, unit, score


def _rows(
    lines: list[tuple[int, list[str]]],
    heads: list[str],
    columns: tuple[int | None, int | None, int],
) -> list[OfficialRow]:
    site_at, unit_at, score_at = columns
    taken = {place for place in columns if place is not None}
    found, wrong = [], []
    for number, line in lines:
        cells = line + [""] * (len(heads) - len(line))
        site = cells[site_at] if site_at is not None else ""
        unit = cells[unit_at] if unit_at is not None else ""
        if not any(cells):
            continue
        if not site and not unit:
            wrong.append(f"row {number}: names neither site nor unit")
            continue
        score = _score(cells[score_at])
        if score is None and cells[score_at] not in ("", "-", "–", "/"):
            wrong.append(f"row {number} {heads[score_at]}: {cells[score_at]!r} is not 0 to 100")
        items = {
            heads[place][:60]: cells[place][:200]
            for place in range(len(heads))
            if place not in taken and heads[place] and cells[place]
        }
        found.append(
            OfficialRow(site=site[:500], unit="" if site else unit[:200], score=score,
                        items=dict(list(items.items())[:MOST_ITEMS]))
        )  # fmt: skip
        if len(found) > MOST_ROWS:
            raise Problem(422, "too many rows", f"over {MOST_ROWS} rows")
    if wrong:
        raise Problem(422, "results not taken", "; ".join(wrong[:10]))
    if not found:
        raise Problem(422, "no rows", "nothing stands below the heads")
    return found


def _score(text: str) -> float | None:
    try:
        value = float(text.removesuffix("分").removesuffix("%").strip())
    except ValueError:
        return None
    return value if 0 <= value <= 100 else None


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
