"""A policy as data: which resources are idle, oversized, overloaded … and how that is proven.

Rules are tried in their order and the first that holds gives the class, so a resource is in
exactly one. See ``read_policy`` for the form in which policies are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CLASSES = ("idle", "oversized", "overloaded", "unused", "night_off")
"""What a rule may say. The others (exempt, stopped, undetermined, in_use) come from the guards."""

ACTIONS = ("release", "shrink", "stop", "schedule", "enlarge", "review")
OBJECTS = ("vm", "physical", "volume", "address", "database", "other")


@dataclass(frozen=True)
class Condition:
    """``signal`` (or its daily ``statistic``) compared with ``threshold``."""

    signal: str
    compare: str
    threshold: float
    statistic: str = ""
    """Of a day: mean, max or total; "" where each row is compared."""


@dataclass(frozen=True)
class StatisticTest:
    """One figure over the window against a threshold."""

    condition: Condition
    window_days: int
    bin_s: int = 0
    """The percentile is taken of the maxima of bins this long; 0: of the rows."""


@dataclass(frozen=True)
class DaysTest:
    """On at least ``days`` days of the window (0: on every day with data) all conditions hold."""

    conditions: tuple[Condition, ...]
    days: int
    window_days: int


@dataclass(frozen=True)
class ShareTest:
    """During at least ``share_pct`` of the rows all conditions hold together."""

    conditions: tuple[Condition, ...]
    share_pct: float
    window_days: int


@dataclass(frozen=True)
class StateTest:
    """Attached to nothing since at least ``days``."""

    days: int


@dataclass(frozen=True)
class PatternTest:
    """The condition holds in a pattern that repeats weekly: at least ``hours_per_week`` hours of
    the week in which it held in ``share_pct`` of the weeks, and as many in which it did not."""

    condition: Condition
    share_pct: float
    hours_per_week: int
    window_days: int


Test = StatisticTest | DaysTest | ShareTest | StateTest | PatternTest


@dataclass(frozen=True)
class Rule:
    """All ``tests`` must hold, and those of ``fit`` on a smaller size of the flavour list."""

    id: str
    cls: str
    action: str
    window_days: int
    objects: tuple[str, ...]
    tests: tuple[Test, ...]
    fit: tuple[StatisticTest, ...] = ()
    min_age_days: int = 0
    min_hours: float = 0.0
    """Hours of data, besides the coverage."""
    optional: bool = False
    """Where it cannot be judged, the policy's other rules decide alone."""


EXEMPT_TAGS = ("备用", "热备", "冷备", "容灾", "灾备", "standby", "DR", "重保", "重点保障")
STOPPED_TAGS = ("已关机", "已停机", "关机", "停机", "stopped", "poweroff")
DETACHED_TAGS = ("未挂载", "未绑定", "detached", "unattached", "unbound")
"""Words of registers; a tag may carry a day: ``未挂载:2026-09-01``."""


@dataclass(frozen=True)
class Guards:
    """What protects a resource from a hasty verdict; for all rules of a policy."""

    coverage_pct: float = 90.0
    exempt_tags: tuple[str, ...] = EXEMPT_TAGS
    stopped_tags: tuple[str, ...] = STOPPED_TAGS
    detached_tags: tuple[str, ...] = DETACHED_TAGS
    stopped_after_days: int = 7
    """Whole days without any data, after data before, that make a resource stopped."""
    cycles: bool = True
    """Whether tags of the annual calendar (汛期, 考试, 决算) exempt outside their season."""
    look_back_days: int = 35
    """How far back a month's or quarter's end is looked at before a release; 0: not at all."""
    look_back: str = "hold"
    """"hold": the recommended release waits; "in_use": the resource counts as in use."""
    busy_cpu_pct: float = 20.0
    """A month's end on which a five-minute mean reached this was busy."""


@dataclass(frozen=True)
class Policy:
    """One set of rules with its source, as shown and cited."""

    id: str
    title_zh: str
    title_en: str
    source: str
    rules: tuple[Rule, ...]
    guards: Guards
    url: str = ""
    clause: str = ""
    """依据条款: what a letter cites; filled in by the city."""
    note_zh: str = ""
    note_en: str = ""
    order: int = 100
    """Place in lists."""
    version: int = field(default=0, compare=False)

    @property
    def window_days(self) -> int:
        """The longest window of a rule that must be judged."""
        needed = [rule.window_days for rule in self.rules if not rule.optional]
        return max(needed or [rule.window_days for rule in self.rules])

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind for rule in self.rules for kind in rule.objects))
