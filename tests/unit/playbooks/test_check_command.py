"""``python -m playbooks.judge check`` and the reports of a run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge.__main__ import main
from playbooks.judge.run_reports import RunError, judge_run
from tests.unit.playbooks.fixtures import NOW

KYLIN = 'NAME="Kylin Linux Advanced Server"\nID="kylin"\nVERSION_ID="V10"\nVERSION="V10 (Sword)"\n'


def write(path: Path, asset: str = "web01", **sections: str) -> Path:
    whole = {
        "format": 1,
        "asset": asset,
        "collector_version": 1,
        "taken_at": "2026-11-23T09:00:00Z",
        "duration_ms": 1,
        "privilege": "root",
        "sections": {
            name: {
                "status": "ok",
                "bytes": len(text.encode()),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                "data": text,
            }
            for name, text in sections.items()
        },
    }
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    page = '/opt/w/<i>.js:1:new ActiveXObject("x")\n'
    return write(tmp_path / "web01.json", os_release=KYLIN, code=page, files="", vendor_files="")


def test_the_json_has_the_stable_shape(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", str(bundle), "--area", "xinchuang", "--format", "json"]
    profiles = ["--profile", "kunpeng920-kylin-v10", "--profile", "hygon-uos-e"]
    assert main([*arguments, *profiles]) == 1
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(told) == {"verdict", "coverage", "hosts"}
    assert told["verdict"] == "not_ready"
    assert [it["profile"] for it in told["hosts"]] == ["kunpeng920-kylin-v10", "hygon-uos-e"]
    first = told["hosts"][0]
    assert {"host", "profile", "verdict", "results"} <= set(first)
    found = next(it for it in first["results"] if it["rule"] == "APP-001")
    assert {"rule", "severity", "status", "evidence", "remediation"} <= set(found)
    assert found["evidence"][0]["locator"] == "/opt/w/<i>.js:1"
    assert len(first["results"]) >= 77


def test_the_table_tells_blockers_remedies_and_what_was_not_checked(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(bundle), "--area", "xinchuang-app"]) == 1
    told = capsys.readouterr().out
    assert "[阻断] APP-001 页面使用 ActiveX 控件" in told
    assert "-> 更换为国产浏览器可用的控件或标准接口。" in told
    assert "(未判定) not_checked: appconfig" in told
    main(["check", str(bundle), "--area", "xinchuang-app", "--lang", "en"])
    assert "[blocker] APP-001 Pages use ActiveX controls" in capsys.readouterr().out


def test_ready_costs_0_and_a_missing_input_is_no_ready(tmp_path: Path) -> None:
    clean = write(tmp_path / "b.json", code="", files="", appconfig="")
    assert main(["check", str(clean), "--area", "xinchuang-app"]) == 0
    assert main(["check", str(clean), "--area", "ipv6"]) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--profile", "pdp11"], "no profile pdp11: use one of"),
        (["--area", "moon"], "no area moon: use one of"),
        (["--context", "/nonexistent"], "/nonexistent"),
        (["--waivers", "/nonexistent"], "/nonexistent"),
    ],
)
def test_bad_input_costs_2_and_one_line(
    bundle: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(bundle), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_waivers_and_inputs_of_one_host_come_from_files(bundle: Path, tmp_path: Path) -> None:
    waivers = tmp_path / "waivers.json"
    entry = {
        "id": "w1",
        "rule": "APP-001",
        "assets": ["web01"],
        "owner": "张三",
        "approved_by": "李四",
        "reason": "下月改造",
        "created": "2026-11-01T00:00:00+08:00",
        "expires": "2026-12-31T00:00:00+08:00",
    }
    waivers.write_text(json.dumps([entry]), encoding="utf-8")
    context = tmp_path / "context.json"
    context.write_text(json.dumps({"hosts": {"web01": {"usage": {"days": 30}}}}))
    sums, reports = judge_run(
        bundles={"web01": str(bundle)},
        failed={},
        areas=["xinchuang-app"],
        profiles=[],
        context=context,
        waivers=waivers,
        dest=tmp_path / "out",
        title="测试",
        now=NOW,
    )
    assert sums["blockers"] == 0
    results = json.loads(Path(reports["json"]).read_text(encoding="utf-8"))["hosts"][0]["results"]
    assert [it["waiver"] for it in results if it["status"] == "fail"] == ["w1"]
    entry["owner"] = ""
    waivers.write_text(json.dumps([entry]), encoding="utf-8")
    with pytest.raises(RunError, match="waiver 1: waiver w1: owner is empty"):
        judge_run(
            bundles={"web01": str(bundle)},
            failed={},
            areas=["xinchuang-app"],
            profiles=[],
            context=None,
            waivers=waivers,
            dest=tmp_path / "out",
            title="测试",
            now=NOW,
        )


def test_hosts_without_a_bundle_are_unknown_and_texts_of_hosts_are_escaped(
    bundle: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    sums, reports = judge_run(
        bundles={"web01": str(bundle), "web02": str(bad)},
        failed={"web03": "ssh: <b>refused</b>"},
        areas=["xinchuang"],
        profiles=["kunpeng920-kylin-v10"],
        context=None,
        waivers=None,
        dest=tmp_path / "out",
        title="信创适配评估",
        now=NOW,
    )
    assert sums["hosts"] == 3
    assert sums["unseen"] == 2
    assert sums["verdicts"] == {"not_ready": 1, "unknown": 2}
    page = Path(reports["html"]).read_text(encoding="utf-8")
    assert "<i>" not in page
    assert "/opt/w/&lt;i&gt;.js:1" in page
    assert "页面使用 ActiveX 控件" in page
    text = Path(reports["text"]).read_text(encoding="utf-8")
    assert "未能采集：web02：" in text
    assert "未能采集：web03：ssh: <b>refused</b>" in text
