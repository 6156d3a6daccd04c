"""A check without a controller: an inventory of one's own, collected and judged in this process."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.readiness import private
from controller.readiness.judging import judge_host
from controller.readiness.play import PLAYBOOKS, Seen, play
from controller.settings import Settings
from playbooks.judge.bundle import BundleError
from playbooks.judge.check import InputError, choose_profiles, judge_files, read_context
from playbooks.judge.results import Judgement
from playbooks.judge.rules import Rule, RuleError, load_rules, select_rules
from playbooks.judge.waivers import WaiverError

MINUTES = 240


class AloneError(Exception):
    """The check cannot be done; the text says what to do."""


@dataclass(frozen=True)
class Outcome:
    """``reasons``: hosts of which no bundle came, and why."""

    judgements: list[Judgement]
    reasons: dict[str, str]
    rules: dict[str, Rule]


@dataclass
class _Collected:
    paths: dict[str, Path] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


Told = Callable[[str, str, str], None]
"""(host, state: running, ok, failed, unreachable; message)"""


def hosts_of(inventory: Path, limit: str, options: str) -> list[str]:
    """The hosts that the check will reach for. Raises AloneError."""
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(inventory)]
    command += ["--list", *(["--limit", limit] if limit else []), *_vault(options)]
    done = subprocess.run(
        command, cwd=PLAYBOOKS, capture_output=True, text=True, check=False,
        env={**os.environ, "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
             "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip
    if done.returncode != 0:
        raise AloneError(f"{inventory}: {' '.join(done.stderr.split())[-400:]}")
    try:
        listed = json.loads(done.stdout)
    except ValueError:
        raise AloneError(f"{inventory}: ansible-inventory did not answer with JSON") from None
    found: set[str] = set(listed.get("_meta", {}).get("hostvars", {}))
    for name, group in listed.items():
        if name != "_meta" and isinstance(group, dict):
            found.update(group.get("hosts", ()))
    return sorted(found - {"localhost"})


def _vault(options: str) -> list[str]:
    """Only what decrypts belongs to ansible-inventory, not -b and its like."""
    words = shlex.split(options)
    return [
        word
        for place, word in enumerate(words)
        if word == "--vault-password-file"
        or (place and words[place - 1] == "--vault-password-file")
    ]


def check_alone(
    inventory: Path,
    areas: Sequence[str],
    profiles: Sequence[str],
    *,
    limit: str,
    options: str,
    forks: int,
    context: Path | None,
    waivers: Path | None,
    now: Callable[[], datetime],
    told: Told,
    keep: Path | None,
) -> Outcome:
    """Collects from every host and judges as bundles come. Raises AloneError."""
    try:
        rules = select_rules(load_rules(), areas)
        targets = choose_profiles(profiles)
        inputs = read_context(context)
    except (RuleError, InputError) as error:
        raise AloneError(str(error)) from None
    hosts = hosts_of(inventory, limit, options)
    if not hosts:
        raise AloneError(f"{inventory}: no hosts{f' match --limit {limit}' if limit else ''}")
    folder = private.make(Settings())
    try:
        out = keep or folder / "out"
        collected = _collect(folder, inventory, hosts, out, limit, options, forks, told)
        judgements: list[Judgement] = []
        for host in hosts:
            path = collected.paths.get(host)
            try:
                if path is not None:
                    judgements += judge_files([path], rules, targets, inputs, waivers, now())
                    continue
            except BundleError as error:
                collected.reasons[host] = str(error)
            except WaiverError as error:
                raise AloneError(str(error)) from None
            reason = collected.reasons.setdefault(host, "not collected")
            judgements += judge_host(None, host, reason, rules, targets, (), now(), {})
        return Outcome(judgements, collected.reasons, rules)
    finally:
        private.remove(folder)


def _collect(
    folder: Path,
    inventory: Path,
    hosts: list[str],
    out: Path,
    limit: str,
    options: str,
    forks: int,
    told: Told,
) -> _Collected:
    found = _Collected()

    def see(seen: Seen) -> None:
        if seen.host not in hosts:
            return
        if seen.kind == "start" and seen.host not in found.reasons:
            told(seen.host, "running", "")
        elif seen.kind == "ok" and "sha256" in seen.result:
            found.paths[seen.host] = Path(str(seen.result["path"]))
            told(seen.host, "ok", "")
        elif seen.kind in ("failed", "unreachable"):
            found.reasons[seen.host] = seen.message or seen.kind
            told(seen.host, seen.kind, seen.message)

    variables: dict[str, Any] = {"collect_dest": str(out.resolve())}
    ended = play(
        folder, "collect.yml", inventory.resolve(), variables=variables, forks=forks,
        on_seen=see, stop=lambda: False, minutes=MINUTES, limit=limit, options=options,
    )  # fmt: skip
    if not found.paths and not found.reasons:
        raise AloneError(f"ansible ended without a word of any host: {ended.status} {ended.told}")
    return found
