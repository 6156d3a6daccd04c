"""What the engine makes of hits, silence and accidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from playbooks.judge.compare import compare_runs
from playbooks.judge.detectors.base import Detector, Hit, Look
from playbooks.judge.engine import judge, judge_many
from playbooks.judge.profiles import load_profiles
from playbooks.judge.results import Judgement, Status, Verdict, Waiver
from playbooks.judge.rules import load_rules, select_rules
from playbooks.judge.waivers import noisy_rules
from tests.unit.playbooks.fixtures import NOW, bundle_of, profile_of

RULES = load_rules()
LISTEN = {"V6-005": RULES["V6-005"]}
OPEN = "tcp\t0.0.0.0\t{}\t9\tnginx\n"


def run(text: str, status: str = "ok") -> Judgement:
    bundle = bundle_of({"sockets": text}, sockets=status)
    return judge(bundle, LISTEN, None, [], NOW)


def test_two_runs_tell_new_fixed_and_still_open_apart() -> None:
    before = run(OPEN.format(80) + OPEN.format(443))
    after = run(OPEN.format(443) + OPEN.format(8080))
    told = compare_runs(before, after, RULES)
    assert [it.subject for it in told.new] == ["nginx tcp/8080"]
    assert [it.subject for it in told.fixed] == ["nginx tcp/80"]
    assert [it.subject for it in told.still_open] == ["nginx tcp/443"]
    assert told.fixed[0].status is Status.FIXED


def test_what_was_not_seen_completely_is_not_fixed() -> None:
    before = run(OPEN.format(80) + OPEN.format(443))
    for later in (run("", "timeout"), run(OPEN.format(443), "truncated")):
        told = compare_runs(before, later, RULES)
        assert told.fixed == ()
        assert "nginx tcp/80" in [it.subject for it in told.lost_sight]
    assert len(compare_runs(before, run(""), RULES).fixed) == 2


def test_a_fingerprint_does_not_change_with_pids_or_order() -> None:
    one = run("tcp\t0.0.0.0\t80\t9\tnginx\n").results[0]
    two = run("tcp\t0.0.0.0\t80\t4711\tnginx\n").results[0]
    assert one.fingerprint == two.fingerprint
    assert one.evidence != two.evidence


def test_a_waiver_ends_and_then_the_failure_is_back() -> None:
    waiver = Waiver(
        id="w1",
        rule="V6-005",
        owner="张三",
        approved_by="李四",
        reason="旧系统下月下线",
        created=NOW - timedelta(days=10),
        expires=NOW + timedelta(days=1),
        assets=frozenset({"host-1"}),
    )
    bundle = bundle_of({"sockets": OPEN.format(80)})
    assert judge(bundle, LISTEN, None, [waiver], NOW).results[0].waiver == "w1"
    later = judge(bundle, LISTEN, None, [waiver], NOW + timedelta(days=2))
    assert later.results[0].waiver == ""
    assert later.results[0].status is Status.FAIL
    other = judge(bundle_of({"sockets": OPEN.format(80)}, asset="b"), LISTEN, None, [waiver], NOW)
    assert other.results[0].waiver == ""
    assert noisy_rules([judge(bundle, LISTEN, None, [waiver], NOW)]) == {"V6-005": 1.0}


def test_a_rule_that_breaks_is_a_result_with_a_trace_and_no_pass() -> None:
    def broken(_: Look) -> Iterable[Hit]:
        raise ZeroDivisionError("oops")

    rule = replace(RULES["CPU-002"], detector=Detector(broken))
    judged = judge(bundle_of({"elf": ""}), {rule.id: rule}, profile_of({}), [], NOW)
    assert judged.results[0].status is Status.ERROR
    assert "ZeroDivisionError: oops (test_engine.py:" in judged.results[0].reason
    assert judged.verdict is Verdict.UNKNOWN


def test_no_rules_is_unknown_and_never_ready() -> None:
    assert judge(bundle_of({}), {}, None, [], NOW).verdict is Verdict.UNKNOWN


def test_a_blocker_that_was_not_checked_keeps_a_host_from_being_ready() -> None:
    rules = select_rules(RULES, ["xinchuang"])
    sections = {name for rule in rules.values() for name in rule.sections}
    empty = dict.fromkeys(sections, "") | {"packages": "manager\trpm\na\t1\tx\ty\n"}
    context = {"target": {"sysctl": []}, "database": {"objects": [], "decisions": [], "sizes": []}}
    profile = load_profiles()["kunpeng920-kylin-v10"]
    clean = judge(bundle_of(empty), rules, profile, [], NOW, context)
    blockers = [it for it in clean.results if it.severity.value == "B"]
    assert all(it.status in (Status.PASS, Status.NOT_APPLICABLE) for it in blockers)
    assert clean.verdict in (Verdict.READY, Verdict.CONDITIONAL)
    late = judge(bundle_of(empty, elf="timeout"), rules, profile, [], NOW, context)
    assert late.verdict is Verdict.UNKNOWN


def test_many_profiles_give_what_each_gives_alone() -> None:
    bundle = bundle_of({**RULES["CPU-002"].positive.sections, **RULES["OS-003"].positive.sections})
    profiles = list(load_profiles().values())
    together = judge_many(bundle, RULES, profiles, [], NOW)
    alone = [judge(bundle, RULES, profile, [], NOW) for profile in profiles]
    assert [one.results for one in together] == [one.results for one in alone]
    assert len({one.verdict for one in together}) >= 1
    verdicts = {
        one.profile: {it.rule for it in one.results if it.status is Status.FAIL} for one in together
    }
    assert "CPU-002" in verdicts["kunpeng920-kylin-v10"]
    assert "CPU-002" not in verdicts["hygon-uos-e"]


def test_evidence_is_redacted_and_at_most_2_kb() -> None:
    line = "/opt/a/x.yml:1:url: jdbc:oracle:x password=hunter2 " + "统" * 3000 + "\n"
    rules = {"DB-003": RULES["DB-003"]}
    seen = judge(bundle_of({"appconfig": line}), rules, None, [], NOW).results[0].evidence[0]
    assert "hunter2" not in seen.excerpt
    assert len(seen.excerpt.encode()) <= 2048
    assert seen.sha256
    assert seen.locator == "/opt/a/x.yml:1"


def test_a_foreign_data_base_on_the_replacement_list_is_a_blocker() -> None:
    rule = {"DB-002": RULES["DB-002"]}
    bundle = bundle_of(rule["DB-002"].positive.sections)
    listed = judge(bundle, rule, None, [], NOW, {"register": {"replacement": True}})
    assert listed.results[0].severity.value == "B"
    assert judge(bundle, rule, None, [], NOW).results[0].severity.value == "M"
