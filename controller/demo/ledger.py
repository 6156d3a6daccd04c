"""The demo's ledger: two providers' exports with the dirt that offices know, and a published month.

Last month's exports are clean and confirmed; this month's are compared and wait, so that a newcomer
can look at them and confirm. Last month is published, and one owner corrected after that.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import xlsxwriter

from controller.demo.history import CHINA
from controller.demo.world import SEED, UNITS, Vm

CENTRE = "市中心节点"
BRANCHES = ("临江分中心", "云山分中心")
ALIASES = {"市卫生健康委": "市卫健委", "市政府办公室": "市府办"}
"""What the platform calls units; the source's mapping says which they are."""

HEADS = (
    "序号", "租户", "业务系统", "云主机名称", "云主机ID", "私有IP地址", "vCPU", "内存(MB)",
    "系统盘(GB)", "操作系统", "可用区", "网络平面", "创建时间", "运行状态", "备注",
)  # fmt: skip

PUBLISH_SECONDS = 10.0


class LedgerApi(Protocol):
    """What is asked of the controller; controller.commands.client.Api."""

    def get(self, path: str, **params: Any) -> Any: ...
    def put(self, path: str, body: Any = None, **params: Any) -> Any: ...
    def post(self, path: str, body: Any = None, **params: Any) -> Any: ...
    def stream_file(
        self, path: str, file: Path, params: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]: ...


@dataclass(frozen=True)
class Line:
    """A row of an export before it is dressed up."""

    vm: Vm
    name: str
    uuid: str
    ip: str
    vcpu: object
    unit: str
    created: datetime


def furnish(api: LedgerApi, vms: list[Vm], folder: Path, end: datetime) -> str:
    """Sources, exports, a published month and a correction; one line about it."""
    mapping = {
        "words": {"unit": {ALIASES[name]: code for code, name, *_ in UNITS if name in ALIASES}},
        "columns": {"备注": "", "序号": ""},
        "sizes": {"mem_gib": "MB"},
    }
    names = {
        "cloud-a": ("政务云平台 A（演示）", (CENTRE,)),
        "cloud-b": ("分中心云平台 B（演示）", BRANCHES),
    }
    waiting = []
    for source, (name, sites) in names.items():
        api.put(
            f"/api/v1/ledger/sources/{source}",
            {"name": name, "mapping": mapping | {"covers": {"sites": list(sites)}}},
        )
        lines = [_line(vm, end) for vm in vms if vm.site in sites]
        clean, dirty = _files(folder, source, lines, end)
        before = _compare(api, clean, source, end - timedelta(days=30))
        api.post(f"/api/v1/ledger/imports/{before['id']}/confirm", {})
        waiting.append(_compare(api, dirty, source, end.astimezone(CHINA).replace(day=1)))
    month = f"{end.astimezone(CHINA).replace(day=1) - timedelta(days=1):%Y-%m}"
    published = _publish(api, month)
    if published:
        _correct(api, vms, month)
    found = sum(
        count
        for run in waiting
        for name, count in run["counts"].items()
        if name not in ("rows", "unchanged")
    )
    state = f"{month} 已发布" if published else f"{month} 未发布"
    return f"平台清单 2 份待确认，差异 {found} 项；{state} · exports to confirm: /ledger/imports"


def _line(vm: Vm, end: datetime) -> Line:
    grown = vm.grown is not None and vm.grown[0] < vm.age_days
    return Line(
        vm,
        vm.name,
        vm.uuid,
        vm.ip,
        vm.grown[1] if vm.grown and grown else vm.vcpu,
        next(name for code, name, *_ in UNITS if code == vm.unit),
        end - timedelta(days=vm.age_days),
    )


def _files(folder: Path, source: str, lines: list[Line], end: datetime) -> tuple[Path, Path]:
    """(last month's, this month's); the second source sends GBK CSV."""
    this = f"{end.astimezone(CHINA):%Y-%m}"
    last = f"{end.astimezone(CHINA).replace(day=1) - timedelta(days=1):%Y-%m}"
    write: Callable[[Path, list[Line]], None] = write_csv if source == "cloud-b" else write_workbook
    kind = "csv" if source == "cloud-b" else "xlsx"
    paths = folder / f"云主机清单-{last}.{kind}", folder / f"云主机清单-{this}.{kind}"
    # Both sources call their files alike, as they do.
    for path, found in zip(paths, (lines, soiled(lines)), strict=True):
        write(path, found)
    return paths


