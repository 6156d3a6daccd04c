"""``yunxun usage --by link|device``: what the network's links carried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from controller.commands.client import open_api
from controller.commands.files import save
from controller.commands.terminal import plain, show

PATH = "/api/v1/network/usage"


def usage(
    url: str,
    data: Path | None,
    ca: Path | None,
    since: str,
    until: str,
    by: str,
    unit: str | None,
    form: str,
    output: Path | None,
    english: bool,
) -> None:
    """Prints or saves it; ``form`` is table, json, csv or xlsx."""
    params: dict[str, Any] = {"from": since, "to": until, "by": by, "unit": unit}
    params["language"] = "en" if english else "zh"
    with open_api(url, data, ca) as api:
        if form in ("csv", "xlsx"):
            save(api.get_bytes(PATH, **params, format=form), output)
            return
        told = dict(api.get(PATH, **params))
    if form == "json":
        save((json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode(), output)
        return
    show(table(told["rows"], english))


def table(rows: list[dict[str, Any]], english: bool) -> Table:
    """The rows; Mbit/s, shares in percent."""
    view = Table()
    words = (
        ("link", "name", "unit", "in avg", "in P95", "out avg", "out P95", "in %", "out %",
         "errors", "discards", "up %", "coverage %")
        if english
        else ("对象", "说明", "单位", "入均值 Mbps", "入 P95", "出均值", "出 P95", "入利用率 %",
              "出利用率 %", "错包", "丢弃", "可用率 %", "完整率 %")
    )  # fmt: skip
    for place, word in enumerate(words):
        view.add_column(word, justify="left" if place < 3 else "right", overflow="fold")
    for row in rows:
        view.add_row(
            plain(row["key"]), plain(row["name"]), plain(row["unit"]),
            *(_mega(row[n]) for n in ("in_avg_bit_s", "in_p95_bit_s", "out_avg_bit_s",
                                      "out_p95_bit_s")),
            *(_figure(row[n]) for n in ("in_used_pct", "out_used_pct", "errors", "discards",
                                        "availability_pct", "coverage_pct")),
        )  # fmt: skip
    return view


def _mega(value: float | None) -> str:
    return "—" if value is None else f"{value / 1e6:,.2f}"


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:,.1f}"
