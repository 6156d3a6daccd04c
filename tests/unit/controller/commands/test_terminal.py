"""What commands print: whole names and figures at any width, and text from outside as text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from controller.commands.terminal import natural_width, plain
from controller.commands.usage import FIGURES, table

ROW: dict[str, Any] = {
    "unit": "CZJ",
    "unit_name": "市财政局",
    "resources": 14,
    "vcpu_allocated": 196.0,
    "mem_allocated_bytes": 696 * 2**30,
    "disk_allocated_bytes": 12_000 * 2**30,
    "cpu_avg_pct": 25.04,
    "cpu_p95_pct": 31.73,
    "cpu_max_pct": 59.8,
    "mem_avg_pct": 44.81,
    "mem_p95_pct": 48.92,
    "disk_used_pct": 48.9,
    "net_rx_avg_bytes_s": 2e6,
    "net_tx_avg_bytes_s": 3e6,
    "coverage_pct": 99.1,
}
REPORT: dict[str, Any] = {
    "by": "unit",
    "from": "2026-11-01T00:00",
    "to": "2026-12-01T00:00",
    "coverage_pct": 99.1,
    "rows": [ROW],
}


def _printed(english: bool, width: int | None) -> str:
    file = io.StringIO()
    Console(file=file, width=width or 400).print(table(REPORT, english, width))
    return file.getvalue()


@pytest.mark.parametrize("english", [False, True])
@pytest.mark.parametrize("width", [70, 80, 100, 120, 140])
def test_no_figure_and_no_name_is_cut_off_on_a_narrow_terminal(width: int, english: bool) -> None:
    printed = _printed(english, width)
    assert all(cell_len(line) <= width for line in printed.splitlines())
    assert all(words in printed for words in ("市财政局", "25.0", "44.8", "99.1%"))
    (row,) = (line for line in printed.splitlines() if "市财政局" in line)
    assert "…" not in row
    assert ("--format csv" in printed) is (row.count("│") - 2 < len(FIGURES))


def test_a_wide_terminal_shows_every_column_with_bars() -> None:
    printed = _printed(english=False, width=200)
    assert all(figure.zh in printed for figure in FIGURES)
    assert "██" in printed
    assert "--format csv" not in printed


@pytest.mark.parametrize("name", ["[/red]", "[bold]x", "a\x1b[2Jb", "\x07"])
def test_a_name_from_outside_is_shown_as_it_is_and_rules_no_terminal(name: str) -> None:
    view = table({**REPORT, "rows": [{**ROW, "unit_name": name}]}, english=False)
    file = io.StringIO()
    Console(file=file, width=natural_width(view), color_system=None).print(view)
    printed = file.getvalue()
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert plain(name).plain in printed
