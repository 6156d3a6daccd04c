"""One run of a playbook judged and written down: JSON, text and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from playbooks.judge.bundle import BundleError
from playbooks.judge.check import InputError, choose_profiles, judge_files, read_context
from playbooks.judge.report import as_document, as_text, totals
from playbooks.judge.report_html import as_html
from playbooks.judge.results import Judgement
from playbooks.judge.rules import RuleError, load_rules, select_rules
from playbooks.judge.waivers import WaiverError


class RunError(ValueError):
    """A run that cannot be judged; the text says what to do."""


def judge_run(
    *,
    bundles: Mapping[str, str],
    failed: Mapping[str, str],
    areas: Sequence[str],
    profiles: Sequence[str],
    context: Path | None,
    waivers: Path | None,
    dest: Path,
    title: str,
    now: datetime,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Totals and the paths of the reports. A host without a bundle, or with a bad one, is in the
    reports as unknown, with its reason. Raises RunError."""
    reasons = dict(failed)
    judgements: list[Judgement] = []
    try:
        rules = select_rules(load_rules(), areas)
        targets = choose_profiles(profiles)
        inputs = read_context(context)
        for host, path in bundles.items():
            try:
                judgements += judge_files([Path(path)], rules, targets, inputs, waivers, now)
            except BundleError as error:
                reasons[host] = str(error)
    except (RuleError, WaiverError, InputError) as error:
        raise RunError(str(error)) from error
    for host, reason in reasons.items():
        judgements += [_unseen(host, one.id if one else "", reason) for one in targets]
    dest.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = as_document(judgements, rules)
    document["unseen"] = reasons
    texts = {
        "json": json.dumps(document, ensure_ascii=False, indent=1) + "\n",
        "text": as_text(judgements, rules) + _unseen_text(reasons),
        "html": as_html(judgements, rules, title),
    }
    names = {"json": "report.json", "text": "report.txt", "html": "report.html"}
    for kind, text in texts.items():
        (dest / names[kind]).write_text(text, encoding="utf-8")
    sums = totals(judgements) | {"unseen": len(reasons)}
    return sums, {kind: str(dest / name) for kind, name in names.items()}


def _unseen(host: str, profile: str, reason: str) -> Judgement:
    """No result at all: the verdict of nothing is unknown."""
    return Judgement(asset=host, profile=profile, results=(), notes={"reason": reason})


def _unseen_text(reasons: Mapping[str, str]) -> str:
    return "".join(f"未能采集：{host}：{reason}\n" for host, reason in sorted(reasons.items()))
