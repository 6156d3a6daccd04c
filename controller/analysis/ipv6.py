"""The score of readiness for IPv6: pure, from a reading and an index of weights.

A reading of a site is what ``python -m collectors.ipv6`` prints, of a host or device a document
(analysis.ipv6_values). What cannot be measured because
the home page does not come over IPv6 counts as failed; what does not apply (no links, no TLS)
leaves the weights; what was not measured makes the score less certain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from controller.analysis.ipv6_values import DEVICE_VALUES, HOST_VALUES, Measured

State = Literal["pass", "partial", "fail", "not_applicable", "unknown"]

LEAST_COVERAGE = 0.6
"""Below this share of the weights there is no score."""


@dataclass(frozen=True)
class Indicator:
    """``full`` earns all points and ``zero`` none, straight between; ``value`` is measured."""

    code: str
    title_zh: str
    title_en: str
    weight: float
    value: str
    full: float
    zero: float
    remedy_zh: str
    remedy_en: str
    source: str


@dataclass(frozen=True)
class Index:
    """Indicators, weights and pass lines with a version. ``official`` is False for an example set:
    the official weights are not published."""

    name: str
    version: str
    title_zh: str
    title_en: str
    official: bool
    good: float
    """A score from here on is a pass."""
    indicators: tuple[Indicator, ...]
    """Those of sites, or of the ``subject``."""
    hosts: tuple[Indicator, ...] = ()
    devices: tuple[Indicator, ...] = ()
    mix: Mapping[str, float] = field(default_factory=lambda: {"site": 1.0})
    """How much sites, hosts and devices weigh in the score of a unit, by kind."""
    subject: str = "site"

    def of(self, subject: str) -> Index:
        """The index with the indicators of this kind: site, host or device."""
        chosen = {"host": self.hosts, "device": self.devices}.get(subject, self.indicators)
        return replace(self, indicators=chosen, subject=subject)

    @property
    def mark(self) -> str:
        """Name and version, as it is kept beside what it scored."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Result:
    """One indicator of one site: ``value`` as measured (a rate, or an excess), points of ``of``."""

    code: str
    state: State
    value: float | None
    points: float
    of: float
    why: str
    """A word for the reason: "", home, no_record, not_measured, nothing_to_measure, plain_http,
    not_checked."""


@dataclass(frozen=True)
class Evaluation:
    """``score`` 0-100, or None where too little is known; ``coverage`` 0-1 of the weights."""

    score: float | None
    coverage: float
    results: tuple[Result, ...]

    def gain(self, code: str) -> float:
        """Points of 100 that the indicator would still bring."""
        whole = sum(each.of for each in self.results if each.state != "not_applicable")
        lost = sum(each.of - each.points for each in self.results
                   if each.code == code and each.state in ("fail", "partial"))  # fmt: skip
        return 100 * lost / whole if whole else 0.0


def evaluate(reading: Mapping[str, Any], index: Index) -> Evaluation:
    """The score of one reading."""
    down = index.subject == "site" and not (reading.get("home_v6") or reading.get("home_v4"))
    results = tuple(_judge(reading, each, down) for each in index.indicators)
    applying = [each for each in results if each.state != "not_applicable"]
    known = [each for each in applying if each.state != "unknown"]
    whole, told = sum(e.of for e in applying), sum(e.of for e in known)
    coverage = told / whole if whole else 0.0
    if down or coverage < LEAST_COVERAGE:
        return Evaluation(None, round(coverage, 4), results)
    return Evaluation(
        round(100 * sum(e.points for e in known) / told, 2), round(coverage, 4), results
    )


def _judge(reading: Mapping[str, Any], indicator: Indicator, down: bool) -> Result:
    value, why = _value(reading, indicator.value)
    weight = indicator.weight
    if value is None:
        if why in ("nothing_to_measure", "plain_http"):
            return Result(indicator.code, "not_applicable", None, 0.0, weight, why)
        if why in ("home", "no_record") and not down:
            return Result(indicator.code, "fail", None, 0.0, weight, why)
        return Result(indicator.code, "unknown", None, 0.0, weight, why or "not_measured")
    share = (value - indicator.zero) / (indicator.full - indicator.zero)
    share = min(1.0, max(0.0, share))
    state: State = "pass" if share >= 1 else "partial" if share > 0 else "fail"
    return Result(indicator.code, state, round(value, 4), round(weight * share, 4), weight, "")


