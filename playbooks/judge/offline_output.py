"""The scan's answer as JSON, CSV, workbook or text; written as it goes, never held whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from playbooks.judge.offline import RULES, Group, Scan
from playbooks.judge.results import Judgement, Result, Severity, Status, Verdict
from playbooks.judge.tree import shown

COLUMNS = ("host", "profile", "verdict", "rule", "severity", "status", "reason", "where", "todo",
           "fingerprint")  # fmt: skip
_MOST_ROWS = 1_000_000
"""A sheet holds 1,048,576."""
VERDICTS = {
    Verdict.READY: ("就绪", "ready"),
    Verdict.CONDITIONAL: ("有条件", "conditional"),
    Verdict.NOT_READY: ("未就绪", "not ready"),
    Verdict.UNKNOWN: ("无法判断", "unknown"),
}
_SEVERITIES = {
    Severity.BLOCKER: ("阻断", "blocker"),
    Severity.MAJOR: ("条件", "condition"),
    Severity.MINOR: ("提示", "minor"),
    Severity.INFO: ("信息", "info"),
}


def write_json(scan: Scan, out: TextIO) -> None:
    """The shape of `check`: one entry a file and profile, then the sums."""
    out.write('{"hosts": [')
    comma = "\n"
    plain = [f', "profile": {json.dumps(one.id)}{_NOTHING}' for one in scan.profiles]
    for facts, judgements in scan.entries():
        if judgements is None:
            host = json.dumps(facts.path, ensure_ascii=False)
            for rest in plain:
                out.write(f'{comma}{{"host": {host}, "kind": "{facts.kind}"{rest}')
                comma = ",\n"
            continue
        for judgement in judgements:
            entry = judgement.as_json() | {"kind": facts.kind}
            out.write(comma + json.dumps(entry, ensure_ascii=False))
            comma = ",\n"
    sums = {
        "verdict": scan.verdict.value,
        "coverage": round(scan.coverage, 4),
        "profiles": [tally.as_json() for tally in scan.tallies],
        "files": scan.tallies[0].files,
        "unreadable": scan.unreadable,
        "special_files_not_opened": scan.walk.special,
        "links_not_followed": scan.walk.links,
        "rules": RULES,
    }
    out.write("\n], " + json.dumps(sums, ensure_ascii=False)[1:] + "\n")


_NOTHING = (
    ', "verdict": "ready", "results": [{"rule": "CPU-002", "severity": "B", "status": "pass", '
    '"evidence": [], "remediation": null, "reason": "no machine code"}]}'
)


def _rows(scan: Scan, english: bool) -> Iterator[tuple[str, ...]]:
    """A row a result that is not passed; a file without any has one row of its own."""
    for facts, judgements in scan.entries():
        if judgements is None:
            for profile in scan.profiles:
                yield (facts.path, profile.id, "ready", "", "", "", "", "", "", "")
            continue
        for judgement in judgements:
            yield from _judged(judgement, english)


def _judged(judgement: Judgement, english: bool) -> Iterator[tuple[str, ...]]:
    start = (judgement.asset, judgement.profile, judgement.verdict.value)
    told = [one for one in judgement.results if one.status is not Status.PASS]
    for one in told or judgement.results[:1]:
        yield (*start, one.rule, one.severity.value, one.status.value, one.reason, _where(one),
               _todo(one, english), one.fingerprint)  # fmt: skip


def _where(result: Result) -> str:
    return "; ".join(one.locator for one in result.evidence[:5])


def _todo(result: Result | Group, english: bool) -> str:
    remedy = result.remediation
    return "" if remedy is None else remedy.en if english else remedy.zh


def write_csv(scan: Scan, out: TextIO, *, english: bool) -> None:
    """One line a result that is not passed, one a file that has none; UTF-8 with a mark."""
    out.write("\ufeff")
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for row in _rows(scan, english):
        rows.writerow([_inert(cell) for cell in row])


def _inert(cell: str) -> str:
    """A cell that a spreadsheet does not run: names of files come from outside."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def write_xlsx(scan: Scan, path: Path, *, english: bool) -> None:
    """A sheet of what to do first, a sheet of results. Needs xlsxwriter. Raises OSError."""
    xlsxwriter: Any = import_module("xlsxwriter")
    book = xlsxwriter.Workbook(
        str(path), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    head = book.add_format({"bold": True})
    results = book.add_worksheet("Results" if english else "明细")
    results.write_row(0, 0, COLUMNS, head)
    results.freeze_panes(1, 0)
    for number, row in enumerate(_rows(scan, english), 1):
        if number > _MOST_ROWS:
            break
        results.write_row(number, 0, row)
    first = book.add_worksheet("First" if english else "先做什么")
    first.write_row(0, 0, ("profile", "verdict", "rule", "severity", "status", "files", "todo",
                           "examples"), head)  # fmt: skip
    number = 1
    for tally in scan.tallies:
        for group in tally.first():
            first.write_row(number, 0, (
                tally.profile.id, tally.verdict.value, group.rule, group.severity.value,
                group.status.value, group.files, _todo(group, english),
                "; ".join(group.examples),
            ))  # fmt: skip
            number += 1
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(0, f"cannot be written: {error}") from None


def write_text(scan: Scan, say: Callable[[str], object], *, english: bool) -> None:
    """For people: the verdict per profile and what to do first."""
    for _ in scan.entries():
        pass
    at = int(english)
    for tally in scan.tallies:
        profile = tally.profile
        title = profile.title_en if english else profile.title_zh
        counts = ", ".join(
            f"{names[at]} {tally.verdicts[one]:,}" for one, names in VERDICTS.items()
        )
        verdict = VERDICTS[tally.verdict][at]
        say(f"{title} [{profile.id}]: {verdict}")
        say(
            f"  {tally.files:,} files: {counts}; {tally.coverage:.1%} decided"
            if english
            else f"  文件 {tally.files:,} 个:{counts};已判断 {tally.coverage:.1%}"
        )
        for number, group in enumerate(tally.first()[:12], 1):
            severity = _SEVERITIES[group.severity][at]
            doubt = "" if group.status is Status.FAIL else f" ({group.status.value})"
            files = f"{group.files:,} files" if english else f"{group.files:,} 个文件"
            say(f"  {number}. [{severity}] {group.rule}{doubt} {files}: {_todo(group, english)}")
            say("     " + "; ".join(shown(example) for example in group.examples))
        if len(tally.first()) > 12:
            left = len(tally.first()) - 12
            say(f"  … {left} more" if english else f"  … 还有 {left} 项,见 --format json")
        if profile.unverified:
            fields = ", ".join(profile.unverified)
            say(
                f"  Not verified in this profile: {fields}"
                if english
                else f"  此目标中未经核实的项:{fields}"
            )
    unopened = scan.walk.special
    if unopened:
        say(
            f"{unopened:,} special files not opened"
            if english
            else f"未打开的特殊文件 {unopened:,} 个"
        )
    if scan.walk.links:
        links = scan.walk.links
        say(f"{links:,} links not followed" if english else f"未跟随的符号链接 {links:,} 个")
