"""What ``/metrics`` says of the controller beyond its requests, read when it is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import func, select

from controller.folder import free_space
from controller.ingest.api import door_of
from controller.ingest.tables import Agent
from controller.runtime import Runtime
from controller.store import rollup
from controller.store.tables import JobRun

log = logging.getLogger("yunxun.metrics")


class Gauges(Collector):
    """Register it with the app's own registry."""

    def __init__(self, app: FastAPI, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    def describe(self) -> Iterable[Metric]:
        """Nothing yet: the stores need not be there when the app is made."""
        return ()

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "yunxun_collector_up", "Whether a source could be read", None, ["source"]
        )
        for source, read in self._sources().items():
            try:
                found = list(read())
            except Exception as error:  # a store may be away; the other figures still count
                log.warning("metrics", extra={"source": source, "why": str(error).split("\n")[0]})
                up.add_metric([source], 0)
            else:
                yield from found
                up.add_metric([source], 1)
        yield up

    def _sources(self) -> dict[str, Callable[[], Iterator[Metric]]]:
        return {
            "ingest": self._ingest,
            "agents": self._agents,
            "rollups": self._rollups,
            "jobs": self._jobs,
            "disk": self._disk,
        }

    def _ingest(self) -> Iterator[Metric]:
        door = door_of(self._app)
        answers = CounterMetricFamily(
            "yunxun_ingest_answers", "Batches answered by this process", None, ["status"]
        )
        for status, count in sorted(door.answers.items()):
            answers.add_metric([str(status)], count)
        yield answers
        commits = door.commits
        yield CounterMetricFamily("yunxun_ingest_rows", "Rows stored durably", commits.rows)
        yield CounterMetricFamily(
            "yunxun_ingest_samples", "Samples stored durably", commits.samples
        )
        yield CounterMetricFamily("yunxun_ingest_blocks", "Blocks inserted", commits.blocks)
        yield GaugeMetricFamily("yunxun_ingest_queued", "Batches that wait now", commits.queued)

    def _agents(self) -> Iterator[Metric]:
        agents = GaugeMetricFamily("yunxun_agents", "Agents by state", None, ["state"])
        with self._runtime.database.read() as session:
            for state, count in session.execute(
                select(Agent.state, func.count()).group_by(Agent.state)
            ):
                agents.add_metric([state], count)
        yield agents

    def _rollups(self) -> Iterator[Metric]:
        dirty = GaugeMetricFamily(
            "yunxun_dirty_resource_days", "Resource-days to recompute", None, ["table"]
        )
        lag = GaugeMetricFamily(
            "yunxun_live_rollup_lag_seconds", "Age of the newest live rollup", None, ["table"]
        )
        for each in rollup.pending(self._runtime):
            dirty.add_metric([each.table], each.dirty_days)
            if each.live_until is not None:
                age = (self._runtime.now() - each.live_until).total_seconds()
                lag.add_metric([each.table], age)
        yield from (dirty, lag)

    def _jobs(self) -> Iterator[Metric]:
        failures = GaugeMetricFamily(
            "yunxun_job_failures", "Failures in a row of the worker's jobs", None, ["job"]
        )
        with self._runtime.database.read() as session:
            for run in session.exec(select(JobRun)):
                failures.add_metric([run.name], run.failures)
        yield failures

    def _disk(self) -> Iterator[Metric]:
        free, _ = free_space(self._runtime.settings.data)
        yield GaugeMetricFamily("yunxun_disk_free_bytes", "Free in the data folder", free)
