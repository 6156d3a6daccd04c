"""What a host told, and the way it is asked."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from playbooks.cutover.position import read_report

_WORDS = ("CHECK ", "FAIL ", "NOTE ")


class UnreachableError(Exception):
    """No answer by that way; the text says why."""


class StageError(Exception):
    """The stage did not succeed; the text says what the host told."""


class Link(Protocol):
    """A way to run a script on the host by either of its addresses."""

    def run(self, address: str, command: str, stdin: bytes, connect_s: int) -> tuple[int, str]:
        """Exit status and output; raises UnreachableError."""


class Times(NamedTuple):
    """Seconds."""

    deadline_s: int
    reach_s: int
    verify_s: int


class Told(NamedTuple):
    """What a verb printed."""

    facts: dict[str, str]
    failures: list[str]
    notes: list[str]
    checks: list[dict[str, str]]


def read_lines(text: str) -> Told:
    """Sorts the lines of a verb's output."""
    lines = text.splitlines()
    checks = []
    for line in lines:
        if line.startswith("CHECK ") and line.count("|") >= 3:
            kind, subject, status, words = line[6:].split("|", 3)
            checks.append({"kind": kind, "subject": subject, "status": status, "text": words})
    return Told(
        read_report("\n".join(it for it in lines if not it.startswith(_WORDS))),
        [it[5:] for it in lines if it.startswith("FAIL ")],
        [it[5:] for it in lines if it.startswith("NOTE ")],
        checks,
    )