def soiled(lines: list[Line]) -> list[Line]:
    """The lines a month later: gone, doubled, renamed, resized, moved, new, unknown, unreadable."""
    chance = random.Random(SEED)  # noqa: S311 -- invented data, not a secret
    found = list(lines)
    gone = found.pop(3)
    clone = found[4]
    found.insert(
        6, _with(clone, name=f"{clone.name}-克隆", ip=clone.ip.replace("10.66.", "10.67."))
    )
    found[7] = _with(found[7], name=f"{found[7].name}（新）")
    found[9] = _with(found[9], vcpu=int(str(found[9].vcpu)) * 2)
    other = "市财政局" if found[11].unit != "市财政局" else "市教育局"
    found[11] = _with(found[11], unit=other)
    found[13] = _with(found[13], unit="市大数据集团")
    found[15] = _with(found[15], vcpu="八核")
    raw = f"{chance.getrandbits(128):032x}"
    uuid = f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"
    # A new machine that was given the address of the one that is gone.
    found.append(_with(gone, name=f"{gone.vm.system}-扩容01", uuid=uuid, vcpu=16))
    found.append(found[0])  # and one row twice
    return found


def _with(line: Line, **changes: Any) -> Line:
    return Line(**{name: changes.get(name, getattr(line, name)) for name in Line.__annotations__})


def _cells(number: int, line: Line) -> list[object]:
    vm = line.vm
    unit = ALIASES.get(line.unit, line.unit)
    # Names with spaces before or behind, figures as text: as they are typed and pasted.
    name = f" {line.name}  " if number % 5 == 0 else line.name
    memory: object = f"{vm.mem_gib * 1024:,}" if number % 3 == 0 else vm.mem_gib * 1024
    cores: object = f"{line.vcpu} " if number % 4 == 0 else line.vcpu
    uuid = line.uuid.upper() if number % 2 == 0 else line.uuid
    day = line.created.astimezone(CHINA)
    created: object = (
        f"{day:%Y年%m月%d日}",
        f"{day:%Y/%m/%d %H:%M}",
        (day.date() - datetime(1899, 12, 30, tzinfo=CHINA).date()).days,
        day.replace(tzinfo=None, microsecond=0),
    )[number % 4]
    return [
        number, unit, vm.system, name, uuid, line.ip, cores, memory, vm.disk_gib, vm.os, vm.site,
        vm.zone, created, "运行中", "演示数据",
    ]  # fmt: skip


def write_workbook(path: Path, lines: list[Line]) -> None:
    """A title over all columns, systems merged downwards, dates in four forms, a total below."""
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("云主机")
        sheet.merge_range(0, 0, 0, len(HEADS) - 1, "政务云平台云主机清单（演示数据）")
        sheet.write_row(1, 0, HEADS, book.add_format({"bold": True}))
        row = 2
        for system, group in groupby(lines, key=lambda line: line.vm.system):
            first = row
            for line in group:
                for column, cell in enumerate(_cells(row - 1, line)):
                    sheet.write(row, column, cell)
                row += 1
            if row - first > 1:
                sheet.merge_range(first, 2, row - 1, 2, system)
        sheet.write(row, 1, "合计")
        sheet.write(row, 3, len(lines))


def write_csv(path: Path, lines: list[Line]) -> None:
    """As Excel saves CSV in a Chinese office: GBK."""
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADS)
        for number, line in enumerate(lines, 1):
            writer.writerow(
                f"{cell:%Y-%m-%d}" if isinstance(cell, datetime) else cell
                for cell in _cells(number, line)
            )


def _compare(api: LedgerApi, path: Path, source: str, since: datetime) -> dict[str, Any]:
    params = {"source": source, "since": f"{since.astimezone(CHINA):%Y-%m-%d}"}
    for line in api.stream_file("/api/v1/ledger/imports", path, params):
        if "outcome" in line:
            return dict(line["outcome"])
        if "problem" in line:
            raise RuntimeError(f"{path.name}: {line['problem'].get('detail')}")
    raise RuntimeError(f"{path.name}: no outcome")


def _publish(api: LedgerApi, month: str) -> bool:
    """Whether it is published; figures may still be on their way for some seconds."""
    deadline = time.monotonic() + PUBLISH_SECONDS
    while True:
        try:
            api.post("/api/v1/ledger/months", {"month": month, "note": "演示：月报"})
            return True
        except Exception as error:
            if "being computed" not in str(error) or time.monotonic() > deadline:
                return False
            time.sleep(1)


def _correct(api: LedgerApi, vms: list[Vm], month: str) -> None:
    """One machine was another unit's since the 20th of the published month."""
    vm = next(vm for vm in vms if vm.unit == "demo-czj" and vm.age_days > 60)
    api.post(
        f"/api/v1/resources/{vm.code}/holdings",
        {"since": f"{month}-20", "unit": "demo-jyj", "system": "智慧教育"},
    )
