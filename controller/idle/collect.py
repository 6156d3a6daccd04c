"""The figures of many resources, in a few passes over their rows that all policies share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.analysis.figures import (
    DAY_S,
    WEEK_HOURS,
    Day,
    Figures,
    Floats,
    Needs,
    Pattern,
    Percentile,
    Share,
    Subject,
    TopMean,
)
from controller.idle import sql
from controller.idle.spans import Spans, spans_of
from controller.store.samples import Columns, Samples

SLICE = 400
"""Resources of one statement: percentiles keep every value, a month of three signals is 40 MB."""
LANES = 2
"""Statements at once, each on one thread."""
ONE_THREAD = {"max_threads": 1}
SECONDS = 600
"""A nightly scan may take longer than a page."""


class Collector:
    """Fills the arrays of ``Figures`` slice by slice. Used once."""

    def __init__(
        self,
        samples: Samples,
        spans: Spans,
        subjects: list[Subject],
        needs: Needs,
        by_kind: Mapping[str, Needs],
        end: int,
    ) -> None:
        self._samples, self._spans = samples, spans
        self._needs, self._by_kind, self._end = needs, by_kind, end
        self._start = end - needs.days * DAY_S
        self._ids = np.array([subject.resource for subject in subjects], np.int64)
        count, days = len(subjects), needs.days
        self.figures = Figures(
            end,
            subjects,
            days,
            daily={
                signal: Day(
                    np.zeros((count, days)),
                    np.zeros((count, days)),
                    np.zeros((count, days)),
                    np.full((count, days), np.nan),
                )
                for signal in needs.daily
            },
            shares={
                share: (np.zeros((count, days)), np.zeros((count, days))) for share in needs.shares
            },
            percentiles={need: np.full(count, np.nan) for need in needs.percentiles},
            tops={need: np.full(count, np.nan) for need in needs.tops},
            patterns={
                need: (np.zeros((count, WEEK_HOURS)), np.zeros((count, WEEK_HOURS)))
                for need in needs.patterns
            },
            last_s=np.full(count, np.nan),
            coarse_s=np.zeros(count),
            coarse_rows=np.zeros((count, days)),
        )

    def run(self, zone: str, quiet_days: int) -> Figures:
        """All figures. ``quiet_days``: resources silent for so long get their last row looked up.
        Raises what ``Samples.query`` raises."""
        plain = ~np.isin(self._ids, self._spans.changed)
        kinds = np.array([subject.kind for subject in self.figures.subjects], dtype=object)
        jobs: list[tuple[Needs, NDArray[np.int64], bool]] = []
        for kind, needs in self._by_kind.items():
            mine = kinds == kind
            for chosen, joined in ((mine & plain, False), (mine & ~plain, True)):
                jobs += [(needs, ids, joined) for ids in _slices(np.sort(self._ids[chosen]))]
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(lambda job: self._slice(job[0], job[1], job[2], zone), jobs))
        self._coarse()
        self._last(quiet_days)
        return self.figures

    def _slice(self, needs: Needs, ids: NDArray[np.int64], joined: bool, zone: str) -> None:
        which = _which(ids)
        if needs.daily:
            rows = self._rows(which, ids, needs.daily, needs.days, joined)
            shares = sorted(needs.shares, key=repr)
            self._store_daily(
                self._ask(sql.daily(rows, self._end, needs, shares), ids), needs, shares
            )
        for days, signals in sorted(_windows(needs).items()):
            ranked = sorted(need for need in needs.percentiles if need.signal in signals)
            tops = sorted(need for need in needs.tops if need.signal in signals)
            rows = self._rows(which, ids, signals, days, joined)
            answer = self._ask(sql.ranks(rows, self._end, ranked, tops), ids)
            self._store_each(answer, "p", ranked, self.figures.percentiles)
            self._store_each(answer, "u", tops, self.figures.tops)
        if needs.patterns:
            patterns = sorted(needs.patterns, key=repr)
            signals = {need.condition.signal for need in patterns}
            days = max(need.days for need in patterns)
            rows = self._rows(which, ids, signals, days, joined, sql.hourly)
            answer = self._ask(sql.patterns(rows, self._end, patterns, zone), ids)
            self._store_patterns(answer, patterns)

    def _rows(
        self,
        which: str,
        ids: NDArray[np.int64],
        signals: Any,
        days: int,
        joined: bool,
        source: Callable[[str, int, int, Sequence[str]], str] = sql.fine,
    ) -> str:
        start = self._end - days * DAY_S
        rows = source(which, start, self._end, sql.columns_of(signals))
        return self._with_sizes(rows, ids, signals, joined)

    def _with_sizes(self, rows: str, ids: NDArray[np.int64], signals: Any, joined: bool) -> str:
        """The signals of ``rows``. A size that never changed is looked up in a constant array by
        the resource's number, which costs next to nothing; others are joined at the row's time."""
        wanted = sorted({sql.SIZED[name] for name in signals if name in sql.SIZED})
        if not wanted:
            return sql.signals_of_rows(rows, signals, "")
        if joined:
            sizes = ", ".join(f"p.size_{name} AS size_{name}" for name in wanted)
            rows = (
                f"SELECT r.*, {sizes} FROM ({rows}) AS r INNER JOIN pieces AS p "
                "ON r.resource = p.resource WHERE r.at >= p.since AND r.at < p.until"
            )
            return sql.signals_of_rows(rows, signals, "")
        parts = ""
        low, high = int(ids[0]), int(ids[-1])
        dense = high - low < 20 * SLICE
        for name in wanted:
            sizes_of = self._spans.sizes(name, ids)
            if dense:
                table = np.full(high - low + 1, np.nan)
                table[ids - low] = sizes_of
                literal = f"[{', '.join(_literal(value) for value in table.tolist())}]"
                parts += f"arrayElement({literal}, resource - {low - 1}) AS size_{name}, "
            else:
                numbers = ", ".join(map(str, ids.tolist()))
                literal = ", ".join(_literal(value) for value in sizes_of.tolist())
                parts += f"transform(resource, [{numbers}], [{literal}], nan) AS size_{name}, "
        return sql.signals_of_rows(rows, signals, parts)

    def _ask(self, statement: str, ids: NDArray[np.int64]) -> Columns:
        external: Mapping[str, Any] | None = None
        if "INNER JOIN pieces" in statement:
            external = {"pieces": self._spans.pieces(ids)}
        return self._samples.query(
            statement, seconds=SECONDS, settings=ONE_THREAD, external=external
        )

    def _places(self, answer: Columns) -> NDArray[np.int64]:
        keys = np.asarray(answer.get("resource", []), np.int64)
        order = np.argsort(self._ids)
        places: NDArray[np.int64] = order[np.searchsorted(self._ids[order], keys)]
        return places

    def _store_daily(
        self, answer: Columns, needs: Needs, shares: Sequence[Share], *, add: bool = False
    ) -> None:
        places = self._places(answer)
        if not len(places):
            return
        at = (places, np.asarray(answer["day"], np.int64))
        for signal in needs.daily:
            day = self.figures.daily[signal]
            for letter, target in (("n", day.count), ("w", day.seconds), ("t", day.total)):
                if f"{letter}_{signal}" not in answer:
                    continue  # nobody asked for it
                values = np.asarray(answer[f"{letter}_{signal}"], np.float64)
                target[at] = target[at] + values if add else values
            if f"x_{signal}" not in answer:
                continue
            highest = np.asarray(answer[f"x_{signal}"], np.float64)
            highest = np.where(np.isneginf(highest), np.nan, highest)
            day.highest[at] = np.fmax(day.highest[at], highest) if add else highest
        for index, share in enumerate(shares):
            for letter, counts in zip("hk", self.figures.shares[share], strict=True):
                counts[at] = np.asarray(answer[f"{letter}{index}"], np.float64)

    def _store_each(
        self, answer: Columns, letter: str, needs: Sequence[Any], targets: Mapping[Any, Floats]
    ) -> None:
        places = self._places(answer)
        for index, need in enumerate(needs):
            if len(places):
                targets[need][places] = np.asarray(answer[f"{letter}{index}"], np.float64)

    def _store_patterns(self, answer: Columns, patterns: Sequence[Pattern]) -> None:
        places = self._places(answer)
        if not len(places):
            return
        at = (places, np.asarray(answer["slot"], np.int64))
        for index, need in enumerate(patterns):
            for letter, counts in zip("hk", self.figures.patterns[need], strict=True):
                counts[at] = np.asarray(answer[f"{letter}{index}"], np.float64)

    def _coarse(self) -> None:
        """Adds coarser rows, where there are no finer ones, to the days' figures."""
        found = self._samples.query(sql.with_coarse(self._start, self._end))
        keys = np.asarray(found.get("resource", []), np.int64)
        mine = np.isin(keys, self._ids)
        if not mine.any() or not self._needs.daily:
            return
        keys, longest = keys[mine], np.asarray(found["longest"], np.float64)[mine]
        for ids in _slices(np.sort(keys)):
            rows = self._rows(
                _which(ids), ids, self._needs.daily, self._needs.days, True, sql.coarse
            )
            answer = self._ask(sql.daily(rows, self._end, self._needs, []), ids)
            # A share of the time is not told by coarse rows.
            self._store_daily(answer, self._needs, [], add=True)
            places = self._places(answer)
            if len(places):
                spread = np.maximum.reduce(
                    [np.asarray(answer[f"n_{signal}"], np.float64) for signal in self._needs.daily]
                )
                self.figures.coarse_rows[places, np.asarray(answer["day"], np.int64)] = spread
        places = self._places({"resource": keys})
        spoken = self.figures.coarse_rows[places].sum(axis=1) > 0
        self.figures.coarse_s[places] = np.where(spoken, longest, 0.0)

    def _last(self, quiet_days: int) -> None:
        """The last row of what was silent lately; for the others the moment itself will do."""
        any_signal = next(iter(self.figures.daily.values()), None)
        if any_signal is None:
            return
        lately = np.zeros(len(self._ids))
        for day in self.figures.daily.values():
            lately += day.count[:, :quiet_days].sum(axis=1)
        self.figures.last_s[:] = np.where(lately > 0, float(self._end), np.nan)
        for ids in _slices(np.sort(self._ids[lately == 0])):
            answer = self._samples.query(sql.last_rows(_which(ids), self._end), seconds=SECONDS)
            places = self._places(answer)
            if len(places):
                self.figures.last_s[places] = np.asarray(answer["at"], np.float64)


