"""Triggers that are data alone: patterns over sections, conditions over values and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from playbooks.judge.detectors.base import Detector, Hit, Look, NotChecked
from playbooks.judge.detectors.hints import hints_of
from playbooks.judge.expressions import MissingName

MOST_HITS = 40


def lines(look: Look) -> Iterable[Hit]:
    """A line of these sections matches; ``unless`` lets some lines pass, ``path`` narrows files."""
    seen: set[str] = set()
    path = look.parameters.get("path", "")
    for section in look.parameters["in"]:
        text = look.facts.text(section)
        lower = look.facts.lower(section)
        for pattern in look.parameters["match"] if text else ():
            hints = hints_of(pattern)
            if hints and not any(hint in lower for hint in hints):
                continue
            for match in pattern.finditer(text):
                line = look.facts.line_at(section, match.start())
                if path and not line.path.endswith(tuple(path)):
                    continue
                if any(it.search(line.text) for it in look.parameters.get("unless", ())):
                    continue
                named = match.groupdict().get("s") or match[0]
                name = " ".join(named.split())[:120]
                subject = f"{line.path}: {name}" if line.path and line.path not in name else name
                if subject not in seen:
                    seen.add(subject)
                    yield Hit(
                        subject, "file" if line.path else "cli", line.locator, line.text, section
                    )
                if len(seen) >= MOST_HITS:
                    return


def missing(look: Look) -> Iterable[Hit]:
    """No line of these sections matches any of the patterns."""
    for section in look.parameters["in"]:
        text = look.facts.text(section)
        if any(pattern.search(text) for pattern in look.parameters["match"]):
            return
    sections = ", ".join(look.parameters["in"])
    wanted = " | ".join(it.pattern for it in look.parameters["match"])
    yield Hit(look.parameters["subject"], "cli", sections, f"not found: {wanted}", sections)


def values(look: Look) -> Iterable[Hit]:
    """A condition over the ``key=value`` lines of one section (numbers where they look so)."""
    section = look.parameters["in"][0]
    names = {key.replace(".", "_"): _number(v) for key, v in look.facts.values(section).items()}
    try:
        found = look.parameters["when"](names)
    except MissingName as error:
        raise NotChecked(f"{section} says nothing of {error}") from error
    if found:
        shown = look.parameters.get("show", [])
        excerpt = ", ".join(f"{key}={look.facts.values(section).get(key, '')}" for key in shown)
        yield Hit(look.parameters["subject"], "cli", section, excerpt, section)


def items(look: Look) -> Iterable[Hit]:
    """A condition over each item of an input, such as every endpoint that was probed."""
    value = look.input(look.parameters["input"])
    every: list[Mapping[str, Any]] = [value] if isinstance(value, Mapping) else list(value)
    for item in every:
        try:
            found = look.parameters["when"](item)
        except MissingName as error:
            raise NotChecked(f"{look.parameters['input']} says nothing of {error}") from error
        if found:
            subject = look.parameters["subject"].format_map(_Shown(item))
            excerpt = ", ".join(f"{key}={item[key]}" for key in sorted(item))
            yield Hit(subject, "cli", look.parameters["input"], excerpt, "context")


class _Shown(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def _number(text: str) -> Any:
    first = text.split(" ", maxsplit=1)[0]
    try:
        return int(first)
    except ValueError:
        return text


DETECTORS = {
    "lines": Detector(lines, frozenset({"in", "match", "unless", "path"})),
    "missing": Detector(missing, frozenset({"in", "match", "subject"})),
    "values": Detector(values, frozenset({"in", "when", "subject", "show"})),
    "items": Detector(items, frozenset({"input", "when", "subject"})),
}
