"""Small lists typed into a form, a line an entry, read as people write them."""

from __future__ import annotations

import re

from controller.inventory.naming import narrow, tidy
from controller.inventory.units_api import PartIn
from controller.problems import Problem
from controller.said import say

_SEPARATORS = re.compile(r"[,，、;；\n]+")
_SHARE = re.compile(r"(.+?)(?:[\s=:：＝]+|(?<![0-9.]))([0-9.]+)\s*[%％]?")


def names(text: str) -> list[str]:
    """Names separated by commas, semicolons, 、 or lines."""
    return [name for each in _SEPARATORS.split(text) if (name := tidy(each))]


def lines(text: str, longest: int) -> list[str]:
    """Names, one a line: a name may itself hold commas or 、. Raises Problem 422 for one of more
    than ``longest`` characters."""
    found = [name for each in text.splitlines() if (name := tidy(each))]
    for name in found:
        if len(name) > longest:
            raise Problem(
                422,
                "name too long",
                say(
                    f"{name[:30]!r}…: {len(name)} characters, at most {longest} are kept",
                    f"“{name[:30]}…”有 {len(name)} 个字符，最多 {longest} 个；每行写一个",
                ),
            )
    return found


def shares(text: str) -> dict[str, float]:
    """Unit -> percent of lines like ``市财政局 40%``. Raises Problem 422."""
    found: dict[str, float] = {}
    for line in filter(None, map(tidy, text.splitlines())):
        read = _SHARE.fullmatch(line)
        if read is None or read[2].count(".") > 1 or read[2] == ".":
            raise Problem(
                422,
                "unclear share",
                say(
                    f"{line!r}: write a unit and its percentage, e.g. 330100-CZJ 40",
                    f"“{line}”：请写单位和比例，如 市财政局 40",
                ),
            )
        unit = tidy(read[1])
        if unit in found:
            raise Problem(
                422,
                "unit named twice",
                say(f"{unit!r} stands there twice", f"“{unit}”写了两次"),
            )
        found[unit] = float(read[2])
    return found


def split_parts(text: str) -> list[PartIn]:
    """Parts of a split, of lines ``CODE=NAME:SYSTEM,SYSTEM`` as the command takes them. Raises
    Problem 422."""
    parts = []
    for line in filter(None, map(tidy, text.splitlines())):
        code, equals, described = line.replace("＝", "=").partition("=")
        if not equals or not narrow(code):
            raise Problem(
                422,
                "unclear part",
                say(
                    f"{line!r}: write CODE=NAME, or CODE=NAME:SYSTEM,SYSTEM",
                    f"“{line}”：请写 编码=名称，或 编码=名称:业务系统,业务系统",
                ),
            )
        name, _, systems = described.replace("：", ":").partition(":")
        parts.append(PartIn(code=narrow(code), name=tidy(name), systems=names(systems)))
    return parts
