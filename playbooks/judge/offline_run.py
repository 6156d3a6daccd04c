"""Running a scan into the form that was asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

from playbooks.judge.offline import Scan
from playbooks.judge.offline_output import write_csv, write_json, write_text, write_xlsx

FORMATS = ("table", "json", "csv", "xlsx")


class BadUsage(ValueError):
    """Options that do not go together."""


def existing(path: str) -> str:
    """The path, which must be there to be scanned. Raises OSError."""
    os.stat(path)
    return os.path.realpath(path) if os.path.islink(path) else path


def write(scan: Scan, form: str, output: Path | None, *, english: bool) -> None:
    """Runs the scan into a file or to standard output. Raises OSError, BadUsage."""
    if form == "xlsx":
        if output is None:
            raise BadUsage("--format xlsx: name a file with -o FILE")
        write_xlsx(scan, output, english=english)
        return
    if output is not None:
        with output.open("w", encoding="utf-8", newline="") as file:
            _to(scan, form, file, english=english)
        return
    _to(scan, form, sys.stdout, english=english)
    sys.stdout.flush()


def _to(scan: Scan, form: str, out: TextIO, *, english: bool) -> None:
    if form == "json":
        write_json(scan, out)
    elif form == "csv":
        write_csv(scan, out, english=english)
    else:
        write_text(scan, lambda line: out.write(line + "\n"), english=english)
