"""What a detector is given, what it finds, and how it says that it cannot tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playbooks.judge.expressions import compile_expression
from playbooks.judge.facts import Facts


@dataclass(frozen=True)
class Hit:
    """One thing found. ``subject`` names it alike in every run; ``excerpt`` shows it."""

    subject: str
    kind: str
    locator: str
    excerpt: str
    section: str = ""
    severity: str = ""


class NotApplicable(Exception):
    """There is nothing of this kind on the host: the rule has no question to ask."""


class Elsewhere(NotApplicable):
    """The rule is not for this profile."""


class NotChecked(Exception):
    """Something that the rule needs is missing; the text says what."""


class Conflict(Exception):
    """Two sources say different things: unknown."""


@dataclass(frozen=True)
class Look:
    """One evaluation of one rule. ``profile`` holds a profile's fields, none: empty."""

    facts: Facts
    parameters: Mapping[str, Any]
    context: Mapping[str, Any]
    profile: Mapping[str, Any]
    now: datetime
    by_input: dict[str, Any] = field(default_factory=dict)

    def input(self, name: str) -> Any:
        """A value of the context by its dotted name. Raises NotChecked where it is missing."""
        value: Any = self.context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
            if value is None:
                raise NotChecked(f"missing input: {name}")
        return value

    def optional(self, name: str, default: Any) -> Any:
        try:
            return self.input(name)
        except NotChecked:
            return default


Find = Callable[[Look], Iterable[Hit]]


@dataclass(frozen=True)
class Detector:
    """``takes``: parameters that a rule file may give; ``by_profile``: the answer depends on it."""

    find: Find
    takes: frozenset[str] = frozenset()
    by_profile: bool = False

    def prepare(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters ready to use: patterns and conditions compiled. Raises ValueError."""
        if unknown := set(parameters) - self.takes:
            raise ValueError(f"parameters nobody reads: {', '.join(sorted(unknown))}")
        return {key: _prepared(key, value) for key, value in parameters.items()}


def _prepared(key: str, value: Any) -> Any:
    if key in ("match", "unless"):
        try:
            return tuple(re.compile(one, re.MULTILINE) for one in _listed(value))
        except re.error as error:
            raise ValueError(f"{key}: {error}") from error
    if key == "when":
        return compile_expression(value)
    return value


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
