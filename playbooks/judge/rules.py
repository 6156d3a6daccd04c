"""The catalogue of rules: TOML files under playbooks/rules, one a rule, its fixtures inside.

A rule without a positive and a negative fixture, without both languages, or with a trigger that
does not compile is refused: the catalogue does not load.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from playbooks.judge.detectors import DETECTORS, Detector
from playbooks.judge.expressions import ExpressionError, compile_expression

FOLDER = Path(__file__).parent.parent / "rules"
SEVERITIES = ("blocker", "major", "minor", "info")
GATES = ("none", "precheck", "cutover", "verify")
TAGS = {
    "E": "measured",
    "R": "code read",
    "D": "documented",
    "I": "issue",
    "C": "sample",
    "U": "practice",
}
AREAS = {
    "network": "迁网",
    "cloud": "上云",
    "xinchuang-cpu": "信创·处理器",
    "xinchuang-os": "信创·操作系统",
    "xinchuang-db": "信创·数据库",
    "xinchuang-mw": "信创·中间件",
    "xinchuang-app": "信创·应用",
    "ipv6": "IPv6",
    "crypto": "国密",
}
# Names a caller may ask for, besides the areas themselves.
GROUPS = {
    "xinchuang": ("xinchuang-cpu", "xinchuang-os", "xinchuang-db", "xinchuang-mw", "xinchuang-app"),
    "migration": ("network", "cloud"),
    "all": tuple(AREAS),
}
UNVERIFIED_ZH = "本条依据一般工程经验，未经厂商资料核实，采信前请确认。"
UNVERIFIED_EN = "This rule rests on general practice, not on verified vendor facts: confirm first."
_TEXTS = ("title_zh", "title_en", "fix_zh", "fix_en", "source", "tag", "severity", "gate", "area")


class RuleError(ValueError):
    """A rule file that may not enter the catalogue; says which, and why."""


@dataclass(frozen=True)
class Fixture:
    """A small piece of the world: sections of a bundle, context, and perhaps a profile's fields."""

    sections: Mapping[str, str]
    context: Mapping[str, Any]
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One thing that is checked, and what to do about it.

    ``needs`` are bundle sections and ``context.NAME`` inputs that must be complete for silence to
    mean a pass; ``applies`` is an expression over the profile ("" = always).
    """

    id: str
    version: int
    area: str
    severity: str
    gate: str
    title_zh: str
    title_en: str
    fix_zh: str
    fix_en: str
    needs: tuple[str, ...]
    applies: str
    source: str
    tag: str
    effort_hours: float
    playbook: str
    since: date
    use: str
    parameters: Mapping[str, Any]
    detector: Detector
    applies_to: Callable[[Mapping[str, Any]], bool]
    by_profile: bool
    positive: Fixture
    negative: Fixture

    @property
    def verified(self) -> bool:
        """False where only general practice stands behind the rule: the reader is told."""
        return self.tag != "U"

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(need for need in self.needs if not need.startswith("context."))

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(need[8:] for need in self.needs if need.startswith("context."))


def load_rules(folder: Path = FOLDER) -> dict[str, Rule]:
    """Every rule by its id, in the order of areas and numbers. Raises RuleError."""
    rules: dict[str, Rule] = {}
    for path in sorted(folder.glob("*/*.toml")):
        try:
            rule = parse_rule(tomllib.loads(path.read_text(encoding="utf-8")))
        except (RuleError, tomllib.TOMLDecodeError) as error:
            raise RuleError(f"{path.parent.name}/{path.name}: {error}") from error
        if rule.id != path.stem or rule.area != path.parent.name:
            raise RuleError(
                f"{path}: holds {rule.area}/{rule.id}; file and folder must say the same"
            )
        rules[rule.id] = rule
    order = list(AREAS)
    return dict(sorted(rules.items(), key=lambda it: (order.index(it[1].area), it[0])))


def select_rules(rules: Mapping[str, Rule], areas: Iterable[str]) -> dict[str, Rule]:
    """The rules of these areas or groups. Raises RuleError for a name that is neither."""
    wanted: set[str] = set()
    for area in areas:
        if area not in AREAS and area not in GROUPS:
            raise RuleError(f"no area {area}: use one of {', '.join([*GROUPS, *AREAS])}")
        wanted.update(GROUPS.get(area, (area,)))
    return {key: rule for key, rule in rules.items() if rule.area in wanted}


def parse_rule(document: Mapping[str, Any]) -> Rule:
    """A rule from its file's content. Raises RuleError naming what is missing or wrong."""
    for name in ("id", "version", *_TEXTS):
        if not document.get(name):
            raise RuleError(f"{name} is missing")
    _one_of(document, "severity", SEVERITIES)
    _one_of(document, "gate", GATES)
    _one_of(document, "area", AREAS)
    _one_of(document, "tag", TAGS)
    detect = dict(document.get("detect", {}))
    use = detect.pop("use", "")
    if use not in DETECTORS:
        raise RuleError(f"detect.use: no detector {use!r}")
    detector = DETECTORS[use]
    applies = document.get("applies", "")
    try:
        prepared = detector.prepare(detect)
        applies_to = compile_expression(applies or "True")
    except (ExpressionError, ValueError, KeyError) as error:
        raise RuleError(f"detect: {error}") from error
    needs = tuple(document.get("needs", ()))
    if not needs:
        raise RuleError("needs is missing: a rule that looks at nothing always passes")
    return Rule(
        id=document["id"],
        version=document["version"],
        **{name: document[name] for name in _TEXTS},
        needs=needs,
        applies=applies,
        effort_hours=float(document.get("effort_hours", 0)),
        playbook=document.get("playbook", ""),
        since=date.fromisoformat(document.get("since", "2026-11-01")),
        use=use,
        parameters=prepared,
        detector=detector,
        applies_to=applies_to,
        by_profile=bool(applies) or detector.by_profile,
        positive=_fixture(document, "positive"),
        negative=_fixture(document, "negative"),
    )


def _fixture(document: Mapping[str, Any], name: str) -> Fixture:
    it = document.get(name)
    if not it or not (it.get("sections") or it.get("context")):
        raise RuleError(
            f"has no {name} fixture: every rule shows what it finds and what it lets pass"
        )
    return Fixture(it.get("sections", {}), it.get("context", {}), it.get("profile", {}))


def _one_of(document: Mapping[str, Any], name: str, allowed: Iterable[str]) -> None:
    if document[name] not in allowed:
        raise RuleError(f"{name} {document[name]!r} is none of {', '.join(allowed)}")
