"""Reasons in one language; and that no sentence of ours is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.readiness.reason_words import INPUTS, SECTIONS
from controller.readiness.reasons import in_chinese, in_english
from playbooks.judge.rules import load_rules

ROOT = Path(__file__).resolve().parents[4]
TOLD = {"NotChecked", "NotApplicable", "Conflict", "BundleError", "Problem", "ValueError"}
SOURCES = (
    *sorted((ROOT / "playbooks/judge/detectors").glob("*.py")),
    ROOT / "playbooks/judge/engine.py",
    ROOT / "playbooks/judge/bundle.py",
    *sorted((ROOT / "controller/readiness").glob("*.py")),
    *sorted((ROOT / "controller/web/pages").glob("readiness*.py")),
)
SCRIPTS_ONLY = {"alone.py", "base.py", "run_api.py", "progress.py", "products.py"}
"""Their sentences are for commands and programs, which take them in English."""


@pytest.mark.parametrize(
    ("kept", "chinese", "english"),
    [
        ("elf: 需要 root 权限 (needs root)", "运行中的程序文件：需要 root 权限", "elf: needs root"),
        (
            "java: 主机上无法取得 (cannot be told on this host); missing input: plan",
            "Java 进程：主机上无法取得；缺少输入：迁网方案",
            "java: cannot be told on this host; missing input: plan",
        ),
        ("missing input: probes.mtu", "缺少输入：探测结果（mtu）", "missing input: probes.mtu"),
        ("sysctl says nothing of vm_swappiness", "内核参数中没有 vm_swappiness",
         "sysctl says nothing of vm_swappiness"),
        ("3 台主机未成功 (3 hosts did not succeed)", "3 台主机未成功", "3 hosts did not succeed"),
        ("no Java runs here", "没有运行中的 Java", "no Java runs here"),
        ("eth9: link is down", "eth9: link is down", "eth9: link is down"),
        ("备份未完成", "备份未完成", "备份未完成"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_reason_is_told_in_one_language(kept: str, chinese: str, english: str) -> None:
    assert in_chinese(kept) == chinese
    assert in_english(kept) == english


def test_how_a_login_failed_is_told_with_the_words_of_ssh_kept() -> None:
    said = "Failed to connect to the host via ssh: ops@10.0.0.1: Permission denied (password)."
    assert in_chinese(said) == f"登录被拒绝，请核对用户名和凭据（{said}）"
    assert in_english(said) == said


def test_every_input_and_section_that_rules_need_has_a_name() -> None:
    rules = load_rules().values()
    assert {name for rule in rules for name in rule.inputs} <= INPUTS.keys()
    assert {name for rule in rules for name in rule.sections} <= SECTIONS.keys()


def _sentences() -> Iterator[tuple[str, str]]:
    """(place, sentence) of what our code raises; what it fills in stands as "x1"."""
    for path in SOURCES:
        if path.name in SCRIPTS_ONLY:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name not in TOLD or (name == "Problem" and len(node.args) < 3):
                continue
            text = _text(node.args[2] if name == "Problem" else node.args[0])
            # A path in front: of the command that reads a file.
            if re.search("[a-z]{3}", text) and not text.startswith("x1: "):
                yield f"{path.name}:{node.lineno}", text


def _text(node: ast.expr) -> str:
    """The literal parts of a text, numbers where the sentence counts or numbers something."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if not isinstance(node, ast.JoinedStr):
        return ""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            counted = re.search(
                r"count|MOST|LONGEST|number|waiting|run\.id|waiver\.id", ast.unparse(part)
            )
            text += "7" if counted else "x1"
    return text


def test_every_sentence_of_ours_has_its_chinese() -> None:
    found = list(_sentences())
    assert len(found) > 60
    english = [
        (place, text) for place, text in found if not re.search("[\u4e00-\u9fff]", in_chinese(text))
    ]
    assert english == []
