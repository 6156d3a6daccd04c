"""What came of an import, told on the terminal or as JSON."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.commands.client import CommandError
from controller.commands.language import chinese, word
from controller.commands.terminal import plain

SHOWN_ERRORS = 50


def finish(outcome: dict[str, Any], form: str, *, columns: bool = True) -> None:
    """Prints the outcome; raises CommandError where something is wrong with the file. ``columns``
    can be left out of it (--map)."""
    total = int(outcome.get("errors_total", len(outcome.get("errors", []))))
    if form == "json":
        print(json.dumps(outcome, ensure_ascii=False, indent=2))
    else:
        if total:
            _print_errors(outcome.get("errors", []), total, word("问题与处理", "what to do"))
        if outcome.get("warnings"):
            count = int(outcome.get("warnings_total", 0))
            _print_errors(outcome["warnings"], count, word("请留意", "look at"))
        print(summary(outcome))
    if total and not (outcome.get("imported") or outcome.get("ready")):
        name = outcome.get("file_name") or word("文件", "the file")
        verb = "would not be" if outcome.get("dry_run") else "was not"
        raise CommandError(
            word(
                f"{name} 未导入，错误 {total} 处；请按所列修改，或用 --skip-bad 跳过错误行"
                + "、用 --map 表头= 忽略某列" * columns,
                f"{name} {verb} imported, errors: {total}; mend what is listed, or leave out bad "
                "rows with --skip-bad" + " and columns with --map HEADER=" * columns,
            )
        )


_COUNTED = (
    ("rows", "{} 行", "{} rows"),
    ("created", "新增 {}", "{} created"),
    ("updated", "更新 {}", "{} updated"),
    ("unchanged", "未变 {}", "{} unchanged"),
    ("skipped", "有错误 {}", "{} with errors"),
    ("days_marked", "待重算 {} 个资源日", "{} resource-days to recompute"),
)


def summary(outcome: dict[str, Any]) -> str:
    """One line: what came of it."""
    words = [
        word(zh, en).format(outcome[name])
        for name, zh, en in _COUNTED
        if outcome.get(name) or (name == "rows" and name in outcome)
    ]
    state = (
        word("已导入", "imported") if outcome.get("imported") else word("未导入", "not imported")
    )
    if outcome.get("dry_run"):
        state = word("试运行，未作任何改动", "dry run, nothing changed")
    name = outcome.get("file_name") or word("文件", "file")
    return word(f"{name}：{state}：{'，'.join(words)}", f"{name}: {state}: {', '.join(words)}")


def _print_errors(errors: list[dict[str, Any]], total: int, heading: str) -> None:
    table = Table(word("行", "row"), word("列", "column"))
    table.add_column(heading, overflow="fold")
    for error in errors[:SHOWN_ERRORS]:
        row = str(error.get("row") or "")
        table.add_row(row, plain(error["column"]), plain(_message(error)))
    console = Console(stderr=True)
    console.print(table)
    if total > SHOWN_ERRORS:
        left = total - SHOWN_ERRORS
        console.print(
            word(
                f"… 另有 {left} 处（--format json 最多列出 1000 处）",
                f"… and {left} more (--format json lists up to 1000)",
            )
        )


def _message(error: dict[str, Any]) -> str:
    said = error.get("message_zh") if chinese() else ""
    return str(said or error["message"])
