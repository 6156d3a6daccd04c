"""What may follow what, by whom: the state machine alone."""

from __future__ import annotations

import pytest

from controller.notices.lifecycle import (
    AWAITING_ANSWER,
    HANDLER,
    ITEM,
    ITEM_END,
    LEADER,
    LETTER,
    LETTER_END,
    OFFICE,
    PROVIDER,
    SYSTEM,
    Refused,
    Step,
    allowed,
    missing,
    step,
)


def _walk(machine: tuple[Step, ...], state: str, *path: tuple[str, str]) -> str:
    for act, party in path:
        state = step(machine, act, state, party).target
    return state


def _states(machine: tuple[Step, ...]) -> set[str]:
    return {each.target for each in machine} | {s for each in machine for s in each.sources}


def test_a_letter_goes_through_review_and_signature_before_it_is_registered() -> None:
    path = (("review", OFFICE), ("sign", OFFICE), ("register", OFFICE), ("finish", SYSTEM))
    assert _walk(LETTER, "draft", *path) == "closed"
    for state in ("draft", "reviewed"):
        with pytest.raises(Refused, match="register is not possible"):
            step(LETTER, "register", state, OFFICE)


def test_registering_needs_the_number_and_the_stamped_scan() -> None:
    register = step(LETTER, "register", "signed", OFFICE)
    assert missing(register, ["number"]) == ["scan"]
    assert missing(register, ["number", "scan"]) == []


def test_a_release_is_stopped_observed_and_snapshotted_before_it_is_deleted() -> None:
    path = (
        ("issue", SYSTEM),
        ("answer", HANDLER),
        ("confirm_release", LEADER),
        ("order_stop", OFFICE),
        ("stopped", PROVIDER),
        ("order_recover", OFFICE),
        ("recovered", PROVIDER),
        ("verify", SYSTEM),
    )
    assert _walk(ITEM, "draft", *path) == "closed"
    assert missing(step(ITEM, "recovered", "recover_ordered", PROVIDER), []) == ["snapshot"]


def test_nothing_leads_to_deletion_but_through_observation() -> None:
    into = [each for each in ITEM if each.target == "recover_ordered"]
    assert [each.sources for each in into] == [frozenset({"observing"})]


def test_only_the_person_in_charge_puts_an_answer_in_force() -> None:
    for each in ITEM:
        if each.act.startswith("confirm_"):
            assert each.parties == {LEADER}
    with pytest.raises(Refused, match="not a step of the handler"):
        step(ITEM, "confirm_release", "answered", HANDLER)


def test_no_state_is_a_dead_end_and_every_state_is_reached() -> None:
    for machine, start, end in ((LETTER, "draft", LETTER_END), (ITEM, "draft", ITEM_END)):
        reached, waiting = {start}, [start]
        while waiting:
            state = waiting.pop()
            for each in machine:
                if state in each.sources and each.target not in reached:
                    reached.add(each.target)
                    waiting.append(each.target)
        assert reached == _states(machine)
        for state in _states(machine):
            leaves = any(state in each.sources for each in machine)
            assert leaves != (state in end), state


def test_every_keep_expires_and_asks_the_unit_again() -> None:
    assert missing(step(ITEM, "grant_keep", "keep_asked", OFFICE), ["person"]) == ["until"]
    assert step(ITEM, "expire", "kept", SYSTEM).target == "waiting"


def test_a_notice_is_withdrawn_from_any_state_in_which_nothing_was_ordered() -> None:
    for state in [*AWAITING_ANSWER, "keep_asked", "kept", "disputed", "release_due", "shrink_due"]:
        assert step(ITEM, "withdraw", state, SYSTEM).target == "withdrawn"
    assert "withdraw" not in allowed(ITEM, "stop_ordered", OFFICE)
    assert allowed(ITEM, "stop_ordered", OFFICE) == ["restore"]


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(Refused, match="possible now: withdraw"):
        step(ITEM, "order_stop", "kept", OFFICE)
    with pytest.raises(Refused, match="no such step"):
        step(ITEM, "explode", "kept", OFFICE)
