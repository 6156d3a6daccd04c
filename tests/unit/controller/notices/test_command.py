"""`yunxun notice` on a data folder, from the draft to the close."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.cli import build
from controller.commands.client import CommandError
from tests.serving import serve
from tests.unit.controller.notices.conftest import PDF

UNITS = "code,name\nczj,市财政局\n"
RESOURCES = "code,name,kind,unit,vcpu,mem_gib,since\nvm-1,主机1,vm,czj,8,16,2026-01-01\n"


def _run(*arguments: str) -> None:
    build(arguments)(list(arguments), prog_name="yunxun", standalone_mode=False)


@pytest.mark.timeout(300)
def test_a_letter_is_drafted_sent_shown_and_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A server holds the folder: each command would start an engine of its own without.
    with serve(tmp_path / "data"):
        _life_of_a_letter(tmp_path, capsys)


def _life_of_a_letter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", str(tmp_path / "data"))
    for name, text in (("units", UNITS), ("resources", RESOURCES)):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
        _run("import", name, str(tmp_path / f"{name}.csv"), *data)
    capsys.readouterr()
    _run("notice", "draft", "--resource", "vm-1", "--reason", "CPU 峰值 2 %", *data)
    code = capsys.readouterr().out.strip()
    assert code.startswith("TX-")
    _run("notice", "review", code, "--person", "王核", *data)
    _run("notice", "sign", code, "--person", "赵签", *data)
    with pytest.raises(CommandError, match="is not issued"):
        _run("notice", "send", code, *data)
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(PDF)
    _run("notice", "send", code, "--number", "市数函〔2026〕7号", "--scan", str(scan), *data)
    assert capsys.readouterr().out.splitlines()[-1] == f"{code}: issued"
    _run("notice", "list", "--format", "json", *data)
    listed = json.loads(capsys.readouterr().out)
    assert [each["unit_name"] for each in listed] == ["市财政局"]
    _run("notice", "show", code, *data)
    assert "register" in capsys.readouterr().out
    _run("notice", "letter", code, "-o", str(tmp_path / "letter.docx"), *data)
    assert (tmp_path / "letter.docx").read_bytes().startswith(b"PK")
    with pytest.raises(CommandError, match=r"end it with \.pdf"):
        _run("notice", "letter", code, "-o", str(tmp_path / "letter.txt"), *data)
    _run("notice", "close", code, "--note", "另行处理", *data)
    assert capsys.readouterr().out.splitlines()[-1] == f"{code}: closed"
