"""A usage report as CSV (figures as in the JSON, for machines and spreadsheets alike)."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

from controller.usage.model import UsageReport, UsageRow

BOM = "\ufeff"
"""So that spreadsheets of Chinese offices read it as UTF-8."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: names come from outside."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def to_csv(report: UsageReport) -> str:
    """One line a row, the JSON's names as header; a gap is an empty cell."""
    dropped = {"depth"} | ({"system"} if report.by in ("unit", "zone", "site") else set())
    for name in ("resource", "zone", "site"):
        if report.by != name:
            dropped |= {name, f"{name}_name"}
    if not any(row.public_support for row in report.rows):
        dropped |= {"public_support", "ranked_cpu_pct", "ranked_mem_pct"}
    names = [each.name for each in fields(UsageRow) if each.name not in dropped]
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in report.rows:
        cells = (getattr(row, name) for name in names)
        writer.writerow(
            "" if cell is None else plain_text(cell) if isinstance(cell, str) else cell
            for cell in cells
        )
    return out.getvalue()
