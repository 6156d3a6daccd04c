from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from playbooks.judge.results import (
    Evidence,
    Judgement,
    Result,
    Severity,
    Status,
    Verdict,
    Waiver,
    compare,
    confidence,
    coverage,
    score,
    verdict,
    waive,
    worst,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
B, M, MINOR = Severity.BLOCKER, Severity.MAJOR, Severity.MINOR


def result(severity: Severity, status: Status, rule: str = "CPU-002", subject: str = "") -> Result:
    return Result(rule=rule, severity=severity, status=status, asset="host-1", subject=subject)


def waiver(**changes: object) -> Waiver:
    told: dict[str, object] = {
        "id": "W1", "owner": "张三", "approved_by": "李四", "reason": "下月替换", "rule": "CPU-002",
        "created": NOW - timedelta(days=1), "expires": NOW + timedelta(days=30),
    }  # fmt: skip
    return Waiver(**(told | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([], Verdict.UNKNOWN),
        ([(B, Status.NOT_APPLICABLE)], Verdict.UNKNOWN),
        ([(B, Status.INFORMATIONAL)], Verdict.UNKNOWN),
        ([(B, Status.PASS)], Verdict.READY),
        ([(B, Status.PASS), (MINOR, Status.FAIL)], Verdict.READY),
        ([(B, Status.PASS), (M, Status.FAIL)], Verdict.CONDITIONAL),
        ([(B, Status.PASS), (M, Status.NOT_CHECKED)], Verdict.CONDITIONAL),
        ([(B, Status.PASS), (B, Status.NOT_CHECKED)], Verdict.UNKNOWN),
        ([(B, Status.PASS), (B, Status.ERROR)], Verdict.UNKNOWN),
        ([(B, Status.PASS), (B, Status.UNKNOWN)], Verdict.UNKNOWN),
        ([(B, Status.FAIL), (B, Status.NOT_CHECKED)], Verdict.NOT_READY),
        ([(B, Status.FAIL)], Verdict.NOT_READY),
    ],
)
def test_the_verdict_is_never_better_than_what_was_looked_at(
    results: list[tuple[Severity, Status]], expected: Verdict
) -> None:
    assert verdict([result(*one) for one in results]) is expected


def test_a_missing_section_or_blocker_rule_keeps_it_from_ready() -> None:
    assert verdict([result(B, Status.PASS)], missing=["CPU-008"]) is Verdict.UNKNOWN


def test_the_worst_of_several_is_the_worst_and_of_none_unknown() -> None:
    assert worst([]) is Verdict.UNKNOWN
    assert worst([Verdict.READY, Verdict.UNKNOWN, Verdict.CONDITIONAL]) is Verdict.UNKNOWN
    assert worst([Verdict.UNKNOWN, Verdict.NOT_READY]) is Verdict.NOT_READY


def test_a_waiver_opens_the_gate_until_it_expires() -> None:
    failed = [result(B, Status.FAIL), result(B, Status.PASS, subject="other")]
    assert verdict(waive(failed, [waiver()], NOW)) is Verdict.READY
    late = NOW + timedelta(days=30)
    assert verdict(waive(failed, [waiver()], late)) is Verdict.NOT_READY
    early = NOW - timedelta(days=2)
    assert verdict(waive(failed, [waiver()], early)) is Verdict.NOT_READY


def test_a_waiver_keeps_to_its_scope() -> None:
    failed = [result(B, Status.FAIL)]
    assert waive(failed, [waiver(assets=frozenset({"host-2"}))], NOW)[0].waiver == ""
    assert waive(failed, [waiver(rule="CPU-003")], NOW)[0].waiver == ""
    exact = waiver(rule="", fingerprint=failed[0].fingerprint)
    assert waive(failed, [exact], NOW)[0].waiver == "W1"


def test_what_was_not_checked_cannot_be_waived() -> None:
    unchecked = [result(B, Status.NOT_CHECKED), result(B, Status.PASS)]
    assert verdict(waive(unchecked, [waiver()], NOW)) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": " "},
        {"approved_by": ""},
        {"reason": ""},
        {"fingerprint": "x"},
        {"rule": ""},
        {"expires": NOW.replace(tzinfo=None)},
        {"expires": NOW - timedelta(days=1)},
    ],
)
def test_a_waiver_nobody_answers_for_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="waiver W1"):
        waiver(**changes)


def test_the_fingerprint_outlives_wording_and_profile() -> None:
    one = result(B, Status.FAIL, subject="a.so")
    assert one.fingerprint == replace(one, reason="reworded", profile="other").fingerprint
    assert one.fingerprint != replace(one, subject="b.so").fingerprint
    assert (
        replace(one, asset="ab", subject="c").fingerprint
        != replace(one, asset="a", subject="bc").fingerprint
    )


def test_two_runs_give_new_fixed_still_open_and_what_was_lost_from_sight() -> None:
    def at(status: Status, subject: str) -> Result:
        return result(B, status, subject=subject)

    fail, passed, unchecked = Status.FAIL, Status.PASS, Status.NOT_CHECKED
    before = [at(fail, "gone"), at(fail, "stays"), at(fail, "unseen"), at(fail, "no row")]
    after = [at(passed, "gone"), at(fail, "stays"), at(unchecked, "unseen"), at(fail, "fresh")]
    difference = compare(before, after)
    assert [one.subject for one in difference.new] == ["fresh"]
    assert [(one.subject, one.status) for one in difference.fixed] == [("gone", Status.FIXED)]
    assert [one.subject for one in difference.still_open] == ["stays"]
    assert {one.subject for one in difference.lost_sight} == {"unseen", "no row"}


def test_confidence_is_the_share_looked_at_times_the_days_observed() -> None:
    results = [result(B, Status.PASS), result(B, Status.NOT_CHECKED), result(MINOR, Status.ERROR)]
    assert confidence(results).share == 0.5
    assert confidence(results, observed_days=7).share == 0.25
    assert confidence([]).stars == 0
    assert confidence([result(B, Status.PASS)], observed_days=30).stars == 5


def test_the_score_never_gates_but_a_blocker_caps_it() -> None:
    assert score([result(B, Status.FAIL)]) == 59.0
    assert score([result(M, Status.FAIL)]) == 95.0
    assert score([result(B, Status.FAIL, subject=str(n)) for n in range(9)]) == 0.0


def test_coverage_counts_what_was_decided_of_what_applied() -> None:
    assert coverage([]) is None
    told = [Status.PASS, Status.FAIL, Status.NOT_CHECKED, Status.NOT_APPLICABLE]
    assert coverage([result(B, status) for status in told]) == pytest.approx(2 / 3)


def test_the_json_is_the_shape_of_check() -> None:
    one = Result(
        rule="CPU-002", severity=B, status=Status.FAIL, asset="host-1", subject="x",
        evidence=(Evidence(kind="elf", locator="/opt/x", excerpt="y" * 3000),),
    )  # fmt: skip
    document = Judgement(asset="host-1", profile="hygon-uos-a", results=(one,)).as_json()
    assert {"host", "profile", "verdict", "results"} == set(document)
    shown = one.as_json()
    assert {"rule", "severity", "status", "evidence", "remediation"} <= set(shown)
    assert len(one.evidence[0].as_json()["excerpt"]) == 2048
