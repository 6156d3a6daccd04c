"""What both sides' pages of one notice show: resources with evidence, history, files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from controller.access.scope import Scope
from controller.inventory.resources import find_resource
from controller.notices.views import EventView, ItemView, NoticeDetail
from controller.problems import NotFound, Problem
from controller.reports.letters import advice, size
from controller.runtime import Runtime
from controller.usage.queries import resource_series
from controller.web import figures
from controller.web.language import Text
from controller.web.pages import evidence_words
from controller.web.pages import notice_words as words
from controller.web.pages.data import chart, gaps, line

POINTS = 720
METRICS = ["cpu_used_pct", "cpu_max_pct", "mem_used_pct", "net_rx_bytes_s", "net_tx_bytes_s"]


@dataclass(frozen=True)
class Fact:
    """A figure of the evidence."""

    label: str
    value: str


@dataclass(frozen=True)
class ShownItem:
    """A resource of the letter in words. ``data_url`` answers its charts."""

    item: ItemView
    tone: str
    word: str
    finding: str
    size: str
    advice: str
    answer: str
    keep_reason: str
    facts: tuple[Fact, ...]
    data_url: str
    acts: tuple[str, ...] = ()
    """What the reader may do with it now."""


@dataclass(frozen=True)
class ShownEvent:
    """A line of the history in words."""

    event: EventView
    word: str
    after: str


def show_item(item: ItemView, data_url: str, _: Text, acts: tuple[str, ...] = ()) -> ShownItem:
    """``acts`` are what the reader may do."""
    tone, word = words.item_state(item.state, _)
    return ShownItem(
        item, tone, word, words.finding(item.cls, _),
        size(item.vcpu, item.mem_bytes, item.disk_bytes), advice(item.recommendation),
        words.answer(item.answer, _), words.keep_reason(item.keep_reason, _), facts(item, _),
        data_url, acts,
    )  # fmt: skip


def facts(item: ItemView, _: Text) -> tuple[Fact, ...]:
    """What it was judged on: window, samples, coverage, rule, and the figures themselves."""
    found = [
        Fact(_("研判区间"), _("{n} 天", n=item.window_days)),
        Fact(_("样本数"), figures.number(item.samples)),
        Fact(_("数据完整率"), figures.percent(item.coverage_pct)),
    ]
    if item.policy:
        found.append(Fact(_("研判规则"), f"{item.policy} v{item.policy_version}"))
    if item.policy_clause:
        found.append(Fact(_("依据条款"), item.policy_clause))
    for name, value in list(item.evidence.items())[:12]:
        if isinstance(value, (int, float, str)):
            found.append(Fact(*evidence_words.evidence(name, value, _)))
    return tuple(found)


def show_events(notice: NoticeDetail, _: Text) -> list[ShownEvent]:
    """Newest first."""
    shown = []
    for event in reversed(notice.events):
        table = words.item_state if event.item_id else words.letter_state
        if event.act.startswith("escalation_"):
            table = words.escalation_state
        after = table(event.after, _)[1] if event.after != event.before else ""
        shown.append(ShownEvent(event, words.act(event.act, _), after))
    return shown


def evidence(
    runtime: Runtime, scope: Scope, item: ItemView, now: datetime, zone: ZoneInfo, _: Text
) -> dict[str, Any]:
    """The charts of one resource over the window it was judged on and until now, at most twice as
    long: whether use has come back can be seen."""
    window = timedelta(days=item.window_days)
    since = item.as_of - window
    until = min(now, item.as_of + window).replace(microsecond=0)
    with runtime.database.read() as session:
        resource = find_resource(session, scope, item.resource_code, now)
    series = resource_series(runtime, scope, resource.code, METRICS, since, until, points=POINTS)
    nothing: list[float | None] = [None] * len(series.times)

    def get(metric: str, *, peak: bool = False) -> list[float | None]:
        return list((series.peaks if peak else series.values).get(metric, nothing))

    def bits(metric: str) -> list[float | None]:
        return [None if value is None else value * 8 for value in get(metric)]

    first, last = int(since.timestamp()), int(until.timestamp())
    offset = until.astimezone(zone).utcoffset() or timedelta(0)
    return {
        "offset": int(offset.total_seconds()),
        "since": first,
        "until": last,
        "step": series.step_s,
        "times": list(series.times),
        "gaps": gaps(series.times, get("cpu_used_pct"), series.step_s, first, last),
        "words": {"gap": _("数据缺失"), "empty": _("该时段尚无数据")},
        "charts": {
            "cpu": chart(
                "pct",
                line("peak", _("CPU 峰值"), get("cpu_max_pct", peak=True)),
                line("used", _("CPU 平均"), get("cpu_used_pct"), area=True),
                line("memory", _("内存平均"), get("mem_used_pct")),
            ),
            "network": chart(
                "bits",
                line("rx", _("入网"), bits("net_rx_bytes_s")),
                line("tx", _("出网"), bits("net_tx_bytes_s")),
            ),
        },
    }


def item_of(notice: NoticeDetail, item_id: int) -> ItemView:
    """Raises NotFound."""
    found = next((each for each in notice.resources if each.id == item_id), None)
    if found is None:
        raise NotFound("item", str(item_id))
    return found


def path_of(code: str) -> str:
    """The address of a notice."""
    return f"/notices/{quote(code, safe='')}"


def data_url(code: str, item_id: int) -> str:
    """Where the charts of a resource of a notice come from."""
    return f"/web-data/notices/{quote(code, safe='')}/{item_id}"


def day_of(text: str) -> date | None:
    """The day of a form's field; None where nothing was given. Raises Problem 422 for nonsense."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Problem(422, "not a date", f"{text.strip()[:40]!r} is no date") from None
