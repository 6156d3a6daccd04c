"""``yunxun move`` and ``yunxun cutover`` against a served controller: from register to approval."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
import yaml

from controller import cli
from controller.access import tokens
from controller.app import create_app
from controller.commands.client import CommandError
from controller.runtime import Runtime, utc_now
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from tests.serving import serving
from tests.unit.controller.moves.conftest import furnish

NETWORKS = "编码,名称,单位,处置,主机数\nnet,交通专网,jtj,迁移,1\n"
PLAN = "主机,网卡,现IP,IPv4地址,掩码,网关\nweb,eth0,10.1.0.1/24,10.66.1.21,24,{gateway}\n"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Tokens: the one in the environment is li's (engineer); wang's stands in a file."""
    settings = Settings(data=tmp_path)
    database = Database(connect(settings.relational_url))
    metadata().create_all(database.engine)
    with database.write() as session:
        furnish(session)
        made = {
            name: tokens.create_token(session, name, role, utc_now(), unit_id=unit)[0]
            for name, role, unit in (("li", "ops", None), ("wang", "engineer", None),
                                     ("chu", "unit", 1))
        }  # fmt: skip
    (tmp_path / "tokens.json").write_text(json.dumps(made))
    monkeypatch.setenv("YUNXUN_TOKEN", made["li"])
    samples = Samples.from_settings(Settings(data=tmp_path, samples={"url": "http://127.0.0.1:1"}))
    with serving(create_app(Runtime(settings, database, samples))) as served:
        yield served
    database.close()


def _run(*words: str) -> int:
    result = cli.build(list(words))(list(words), prog_name="yunxun", standalone_mode=False)
    return result if isinstance(result, int) else 0


def test_a_move_goes_from_the_register_to_an_approved_plan_and_the_units_word(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, at = json.loads((tmp_path / "tokens.json").read_text()), ("--url", url)
    (tmp_path / "net.csv").write_text(NETWORKS, "utf-8")
    _run("import", "own-networks", str(tmp_path / "net.csv"), *at)
    _run("move", "begin", "mv", "--network", "net", "--until", "2027-06-30", *at)
    _run("move", "step", "mv", "addresses", "--state", "done", "--reference", "17号", *at)
    with pytest.raises(CommandError, match="comes first"):
        _run("move", "step", "mv", "cutover", "--state", "done", *at)
    with pytest.raises(CommandError, match="nothing to change"):
        _run("move", "step", "mv", "parallel", *at)
    capsys.readouterr()
    _run("move", "list", "--format", "json", *at)
    (project,) = json.loads(capsys.readouterr().out)
    assert (project["step"], project["done_steps"]) == ("parallel", 1)

    plan = tmp_path / "plan.csv"
    plan.write_text(PLAN.format(gateway="10.66.9.1"), "utf-8")
    words = ("cutover", "plan", str(plan), "--project", "mv")
    assert _run(*words, "--dry-run", *at) == 1
    assert "10.66.1.0/24" in capsys.readouterr().err
    plan.write_text(PLAN.format(gateway="10.66.1.1"), "utf-8")
    out, acl = tmp_path / "plan.yml", tmp_path / "acl.xlsx"
    assert _run(*words, "-o", str(out), "--acl", str(acl), *at) == 0
    assert yaml.safe_load(out.read_text("utf-8"))["cutover_hosts"]["web"]["interface"] == "eth0"
    assert "NOT TO BE CARRIED OUT NOW" in out.read_text("utf-8")
    assert openpyxl.load_workbook(acl)["ACL申请"].max_column == 15

    begin = utc_now() + timedelta(hours=9)
    window = ("--begin", f"{begin:%Y-%m-%dT%H:%M}",
              "--end", f"{begin + timedelta(hours=9):%Y-%m-%dT%H:%M}")  # fmt: skip
    _run("cutover", "submit", "1", *window, *at)
    with pytest.raises(CommandError, match="four eyes"):
        _run("cutover", "approve", "1", *at)
    monkeypatch.setenv("YUNXUN_TOKEN", made["wang"])
    _run("cutover", "approve", "1", *at)
    assert "approved" in capsys.readouterr().out

    for step in ("parallel", "cutover"):
        _run("move", "step", "mv", step, "--state", "done", *at)
    monkeypatch.setenv("YUNXUN_TOKEN", made["chu"])
    with pytest.raises(CommandError, match="needs a reason"):
        _run("move", "sign", "mv", "--refuse", *at)
    _run("move", "sign", "mv", "--text", "业务正常", *at)
    capsys.readouterr()
    _run("move", "carried", "--by", "unit", "--format", "json", *at)
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"]["carried"], told["whole"]["rate_pct"]) == (1, 100.0)
    for command in ("networks", "graph", "links"):
        _run("move", command, *at)
