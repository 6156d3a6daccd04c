"""Accepted findings from a file, and rules that everybody accepts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from playbooks.judge.results import Judgement, Status, Waiver

NOISY_SHARE = 0.6


class WaiverError(ValueError):
    """A file of waivers that cannot be used."""


def load_waivers(path: Path) -> list[Waiver]:
    """JSON: a list of {id, rule or fingerprint, assets, owner, approved_by, reason, created,
    expires}. Raises WaiverError naming file and entry."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WaiverError(f"{path}: {error}") from error
    if not isinstance(entries, list):
        raise WaiverError(f"{path}: a list of waivers is wanted")
    waivers = []
    for number, it in enumerate(entries, 1):
        try:
            waivers.append(
                Waiver(
                    id=it["id"],
                    owner=it["owner"],
                    approved_by=it["approved_by"],
                    reason=it["reason"],
                    created=datetime.fromisoformat(it["created"]),
                    expires=datetime.fromisoformat(it["expires"]),
                    rule=it.get("rule", ""),
                    fingerprint=it.get("fingerprint", ""),
                    assets=frozenset(it.get("assets", ())),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WaiverError(f"{path}: waiver {number}: {error}") from error
    return waivers


def noisy_rules(judgements: Iterable[Judgement]) -> dict[str, float]:
    """Rules waived on more than 60 % of the hosts where they fail: the rule is wrong, not they."""
    failing: dict[str, set[str]] = {}
    waived: dict[str, set[str]] = {}
    for it in judgements:
        for result in it.results:
            if result.status is Status.FAIL:
                failing.setdefault(result.rule, set()).add(it.asset)
                if result.waiver:
                    waived.setdefault(result.rule, set()).add(it.asset)
    shares = {rule: len(waived.get(rule, ())) / len(hosts) for rule, hosts in failing.items()}
    return {rule: share for rule, share in sorted(shares.items()) if share > NOISY_SHARE}
