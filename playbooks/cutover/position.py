"""What the marks and addresses of a host mean: one pure decision, used after every ending.

The state is never taken from how a run ended: a run can be cancelled although the cut-over was
confirmed, and can fail although the host is where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

UNCHANGED = "unchanged"
IN_PROGRESS = "in_progress"
CONFIRMED = "confirmed"
ROLLED_BACK = "rolled_back"
NEEDS_HANDS = "needs_hands"
FOUND = {
    UNCHANGED: "untouched",
    IN_PROGRESS: "armed",
    CONFIRMED: "confirmed",
    ROLLED_BACK: "rolled_back",
    NEEDS_HANDS: "needs_hands",
}
"""The same in the words of the controller's inspections."""


class Position(NamedTuple):
    """Where a host is: one of the states above, why, and what is left to do ("" for nothing)."""

    state: str
    reason: str
    to_do: str = ""
    remaining_s: int = 0


def read_report(text: str) -> dict[str, str]:
    """The ``key=value`` lines of ``where``."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip() for key, value in pairs if key.isidentifier()}


def decide(
    old: Mapping[str, str] | None, new: Mapping[str, str] | None, *, six_only: bool = False
) -> Position:
    """Judges what the host told on its old and its new address (None: did not answer there).

    ``six_only``: the plan only adds IPv6, so both are the same address.
    """
    told = new or old
    if told is None:
        return Position(
            NEEDS_HANDS,
            "the host answers neither on the old nor on the new address",
            "look at its console; an armed timer brings the old address back",
        )
    if told.get("run") != "present":
        return Position(UNCHANGED, "no cut-over of this name has touched the host")
    yes = {key for key, value in told.items() if value == "yes"}
    choice = told.get("decision", "")
    at_new = "has_new6" in yes if six_only else "has_new" in yes
    if choice == "confirmed":
        return _confirmed(told, yes, at_new)
    if choice == "rollback":
        return _rolled_back(told, yes)
    return _undecided(told, yes, at_new)


def _confirmed(told: Mapping[str, str], yes: set[str], at_new: bool) -> Position:
    if not at_new:
        return Position(
            NEEDS_HANDS,
            f"confirmed, but the new address is not there (has: {told.get('addresses', '')})",
            "was it restarted before the address was written down, or changed by hand?",
        )
    if "persist_failed" in told:
        return Position(
            NEEDS_HANDS,
            "confirmed and working, but not written down: it would be lost at the next start",
            f"write the address into the files of {told['persist_failed'].strip()} by hand",
        )
    if "persist_by_hand" in yes:
        return Position(
            CONFIRMED,
            "confirmed",
            "no network manager keeps this interface: write the address down by hand",
        )
    if "persisted" not in yes:
        return Position(CONFIRMED, "confirmed", "not yet written down: run cutover.yml again")
    return Position(CONFIRMED, "confirmed and written down")


def _rolled_back(told: Mapping[str, str], yes: set[str]) -> Position:
    if "changing" in yes:
        return Position(IN_PROGRESS, "rolling back as soon as the change has ended", remaining_s=10)
    if "as_before" in yes:
        reason = told.get("apply_failed", "").strip()
        return Position(ROLLED_BACK, reason or "the earlier addresses and routes are back")
    if "restore_failed" in told:
        return Position(
            NEEDS_HANDS,
            f"rolling back did not succeed: {told['restore_failed'].strip()}",
            "compare `ip addr` and `ip route` with the backup folder on the host",
        )
    if "restored" in yes:
        return Position(
            NEEDS_HANDS,
            f"rolled back, but changed since (has: {told.get('addresses', '')})",
            "compare with the backup folder on the host",
        )
    return Position(IN_PROGRESS, "rolling back", remaining_s=10)


def _undecided(told: Mapping[str, str], yes: set[str], at_new: bool) -> Position:
    remaining = int(told.get("remaining") or 0)
    if told.get("watchdog") == "alive":
        reason = "on trial: the timer runs" if "applying" in yes else "armed, not changed yet"
        return Position(IN_PROGRESS, reason, remaining_s=max(1, remaining))
    if "applying" not in yes:
        return Position(UNCHANGED, "nothing was changed")
    if "as_before" in yes and not at_new:
        why = "restarted during the trial" if "same_boot" not in yes else "its timer ended"
        return Position(ROLLED_BACK, f"{why}: the earlier addresses are back")
    return Position(
        NEEDS_HANDS,
        f"changed, nobody confirmed, and no timer runs any more (has: {told.get('addresses', '')})",
        "run rollback.yml, or restore from the backup folder on the host",
    )
