"""容量预测: when pools, lines and file systems reach their limit, and one of them as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.analysis.outlook import SEASON_DAYS, STATES, TREND_DAYS
from controller.forecasts import queries
from controller.forecasts.api import begin
from controller.forecasts.queries import ForecastView, RunView
from controller.forecasts.tables import KINDS
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.problems import Problem
from controller.web import render, tables
from controller.web.language import Text
from controller.web.pages.data import chart, line
from controller.web.pages.idle import views
from controller.web.pages.parts import Choice
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

Reader = Annotated[View, Depends(opened("forecasts.read"))]
Maker = Annotated[View, Depends(opened("forecasts.make"))]

GIB = 2.0**30
EXPORTED = 100_000
TONES = {"over": "bad", "reaches": "warn", "steady": "good", "refused": ""}


@dataclass(frozen=True)
class Line:
    """A forecast in words; amounts carry their unit."""

    row: ForecastView
    metric: str
    tone: str
    state: str
    now: str
    limit: str
    share: float | None
    growth: str
    days: str
    interval: str
    reason: str
    href: str


@dataclass(frozen=True)
class ForecastsPage(render.Context):
    """``run`` is None before the first computation; ``soon`` counts what reaches its limit within
    30 days, of what the reader may see."""

    template: ClassVar[str] = "forecasts.html"

    views: tuple[Choice, ...]
    run: RunView | None
    rows: list[Line]
    kinds: tuple[Choice, ...]
    states: list[tuple[str, str]]
    over: int
    soon: int
    reaches: int
    refused: int
    table: tables.TableState
    units: list[UnitView]
    unit: str
    kind: str
    state: str
    text: str
    filtered: bool
    exports: tuple[tables.ExportLink, ...]
    may_make: bool


@dataclass(frozen=True)
class ForecastPage(render.Context):
    """One forecast; ``method`` says how it was made."""

    template: ClassVar[str] = "forecast.html"

    line: Line
    method: str
    data_url: str
    subject_href: str


@router.get("/forecasts")
def forecasts_page(view: Reader, file: str = "") -> Response:
    _, asked = view.text, view.request.query_params
    kind = asked.get("kind", "") if asked.get("kind", "") in KINDS else ""
    state = asked.get("state", "") if asked.get("state", "") in STATES else ""
    text, unit = asked.get("text", "").strip()[:100], asked.get("unit", "")
    sort, descending = tables.parse_sort(asked.get("sort", ""), queries.SORTS, "days")
    page = tables.parse_page(asked.get("page", ""))
    sorted_by = f"-{sort}" if descending else sort
    chosen = {"kind": kind, "state": state, "unit": unit, "text": text}
    query = {key: value for key, value in chosen.items() if value}
    with view.runtime.database.read() as session:

        def rows_of(page: int, size: int) -> Any:
            return queries.list_forecasts(
                session, view.scope, view.now, kind=kind, state=state, unit=unit or None,
                text=text, sort=sorted_by, page=page, size=size,
            )  # fmt: skip

        listed = rows_of(page, tables.PAGE_SIZE)
        if file in ("csv", "xlsx"):
            everything = list(listed.items)
            everything = [
                row for at in range(1, EXPORTED // 1000 + 1)
                if (at - 1) * 1000 < listed.total for row in rows_of(at, 1000).items
            ]  # fmt: skip
            return _export(view, everything, file)
        run = queries.last_run(session)
        counts = queries.counts(session, view.scope)
        soon = queries.within(session, view.scope, 30)
        units = list_units(session, view.scope, view.now)
    of_state = {each: sum(n for (_k, s), n in counts.items() if s == each) for each in STATES}
    context = ForecastsPage(
        views=views("forecasts", _),
        run=run,
        rows=[shown(row, view) for row in listed.items],
        kinds=_kinds(kind, counts, query, _),
        states=[(each, state_word(each, _)) for each in STATES],
        over=of_state["over"],
        soon=soon,
        reaches=of_state["reaches"],
        refused=of_state["refused"],
        table=tables.TableState(
            "/forecasts", query, sort, descending, page, tables.PAGE_SIZE, listed.total
        ),
        units=units,
        unit=unit,
        kind=kind,
        state=state,
        text=text,
        filtered=bool(query),
        exports=tuple(
            tables.ExportLink(each, label, render.link("/forecasts", query, file=each))
            for each, label in (
                ("xlsx", _("Excel 表格（XLSX）")),
                ("csv", _("文本表格（CSV）")),
            )
        ),
        may_make=view.may("forecasts.make"),
    )
    crumbs = [Crumb(_("闲置判定"), "/idle"), Crumb(_("容量预测"))]
    return view.page(context, active="idle", crumbs=crumbs)


@router.post("/forecasts")
def make_now(view: Maker) -> RedirectResponse:
    _ = view.text
    try:
        begin(view.runtime, view.principal)
    except Problem as problem:
        if problem.status != 409:
            raise
        return render.go("/forecasts", Flash("warn", _("预测正在计算，请稍候。")))
    said = _("已开始重新预测，完成后本页显示新的计算时间。")
    return render.go("/forecasts", Flash("good", said))


@router.get("/forecasts/{number}")
def forecast_page(number: int, view: Reader) -> HTMLResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        row = queries.get_forecast(session, view.scope, number)
    if row.metric == "disk" or row.metric.startswith("alloc"):
        method = _(
            "方法：最近 84 天每日数值的稳健趋势线（Theil–Sen），总量变动后重新起算；"
            "用最近 5 天回测，误差超过总量 2 %（分配量 5 %）则不作预测。"
        )
    else:
        method = _(
            "方法：最近 12 周的小时数据，按周规律加阻尼趋势（指数平滑），识别水平突变；"
            "区间取自最近几周的回测误差，回测不好于简单预测则不作预测。"
        )
    context = ForecastPage(
        line=shown(row, view),
        method=method,
        data_url=f"/web-data/forecasts/{number}",
        subject_href=_subject(row),
    )
    crumbs = [Crumb(_("容量预测"), "/forecasts"), Crumb(row.name)]
    return view.page(context, active="idle", crumbs=crumbs)


@router.get("/web-data/forecasts/{number}")
def forecast_data(number: int, view: Reader) -> dict[str, Any]:
    """The picture's series, in the form of ``data``."""
    _ = view.text
    with view.runtime.database.read() as session:
        row = queries.get_forecast(session, view.scope, number)
    found = queries.picture(view.runtime, view.scope, row)
    known, ahead = len(found.history), len(found.values)
    count = known + ahead
    times = [found.since + index * found.step for index in range(count)]
    scale, kind, unit = _scale(row.metric)

    def whole(before: list[float | None], after: list[float]) -> list[float | None]:
        values: list[float | None] = [*before, *after]
        return [None if value is None else value * scale for value in values]

    nothing: list[float | None] = [None] * known
    limit: list[float | None] = [] if row.limit is None else [row.limit * scale] * count
    series = [line("allocated", _("上限"), limit)] if limit else []
    series += [line("used", _("历史"), whole(found.history, [None] * ahead), area=True)]  # type: ignore[list-item]
    if ahead:
        series += [
            line("peak", _("预测"), whole(nothing, found.values)),
            line("low", _("区间下限"), whole(nothing, found.low)),
            line("high", _("区间上限"), whole(nothing, found.high)),
        ]
    gaps = [
        [time, time + found.step]
        for time, value in zip(times, found.history, strict=False)
        if value is None
    ]
    offset = view.now.astimezone(view.zone).utcoffset()
    return {
        "offset": int(offset.total_seconds()) if offset else 0,
        "since": times[0] if times else 0,
        "until": times[-1] + found.step if times else 0,
        "step": found.step,
        "times": times,
        "gaps": _joined(gaps),
        "words": {"gap": _("数据缺失"), "empty": _("该时段尚无数据")},
        "charts": {"main": chart(kind, *series, word=unit)},
    }


