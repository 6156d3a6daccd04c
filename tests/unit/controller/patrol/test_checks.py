"""Each check finds what it is for, with evidence, and nothing in a healthy city."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import insert

from controller.idle.tables import IdleScan, IdleVerdict
from controller.ingest.tables import SetAside
from controller.ipv6.tables import Ipv6Reading, Ipv6Site
from controller.store.tables import JobRun, Watermark
from tests.unit.controller.patrol.city import City

HEALTHY = {"cpu_used_pct": 20.0, "mem_used_pct": 50.0, "cpu_steal_pct": 0.1, "cpu_iowait_pct": 1.0,
           "disk_used_pct": 40.0, "inodes_used_pct": 5.0, "disk_used_bytes": 40.0,
           "disk_total_bytes": 100.0}  # fmt: skip


@pytest.fixture
def one(c: City) -> City:
    """One healthy host of A, vm-1."""
    c.host("vm-1")
    c.five("vm-1", **HEALTHY)
    with c.runtime.database.write() as session:
        session.add(Watermark(name="live:host", at=c.now - timedelta(minutes=5)))
    return c


def test_a_healthy_city_has_no_findings_and_scores_100(one: City) -> None:
    done = one.patrol()
    assert one.codes() == set()
    assert [each for each in done.checks if each["error"]] == []
    assert done.state == "done"
    if not one.findings():  # the disk of the machine that runs the test is not ours
        assert done.score == 100


@pytest.mark.parametrize(
    ("minutes", "severity"), [(9, None), (10, "minor"), (31, "major"), (1441, "critical")]
)
def test_an_agent_not_heard_of_is_silent(one: City, minutes: int, severity: str | None) -> None:
    one.change("vm-1", last_seen=one.now - timedelta(minutes=minutes))
    one.patrol()
    found = one.findings().get(("agent.silent", "agent-vm-1"))
    assert (found.severity if found else None) == severity
    if found:
        assert found.detail["silent_min"] == minutes
        assert found.title_zh == f"采集端失联 {minutes} 分钟"
        assert found.title_en == f"Agent silent for {minutes} minutes"


def test_an_agent_that_never_spoke_is_silent_since_it_enrolled(one: City) -> None:
    one.change("vm-1", last_seen=None, enrolled=one.now - timedelta(hours=1))
    one.patrol()
    assert one.findings()["agent.silent", "agent-vm-1"].detail["silent_min"] == 60


def test_heard_but_with_old_samples_its_data_are_behind(one: City) -> None:
    one.change("vm-1", last_sample=one.now - timedelta(hours=5))
    one.patrol()
    found = one.findings()["agent.lag", "agent-vm-1"]
    assert (found.severity, found.detail["lag_min"]) == ("major", 300)


def test_a_clock_that_is_slow_counts_as_one_that_is_fast(one: City) -> None:
    one.change("vm-1", clock_skew_s=-400.0)
    one.patrol()
    found = one.findings()["agent.clock_skew", "agent-vm-1"]
    assert (found.severity, found.title_zh) == ("major", "时钟偏差 -400 秒")


def test_rows_lost_lately_are_found_and_old_losses_are_not(one: City) -> None:
    one.host("vm-2")
    with one.runtime.database.write() as session:
        for code, ago in (("vm-1", 1), ("vm-2", 30)):
            session.add(
                SetAside(
                    kind="loss",
                    agent_id=f"agent-{code}",
                    count=20_000,
                    first_seen=one.now - timedelta(days=9),
                    last_seen=one.now - timedelta(hours=ago),
                )
            )
    one.patrol()
    losses = {key: f.severity for key, f in one.findings().items() if key[0] == "agent.losses"}
    assert losses == {("agent.losses", "agent-vm-1"): "major"}


def test_a_clone_an_unapproved_and_an_unregistered_agent_are_told_apart(one: City) -> None:
    for code in ("vm-2", "vm-3", "vm-4"):
        one.host(code)
    one.change("vm-2", state="conflict")
    one.change("vm-3", state="pending", enrolled=one.now - timedelta(hours=30))
    one.change("vm-4", resource_id=None)
    one.patrol()
    found = {key: f.severity for key, f in one.findings().items() if key[0].startswith("agent")}
    assert found == {
        ("agent.conflict", "agent-vm-2"): "major",
        ("agent.pending", "agent-vm-3"): "minor",
        ("agent.unregistered", "agent-vm-4"): "minor",
    }


def test_a_resource_that_nobody_reports_on_is_without_data(one: City) -> None:
    one.vm("vm-2", "B")
    one.resource("vol-1", kind="volume")
    one.patrol()
    assert one.codes() == {("data.none", "vm-2")}
    found = one.findings()["data.none", "vm-2"]
    assert (found.severity, found.detail["days"], found.detail["has_agent"]) == ("major", 30, False)


def test_a_platforms_daily_rows_are_data(one: City) -> None:
    one.vm("vm-2", "B")
    at = int(one.now.timestamp()) // 86_400 * 86_400 - 43_200
    one.rows("vm-2", [at], interval_s=3600, table="host_coarse", cpu_used_pct=9)
    one.patrol()
    assert one.codes() == set()


def test_missing_buckets_are_a_gap_and_hidden_while_the_agent_is_silent(one: City) -> None:
    one.host("vm-2")
    one.five("vm-2", step=2, **HEALTHY)
    one.patrol()
    found = one.findings()["data.gap", "vm-2"]
    assert (found.severity, found.detail["coverage_pct"], found.hidden_by) == ("major", 50, "")
    one.change("vm-2", last_seen=one.now - timedelta(hours=2))
    one.patrol()
    silent = one.findings()["agent.silent", "agent-vm-2"]
    assert one.findings()["data.gap", "vm-2"].hidden_by == f"finding:{silent.id}"


def test_an_agent_of_this_morning_has_no_gap_in_the_night_before(one: City) -> None:
    one.host("vm-2", enrolled=one.now - timedelta(hours=1))
    one.five("vm-2", hours=1, **HEALTHY)
    one.patrol()
    assert one.codes() == set()


def test_high_for_long_enough_is_found_with_the_streak(one: City) -> None:
    cpu = np.full(288, 30.0)
    cpu[100:112] = 92  # an hour
    one.host("vm-2")
    one.five("vm-2", **(HEALTHY | {"cpu_used_pct": cpu}))
    one.patrol()
    assert one.codes() == {("cpu.high", "vm-2")}
    found = one.findings()["cpu.high", "vm-2"]
    assert found.severity == "major"
    assert found.detail["threshold"] == 90
    assert found.detail["minutes"] == 60
    assert found.detail["average_pct"] == 92


@pytest.mark.parametrize("shape", ["one bucket short", "broken by one bucket"])
def test_high_but_not_on_end_is_not_found(one: City, shape: str) -> None:
    cpu = np.full(288, 30.0)
    cpu[100:112] = 92
    cpu[{"one bucket short": 111, "broken by one bucket": 106}[shape]] = 79.9
    one.host("vm-2")
    one.five("vm-2", **(HEALTHY | {"cpu_used_pct": cpu}))
    one.patrol()
    assert one.codes() == set()


def test_short_and_very_high_within_long_and_high_is_the_milder(one: City) -> None:
    cpu = np.full(288, 85.0)
    cpu[10:15] = 99.5
    one.host("vm-2")
    one.five("vm-2", **(HEALTHY | {"cpu_used_pct": cpu}))
    one.patrol()
    found = one.findings()["cpu.high", "vm-2"]
    assert (found.severity, found.detail["minutes"]) == ("minor", 24 * 60)


@pytest.mark.parametrize(
    ("metric", "code", "value"),
    [
        ("mem_used_pct", "mem.high", 96),
        ("cpu_steal_pct", "cpu.steal", 30),
        ("cpu_iowait_pct", "disk.busy", 45),
    ],
)
def test_memory_steal_and_waiting_for_disks_are_looked_at_alike(
    one: City, metric: str, code: str, value: float
) -> None:
    one.host("vm-2")
    one.five("vm-2", **(HEALTHY | {metric: value}))
    one.patrol()
    assert {key: f.severity for key, f in one.findings().items() if key in one.codes()} == {
        (code, "vm-2"): "major"
    }


def test_each_file_system_is_judged_and_the_whole_only_where_none_is_known(one: City) -> None:
    full = {
        "disk_used_pct": 96.0,
        "disk_used_bytes": 96 * 2.0**30,
        "disk_total_bytes": 100 * 2.0**30,
    }
    one.five("vm-1", instance="fs:/", **(HEALTHY | {"inodes_used_pct": 97.0}))
    one.five("vm-1", instance="fs:/data", **full)
    one.host("vm-2", "B")
    one.five("vm-2", **(HEALTHY | full))
    one.patrol()
    assert one.codes() == {
        ("disk.full", "vm-1:/data"),
        ("disk.full", "vm-2"),
        ("inodes.full", "vm-1:/"),
    }
    found = one.findings()["disk.full", "vm-1:/data"]
    assert (found.subject_kind, found.severity, found.detail["free_gib"]) == (
        "filesystem",
        "critical",
        4,
    )
    assert "/data 已用 96.0 %" in found.title_zh
    assert one.findings()["disk.full", "vm-2"].title_zh.startswith("存储 已用")


def test_what_is_too_old_is_not_judged_and_its_finding_stays(one: City) -> None:
    full = {"disk_used_pct": 96.0, "disk_used_bytes": 96.0, "disk_total_bytes": 100.0}
    one.five("vm-1", instance="fs:/data", **full)
    one.patrol()
    one.pass_time(hours=8)  # and nothing more is heard of its disks
    one.heard("vm-1")
    one.patrol()
    assert ("disk.full", "vm-1:/data") in one.codes()


def test_a_disk_that_fills_up_is_foreseen_with_an_interval(one: City) -> None:
    one.disk("vm-1", [60 + 1.0 * day for day in range(28)])  # 87 % now, 1 % a day
    one.patrol()
    found = one.findings()["disk.forecast", "vm-1:/data"]
    assert found.severity == "minor"
    assert found.detail["days_left"] == pytest.approx(13, abs=0.5)
    assert found.detail["days_low"] <= found.detail["days_left"] <= found.detail["days_high"]
    assert found.detail["growth_gib_day"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "shape",
    [
        [80.0] * 28,
        [60 + 5.0 * (day % 7) for day in range(28)],  # cleaned up each week
        [90 - 0.5 * day for day in range(28)],
        [60 + 3.0 * day for day in range(8)],  # too few days
        [20 + 1.0 * day for day in range(28)],  # less than half full
    ],
    ids=["flat", "saw-tooth", "shrinks", "young", "half empty"],
)
def test_nothing_is_foreseen_where_there_is_no_honest_line(one: City, shape: list[float]) -> None:
    one.disk("vm-1", shape)
    one.patrol()
    assert one.codes() == set()


def test_a_line_that_failed_on_the_last_days_is_refused_and_said(one: City) -> None:
    one.disk("vm-1", [50 + 0.2 * day for day in range(22)] + [60, 66, 72, 78, 84, 90.0])
    done = one.patrol()
    entry = next(each for each in done.checks if each["check"] == "disk.forecast")
    assert entry["note_zh"].startswith("1 个文件系统的增长无法可靠预测")
    assert one.codes() == set()


def test_the_newest_scans_classes_become_findings_by_the_plans_choice(one: City) -> None:
    one.vm("vm-2", "B")
    one.five("vm-2", **HEALTHY)
    with one.runtime.database.write() as session:
        for number, (ago, cls) in enumerate(((6, "idle"), (1, "overloaded")), 1):
            at = one.now - timedelta(days=ago)
            session.add(
                IdleScan(
                    id=number,
                    policy="city",
                    policy_version=1,
                    as_of=at,
                    since=at,
                    at=at,
                    by="",
                    window_days=30,
                )
            )
            session.flush()
            verdict = {
                "scan_id": number,
                "resource_id": one.ids["vm-2"],
                "unit_id": one.ids["B"],
                "cls": cls,
                "reason_zh": "P95 过高",
                "reason_en": "P95 high",
                "evidence": {"cpu_p95_pct": 93},
                "coverage_pct": 99,
                "window_days": 30,
                "recommendation": {},
            }
            session.connection().execute(insert(IdleVerdict), [verdict])
    one.patrol()
    found = one.findings()["policy.class", "vm-2"]
    assert (found.severity, found.title_zh) == ("minor", "研判为负载过高：P95 过高")
    assert found.detail["policy.cpu_p95_pct"] == 93
    one.pass_time(days=9)
    one.heard("vm-1")
    one.patrol()
    assert ("policy.class", "vm-2") in one.codes()  # an old scan resolves nothing


def test_failing_jobs_and_lagging_rollups_are_the_controllers_own_findings(one: City) -> None:
    with one.runtime.database.write() as session:
        session.add(JobRun(name="merge", failures=4, error="disk full", last_failed=one.now))
        session.merge(Watermark(name="live:host", at=one.now - timedelta(minutes=45)))
    one.patrol()
    assert one.codes() == {("own.jobs", "job merge"), ("own.rollup", "rollup host")}
    found = one.findings()["own.jobs", "job merge"]
    assert (found.severity, found.unit_id, found.detail["error"]) == ("major", None, "disk full")


def test_a_machine_unlike_the_weeks_before_is_a_hint_and_costs_no_points(one: City) -> None:
    one.host("vm-2")
    one.hourly("vm-1", 29, cpu_used_pct=[10.0] * 28 + [70.0])
    one.hourly("vm-2", 29, cpu_used_pct=[10.0, 12.0] * 14 + [11.0])
    done = one.patrol()
    found = one.findings()
    assert ("cpu.unusual", "vm-2") not in found
    hint = found["cpu.unusual", "vm-1"]
    assert (hint.severity, hint.detail["usual"]) == ("info", 10.0)
    part = next(each for each in done.formula["parts"] if each["check"] == "cpu.unusual")
    assert part["deduction"] == 0


def site(one: City, scores: list[float | None], ends_in: float | None = None) -> None:
    """A website of A with a reading a day from one vantage point, the newest two hours ago."""
    with one.runtime.database.write() as session:
        made = Ipv6Site(code="www", name="门户", url="https://www/", unit_id=one.ids["A"])
        session.add(made)
        session.flush()
        for back, score in enumerate(reversed(scores)):
            read: dict[str, object] = {}
            if ends_in is not None:
                until = one.now + timedelta(days=ends_in)
                read = {"certificate": {"valid": True, "not_after": until.isoformat()}}
            session.add(
                Ipv6Reading(
                    site_id=made.id or 0, vantage="internet", score=score, index_name="i 1",
                    at=one.now - timedelta(days=back, hours=2), reading=read,
                )
            )  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "severity"),
    [
        ([90.0, 88.0], None),
        ([90.0, 78.0], "minor"),
        ([90.0, 85.0, 40.0], "major"),
        ([40.0, 90.0], None),
        ([90.0], None),
        ([90.0, None], None),
    ],
)
def test_a_website_whose_ipv6_readiness_fell_is_found(
    one: City, scores: list[float | None], severity: str | None
) -> None:
    site(one, scores)
    one.patrol()
    found = one.findings().get(("ipv6.regress", "www"))
    assert (found.severity if found else None) == severity
    if found:
        assert found.title_zh.startswith("IPv6 支持度由 90 分降至")


def test_a_websites_certificate_about_to_expire_is_found(one: City) -> None:
    site(one, [90.0], ends_in=10)
    one.patrol()
    found = one.findings()["site.certificate", "www"]
    assert (found.severity, found.detail["days_left"]) == ("major", 10.0)


def test_a_certificate_about_to_expire_is_found(one: City) -> None:
    _certificate(one.runtime.settings.data / "tls" / "server.pem", one, days=5)
    one.patrol()
    found = one.findings()["certificate.expiry", "server.pem"]
    assert (found.severity, found.detail["days_left"]) == ("major", 5)


def _certificate(path: Path, c: City, days: float) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "yunxun")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(c.now - timedelta(days=100))
        .not_valid_after(c.now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    path.parent.mkdir()
    path.write_bytes(made.public_bytes(Encoding.PEM))
