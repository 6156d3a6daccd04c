"""Guards and classes on the real engine: one machine each, one verdict each."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from idle_rows import AS_OF, DAY, END, GIB, put, times
from sqlmodel import select
from worlds import EPOCH, START, World

from controller.access.scope import CITY, Scope
from controller.analysis.verdicts import Verdict
from controller.idle import library
from controller.idle.scan import judge_all, scan
from controller.idle.tables import IdleScan, IdleVerdict
from controller.problems import NotFound, Problem


def verdicts(w: World, policy: str, as_of: datetime = AS_OF, **options: Any) -> dict[str, Verdict]:
    with w.runtime.database.read() as session:
        chosen = library.policy(session, policy)
    judged = judge_all(w.runtime, options.pop("scope", CITY), [chosen], as_of, **options)
    names = {named.subject.resource: named.code for named in judged.named}
    return {names[v.resource]: v for v in judged.judgements[0].verdicts()}


@pytest.fixture
def unit(w: World) -> World:
    w.unit("A")
    return w


def test_an_idle_machine_is_idle_with_the_figures_that_say_so(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 2.1)
    found = verdicts(unit, "idle-standard")["r1"]
    assert found.cls == "idle"
    assert "CPU 峰值 2.1 % < 5 %" in found.reason.zh
    assert "14 天，4,032/4,032 个采样" in found.reason.zh
    assert "14 days, 4,032 of 4,032 samples" in found.reason.en
    assert (found.samples, found.samples_expected, found.coverage_pct) == (4032, 4032, 100.0)
    assert found.evidence["cpu_peak_pct_max"] == pytest.approx(2.1, abs=1e-4)


def test_a_figure_is_never_rounded_into_its_threshold(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 4.9999)
    assert "4.9999 % < 5 %" in verdicts(unit, "idle-standard")["r1"].reason.zh


def test_in_use_is_said_with_what_speaks_against_idle(unit: World) -> None:
    unit.vm("r1", "A")
    cpu = np.full(40 * 288, 2.0)
    cpu[-100] = 35.25
    put(unit, "r1", cpu)
    found = verdicts(unit, "idle-standard")["r1"]
    assert found.cls == "in_use"
    assert "35.2 % ≥ 5 %" in found.reason.zh


def test_steal_is_not_the_guests_use(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 9.0, cpu_steal_pct=8.0)
    assert verdicts(unit, "hw-idle-ecs")["r1"].cls == "idle"


def test_under_ninety_percent_of_the_samples_nothing_is_said(unit: World) -> None:
    unit.vm("r1", "A")
    at = times(14)
    keep = np.ones(len(at), bool)
    keep[100:560] = False
    put(unit, "r1", np.where(keep, 1.0, np.nan), days=14)
    found = verdicts(unit, "idle-standard")["r1"]
    assert found.cls == "undetermined"
    assert "数据完整率 88.6 % < 90 %（14 天，3,572/4,032 个采样）" in found.reason.zh


def test_a_signal_that_is_missing_makes_no_idle_machine(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 1.0, net_rx_bytes_s=math.nan)
    assert verdicts(unit, "idle-standard")["r1"].cls == "undetermined"


def test_a_daily_mean_is_too_coarse_for_a_peak_but_not_for_a_daily_mean(unit: World) -> None:
    unit.vm("r1", "A")
    days = np.arange(END - 20 * DAY, END, DAY)
    unit.rows(
        "r1",
        days,
        86_400,
        "host_coarse",
        "platform",
        cpu_used_pct=1.0,
        mem_used_bytes=GIB,
        net_rx_bytes_s=1.0,
        net_tx_bytes_s=1.0,
    )
    peak = verdicts(unit, "idle-standard")["r1"]
    assert peak.cls == "undetermined"
    assert "数据粒度为 24 小时，粗于规则所需的 5 分钟" in peak.reason.zh
    assert verdicts(unit, "aws-ta-lowutil")["r1"].cls == "idle"


def test_silence_after_data_is_a_stopped_machine_and_silence_for_ever_is_not(unit: World) -> None:
    for code in ("r1", "r2"):
        unit.vm(code, "A")
    at = times(20, END - 12 * DAY)
    unit.rows("r1", at, 300, "host", cpu_used_pct=1.0)
    unit.samples.command(
        "INSERT INTO host_5m (resource, instance, time, seconds, cpu_used_pct, version, arrived) "
        "SELECT resource, instance, time, interval_s, cpu_used_pct, 1, arrived FROM host"
    )
    found = verdicts(unit, "idle-standard")
    assert found["r1"].cls == "stopped"
    assert "12 天没有任何数据" in found["r1"].reason.zh
    assert found["r2"].cls == "undetermined"


def test_a_machine_reported_as_all_zeros_or_tagged_off_is_stopped(unit: World) -> None:
    unit.vm("r1", "A")
    unit.resource("r2", tags=["已关机:2026-03-09"])
    unit.holding("r2", "A")
    zero = {"net_rx_bytes_s": 0.0, "net_tx_bytes_s": 0.0}
    put(unit, "r1", 0.0, mem_gib=0.0, **zero)
    found = verdicts(unit, "idle-standard")
    assert (found["r1"].cls, found["r2"].cls) == ("stopped", "stopped")


def test_a_young_machine_is_left_alone(unit: World) -> None:
    unit.resource("r1", created=AS_OF - timedelta(days=9))
    unit.holding("r1", "A", since=AS_OF - timedelta(days=9))
    put(unit, "r1", 1.0, days=9)
    found = verdicts(unit, "idle-standard")["r1"]
    assert (found.cls, found.reason.zh) == ("undetermined", "开通 9 天 < 14 天，暂不判定")


@pytest.mark.parametrize("tag", ["备用", "standby", "重保", "灾备"])
def test_standby_and_key_period_tags_exempt(unit: World, tag: str) -> None:
    unit.resource("r1", tags=[tag])
    unit.holding("r1", "A")
    put(unit, "r1", 1.0)
    found = verdicts(unit, "city")["r1"]
    assert found.cls == "exempt"
    assert tag in found.reason.zh
    assert found.recommendation == {}


def test_a_seasonal_machine_is_judged_in_its_season_only(unit: World) -> None:
    """2026-05-01 lies in the season of 招生 and before that of 汛期."""
    for code, tag in (("r1", "汛期"), ("r2", "招生")):
        unit.resource(code, tags=[tag])
        unit.holding(code, "A")
        put(unit, code, 1.0)
    found = verdicts(unit, "idle-standard")
    assert (found["r1"].cls, found["r2"].cls) == ("exempt", "idle")
    assert "汛期" in found["r1"].reason.zh


def _month_end(days: float) -> Any:
    """CPU of a machine that works on 30 and 31 March only."""
    at = times(days)
    local = (at + 8 * 3600) // DAY
    busy = np.isin(local, [(START // DAY) + offset for offset in (28, 29)])
    return np.where(busy, 60.0, 1.0)


def test_who_works_at_the_end_of_the_month_only_is_not_released(unit: World) -> None:
    """Idle for the last 14 days; but busy 30 days ago, at the end of the month."""
    at = EPOCH + timedelta(days=50)
    end = int(at.timestamp())
    for code in ("r1", "r2"):
        unit.vm(code, "A")
    cpu = _month_end(60)
    put(unit, "r1", cpu, days=60)
    put(unit, "r2", 1.0, days=60)
    found = verdicts(unit, "idle-standard", at)
    assert end < END
    assert (found["r1"].cls, found["r2"].cls) == ("idle", "idle")
    assert found["r1"].recommendation["action"] == "review"
    assert found["r1"].recommendation["wait_until"] == "2026-05-03"
    assert "月末" in found["r1"].reason.zh
    assert found["r2"].recommendation["action"] == "release"
    assert found["r2"].recommendation["vcpu_freed"] == 4


def test_the_citys_own_rule_takes_a_busy_quarter_end_for_use(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", _month_end(60), days=60)
    found = verdicts(unit, "city")["r1"]
    assert found.cls == "in_use"
    assert "平时空闲，但月末（季末）使用：2026-03-3" in found.reason.zh
    assert found.recommendation == {}


def test_an_oversized_machine_gets_the_size_that_holds_it(unit: World) -> None:
    unit.vm("r1", "A", vcpu=16)
    put(unit, "r1", 8.0, mem_gib=3.0)
    found = verdicts(unit, "city")["r1"]
    assert found.cls == "oversized"
    # 16 × 8 % = 1.28 cores: 64 % of two, 32 % of four; 3 of 4 GiB is 75 %.
    assert found.recommendation == {
        "action": "shrink",
        "new_vcpu": 4.0,
        "new_mem_bytes": 4 * GIB,
        "vcpu_freed": 12.0,
        "mem_bytes_freed": 4 * GIB,
    }
    assert "换为 4 核 4 GB 后" in found.reason.zh


def test_an_overloaded_machine_is_to_be_enlarged(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 93.0)
    found = verdicts(unit, "city")["r1"]
    assert (found.cls, found.recommendation["action"]) == ("overloaded", "enlarge")


def test_memory_is_a_share_of_what_was_allocated_at_the_time(unit: World) -> None:
    """8 GiB until 20 days ago, 64 since: 4 GiB are 50 % of one and 6 % of the other."""
    unit.resource("r1")
    turn = AS_OF - timedelta(days=20)
    unit.holding("r1", "A", until=turn, mem_gib=8)
    unit.holding("r1", "A", since=turn, mem_gib=64)
    put(unit, "r1", 1.0, mem_gib=4.0)
    found = verdicts(unit, "city")["r1"]
    assert found.evidence["mem_max_pct"] == pytest.approx(50.0)
    assert found.cls != "idle"


def test_a_volume_detached_long_enough_is_unused(unit: World) -> None:
    day = (AS_OF - timedelta(days=31)).date().isoformat()
    for code, tags in (("v1", [f"未挂载:{day}"]), ("v2", []), ("v3", ["未挂载"])):
        unit.resource(code, kind="volume", tags=tags)
        unit.holding(code, "A", vcpu=None, mem_gib=None)
    found = verdicts(unit, "city")
    assert {code: v.cls for code, v in found.items()} == {
        "v1": "unused",
        "v2": "in_use",
        "v3": "undetermined",
    }
    assert found["v1"].recommendation == {"action": "release", "disk_bytes_freed": 100 * GIB}
    assert found["v1"].coverage_pct is None
    assert verdicts(unit, "disk-orphan-32")["v1"].cls == "in_use"


def test_a_volume_with_less_than_one_operation_a_day_is_unused(unit: World) -> None:
    for code, iops in (("v1", 0.0), ("v2", 0.01)):
        unit.resource(code, kind="volume")
        unit.holding(code, "A")
        put(unit, code, math.nan, disk_read_iops=iops, disk_write_iops=0.0)
    found = verdicts(unit, "aws-ta-ebs")
    assert (found["v1"].cls, found["v2"].cls) == ("unused", "in_use")


def test_a_unit_judges_what_it_holds_and_no_more(unit: World) -> None:
    unit.unit("B")
    unit.vm("r1", "A")
    unit.vm("r2", "B")
    scope = Scope(frozenset({unit.ids["A"]}))
    assert set(verdicts(unit, "city", scope=scope)) == {"r1"}
    assert set(verdicts(unit, "city", unit="B")) == {"r2"}
    with pytest.raises(NotFound):
        verdicts(unit, "city", scope=scope, unit="B")


def test_a_scan_is_kept_with_what_it_rests_on(unit: World) -> None:
    unit.vm("r1", "A")
    put(unit, "r1", 1.0)
    number = scan(unit.runtime, CITY, "city", None, "某人")
    with unit.runtime.database.read() as session:
        kept = session.get(IdleScan, number)
        assert kept is not None
        assert (kept.policy, kept.policy_version, kept.by) == ("city", 0, "某人")
        assert kept.outcome["classes"] == {"idle": 1}
        verdict = session.exec(select(IdleVerdict)).one()
        assert (verdict.cls, verdict.window_days) == ("idle", 30)
        assert (verdict.samples, verdict.samples_expected) == (8640, 8640)
        assert verdict.unit_id == unit.ids["A"]


def test_a_moment_that_has_not_come_is_refused(unit: World) -> None:
    with pytest.raises(Problem, match="later than now"):
        scan(unit.runtime, CITY, "city", AS_OF + timedelta(days=1), "某人")


def test_an_empty_register_is_judged_without_a_word(w: World) -> None:
    assert verdicts(w, "city") == {}
