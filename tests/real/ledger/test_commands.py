"""`yunxun ledger` and `yunxun usage --version` as they are typed, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.serving import serve

EXPORT = """云主机名称,云主机ID,vCPU,内存(MB),租户,可用区
host-1,6ba7b810-9dad-41d1-80b4-000000000001,8,8192,甲局,主中心
host-9,6ba7b810-9dad-41d1-80b4-000000000009,4,4096,甲局,主中心
"""
RESOURCES = """编码,名称,实例UUID,CPU核数,内存GB,单位,站点,开通时间
vm-1,host-1,6ba7b810-9dad-41d1-80b4-000000000001,4,8,甲局,主中心,2026-01-05
vm-2,host-2,6ba7b810-9dad-41d1-80b4-000000000002,4,8,甲局,主中心,2026-01-05
"""


@pytest.mark.timeout(240)
def test_who_keeps_the_ledger_can_do_it_from_a_terminal(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def yunxun(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "controller", *arguments, "--data", str(data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout if not status or done.stdout else done.stderr

    for name, text in (
        ("units.csv", "编码,名称\na,甲局\nb,乙局\n"),
        ("resources.csv", RESOURCES),
        ("清单.csv", EXPORT),
    ):
        (tmp_path / name).write_bytes(text.encode("gb18030"))
    mapping = tmp_path / "map.json"
    mapping.write_text(json.dumps({"covers": {"sites": ["主中心"]}}), "utf-8")
    month = f"{datetime.now(UTC).replace(day=1) - timedelta(days=2):%Y-%m}"
    with serve(data):
        yunxun("import", "units", str(tmp_path / "units.csv"))
        yunxun("import", "resources", str(tmp_path / "resources.csv"))
        yunxun("ledger", "source", "cloud-a", "--name", "云A", "--mapping", str(mapping))
        file = str(tmp_path / "清单.csv")
        trial = yunxun("ledger", "import", file, "--source", "cloud-a", "--dry-run")
        assert "云A" in trial
        assert json.loads(yunxun("ledger", "list", "--format", "json")) == []
        yunxun("ledger", "import", file, "--source", "cloud-a", "--since", "2026-02-01")
        shown = yunxun("ledger", "show", "1")
        assert "vCPU 4 → 8" in shown
        assert "vm-2" in shown
        assert "yunxun: " in yunxun("ledger", "undo", "1", status=2)
        said = yunxun("ledger", "confirm", "1", "--accept", "all")
        assert "confirmed: 1 created, 1 updated, 1 to check" in said
        assert "vm-2" in yunxun("ledger", "pending")
        # Nothing was ever measured, so the data share is 0 and the month needs a reason.
        assert "only_register 1" in yunxun("ledger", "reconcile", status=1)
        assert "须达到 80" in yunxun("ledger", "publish", month, status=2)
        made = yunxun("ledger", "publish", month, "--force", "试运行")
        assert f"{month} version 1: published" in made
        frozen = ("usage", "--month", month, "--version", "1", "--format", "json")
        before = yunxun(*frozen)
        assert json.loads(before)["version"] == 1
        yunxun("ledger", "undo", "1")
        assert yunxun(*frozen) == before
        live = json.loads(yunxun("usage", "--month", month, "--format", "json"))
        assert live["rows"] != json.loads(before)["rows"]
        changed = yunxun("ledger", "differences", month)
        assert "vcpu 8 → 4" in changed
        assert "ledger.undo" in changed
        assert "which period" in yunxun("usage", "--version", "1", status=2)
