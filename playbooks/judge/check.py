"""``python -m playbooks.judge check BUNDLE…``: bundles against rules and profiles."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playbooks.judge.bundle import BundleError, read_bundle
from playbooks.judge.engine import judge_many
from playbooks.judge.profiles import Profile, load_profiles
from playbooks.judge.report import as_document, as_text
from playbooks.judge.results import Judgement, Verdict
from playbooks.judge.rules import AREAS, GROUPS, Rule, RuleError, load_rules, select_rules
from playbooks.judge.waivers import WaiverError, load_waivers

PROBLEMS, BAD_INPUT = 1, 2


class InputError(ValueError):
    """An argument that cannot be used; the text says which and what to do."""


def check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="from collect.sh")
    parser.add_argument("--area", action="append", help=f"{', '.join([*GROUPS, *AREAS])}")
    parser.add_argument("--profile", action="append", default=[], help="target profile, or 'all'")
    parser.add_argument("--context", type=Path, help="JSON: plan, edges, acl, probes, target …")
    parser.add_argument("--waivers", type=Path, help="JSON: accepted findings")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    parser.add_argument("--out", type=Path, help="write the report here instead")
    parser.set_defaults(run=run_check)


def run_check(options: argparse.Namespace) -> int:
    """Exit status: 0 ready, 1 problems or nothing that could be judged, 2 bad input."""
    try:
        rules = select_rules(load_rules(), options.area or ["all"])
        judgements = judge_files(
            options.bundles,
            rules,
            choose_profiles(options.profile),
            read_context(options.context),
            options.waivers,
            datetime.now(UTC),
        )
    except (BundleError, RuleError, WaiverError, InputError) as error:
        sys.stderr.write(f"judge: {error}\n")
        return BAD_INPUT
    if options.format == "json":
        text = json.dumps(as_document(judgements, rules), ensure_ascii=False, indent=2) + "\n"
    else:
        text = as_text(judgements, rules, options.lang)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0 if all(one.verdict is Verdict.READY for one in judgements) else PROBLEMS


def choose_profiles(names: Sequence[str]) -> list[Profile | None]:
    """Profiles by id; none named means judged without a target. Raises InputError."""
    known = load_profiles()
    if "all" in names:
        return list(known.values())
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"no profile {unknown[0]}: use one of {', '.join(known)} or all")
    return [known[name] for name in names] or [None]


def read_context(path: Path | None) -> dict[str, Any]:
    """The inputs a bundle cannot hold; ``hosts.NAME`` inside adds those of one host."""
    if path is None:
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: an object of inputs is wanted")
    return value


def judge_files(
    bundles: Sequence[Path],
    rules: Mapping[str, Rule],
    profiles: Sequence[Profile | None],
    context: Mapping[str, Any],
    waivers: Path | None,
    now: datetime,
) -> list[Judgement]:
    """Every bundle against every profile, in that order."""
    accepted = load_waivers(waivers) if waivers else []
    judgements = []
    for path in bundles:
        bundle = read_bundle(path)
        own = {**context, **context.get("hosts", {}).get(bundle.asset, {})}
        judgements += judge_many(bundle, rules, profiles, accepted, now, own)
    return judgements
