"""A rule's own fixtures made into bundles and judged."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from playbooks.judge.bundle import Bundle, Section
from playbooks.judge.engine import judge
from playbooks.judge.profiles import Profile, load_profiles
from playbooks.judge.results import Result
from playbooks.judge.rules import Fixture, Rule

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def bundle_of(sections: dict[str, str] | Any, asset: str = "host-1", **status: str) -> Bundle:
    """A bundle of complete sections; ``name=status`` marks some otherwise."""
    return Bundle(
        asset=asset,
        collector_version=1,
        taken_at=NOW,
        duration_ms=900,
        privilege="root",
        sections={
            name: Section(name, status.get(name, "ok"), text, "") for name, text in sections.items()
        },
        sha256="0" * 64,
    )


def profile_of(changes: Any) -> Profile:
    """Kunpeng 920 with Kylin V10, some fields changed as TOML has them."""
    base = load_profiles()["kunpeng920-kylin-v10"]
    kinds = {it.name: it.type for it in fields(Profile)}
    changed = {
        name: frozenset(value)
        if "frozenset" in str(kinds[name])
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in changes.items()
    }
    return replace(base, **changed)


def outcome(rule: Rule, fixture: Fixture) -> list[Result]:
    """What the engine says of a rule's fixture."""
    judged = judge(
        bundle_of(fixture.sections),
        {rule.id: rule},
        profile_of(fixture.profile),
        [],
        NOW,
        fixture.context,
    )
    return list(judged.results)
