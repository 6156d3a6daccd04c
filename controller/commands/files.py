"""What a command writes: to a file, else to standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from controller.commands.client import CommandError


def save(content: bytes, output: Path | None) -> None:
    """Raises CommandError where the file cannot be written."""
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None
