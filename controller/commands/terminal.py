"""Tables on a terminal: text from outside stays text, and what is cut off is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

MOST_WIDTH = 2000
"""Characters a table may have where no terminal bounds it."""

_SHANGHAI = timezone(timedelta(hours=8))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def plain(text: object) -> Text:
    """Text from outside: no markup of it is obeyed and no control character reaches a terminal."""
    return Text(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def day_of(moment: str | None) -> str:
    """The day of an RFC 3339 time, in Shanghai; – for none."""
    if not moment:
        return "–"
    return datetime.fromisoformat(moment).astimezone(_SHANGHAI).date().isoformat()


def natural_width(table: Table) -> int:
    """Characters the table takes with nothing cut off or folded."""
    console = Console(width=MOST_WIDTH)
    return Measurement.get(console, console.options, table).maximum


def show(table: Table) -> None:
    """Print: folded to a terminal, whole into a file or a pipe, which have no width."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=natural_width(table))
    console.print(table)


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """A spinner with the time beside it on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task(words, total=None)
        yield
