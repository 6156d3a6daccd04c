"""What the controller wants of this agent: fetched with the sending thread's connection.

Nothing is asked before the answer to a batch names a version that is not known here (or, for an
agent set up as a poller, at once and then as often as the controller says). What comes is data of
known kinds; it is kept in memory only, since it may hold secrets of network gear.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.http1 import Answer, NoAnswerError

PATH = "/api/v1/ingest/self"
MOST_ORDERS = 16 << 20
"""Bytes of one answer: some 40,000 devices."""
RETRY_S = 30.0
MOST_AGAIN_S = 3_600.0
NEVER = float("inf")

Item = dict[str, Any]
Take = Callable[[list[Item], list[Item]], None]
"""Takes all assignments (each with "kind" and "body"), and tasks not held yet."""


class Downlink:
    """When to ask, and what was answered. For the sending thread."""

    def __init__(
        self,
        take: Take,
        held: Callable[[], list[int]],
        *,
        eager: bool = False,
    ) -> None:
        """``held``: numbers of tasks that are here already. ``eager``: ask without being told."""
        self._take, self._held = take, held
        self._version = ""
        self._eager = eager
        self._due = 0.0 if eager else NEVER
        self._again = NEVER

    def forget(self) -> None:
        """Another identity: what the old one was to do holds no longer."""
        self._version = ""
        self._due = 0.0 if self._eager else NEVER
        self._take([], [])

    def told(self, version: object) -> None:
        """What the answer to a batch said is to be fetched."""
        if isinstance(version, str) and version and version != self._version:
            self._due = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until there is something to ask; 0 is now."""
        return max(0.0, self._due - now)

    def ask(
        self,
        request: Callable[[str, str, dict[str, str]], Answer],
        credential: str,
        now: float,
    ) -> str:
        """Asks once; "" or what was wrong. ``request(method, path, headers)``."""
        headers = {"Authorization": f"Bearer {credential}"}
        if self._version:
            headers["If-None-Match"] = f'"{self._version}"'
        held = self._held()
        if held:
            headers["Yunxun-Tasks"] = ",".join(map(str, held[-200:]))
        self._due = now + RETRY_S
        try:
            answer = request("GET", PATH, headers)
        except NoAnswerError as error:
            return str(error)
        if answer.status == 304:
            self._due = now + self._again
            return ""
        if answer.status != 200:
            return f"answered {answer.status}"
        return self._learn(answer.body, now)

    def _learn(self, body: bytes, now: float) -> str:
        try:
            told = json.loads(body)
            assignments, tasks = _items(told["assignments"]), _items(told["tasks"])
            version, again = told["assigned"], float(told["ask_again_s"])
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return "the answer is not what a controller says: a proxy?"
        self._again = min(again, MOST_AGAIN_S) if again > 0 else NEVER
        if self._eager and self._again == NEVER:
            self._again = RETRY_S  # set up as a poller and not yet trusted as one
        self._due = now + self._again
        self._take(assignments, tasks)
        self._version = str(version)
        return ""


def _items(told: object) -> list[Item]:
    if not isinstance(told, list):
        raise TypeError
    for each in told:
        if not isinstance(each.get("kind"), str) or not isinstance(each.get("body"), dict):
            raise TypeError
    return told