def _subject(row: ForecastView) -> str:
    """The page of what the row is about: only a device's port has a colon in a link's key."""
    if row.kind == "pool":
        return "/registers/pools"
    code, port = row.key.partition(":")[::2]
    area = "/network/devices" if row.kind == "link" and port else "/resources"
    return f"{area}/{quote(code, safe='')}"


def _joined(gaps: list[list[int]]) -> list[list[int]]:
    found: list[list[int]] = []
    for since, until in gaps:
        if found and found[-1][1] == since:
            found[-1][1] = until
        else:
            found.append([since, until])
    return found


def _scale(metric: str) -> tuple[float, str, str]:
    """(factor, kind of figure, unit) of a metric's chart."""
    if metric in ("alloc_vcpu", "use_cpu"):
        return 1.0, "count", ""
    return (8.0, "bits", "") if metric.startswith("line") else (1.0, "bytes", "")


def metric_word(metric: str, _: Text) -> str:
    """What is forecast, as officials call it."""
    return {
        "alloc_vcpu": _("vCPU 分配量"),
        "alloc_mem": _("内存分配量"),
        "alloc_disk": _("存储分配量"),
        "use_cpu": _("CPU 使用量"),
        "use_mem": _("内存使用量"),
        "line_out": _("出向带宽"),
        "line_in": _("入向带宽"),
        "disk": _("磁盘使用量"),
    }[metric]