def collect(
    samples: Samples,
    spans: Spans,
    subjects: list[Subject],
    needs: Needs,
    by_kind: Mapping[str, Needs],
    end: int,
    zone: str,
    quiet_days: int,
) -> Figures:
    """The figures of ``subjects`` in the days before ``end`` (epoch seconds, on a bucket):
    ``needs`` in all, ``by_kind`` what is needed of each kind of resource."""
    return Collector(samples, spans, subjects, needs, by_kind, end).run(zone, quiet_days)


def _windows(needs: Needs) -> dict[int, set[str]]:
    """Days to the signals whose longest ranked window is so long: one statement each."""
    longest: dict[str, int] = {}
    ranked: list[Percentile | TopMean] = [*needs.percentiles, *needs.tops]
    for need in ranked:
        longest[need.signal] = max(longest.get(need.signal, 0), need.days)
    found: dict[int, set[str]] = {}
    for signal, days in longest.items():
        found.setdefault(days, set()).add(signal)
    return found


def _slices(ids: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for at in range(0, len(ids), SLICE):
        yield ids[at : at + SLICE]


def _which(ids: NDArray[np.int64]) -> str:
    low, high = int(ids[0]), int(ids[-1])
    condition = f"resource >= {low} AND resource <= {high}"
    if len(ids) <= high - low:
        condition += f" AND resource IN ({', '.join(map(str, ids.tolist()))})"
    return condition


def _literal(value: float) -> str:
    return "nan" if np.isnan(value) else repr(float(value))


__all__ = ["Collector", "Pattern", "Percentile", "Share", "TopMean", "collect", "spans_of"]
