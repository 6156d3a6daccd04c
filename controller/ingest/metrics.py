"""The door's figures on the controller's /metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.ingest.door import Door


class IngestMetrics(Collector):
    """Reads the door's own counters when asked, so that counting costs a batch nothing."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def collect(self) -> Iterator[Metric]:
        door, commits = self._door, self._door.commits
        answers = CounterMetricFamily(
            "yunxun_ingest_answers", "Batches answered, by status", labels=["status"]
        )
        for status, count in dict(door.answers).items():
            answers.add_metric([str(status)], count)
        yield answers
        for name, text, value in (
            ("blocks", "Blocks stored durably", commits.blocks),
            ("rows", "Rows stored durably", commits.rows),
            ("samples", "Metric values stored durably, missing ones included", commits.samples),
        ):
            yield CounterMetricFamily(f"yunxun_ingest_{name}", text, value)
        states = GaugeMetricFamily("yunxun_agents", "Agents, by state", labels=["state"])
        for state, count in Counter(known.state for known in door.directory.values()).items():
            states.add_metric([state], count)
        yield states
        yield GaugeMetricFamily("yunxun_ingest_queued", "Batches that wait", commits.queued)
        yield GaugeMetricFamily(
            "yunxun_ingest_refusing",
            "1 while the disk is too full to take in",
            bool(door.disk_full),
        )
