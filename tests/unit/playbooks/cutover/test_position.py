"""What marks and addresses mean; every row is a way a run can end."""

from __future__ import annotations

import pytest

from playbooks.cutover.position import decide, read_report

BASE = "run=present\nbackup=yes\narmed=yes\nsame_boot=yes\n"
NEW = "has_new=yes\nhas_old=no\nas_before=no\naddresses=10.66.1.21/24\n"
OLD = "has_new=no\nhas_old=yes\nas_before=yes\naddresses=192.168.50.21/24\n"
TRIAL = "watchdog=alive\nremaining=90\napplying=yes\n"
DEAD = "watchdog=none\nremaining=0\napplying=yes\n"


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ("run=absent\n", "unchanged"),
        (BASE.replace("armed=yes", "armed=no") + OLD, "unchanged"),
        (BASE + OLD + "watchdog=alive\nremaining=90\n", "in_progress"),
        (BASE + NEW + TRIAL, "in_progress"),
        (BASE + NEW + TRIAL + "applied=yes\n", "in_progress"),
        (BASE + NEW + "decision=confirmed\npersisted=yes\n", "confirmed"),
        (BASE + NEW + "decision=confirmed\n", "confirmed"),
        (BASE + NEW + "decision=confirmed\npersist_by_hand=yes\n", "confirmed"),
        (BASE + NEW + "decision=confirmed\npersist_failed=ifcfg\n", "needs_hands"),
        (BASE + OLD + "decision=confirmed\npersisted=yes\n", "needs_hands"),
        (BASE + OLD + DEAD + "decision=rollback\nrestored=yes\n", "rolled_back"),
        # Rolled back in the moment when the change began: it is not over yet.
        (BASE + OLD + TRIAL + "decision=rollback\nrestored=yes\nchanging=yes\n", "in_progress"),
        # A disk too full for the mark: the addresses tell it.
        (BASE + OLD + DEAD + "decision=rollback\nrestored=no\n", "rolled_back"),
        (BASE + NEW + TRIAL + "decision=rollback\nrestored=no\n", "in_progress"),
        (BASE + NEW + DEAD + "decision=rollback\nrestore_failed=1c1\n", "needs_hands"),
        (BASE + NEW + DEAD + "decision=rollback\nrestored=yes\n", "needs_hands"),
        # The timer was killed, or the host restarted during the trial.
        (BASE + NEW + DEAD, "needs_hands"),
        (BASE.replace("same_boot=yes", "same_boot=no") + OLD + DEAD, "rolled_back"),
        (BASE.replace("same_boot=yes", "same_boot=no") + NEW + DEAD, "needs_hands"),
    ],
)
def test_the_state_follows_from_what_the_host_says_alone(marks: str, state: str) -> None:
    report = read_report(marks)
    assert decide(report, None).state == state
    assert decide(None, report).state == state


def test_a_host_that_answers_nowhere_needs_hands_and_says_what_will_happen() -> None:
    position = decide(None, None)
    assert position.state == "needs_hands"
    assert "timer" in position.to_do


def test_what_is_confirmed_but_not_written_down_is_said() -> None:
    position = decide(None, read_report(BASE + NEW + "decision=confirmed\n"))
    assert "again" in position.to_do


def test_a_plan_of_ipv6_alone_is_judged_by_its_ipv6_address() -> None:
    marks = BASE + "has_new=no\nhas_new6=yes\ndecision=confirmed\npersisted=yes\n"
    assert decide(read_report(marks), None, six_only=True).state == "confirmed"
