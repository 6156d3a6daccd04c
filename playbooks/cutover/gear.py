"""Network gear that tries a configuration and takes it back by itself.

Huawei VRP8: ``commit trial`` in two-phase mode. H3C Comware 7: ``configuration commit delay``.
Other gear has no such thing and is a manual window. From the vendors' command references; tried
against a simulated command line only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

PROMPT = r"[<\[][^<>\[\]\r\n]+[>\]]\s*$"
QUESTION = r"\[Y(?:\(yes\))?/N(?:\(no\))?(?:/C(?:\(cancel\))?)?\]:?\s*$"
EXPECT = f"(?:{PROMPT}|{QUESTION})"
_REFUSED = re.compile(r"^[ \t]*(?:Error\b.*|% .*)$", re.MULTILINE)
LEAST_S, MOST_S = 60, 65535


class GearError(Exception):
    """The device refuses, or is not in the state that is needed; the text says which."""


class LostError(Exception):
    """The session ended while a command ran: whether it was carried out is not known."""


class Session(Protocol):
    """A logged-in command line."""

    def ask(self, command: str) -> str:
        """What the device prints up to its next prompt or question. Raises LostError."""


class Standing(NamedTuple):
    """Where a device is: ``free``, ``trial`` or ``unsaved``; and what it said."""

    state: str
    said: str


class Dialect(NamedTuple):
    """How one kind of gear is spoken to."""

    name: str
    device_type: str
    """Of netmiko."""
    standing: Callable[[Session], Standing]
    trial: Callable[[Session, Sequence[str], int, str], None]
    """Session, lines, seconds, name of the trial."""
    confirm: Callable[[Session, str], None]
    abort: Callable[[Session, str], str]
    """Gives what was done, in words."""


def refused(said: str) -> str:
    """The device's own words of refusal, "" if it took the command."""
    found = _REFUSED.search(said)
    return " ".join(found.group().split()) if found else ""


def order(session: Session, command: str, answer: str = "Y") -> str:
    """Asks ``command``, answers questions with ``answer``; raises GearError if it is refused."""
    said = session.ask(command)
    for _ in range(3):
        if not re.search(QUESTION, said):
            break
        said += session.ask(answer)
    why = refused(said)
    if why:
        raise GearError(f"{command}: {why}")
    return said


def configuration(session: Session) -> str:
    """The running configuration, for the backup."""
    said = session.ask("display current-configuration")
    lines = said.splitlines()
    if lines and "display current-configuration" in lines[0]:
        lines = lines[1:]
    while lines and re.fullmatch(PROMPT, lines[-1]):
        lines.pop()
    text = "\n".join(it.rstrip() for it in lines).strip() + "\n"
    if len(text.splitlines()) < 3:
        raise GearError("display current-configuration gave next to nothing: no backup")
    return text


# ---- Huawei VRP8


def _vrp_standing(session: Session) -> Standing:
    said = session.ask("display configuration trial status")
    if refused(said):
        # Not every release has the command: then `commit trial` itself refuses a second trial.
        return Standing("free", "the device cannot be asked whether a trial runs")
    if re.search(r"\b(?:trial\b.*\b(?:active|running|in progress)|remaining time)", said, re.I):
        return Standing("trial", said.strip())
    return Standing("free", said.strip())


def _vrp_trial(session: Session, lines: Sequence[str], seconds: int, name: str) -> None:
    prompt = order(session, "system-view").strip().splitlines()[-1].strip()
    if not prompt.startswith(("[~", "[*")):
        session.ask("return")
        raise GearError(
            f"prompt {prompt}: not in two-phase mode (system-view of VRP8 shows [~NAME]);"
            " no trial commit there, use a manual window"
        )
    if prompt.startswith("[*"):
        order(session, "return", answer="C")
        raise GearError("someone's uncommitted changes are there already")
    try:
        for line in lines:
            order(session, line)
        order(session, f"commit trial {seconds} persist {name}")
    except GearError:
        order(session, "return", answer="N")
        raise


def _vrp_confirm(session: Session, name: str) -> None:
    order(session, "system-view")
    order(session, f"commit persist {name}")
    order(session, "return")
    order(session, "save")


def _vrp_abort(session: Session, name: str) -> str:
    order(session, "system-view")
    order(session, f"abort trial persist {name}")
    order(session, "return")
    return "taken back by abort trial"


# ---- H3C Comware 7


def _comware_standing(session: Session) -> Standing:
    """Its timer cannot be shown; running and saved configuration must be equal before and after."""
    said = session.ask("display current-configuration diff")
    if refused(said):
        raise GearError(f"cannot compare running and saved configuration: {refused(said)}")
    changed = [it for it in said.splitlines() if re.match(r"^[+-](?![+-]{2})", it)]
    if changed:
        return Standing("unsaved", "\n".join(changed[:20]))
    return Standing("free", "")


def _comware_trial(session: Session, lines: Sequence[str], seconds: int, name: str) -> None:
    del name  # one timer a device
    order(session, "system-view")
    order(session, f"configuration commit delay {-(-seconds // 60)}")
    for line in lines:
        order(session, line)
    order(session, "return")


def _comware_confirm(session: Session, name: str) -> None:
    del name
    order(session, "system-view")
    order(session, "configuration commit")
    order(session, "return")
    order(session, "save force")


def _comware_abort(session: Session, name: str) -> str:
    del name
    order(session, "system-view")
    order(session, "configuration commit delay 1")
    order(session, "return")
    return "the timer was shortened to a minute; the device goes back when it ends"


DIALECTS = {
    it.name: it
    for it in (
        Dialect("vrp8", "huawei_vrpv8", _vrp_standing, _vrp_trial, _vrp_confirm, _vrp_abort),
        Dialect(
            "comware7",
            "hp_comware",
            _comware_standing,
            _comware_trial,
            _comware_confirm,
            _comware_abort,
        ),
    )
}


def dialect(kind: str) -> Dialect:
    """The dialect of ``kind``; raises GearError for gear without a trial commit."""
    if kind in DIALECTS:
        return DIALECTS[kind]
    raise GearError(
        f"{kind}: no trial commit is known for it; plan a manual window with someone at its console"
        f" (automatic: {', '.join(DIALECTS)})"
    )
