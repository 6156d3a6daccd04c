"""Every command says what it does and shows how it is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from controller.cli import build


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    assert command.help, path
    for name, each in below.items():
        yield from _commands(each, f"{path} {name}")


def test_every_command_has_an_example_of_itself() -> None:
    found = dict(_commands(get_command(build([])), "yunxun"))
    assert len(found) > 100
    without = [path for path, command in found.items() if f"Example: {path}" not in command.help]
    assert without == []


@pytest.mark.parametrize("kind", ["units", "samples"])
def test_an_unknown_format_is_refused_before_anything_is_imported(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "units.csv"
    file.write_text("编码,名称\nA,单位\n", encoding="utf-8")
    words = ["import", kind, str(file), "--data", str(tmp_path / "data"), "--format", "csv"]
    with pytest.raises(typer.BadParameter, match="there are text and json"):
        build(words)(words, standalone_mode=False)
    assert not (tmp_path / "data").exists()