def _value(reading: Mapping[str, Any], name: str) -> Measured:
    if name in _ALWAYS:
        return _ALWAYS[name](reading)
    if name in _DOCUMENTS:
        return _DOCUMENTS[name](reading)
    if not reading.get("home_v6"):
        return None, "home"
    if name in _PLAIN:
        value = reading.get(_PLAIN[name])
        return (None, "not_measured") if value is None else (float(value), "")
    part = reading.get(name)
    if not isinstance(part, Mapping):
        return None, "not_measured"
    return (float(part["rate"]), "") if part.get("total") else (None, "nothing_to_measure")


def _servers(reading: Mapping[str, Any]) -> Measured:
    told = reading.get("name_servers")
    if not told:
        return None, "nothing_to_measure"  # reached by address: no name, no zone
    total = told.get("total") or 0
    if told.get("error") or not total:
        return None, "not_measured"
    return told.get("reachable", 0) / total, ""


def _certificate(reading: Mapping[str, Any]) -> Measured:
    shown = reading.get("certificate")
    return (None, "plain_http") if shown is None else (float(bool(shown.get("valid"))), "")


def _success(reading: Mapping[str, Any]) -> Measured:
    rate = reading.get("success_rate")
    return (None, "no_record") if rate is None else (float(rate), "")


_ALWAYS: dict[str, Callable[[Mapping[str, Any]], Measured]] = {
    "aaaa": lambda reading: (float(bool(reading.get("aaaa_valid"))), ""),
    "home": lambda reading: (float(bool(reading.get("home_v6"))), ""),
    "name_servers": _servers,
    "certificate": _certificate,
    "success": _success,
}
_DOCUMENTS = {**HOST_VALUES, **DEVICE_VALUES}
_PLAIN = {"content": "content_difference", "performance": "degradation"}


def mean_score(evaluations: Sequence[Evaluation]) -> float | None:
    """Mean of the scores that there are; None without any."""
    known = [each.score for each in evaluations if each.score is not None]
    return round(sum(known) / len(known), 2) if known else None


Gain = tuple[str, float, int]
"""(indicator, points that the mean would rise by, how many subjects it concerns)."""


def best_actions(evaluations: Sequence[Evaluation], index: Index, most: int = 3) -> list[Gain]:
    """What would raise the mean most, the most first."""
    scored = [each for each in evaluations if each.score is not None]
    found = []
    for indicator in index.indicators:
        gains = [gain for each in scored if (gain := each.gain(indicator.code)) > 0]
        if gains:
            found.append((indicator.code, round(sum(gains) / len(scored), 2), len(gains)))
    return sorted(found, key=lambda each: -each[1])[:most]


@dataclass(frozen=True)
class Part:
    """All subjects of one kind that somebody holds: ``registered`` of them, those judged."""

    kind: str
    registered: int
    evaluations: tuple[Evaluation, ...]

    @property
    def scored(self) -> int:
        return sum(each.score is not None for each in self.evaluations)

    @property
    def score(self) -> float | None:
        return mean_score(self.evaluations)

    @property
    def coverage(self) -> float:
        """Share of the registered that have a score."""
        return self.scored / self.registered if self.registered else 0.0


@dataclass(frozen=True)
class Whole:
    """A unit's, system's or city's score; None (unknown) where too little of it is known."""

    score: float | None
    coverage: float
    parts: tuple[Part, ...]


def combine(parts: Sequence[Part], index: Index) -> Whole:
    """The score over kinds: each weighs as the index's mix says, times what is known of it. A kind
    of which nothing is registered weighs nothing; one never measured lowers the coverage."""
    present = [part for part in parts if part.registered and index.mix.get(part.kind)]
    whole = sum(index.mix[part.kind] for part in present)
    known = sum(index.mix[part.kind] * part.coverage for part in present)
    coverage = known / whole if whole else 0.0
    if coverage < LEAST_COVERAGE:
        return Whole(None, round(coverage, 4), tuple(parts))
    points = sum(index.mix[part.kind] * part.coverage * (part.score or 0.0) for part in present)
    return Whole(round(points / known, 2), round(coverage, 4), tuple(parts))


def raising(parts: Sequence[Part], index: Index, most: int = 3) -> list[tuple[str, Gain]]:
    """(kind, gain in points of the combined score) of what would raise it most. Where the score is
    unknown, the gain is that of what is known."""
    present = [part for part in parts if part.scored and index.mix.get(part.kind)]
    known = sum(index.mix[part.kind] * part.coverage for part in present)
    found = []
    for part in present:
        weight = index.mix[part.kind] * part.coverage / known
        for code, gain, count in best_actions(part.evaluations, index.of(part.kind), most=99):
            found.append((part.kind, (code, round(gain * weight, 2), count)))
    return sorted(found, key=lambda each: -each[1][1])[:most]
