"""Optional /metrics with the catalogue's names, by prometheus-client; imported only when on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server

from collectors.catalog import TABLES

if TYPE_CHECKING:
    from agent.log import Log
    from agent.service import Service


class Latest:
    """The latest readings and the agent's own counters, as a prometheus collector."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """One family a metric; label ``instance`` is named ``part``: scrapers set the former."""
        readings = self._service.latest
        for table in TABLES:
            for metric in table.metrics:
                family = GaugeMetricFamily(metric.prometheus, metric.en, labels=["part"])
                for reading in readings:
                    if reading.table == table.name and metric.name in reading.values:
                        family.add_metric([reading.instance], reading.values[metric.name])
                if family.samples:
                    yield family
        yield from own_metrics(self._service.status())
        yield from poller_metrics(self._service.poller_state)


def poller_metrics(state: dict[str, Any]) -> Iterable[Metric]:
    """The poller about itself and its devices; nothing where none runs."""
    if not state:
        return
    yield GaugeMetricFamily("yunxun_poller_devices", "Devices assigned", state["devices"])
    for name, help_text in (
        ("polls", "Polls done"),
        ("failures", "Polls without an answer"),
        ("partial", "Polls with tables that were not whole"),
        ("missed", "Polls left out because one was still running"),
    ):
        yield CounterMetricFamily(f"yunxun_poller_{name}", help_text, state[name])
    up = GaugeMetricFamily("yunxun_poller_device_up", "1 if it answered", labels=["device"])
    took = GaugeMetricFamily("yunxun_poller_device_seconds", "Last poll took", labels=["device"])
    for code, latest in state["latest"].items():
        up.add_metric([code], float(latest["up"]))
        took.add_metric([code], float(latest["poll_s"]))
    yield up
    yield took


def own_metrics(status: dict[str, Any]) -> Iterable[Metric]:
    """The agent about itself."""
    spool = status["spool"]
    yield GaugeMetricFamily("yunxun_agent_spool_batches", "Batches that wait", spool["batches"])
    yield GaugeMetricFamily("yunxun_agent_spool_bytes", "Bytes that wait", spool["bytes"])
    connected = float(status["state"] == "connected")
    yield GaugeMetricFamily("yunxun_agent_connected", "1 if the last batch was stored", connected)
    stored = status["stored_batches"]
    yield CounterMetricFamily("yunxun_agent_stored_batches", "Batches acknowledged", stored)
    missed = status["missed_ticks"]
    yield CounterMetricFamily("yunxun_agent_missed_ticks", "Ticks that were skipped", missed)
    lost = CounterMetricFamily("yunxun_agent_lost_rows", "Rows lost, by reason", labels=["reason"])
    for reason, rows in spool["lost"].items():
        lost.add_metric([reason], rows)
    yield lost


def serve(listen: str, service: Service, log: Log) -> None:
    """Serves /metrics at ``listen`` (HOST:PORT) in a thread; a failure is logged, not raised."""
    host, _, port = listen.rpartition(":")
    registry = CollectorRegistry()
    registry.register(Latest(service))
    try:
        server, _ = start_http_server(int(port), host.strip("[]") or "127.0.0.1", registry)
    except (OSError, ValueError, OverflowError) as error:
        log.event("error", "metrics_not_served", listen=listen, error=str(error))
        return
    log.event("info", "metrics_served", listen=f"{host}:{server.server_port}")
