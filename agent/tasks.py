"""Bounded tasks from the controller: known kinds are carried out, every other is refused.

A task is data ("read the facts again", "ask these addresses"); there is no kind that runs a
command. Tasks are done one after the other in a thread that ends when there is none, and each is
answered by documents of kind ``task_result`` that travel through the spool like all else.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

MOST_HELD = 200
MOST_WAITING = 100
MOST_RESULT_BYTES = (1 << 20) - (4 << 10)
"""The controller takes 1 MiB for the whole document: there is room for what stands around it."""

Item = dict[str, Any]
Post = Callable[[Item], None]
"""Spools the body of one task_result."""


class TaskError(Exception):
    """A task cannot be done; the text says why and what to do."""


class Task:
    """One task under way."""

    def __init__(self, number: int, kind: str, body: Item, post: Post) -> None:
        self.number, self.kind, self.body = number, kind, body
        self._post = post

    def tell(self, done: int, total: int, result: Item | None = None) -> None:
        """How far it is; ``result`` may hold what was found so far."""
        self._send("running", done=done, total=total, result=result)

    def finish(self, result: Item) -> None:
        """What came of it."""
        if len(json.dumps(result, ensure_ascii=False).encode()) > MOST_RESULT_BYTES:
            self.fail(f"its result is over {MOST_RESULT_BYTES} bytes")
        else:
            self._send("done", result=result)

    def fail(self, error: str) -> None:
        self._send("failed", error=error)

    def refuse(self, error: str) -> None:
        self._send("refused", error=error)

    def _send(self, state: str, **more: Any) -> None:
        given = {key: value for key, value in more.items() if value is not None}
        self._post({"task": self.number, "state": state, **given})


Run = Callable[[Task], Item | None]
"""Carries a task out: its result, or None if it calls ``finish`` or ``fail`` itself later.

Raises TaskError."""


class Tasks:
    """Those that are here, by number. ``take`` from the sending thread."""

    def __init__(self, kinds: Mapping[str, Run], post: Post) -> None:
        self._kinds, self._post = kinds, post
        self._held: deque[int] = deque(maxlen=MOST_HELD)
        self._waiting: deque[Task] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def held(self) -> list[int]:
        """Numbers of the tasks that came, so that they are not given again."""
        return list(self._held)

    def take(self, items: list[Item]) -> None:
        """Takes over tasks that are new; what is no known kind is refused."""
        for item in items:
            number = item.get("id")
            if not isinstance(number, int) or number in self._held:
                continue
            self._held.append(number)
            task = Task(number, item["kind"], item["body"], self._post)
            if task.kind not in self._kinds:
                task.refuse(f"this agent does not know tasks of kind {task.kind[:40]!r}")
            elif len(self._waiting) >= MOST_WAITING:
                task.refuse("this agent has too much to do")
            else:
                self._begin(task)

    def _begin(self, task: Task) -> None:
        with self._lock:
            self._waiting.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tasks", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                task = self._waiting.popleft()
            try:
                result = self._kinds[task.kind](task)
            except TaskError as error:
                task.fail(str(error))
            except Exception as error:  # one task must not end the agent
                task.fail(f"{type(error).__name__}: {error}"[:400])
            else:
                if result is not None:
                    task.finish(result)
