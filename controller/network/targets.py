"""What each level of the network should reach: read from TOML, checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.inventory.tables import UNIT_KINDS
from controller.network.line_tables import LEVELS
from controller.problems import Problem
from controller.runtime import Runtime

SHIPPED = Path(__file__).parent / "targets.toml"
KEYS = {"level", "unit_kinds", "bandwidth_gbps", "title_zh", "title_en"}


class BadTargetsError(ValueError):
    """The targets cannot be used; the text names the file, the level and the key."""


@dataclass(frozen=True)
class Target:
    """What one level should reach. ``bit_s`` None: there is no target for its lines."""

    level: str
    unit_kinds: frozenset[str]
    bit_s: float | None
    title_zh: str
    title_en: str


def load_targets(path: str = "") -> dict[str, Target]:
    """The targets by level in ``path``, or those that are shipped. Raises BadTargetsError."""
    file = Path(path) if path else SHIPPED
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadTargetsError(f"{file}: {error}") from None
    rows = told.get("level")
    if not isinstance(rows, list) or not rows:
        raise BadTargetsError(f"{file}: no [[level]]")
    targets = [_target(file, row) for row in rows]
    if len({each.level for each in targets}) != len(targets):
        raise BadTargetsError(f"{file}: a level stands twice")
    return {each.level: each for each in targets}


def _target(file: Path, row: Any) -> Target:
    if not isinstance(row, dict) or set(row) - KEYS or "level" not in row:
        odd = ", ".join(sorted(set(row) - KEYS)) if isinstance(row, dict) else "not a table"
        raise BadTargetsError(f"{file}: a [[level]] holds {odd or 'no level'}")
    level, kinds, gbps = row["level"], row.get("unit_kinds", []), row.get("bandwidth_gbps")
    if level not in LEVELS:
        raise BadTargetsError(f"{file}: level {level!r} is none of {', '.join(LEVELS)}")
    if not isinstance(kinds, list) or any(kind not in UNIT_KINDS for kind in kinds):
        raise BadTargetsError(f"{file}: {level}: unit_kinds are some of {', '.join(UNIT_KINDS)}")
    if gbps is not None and (isinstance(gbps, bool) or not isinstance(gbps, int | float)):
        raise BadTargetsError(f"{file}: {level}: bandwidth_gbps is no number")
    return Target(
        level=level,
        unit_kinds=frozenset(kinds),
        bit_s=None if gbps is None else gbps * 1e9,
        title_zh=str(row.get("title_zh", level)),
        title_en=str(row.get("title_en", level)),
    )


def targets_of(runtime: Runtime) -> dict[str, Target]:
    """The targets in force. Raises Problem 500 naming what is wrong with the city's own."""
    try:
        return load_targets(runtime.settings.network_targets)
    except BadTargetsError as error:
        raise Problem(500, "targets not usable", f"setting network_targets: {error}") from None
