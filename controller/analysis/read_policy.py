"""Reads a policy from its TOML document, and refuses what could not be evaluated, naming the key.

id = "aws-co-idle-ec2"
title_zh = "…"            title_en, source, url, clause, note_zh, note_en
[guards]                  see policy.Guards
[[rule]]
class = "idle"            action, window_days, objects, min_age_days, min_hours, optional
[[rule.all]]              one figure
signal = "cpu_peak_pct"
statistic = "max"         mean, max, mean_of_daily_max, top20_mean, p50 … p99_5
less_than = 5             or at_most, more_than, at_least
[[rule.all]]              days
days_at_least = 4         or every_day = true
daily = [{signal = "cpu_used_pct", statistic = "mean", at_most = 10}]
[[rule.all]]              share of the time
share_at_least = 97
while = [{signal = "cpu_used_cores", less_than = 0.03}]
[[rule.all]]
detached_days_at_least = 15
[[rule.all]]              a weekly pattern
weekly_hours_at_least = 40
share_at_least = 95
while = [{signal = "cpu_used_pct", less_than = 5}]
[[rule.fit]]              as [[rule.all]] with a figure, on the new size
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from controller.analysis.policy import (
    ACTIONS,
    CLASSES,
    OBJECTS,
    Condition,
    DaysTest,
    Guards,
    PatternTest,
    Policy,
    Rule,
    ShareTest,
    StateTest,
    StatisticTest,
    Test,
)
from controller.analysis.signals import COMPARISONS, DAILY, PERCENTILES, SIGNALS

STATISTICS = ("mean", "max", "mean_of_daily_max", "top20_mean", *PERCENTILES)
LONGEST_WINDOW = 400
MACHINES = ("vm", "physical")
_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")


class PolicyError(ValueError):
    """The document cannot be a policy; the text names the key and says what it may be."""


class _Reader:
    """A table of the document with the path of its keys; whatever is left over is refused."""

    def __init__(self, table: Any, where: str) -> None:
        if not isinstance(table, dict):
            raise PolicyError(f"{where}: must be a table")
        self._table = dict(table)
        self.where = where

    def key(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def has(self, name: str) -> bool:
        return name in self._table

    def text(self, name: str, default: str | None = None) -> str:
        value = self._take(name, default)
        if not isinstance(value, str):
            raise PolicyError(f"{self.key(name)}: must be text")
        return value

    def number(self, name: str, default: float | None = None, least: float = 0.0) -> float:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PolicyError(f"{self.key(name)}: must be a number")
        if not value >= least:
            raise PolicyError(f"{self.key(name)}: {value} is less than {least:g}")
        return float(value)

    def whole(self, name: str, default: int | None = None, least: int = 0, most: int = 0) -> int:
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PolicyError(f"{self.key(name)}: must be a whole number")
        if value < least or (most and value > most):
            raise PolicyError(f"{self.key(name)}: {value} is not between {least} and {most or '∞'}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise PolicyError(f"{self.key(name)}: must be true or false")
        return value

    def choice(self, name: str, among: Any, default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in among:
            raise PolicyError(f"{self.key(name)}: {value!r} is none of {', '.join(among)}")
        return value

    def words(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self._take(name, list(default))
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise PolicyError(f"{self.key(name)}: must be a list of texts")
        return tuple(value)

    def tables(self, name: str) -> list[_Reader]:
        value = self._take(name, [])
        if not isinstance(value, list):
            raise PolicyError(f"{self.key(name)}: must be a list of tables")
        return [_Reader(each, f"{self.key(name)}[{i}]") for i, each in enumerate(value)]

    def table(self, name: str) -> _Reader:
        return _Reader(self._take(name, {}), self.key(name))

    def end(self) -> None:
        if self._table:
            unknown = ", ".join(self.key(name) for name in self._table)
            raise PolicyError(f"{unknown}: no such key here")

    def _take(self, name: str, default: Any) -> Any:
        if name not in self._table:
            if default is None:
                raise PolicyError(f"{self.key(name)}: is missing")
            return default
        return self._table.pop(name)


def read_policy(body: str, version: int = 0) -> Policy:
    """The policy of a TOML document. Raises PolicyError."""
    try:
        document = tomllib.loads(body)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"not TOML: {error}") from None
    reader = _Reader(document, "")
    name = reader.text("id")
    if not _NAME.match(name):
        raise PolicyError(f"id: {name!r} must be small letters, digits and hyphens, 64 at most")
    objects = _objects(reader, MACHINES)
    guards = _guards(reader.table("guards"))
    tables = reader.tables("rule")
    if not tables:
        raise PolicyError("rule: a policy needs at least one [[rule]]")
    rules = tuple(_rule(each, objects) for each in tables)
    if len({rule.id for rule in rules}) < len(rules):
        raise PolicyError("rule: two rules have the same id")
    policy = Policy(
        id=name,
        title_zh=reader.text("title_zh"),
        title_en=reader.text("title_en"),
        source=reader.text("source"),
        rules=rules,
        guards=guards,
        url=reader.text("url", ""),
        clause=reader.text("clause", ""),
        note_zh=reader.text("note_zh", ""),
        note_en=reader.text("note_en", ""),
        order=reader.whole("order", 100),
        version=version,
    )
    reader.end()
    return policy


def _objects(reader: _Reader, default: tuple[str, ...]) -> tuple[str, ...]:
    objects = reader.words("objects", default)
    for each in objects:
        if each not in OBJECTS:
            raise PolicyError(f"{reader.key('objects')}: {each!r} is none of {', '.join(OBJECTS)}")
    return objects


def _guards(reader: _Reader) -> Guards:
    given: dict[str, Any] = {}
    readers: dict[str, Callable[[str], Any]] = {
        "float": reader.number,
        "int": lambda name: reader.whole(name, most=LONGEST_WINDOW),
        "bool": reader.flag,
        "tuple[str, ...]": reader.words,
        "str": lambda name: reader.choice(name, ("hold", "in_use")),
    }
    for each in fields(Guards):
        if reader.has(each.name):
            given[each.name] = readers[str(each.type)](each.name)
    reader.end()
    guards = Guards(**given)
    if guards.coverage_pct > 100:
        raise PolicyError(f"guards.coverage_pct: {guards.coverage_pct:g} is more than 100")
    return guards


def _rule(reader: _Reader, objects: tuple[str, ...]) -> Rule:
    cls = reader.choice("class", CLASSES)
    window = reader.whole("window_days", least=1, most=LONGEST_WINDOW)
    tests = tuple(_test(each, window) for each in reader.tables("all"))
    fit = tuple(_figure(each, window) for each in reader.tables("fit"))
    measured = fit or any(not isinstance(test, StateTest) for test in tests)
    least = min(14, max(5, window)) if measured else 0
    rule = Rule(
        id=reader.text("id", cls),
        cls=cls,
        action=reader.choice("action", ACTIONS),
        window_days=window,
        objects=_objects(reader, objects),
        tests=tests,
        fit=fit,
        min_age_days=reader.whole("min_age_days", least, most=LONGEST_WINDOW),
        min_hours=reader.number("min_hours", 0.0),
        optional=reader.flag("optional"),
    )
    for each in rule.fit:
        if not COMPARISONS[each.condition.compare].low:
            raise PolicyError(f"{reader.key('fit')}: a smaller size is judged by what it must hold")
    if not rule.tests and not rule.fit:
        raise PolicyError(f"{reader.key('all')}: a rule needs at least one test")
    reader.end()
    return rule


def _test(reader: _Reader, window: int) -> Test:
    if reader.has("detached_days_at_least"):
        state = StateTest(reader.whole("detached_days_at_least", most=LONGEST_WINDOW))
        reader.end()
        return state
    if reader.has("daily"):
        return _days(reader, window)
    if reader.has("while"):
        return _share(reader, window)
    return _figure(reader, window)


def _days(reader: _Reader, window: int) -> DaysTest:
    days = 0
    if reader.has("days_at_least") == reader.flag("every_day"):
        raise PolicyError(f"{reader.where}: needs either days_at_least or every_day = true")
    if reader.has("days_at_least"):
        days = reader.whole("days_at_least", least=1, most=window)
    conditions = tuple(
        _condition(each, each.choice("statistic", DAILY)) for each in reader.tables("daily")
    )
    if not conditions:
        raise PolicyError(f"{reader.key('daily')}: is empty")
    within = _window(reader, window)
    reader.end()
    return DaysTest(conditions, days, within)


def _share(reader: _Reader, window: int) -> ShareTest | PatternTest:
    share = reader.number("share_at_least")
    if share > 100:
        raise PolicyError(f"{reader.key('share_at_least')}: {share:g} is more than 100")
    conditions = tuple(_condition(each) for each in reader.tables("while"))
    patterned = reader.has("weekly_hours_at_least")
    # A pattern may be looked for further back than the data must be complete.
    within = _window(reader, window, LONGEST_WINDOW if patterned else window)
    if not conditions:
        raise PolicyError(f"{reader.key('while')}: is empty")
    if not patterned:
        reader.end()
        return ShareTest(conditions, share, within)
    hours = reader.whole("weekly_hours_at_least", least=1, most=167)
    reader.end()
    if len(conditions) > 1 or not COMPARISONS[conditions[0].compare].low:
        raise PolicyError(f"{reader.key('while')}: a pattern is of one signal that is low")
    return PatternTest(conditions[0], share, hours, within)


def _figure(reader: _Reader, window: int) -> StatisticTest:
    statistic = reader.choice("statistic", STATISTICS)
    bin_s = reader.whole("of_max_s", 0, most=86_400)
    if bin_s and (bin_s % 300 or statistic not in PERCENTILES):
        raise PolicyError(
            f"{reader.key('of_max_s')}: must be a multiple of 300, and the statistic a percentile"
        )
    within = _window(reader, window)
    return StatisticTest(_condition(reader, statistic), within, bin_s)


def _window(reader: _Reader, window: int, most: int = 0) -> int:
    return reader.whole("window_days", window, least=1, most=most or window)


def _condition(reader: _Reader, statistic: str = "") -> Condition:
    signal = reader.choice("signal", SIGNALS)
    given = [key for key in COMPARISONS if reader.has(key)]
    if len(given) != 1:
        raise PolicyError(f"{reader.where}: needs one of {', '.join(COMPARISONS)}")
    condition = Condition(signal, given[0], reader.number(given[0]), statistic)
    reader.end()
    return condition
