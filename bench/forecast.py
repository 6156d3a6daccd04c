"""Forecasts seven days ahead on recorded machines, against five naive ones and a straight line.

The traces are not part of the project: ``YUNXUN_TRACES`` names the archive, or it lies in
``../shared/data/vmtraces``. Hot and bursty machines are scored apart: most machines are flat, and
hide the rest.
"""

from __future__ import annotations

import csv
import io
import os
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.analysis.forecast import Refusal, filled, forecast, naive_forecasts, predict

Floats = NDArray[np.float64]
BESIDE = Path(__file__).parents[2] / "shared" / "data" / "vmtraces" / "bitbrains_dev.tar.xz"
WEEK = 168
FIRST = 4 * WEEK
STEP = 84
"""Hours between two origins."""


def archive() -> Path:
    """Where the traces are; the file may be absent."""
    return Path(os.environ.get("YUNXUN_TRACES", BESIDE))


def measure(step: int = STEP) -> dict[str, float]:
    """Error ratios of all and of hot machines, and how often the interval held; a forecast of each
    machine every ``step`` hours."""
    series = hourly(archive())
    hot = {name for name, values in series.items() if is_hot(values)}
    figures: dict[str, float] = {"machines": len(series), "hot_machines": len(hot)}
    tested = {key: back_test(values, step) for key, values in sorted(series.items())}
    for name, chosen in (("all", set(series)), ("hot", hot)):
        errors = _together([tested[key] for key in sorted(chosen)])
        best = min(error for key, error in errors.items() if key != "ours")
        figures |= {f"{name}_error": errors["ours"], f"{name}_naive_error": best}
        figures[f"{name}_ratio"] = errors["ours"] / best
    figures |= intervals(series, hot)
    return figures


def hourly(path: Path) -> dict[str, Floats]:
    """Hourly CPU means of each machine over both months, gaps filled."""
    rows: dict[str, list[tuple[float, float]]] = {}
    with tarfile.open(path) as traces:
        for member in sorted(traces.getmembers(), key=lambda m: m.name):
            if not member.name.startswith("dev/2013-") or not member.isfile():
                continue
            stream = traces.extractfile(member)
            if stream is None:
                continue
            reader = csv.reader(io.TextIOWrapper(stream, "ascii"))
            next(reader)
            found = rows.setdefault(Path(member.name).stem, [])
            found += [(float(row[0]), float(row[3])) for row in reader]
    return {name: _hours(np.array(found)) for name, found in rows.items()}


def _hours(rows: Floats) -> Floats:
    hour = (rows[:, 0] // 3600).astype(np.int64)
    hour -= hour.min()
    total, count = np.bincount(hour, rows[:, 1]), np.bincount(hour)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(count > 0, total / count, np.nan)
    return filled(means[1:-1])  # the first and last hour are parts


def is_hot(values: Floats) -> bool:
    """Busy or bursty: something to forecast."""
    return bool(values.std() > 2 or values.mean() > 10)


def back_test(values: Floats, step: int = STEP) -> dict[str, list[float]]:
    """Absolute errors of each forecast of one machine, in points of CPU: a mean an origin."""
    errors: dict[str, list[float]] = {}
    for end in range(FIRST, len(values) - WEEK + 1, step):
        truth, known = values[end : end + WEEK], values[:end]
        made = {**naive_forecasts(known, WEEK), "ours": predict(known, WEEK)}
        for name, ahead in made.items():
            errors.setdefault(name, []).append(float(np.abs(truth - ahead).mean()))
    return errors


def _together(tested: list[dict[str, list[float]]]) -> dict[str, float]:
    """Means over all origins of all machines."""
    names = tested[0] if tested else {}
    return {name: float(np.mean([e for one in tested for e in one[name]])) for name in names}


def intervals(series: dict[str, Floats], hot: set[str]) -> dict[str, float]:
    """How many of the hours lay within the 80 % interval, and how often a forecast was refused."""
    inside: dict[str, list[float]] = {"all": [], "hot": []}
    refused = 0
    for name, values in series.items():
        for end in (len(values) - 2 * WEEK, len(values) - WEEK):
            found = forecast(values[:end], WEEK)
            if isinstance(found, Refusal):
                refused += 1
                continue
            truth = values[end : end + WEEK]
            share = float(100 * ((truth >= found.low) & (truth <= found.high)).mean())
            inside["all"].append(share)
            if name in hot:
                inside["hot"].append(share)
    return {
        "all_interval_pct": float(np.mean(inside["all"])),
        "hot_interval_pct": float(np.mean(inside["hot"])),
        "refused_pct": 100 * refused / (2 * len(series)),
    }