def state_word(state: str, _: Text) -> str:
    """A state in a word."""
    return {
        "over": _("已达上限"),
        "reaches": _("将达上限"),
        "steady": _("平稳"),
        "refused": _("不作预测"),
    }[state]


def kind_word(kind: str, _: Text) -> str:
    """A kind of subject."""
    return {"pool": _("资源池"), "link": _("带宽"), "volume": _("磁盘")}[kind]


def shown(row: ForecastView, view: View) -> Line:
    """The row in the reader's words."""
    _ = view.text
    share = 100 * row.now / row.limit if row.now is not None and row.limit else None
    interval = ""
    if row.state == "reaches":
        low = f"{row.low:,.0f}" if row.low is not None else "?"
        high = f"{row.high:,.0f}" if row.high is not None else _("不确定")
        interval = f"{low} – {high}"
    horizon = TREND_DAYS if row.metric == "disk" or row.metric.startswith("alloc") else SEASON_DAYS
    days = "" if row.days is None else f"{row.days:,.0f}"
    return Line(
        row,
        metric_word(row.metric, _),
        TONES[row.state],
        state_word(row.state, _),
        amount(row.metric, row.now),
        amount(row.metric, row.limit),
        share,
        amount(row.metric, row.growth, signed=True),
        days if days or row.state != "steady" else f"> {horizon}",
        interval,
        row.reason_en if view.language == "en" else row.reason_zh,
        f"/forecasts/{row.id}",
    )


def amount(metric: str, value: float | None, *, signed: bool = False) -> str:
    """A figure with its unit; "–" for none."""
    if value is None:
        return "–"
    if metric in ("alloc_vcpu", "use_cpu"):
        return _figure(value, "", signed, 10)
    if metric.startswith("line"):
        return _figure(value * 8 / 1e6, " Mbps", signed, 1000)
    size = value / GIB
    if abs(size) >= 10_000:
        return _figure(size / 1024, " TB", signed, 1000)
    return _figure(size, " GB", signed, 10)


def _figure(value: float, unit: str, signed: bool, whole_from: float) -> str:
    digits = 0 if abs(value) >= whole_from else 1
    value = round(value, digits) or 0.0  # no minus before a nought
    sign = "+" if signed and value else ""
    return f"{value:{sign},.{digits}f}{unit}"


def _kinds(
    kind: str, counts: dict[tuple[str, str], int], query: dict[str, str], _: Text
) -> tuple[Choice, ...]:
    every = _("全部")
    found = [
        Choice(
            f"{every} {sum(counts.values())}", render.link("/forecasts", query, kind=""), not kind
        )
    ]
    for each in KINDS:
        number = sum(n for (of, _s), n in counts.items() if of == each)
        label = f"{kind_word(each, _)} {number}"
        found.append(Choice(label, render.link("/forecasts", query, kind=each), each == kind))
    return tuple(found)


def _export(view: View, rows: list[ForecastView], file: str) -> Response:
    _ = view.text
    heads = [
        _("类别"), _("名称"), _("编码"), _("指标"), _("状态"), _("当前"), _("上限"),
        _("预计天数"), _("最早（天）"), _("最晚（天）"), _("每周增长"), _("回测误差 %"), _("说明"),
    ]  # fmt: skip
    cells = []
    for row in rows:
        line_ = shown(row, view)
        cells.append(
            [
                kind_word(row.kind, _), row.name, row.key, line_.metric, line_.state, line_.now,
                line_.limit, row.days, row.low, row.high, line_.growth, row.error_pct, line_.reason,
            ]
        )  # fmt: skip
    return tables.export(file, f"forecasts-{view.now.astimezone(view.zone):%Y%m%d}", heads, cells)
