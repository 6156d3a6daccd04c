"""A list of sites from a spreadsheet or CSV, as offices keep it."""

from __future__ import annotations

from pathlib import Path

from controller.inventory import cells
from controller.inventory.columns import Column
from controller.inventory.sheet import UnreadableError, read_sheets
from controller.inventory.table import read_table
from controller.problems import Problem

COLUMNS = (
    Column("code", "编码 网站编码 系统编码 编号 标识", cells.parse_code),
    Column("name", "名称 网站名称 系统名称", cells.parse_text),
    Column("url", "网址 地址 首页 首页地址 链接 域名", cells.parse_text),
    Column("unit", "单位 单位名称 单位编码 主办单位 所属单位", cells.parse_text),
)


def read_site_file(file: Path) -> list[dict[str, str]]:
    """Rows as the API takes them. Raises Problem 422 naming row and column."""
    try:
        with file.open("rb") as content:
            table = read_table(read_sheets(content, file.name), COLUMNS, ("url",))
    except UnreadableError as error:
        raise Problem(422, "unreadable file", str(error)) from None
    for record in table.records:
        for name in ("code", "url", "unit"):
            if not record.values.get(name) and name not in record.failed:
                table.refuse(record, name, "is empty")
    if table.errors:
        told = [f"row {e.row} {e.column}: {e.message}" for e in table.errors[:10]]
        raise Problem(422, "sites not taken", "; ".join(told))
    return [
        {
            "code": str(record.values["code"]),
            "name": str(record.values.get("name") or ""),
            "url": _with_scheme(str(record.values["url"])),
            "unit": str(record.values["unit"]),
        }
        for record in table.records
    ]


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}/"
