"""An export of 20,000 rows against a register of 20,000 resources, on a served controller.

Measured: seconds from sending the XLSX until the comparison is stored, how much the API and the
process that reads the spreadsheet grow meanwhile (RSS of both together, over the API's before),
then confirming a twentieth of the rows, undoing that, the reconciliation and a published month.
"""

from __future__ import annotations

import csv
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import xlsxwriter

from controller.commands.client import Api, open_api
from tests.serving import serve

ROWS = 20_000
UNITS = 300
EVERY = 20
"""One row in so many differs."""

HEADS = ("云主机名称", "云主机ID", "私有IP地址", "vCPU", "内存(GB)", "系统盘(GB)", "租户",
         "可用区", "操作系统", "创建时间")  # fmt: skip


def measure() -> dict[str, float]:
    """Seconds, and megabytes of growth."""
    with tempfile.TemporaryDirectory(prefix="yunxun-bench-") as name:
        folder = Path(name)
        with serve(folder / "data"), open_api(data=folder / "data") as api:
            _register(api, folder)
            api.put(
                "/api/v1/ledger/sources/cloud-a", {"mapping": {"covers": {"sites": ["主中心"]}}}
            )
        # A fresh process: what the import of the register left free would hide growth.
        with serve(folder / "data") as server, open_api(data=folder / "data") as api:
            small, whole = folder / "small.xlsx", folder / "export.xlsx"
            _write(small, 100)
            _write(whole, ROWS)
            _compare(api, small)  # what is loaded once is not growth
            process = psutil.Process(server.children()["api"])
            peak = _Peak(process)
            compare_s, run = _timed(lambda: _compare(api, whole))
            growth = peak.stop()
            path = f"/api/v1/ledger/imports/{run['id']}"
            for cls in ("changed", "renamed", "new", "vanished"):
                api.post(f"{path}/decisions", {"cls": cls, "decision": "accepted"})
            confirm_s, _ = _timed(lambda: api.post(f"{path}/confirm", {}))
            peak = _Peak(process)
            reconcile_s, found = _timed(lambda: api.get("/api/v1/ledger/reconciliation"))
            reconcile_growth = peak.stop()
            undo_s, _ = _timed(lambda: api.post(f"{path}/undo"))
            body = {"month": "2026-09", "force": "measured without samples"}
            publish_s, version = _timed(lambda: api.post("/api/v1/ledger/months", body))
            if found["total"] < ROWS or run["counts"]["rows"] != ROWS:
                raise RuntimeError(f"not all rows were there: {run['counts']}")
    return {
        "rows": ROWS,
        "compare_s": compare_s,
        "compare_rss_growth_mb": growth,
        "confirm_s": confirm_s,
        "undo_s": undo_s,
        "reconcile_s": reconcile_s,
        "reconcile_rss_growth_mb": reconcile_growth,
        "publish_s": publish_s,
        "published_mb": version["counts"]["bytes"] / 1e6,
    }


class _Peak:
    """Watches the memory of a process and its children until ``stop``; MB over the start."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._before = process.memory_info().rss
        self._most = self._before
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            total = 0
            for each in (self._process, *self._process.children()):
                try:
                    total += each.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self._most = max(self._most, total)

    def stop(self) -> float:
        self._end.set()
        self._thread.join()
        return (self._most - self._before) / 1e6


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    answer = work()
    return time.monotonic() - began, answer


def _uuid(number: int) -> str:
    return f"6ba7b810-9dad-41d1-80b4-{number:012x}"


def _address(number: int) -> str:
    return f"10.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def _register(api: Api, folder: Path) -> None:
    units, resources = folder / "units.csv", folder / "resources.csv"
    with units.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编码", "名称"])
        writer.writerows([f"u{number}", f"单位{number}"] for number in range(UNITS))
    with resources.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编码", "名称", "实例UUID", "IP地址", "CPU核数", "内存GB", "磁盘GB",
                         "单位", "站点", "操作系统", "开通时间"])  # fmt: skip
        writer.writerows(
            [f"vm-{n}", f"host-{n}", _uuid(n), _address(n), 4, 8, 100, f"单位{n % UNITS}",
             "主中心", "openEuler 22.03", "2026-01-05"]
            for n in range(ROWS)
        )  # fmt: skip
    api.post_file("/api/v1/import/units", units)
    api.post_file("/api/v1/import/resources", resources)


def _write(path: Path, rows: int) -> None:
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADS)
        for n in range(rows):
            differs = n % EVERY == 0
            name = f"renamed-{n}" if differs and n % 3 == 0 else f"host-{n}"
            uuid = _uuid(n + 1_000_000) if differs and n % 3 == 2 else _uuid(n)
            cores = 8 if differs else 4
            sheet.write_row(
                n + 1, 0,
                (name, uuid, _address(n), cores, 8, 100, f"单位{n % UNITS}", "主中心",
                 "openEuler 22.03", "2026-01-05 10:00"),
            )  # fmt: skip


def _compare(api: Api, path: Path) -> dict[str, Any]:
    for line in api.stream_file("/api/v1/ledger/imports", path, {"source": "cloud-a"}):
        if "outcome" in line:
            return dict(line["outcome"])
        if "problem" in line:
            raise RuntimeError(line["problem"])
    raise RuntimeError("no outcome")
