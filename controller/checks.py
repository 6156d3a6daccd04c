"""What ``yunxun doctor`` looks at: each check is a line that says whether and why not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from pydantic import BaseModel
from sqlalchemy import and_, or_, text
from sqlmodel import col, func, select

from controller.folder import free_space
from controller.ingest.tables import Agent
from controller.jobs import JOBS
from controller.prepare import SANE_CLOCK
from controller.runtime import Runtime
from controller.said import Said, chinese, say
from controller.store import maintenance, rollup
from controller.store.tables import JobRun, WorkerLock

SILENT = timedelta(minutes=10)
"""An active agent not heard of for so long is silent."""
MOST_LAG = timedelta(minutes=15)
"""Of live rollups: five minutes of the bucket, two of grace, and then some."""
OLDEST_MARK = timedelta(hours=6)
CERTIFICATE_DAYS = 21
MOST_NAMED = 5


class Check(BaseModel):
    """``fine`` is false where somebody must do something."""

    name: str
    fine: bool
    text: str
    name_zh: str = ""
    text_zh: str = ""


def run_checks(runtime: Runtime) -> list[Check]:
    """All of them; one that itself fails is a problem, and the rest still run."""
    found: list[Check] = []
    for name, (zh, check) in _CHECKS.items():
        try:
            results = list(check(runtime))
        except Exception as error:  # a store may be away: that is what we are here to say
            why = _one_line(error)
            results = [(False, say(f"cannot be checked: {why}", f"无法检查：{why}"))]
        found += [
            Check(name=name, name_zh=zh, fine=fine, text=str(text), text_zh=chinese(text))
            for fine, text in results
        ]
    return found


Result = Iterator[tuple[bool, str]]


def store_answers(runtime: Runtime) -> dict[str, str]:
    """For each store "" if it answers, else why not, in one line."""
    answers = {"database": "", "samples": ""}
    try:
        with runtime.database.read() as session:
            session.execute(text("SELECT 1"))
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        answers["database"] = _one_line(error)
    try:
        runtime.samples.query("SELECT 1 AS one", seconds=5)
    except Exception as error:
        answers["samples"] = _one_line(error)
    return answers


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _stores(runtime: Runtime) -> Result:
    for store, why in store_answers(runtime).items():
        zh = {"database": "关系库", "samples": "样本库"}[store]
        yield not why, say(f"{store}: {why or 'answers'}", f"{zh}：{why or '应答正常'}")


def _disk(runtime: Runtime) -> Result:
    limits = runtime.settings.ingest
    free, percent = free_space(runtime.settings.data)
    enough = free >= limits.min_free_mb << 20 or percent >= limits.min_free_percent
    yield enough, _free(str(runtime.settings.data), free, percent)
    if runtime.settings.samples.url:
        for disk in maintenance.disks(runtime.samples, runtime.settings):
            share = 100 * disk.free_bytes / max(1, disk.total_bytes)
            enough = disk.free_bytes >= limits.min_free_mb << 20 or share >= limits.min_free_percent
            yield enough, _free(disk.path, disk.free_bytes, share)


def _detached(runtime: Runtime) -> Result:
    parts = maintenance.detached_parts(runtime.samples, runtime.settings)
    if not parts:
        yield True, say("none", "无")
    for part in parts[:MOST_NAMED]:
        what = f"{part.table} {part.part}: {part.reason}"
        yield False, say(f"{what}; its rows are in no answer", f"{what}；其数据不在任何结果中")
    if len(parts) > MOST_NAMED:
        more = len(parts) - MOST_NAMED
        yield False, say(f"and {more} more", f"另有 {more} 个")


def _worker(runtime: Runtime) -> Result:
    now = runtime.now()
    with runtime.database.read() as session:
        lock = session.get(WorkerLock, "worker")
        runs = {run.name: run for run in session.exec(select(JobRun))}
    if lock is None or lock.expires <= now:
        yield (
            False,
            say(
                "no worker holds the lock; is 'yunxun serve' running?",
                "没有 worker 持有锁：yunxun serve 是否在运行？",
            ),
        )
    for job in JOBS:
        run = runs.get(job.name)
        if run is not None and run.failures:
            yield (
                False,
                say(
                    f"{job.name}: failed {run.failures} times in a row: {run.error}",
                    f"{job.name}：连续失败 {run.failures} 次：{run.error}",
                ),
            )
    if lock is not None and lock.expires > now and not any(run.failures for run in runs.values()):
        yield True, say(f"{len(runs)} jobs, none failing", f"{len(runs)} 项任务，均正常")


def _rollups(runtime: Runtime) -> Result:
    now = runtime.now()
    for each in rollup.pending(runtime):
        if each.live_until is not None:
            lag = now - each.live_until
            text = say(
                f"{each.table}: live rollups {_minutes(lag)} behind",
                f"{each.table}：实时汇总滞后 {_span_zh(lag)}",
            )
            yield lag <= MOST_LAG, text
        old = each.oldest_mark is not None and now - each.oldest_mark > OLDEST_MARK
        text = say(
            f"{each.table}: {each.dirty_days} resource-days to recompute"
            + _since(each.oldest_mark, now),
            f"{each.table}：待重算 {each.dirty_days} 个资源日" + _since_zh(each.oldest_mark, now),
        )
        yield not old, text
        if each.late_rows:
            text = say(
                f"{each.table}: {each.late_rows} rows came after their time had expired",
                f"{each.table}：{each.late_rows} 行在其时段过期之后才到达",
            )
            yield True, text


def _agents(runtime: Runtime) -> Result:
    now = runtime.now()
    with runtime.database.read() as session:
        states = dict(
            session.execute(select(Agent.state, func.count()).group_by(Agent.state)).all()
        )
        silent = session.exec(
            select(Agent.name)
            .where(Agent.state == "active")
            .where(
                or_(
                    col(Agent.last_seen) < now - SILENT,
                    and_(col(Agent.last_seen).is_(None), col(Agent.enrolled) < now - SILENT),
                )
            )
            .order_by(Agent.name)
        ).all()
    counts = sorted(states.items())
    en = ", ".join(f"{count} {state}" for state, count in counts) or "none"
    zh = "，".join(f"{_STATES.get(state, state)} {count}" for state, count in counts) or "无"
    yield True, say(en, zh)
    if silent:
        left = max(0, len(silent) - MOST_NAMED)
        more, more_zh = (f" and {left} more", f" 等 {len(silent)} 个") if left else ("", "")
        names = silent[:MOST_NAMED]
        text = say(
            f"silent for {_minutes(SILENT)}: {', '.join(names)}{more}",
            f"超过 {_span_zh(SILENT)} 无消息：{'、'.join(names)}{more_zh}",
        )
        yield False, text
    if states.get("conflict"):
        count = states["conflict"]
        text = say(
            f"{count} in conflict: two machines send as one; enrol one anew",
            f"{count} 个身份冲突：两台机器用同一身份上报，请为其中一台重新注册",
        )
        yield False, text


def _versions(runtime: Runtime) -> Result:
    if runtime.settings.database_url:
        yield True, runtime.database.engine.dialect.name
        return
    safe = sqlite3.sqlite_version_info >= (3, 51, 3)
    name = f"SQLite {sqlite3.sqlite_version}"
    yield (
        True,
        say(name, name) if safe else say(f"{name}, so WAL is not used", f"{name}，故不用 WAL"),
    )


def _clock(runtime: Runtime) -> Result:
    yield runtime.now() > SANE_CLOCK, f"{runtime.now():%Y-%m-%d %H:%M:%S} UTC"


def _certificate(runtime: Runtime) -> Result:
    settings = runtime.settings
    paths = [Path(settings.tls.certificate)] if settings.tls.certificate else []
    paths += sorted((settings.data / "tls").glob("*.pem"))
    for path in paths:
        content = path.read_bytes()
        if b"BEGIN CERTIFICATE" not in content:
            continue
        left = x509.load_pem_x509_certificate(content).not_valid_after_utc - runtime.now()
        text = say(
            f"{path.name}: valid for {left.days} more days", f"{path.name}：还有 {left.days} 天到期"
        )
        yield left.days >= CERTIFICATE_DAYS, text


def _since(mark: datetime | None, now: datetime) -> str:
    """How old the oldest mark is; an import holds its own for itself by dating them ahead."""
    if mark is None:
        return ""
    if mark > now:
        return f", held for an import for {_minutes(mark - now)}"
    return f", oldest {_minutes(now - mark)}"


def _minutes(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _since_zh(mark: datetime | None, now: datetime) -> str:
    if mark is None:
        return ""
    if mark > now:
        return f"，导入占用，还有 {_span_zh(mark - now)}"
    return f"，最早的已等 {_span_zh(now - mark)}"


def _span_zh(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} 分钟" if minutes < 120 else f"{minutes // 60} 小时"


def _free(path: str, free: int, percent: float) -> Said:
    room = f"{free / 2**30:.1f} GiB"
    return say(f"{path}: {room} ({percent:.0f} %) free", f"{path}：剩余 {room}（{percent:.0f} %）")


_STATES = {"active": "在用", "pending": "待批准", "revoked": "已吊销", "conflict": "身份冲突"}

_CHECKS: dict[str, tuple[str, Callable[[Runtime], Result]]] = {
    "stores": ("存储", _stores),
    "disk": ("磁盘", _disk),
    "detached parts": ("搁置的数据块", _detached),
    "worker": ("后台任务", _worker),
    "rollups": ("汇总", _rollups),
    "agents": ("采集端", _agents),
    "database": ("数据库", _versions),
    "clock": ("时钟", _clock),
    "certificate": ("证书", _certificate),
}
