"""What must be reached, as data: which figure of which benchmark against which of the peer's."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """``ours`` (over ``peer``, where there is one) must be at most, or at least, ``limit``."""

    work: str
    module: str
    ours: str
    peer: str
    unit: str
    limit: float
    at_least: bool = False

    @property
    def limit_text(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:,.4g} {'×' if self.peer else self.unit}"

    def met(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


TARGETS: tuple[Target, ...] = (
    Target(
        "offline scan: files judged for one profile, against `find -type f -exec file {} +` on the "
        "same warm tree",
        *("offline_scan", "ours_files_s", "file_files_s", "files/s"),
        3.0,
        at_least=True,
    ),
    Target("— its RSS on that tree of 5 GB", "offline_scan", "ours_rss_mb", "", "MB", 200.0),
    Target(
        "agent: CPU of one collection of the full host set, against a node_exporter scrape",
        *("agent_collect", "ours_ms", "node_exporter_ms", "ms"),
        0.2,
    ),
    Target(
        "agent: CPU of a whole cycle (collect, spool with fsync, ship over TLS)",
        *("agent_cycle", "agent_cycle_ms", "node_exporter_scrape_ms", "ms"),
        0.5,
    ),
    Target(
        "agent: RSS after 100 collections with spool and TLS in use",
        *("agent_cycle", "agent_rss_mb", "node_exporter_rss_mb", "MB"),
        1.1,
    ),
    Target(
        "agent: CPU a minute of looking at who a host talks to, 2,000 connections to 200 peers",
        *("agent_edges", "cpu_ms_a_minute", "", "ms"),
        2.0,
    ),
    Target(
        "ingest: 500-row batches × 45 metrics over HTTP, acknowledged durably, against "
        "VictoriaMetrics importing the same samples",
        *("ingest_http", "bulk_samples_s", "victoria_samples_s", "samples/s"),
        3.0,
        at_least=True,
    ),
    Target(
        "ingest: one-row batches acknowledged durably, one controller, load beside it",
        *("ingest_http", "one_row_batches_s", "", "batches/s"),
        2000,
        at_least=True,
    ),
    Target("— its p99 answer", "ingest_http", "one_row_p99_s", "", "s", 3.0),
    Target(
        "— the same while an all-units report runs in a loop",
        *("ingest_http", "one_row_report_batches_s", "", "batches/s"),
        2000,
        at_least=True,
    ),
    Target("— its p99 answer", "ingest_http", "one_row_report_p99_s", "", "s", 3.0),
    Target(
        "bytes per stored sample after merges, agent-like host data",
        *("compression", "bytes", "victoria_bytes", "B"),
        1.0,
    ),
    Target(
        "usage of every unit, 30 days × 10,000 VMs at 5 minutes, against VictoriaMetrics from raw "
        "series (it: p95 of CPU and memory; ours: the whole report)",
        *("usage_reports", "units_s", "victoria_units_raw_s", "s"),
        0.25,
    ),
    Target(
        "— against VictoriaMetrics from its own recording rules, the same eleven figures",
        *("usage_reports", "units_s", "victoria_units_rules_s", "s"),
        1.0,
    ),
    Target(
        "p95 of every one of the 10,000 VMs over 30 days, against quantile_over_time",
        *("usage_reports", "resource_p95_s", "victoria_resource_p95_s", "s"),
        0.5,
    ),
    Target(
        "— growth of the engine's memory meanwhile",
        *("usage_reports", "resource_p95_rss_growth_mb", "", "MB"),
        800,
    ),
    Target(
        "queries of one unit's page over 30 days on that data",
        *("unit_page", "unit_page_s", "", "s"),
        0.3,
    ),
    Target(
        "usage by resource over 90 days of daily rows of 10,000 VMs, figures equal to numpy's",
        *("usage_daily", "quarter_s", "", "s"),
        15.0,
    ),
    Target(
        "correct the owner of one resource over 13 months in a city of 10,000 VMs, sums right "
        "again and equal to numpy's before and after",
        *("corrections", "owner_s", "", "s"),
        2.0,
    ),
    Target(
        "— of a unit's 300 resources over 3 months",
        *("corrections", "unit_s", "", "s"),
        60.0,
    ),
    Target(
        "ledger: compare an export of 20,000 rows with a register of 20,000 resources",
        *("export_compare", "compare_s", "", "s"),
        15.0,
    ),
    Target(
        "— growth of the API and its spreadsheet reader meanwhile (RSS)",
        *("export_compare", "compare_rss_growth_mb", "", "MB"),
        200.0,
    ),
    Target(
        "— reconciliation of platform, register and agents over 20,000 resources",
        *("export_compare", "reconcile_s", "", "s"),
        5.0,
    ),
    Target(
        "controller RSS, all processes, while ingesting 10,000 hosts a minute",
        *("controller_rss", "all_rss_mb", "", "MB"),
        1200.0,
    ),
    Target(
        "SNMP: CPU of a poll of ifTable and ifXTable (48 ports), against prometheus-snmp-exporter",
        *("snmp_poll", "ours_ms", "exporter_ms", "ms"),
        0.5,
    ),
    Target(
        "SNMP: 1,000 targets × 48 ports (ports, CPU, memory), one poller, snmpd beside it",
        *("snmp_scale", "round_s", "", "s"),
        60,
    ),
    Target("— RSS of that poller", "snmp_scale", "rss_mb", "", "MB", 120),
    Target(
        "SNMP: p99 of 400 good targets beside 102 that misbehave in six ways, against all well",
        *("snmp_misbehaving", "together_p99_s", "well_p99_s", "s"),
        1.1,
    ),
    Target("— descriptors left after it", "snmp_misbehaving", "fds_left", "", "", 0),
    Target(
        "1,000 bundles judged against all rules and 8 profiles, two processes",
        *("judge_bundles", "seconds", "", "s"),
        60.0,
    ),
    Target(
        "check of 50 hosts with real sshd, all Xinchuang rules and 8 profiles, collectors beside",
        *("check_hosts", "seconds", "", "s"),
        180.0,
    ),
    Target("— longest time without progress seen", "check_hosts", "longest_gap_s", "", "s", 60.0),
    Target(
        "all idle policies over 30 days × 10,000 VMs at 5 minutes",
        *("idle_scan", "all_policies_s", "", "s"),
        10.0,
    ),
    Target(
        "— growth of the memory of all processes meanwhile",
        *("idle_scan", "rss_growth_mb", "", "MB"),
        1024,
    ),
    Target(
        "forecast 7 days ahead, error against the best of five naive ones and a line, hot machines",
        *("forecast", "hot_error", "hot_naive_error", "points"),
        0.95,
    ),
    Target("— all machines", *("forecast", "all_error", "all_naive_error", "points"), 0.95),
    Target(
        "who talks to whom: page and drawing of 1,000 hosts × 200 edges × 30 days",
        *("move_map", "page_s", "", "s"),
        1.0,
    ),
    Target(
        "plan for 500 hosts with 50 planted faults, from workbook to faults, permits and waves",
        *("move_map", "plan_s", "", "s"),
        10.0,
    ),
    Target("— faults missed or invented", "move_map", "faults_wrong", "", "", 0.0),
    Target("daily patrol over 10,000 VMs, every check", "patrol_daily", "seconds", "", "s", 30.0),
    Target("scan of 200 websites of ten kinds for IPv6", "ipv6_sites", "seconds", "", "s", 300.0),
    Target("— its RSS", "ipv6_sites", "rss_mb", "", "MB", 200.0),
    Target(
        "— indicators that are not what was built", "ipv6_sites", "indicators_wrong", "", "", 0.0
    ),
)
