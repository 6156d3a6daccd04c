"""The life of a letter and of each resource in it, as a pure state machine.

The letter: drafted (拟稿) → 核稿 → 签发 → 发文字号 registered with the stamped scan; only then the
clock starts. A resource in it: waits for the answer → the handler (经办人) answers → the person in
charge (负责人) confirms → released or shrunk by order of the cloud provider, kept until a date, or
disputed. Deletion always comes after observation by stopping and after a snapshot.

Invariant: no path leads to ``recover_ordered`` but through ``observing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

OFFICE, HANDLER, LEADER, PROVIDER, SYSTEM = "office", "handler", "leader", "provider", "system"


@dataclass(frozen=True)
class Step:
    """``act`` leads from any of ``sources`` to ``target``; ``parties`` may take it.

    ``needs`` names what must be given with it.
    """

    act: str
    sources: frozenset[str]
    target: str
    parties: frozenset[str]
    needs: tuple[str, ...] = ()


class Refused(ValueError):
    """The step is not possible in this state; the text says what is."""


def _step(act: str, sources: str, target: str, parties: str, needs: str = "") -> Step:
    return Step(
        act,
        frozenset(sources.split()),
        target,
        frozenset(parties.split()),
        tuple(needs.split()),
    )


LETTER = (
    _step("review", "draft", "reviewed", "office", "person"),
    _step("return", "reviewed signed", "draft", "office", "note"),
    _step("sign", "reviewed", "signed", "office", "person"),
    _step("register", "signed", "issued", "office", "number scan"),
    _step("cancel", "draft reviewed signed", "cancelled", "office", "note"),
    _step("finish", "issued", "closed", "system"),
    _step("close", "issued", "closed", "office", "note"),
)
"""Steps of the letter. ``finish``: every resource in it has come to its end."""

ITEM = (
    _step("issue", "draft", "waiting", "system"),
    _step("drop", "draft", "dropped", "office", "note"),
    _step("answer", "waiting answered", "answered", "handler"),
    _step("confirm_release", "answered", "release_due", "leader"),
    _step("confirm_shrink", "answered", "shrink_due", "leader"),
    _step("confirm_keep", "answered", "keep_asked", "leader"),
    _step("confirm_dispute", "answered", "disputed", "leader"),
    _step("send_back", "answered", "waiting", "leader", "note"),
    _step("grant_keep", "keep_asked", "kept", "office", "person until"),
    _step("refuse_keep", "keep_asked", "waiting", "office", "note"),
    _step("expire", "kept", "waiting", "system"),
    _step("accept_dispute", "disputed", "withdrawn", "office", "note"),
    _step("reject_dispute", "disputed", "waiting", "office", "note"),
    _step("claim", "waiting", "claimed", "office", "unit note"),
    _step("force", "waiting answered", "release_due", "office", "person note"),
    _step("order_stop", "release_due", "stop_ordered", "office"),
    _step("stopped", "stop_ordered", "observing", "provider"),
    _step("restore", "stop_ordered observing", "withdrawn", "office", "note"),
    _step("order_recover", "observing", "recover_ordered", "office"),
    _step("recovered", "recover_ordered", "verifying", "provider", "snapshot"),
    _step("order_shrink", "shrink_due", "shrink_ordered", "office"),
    _step("shrunk", "shrink_ordered", "verifying", "provider"),
    _step("verify", "verifying", "closed", "system"),
    _step("verify_by_hand", "verifying", "closed", "office", "note"),
    _step(
        "withdraw",
        "waiting answered keep_asked kept disputed release_due shrink_due",
        "withdrawn",
        "office system",
        "note",
    ),
)
"""Steps of one resource."""

LETTER_END = frozenset({"closed", "cancelled"})
ITEM_END = frozenset({"closed", "withdrawn", "claimed", "dropped"})
AWAITING_ANSWER = frozenset({"waiting", "answered"})
"""The unit still has to act: reminders and deadlines count in these."""


def step(machine: Iterable[Step], act: str, state: str, party: str) -> Step:
    """The step ``act`` from ``state`` taken by ``party``. Raises Refused."""
    found = next((each for each in machine if each.act == act), None)
    if found is None:
        raise Refused(f"no such step: {act!r}")
    if party not in found.parties:
        raise Refused(f"{act} is not a step of the {party}")
    if state not in found.sources:
        can = ", ".join(allowed(machine, state, party)) or "nothing"
        raise Refused(f"{act} is not possible in state {state!r}; possible now: {can}")
    return found


def allowed(machine: Iterable[Step], state: str, party: str) -> list[str]:
    """What ``party`` may do in ``state``, in the order of the table."""
    return [each.act for each in machine if state in each.sources and party in each.parties]


def missing(found: Step, given: Iterable[str]) -> list[str]:
    """What the step needs and was not given."""
    return [name for name in found.needs if name not in set(given)]
