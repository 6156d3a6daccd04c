"""The catalogue keeps its promises: every rule finds what it shows, and its trigger is why."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge.detectors.base import Detector, Hit, Look
from playbooks.judge.engine import judge
from playbooks.judge.results import Status
from playbooks.judge.rules import (
    AREAS,
    FOLDER,
    Rule,
    RuleError,
    load_rules,
    parse_rule,
    select_rules,
)
from tests.unit.playbooks.fixtures import NOW, bundle_of, outcome, profile_of

RULES = load_rules()
PASSED = {Status.PASS, Status.NOT_APPLICABLE}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))


def found(rule: Rule) -> set[tuple[str, str]]:
    return {
        (it.subject, it.severity)
        for it in outcome(rule, rule.positive)
        if it.status in (Status.FAIL, Status.INFORMATIONAL)
    }


def source(rule: Rule) -> dict[str, Any]:
    return tomllib.loads((FOLDER / rule.area / f"{rule.id}.toml").read_text(encoding="utf-8"))


def test_all_155_rules_of_the_nine_areas_are_there() -> None:
    assert Counter(rule.area for rule in RULES.values()) == {
        "network": 35,
        "cloud": 19,
        "xinchuang-cpu": 22,
        "xinchuang-os": 15,
        "xinchuang-db": 14,
        "xinchuang-mw": 12,
        "xinchuang-app": 14,
        "ipv6": 15,
        "crypto": 9,
    }
    assert list(dict.fromkeys(rule.area for rule in RULES.values())) == list(AREAS)


@every_rule
def test_the_positive_fixture_is_found_with_evidence_and_a_remedy(rule: Rule) -> None:
    results = outcome(rule, rule.positive)
    wanted = Status.INFORMATIONAL if rule.severity == "info" else Status.FAIL
    assert {it.status for it in results} == {wanted}
    for it in results:
        assert it.subject
        assert it.evidence
        assert all(seen.locator and seen.excerpt for seen in it.evidence)
        assert it.remediation is not None
        assert it.remediation.zh
        assert it.remediation.en


@every_rule
def test_the_negative_fixture_passes(rule: Rule) -> None:
    assert {it.status for it in outcome(rule, rule.negative)} <= PASSED


@every_rule
def test_without_its_trigger_the_positive_fixture_passes(rule: Rule) -> None:
    def blind(_: Look) -> Iterable[Hit]:
        return ()

    mute = replace(rule, detector=Detector(blind))
    assert {it.status for it in outcome(mute, rule.positive)} == {Status.PASS}


@every_rule
def test_every_parameter_of_the_trigger_matters(rule: Rule) -> None:
    """Neutralised one by one: no pattern, condition, table or limit is there for nothing."""
    whole = found(rule)
    for name, value in rule.parameters.items():
        if name in ("in", "subject", "input", "show"):
            continue
        for changed in neutralised(rule, name, value):
            less = replace(rule, parameters={**rule.parameters, name: changed})
            assert found(less) != whole, f"{rule.id}: {name} = {changed!r} changes nothing"


NEVER = re.compile(r"(?!)")


def neutralised(rule: Rule, name: str, value: Any) -> Iterable[Any]:
    """The parameter with one part of it made harmless, for each part that the fixture shows."""
    if name == "match" and rule.use in ("lines", "device_lines", "weak_tls"):
        return [tuple(NEVER if other is it else other for other in value) for it in value]
    if name == "match" and rule.use in ("missing", "device_missing"):
        return [(re.compile(""),)]
    if name == "match":
        return [(NEVER,)]
    if name == "when":
        return [lambda _: False]
    if name == "oldest":
        return [dict.fromkeys(value, 0)]
    if name == "foreign":
        return []
    if isinstance(value, list):
        return [[]]
    return [10**9]


def test_foreign_products_alone_are_told_to_be_replaced() -> None:
    for key in ("DB-002", "MW-002"):
        rule = RULES[key]
        everything = replace(rule, parameters={**rule.parameters, "foreign": False})
        assert not [it for it in outcome(rule, rule.negative) if it.status is Status.FAIL]
        assert [it for it in outcome(everything, rule.negative) if it.status is Status.FAIL]


@every_rule
def test_a_rule_that_sees_nothing_never_passes(rule: Rule) -> None:
    """No section, no input: not checked, unknown, or a finding; never silence."""
    profile = profile_of(rule.positive.profile)
    results = judge(bundle_of({}), {rule.id: rule}, profile, [], NOW).results
    assert not {it.status for it in results} & PASSED
    assert all(it.reason for it in results if it.status is Status.NOT_CHECKED)


@every_rule
@pytest.mark.parametrize("status", ["denied", "truncated", "timeout", "absent"])
def test_a_partial_section_never_proves_a_pass(rule: Rule, status: str) -> None:
    profile = profile_of(rule.negative.profile)
    if not rule.sections or (rule.applies and not rule.applies_to(vars(profile))):
        return
    for name in rule.sections:
        bundle = bundle_of(rule.negative.sections, **{name: status})
        results = judge(bundle, {rule.id: rule}, profile, [], NOW, rule.negative.context).results
        assert not {it.status for it in results} & PASSED


def test_no_two_rules_are_the_same() -> None:
    shapes = Counter(
        (rule.use, str(rule.parameters), rule.needs, rule.applies) for rule in RULES.values()
    )
    assert [shape for shape, times in shapes.items() if times > 1] == []
    for text in ("title_zh", "title_en"):
        assert max(Counter(getattr(rule, text) for rule in RULES.values()).values()) == 1


def test_chinese_texts_are_chinese_and_english_ones_are_not() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for rule in RULES.values():
        assert chinese.search(rule.title_zh), rule.id
        assert chinese.search(rule.fix_zh), rule.id
        assert not chinese.search(rule.title_en + rule.fix_en), rule.id


def test_rules_without_verified_sources_say_so() -> None:
    unverified = [rule for rule in RULES.values() if not rule.verified]
    assert 60 < len(unverified) < 110
    assert all(rule.tag == "U" for rule in unverified)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"positive": None}, "no positive fixture"),
        ({"negative": {}}, "no negative fixture"),
        ({"title_en": ""}, "title_en is missing"),
        ({"severity": "bad"}, "severity 'bad'"),
        ({"needs": []}, "needs is missing"),
        ({"detect": {"use": "nothing"}}, "no detector 'nothing'"),
        ({"detect": {"use": "lines", "in": ["code"], "match": ["("]}}, "match:"),
        ({"detect": {"use": "lines", "in": [], "mach": ["x"]}}, "nobody reads: mach"),
        ({"applies": "exit()"}, "not allowed"),
    ],
)
def test_a_rule_that_is_not_whole_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RuleError, match=re.escape(told)):
        parse_rule({**source(RULES["APP-001"]), **change})


def test_a_broken_file_keeps_the_catalogue_from_loading(tmp_path: Path) -> None:
    folder = tmp_path / "ipv6"
    folder.mkdir()
    text = (FOLDER / "ipv6" / "V6-006.toml").read_text(encoding="utf-8")
    (folder / "V6-099.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match="file and folder must say the same"):
        load_rules(tmp_path)


def test_an_area_that_does_not_exist_is_told() -> None:
    assert len(select_rules(RULES, ["xinchuang"])) == 77
    assert len(select_rules(RULES, ["migration", "ipv6"])) == 69
    with pytest.raises(RuleError, match="no area xinchang"):
        select_rules(RULES, ["xinchang"])
