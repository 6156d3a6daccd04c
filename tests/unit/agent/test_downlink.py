"""The downlink at the agent: when it asks, what it does with what comes, what it refuses."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from agent.downlink import RETRY_S, Downlink
from agent.http1 import Answer, NoAnswerError
from agent.tasks import MOST_RESULT_BYTES, Task, TaskError, Tasks
from controller.ingest.documents import Document, check_documents
from controller.ingest.tasks import result_kind


class Controller:
    """Answers GET with orders; remembers the headers that came."""

    def __init__(self) -> None:
        self.version, self.again = "v1", 0
        self.assignments: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.came: list[dict[str, str]] = []

    def request(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        self.came.append(headers)
        if headers.get("If-None-Match") == f'"{self.version}"':
            return Answer(304, {}, b"")
        told = {
            "agent": "a", "state": "active", "assigned": self.version,
            "assignments": self.assignments, "tasks": self.tasks, "ask_again_s": self.again,
        }  # fmt: skip
        return Answer(200, {}, json.dumps(told).encode())


class Taken:
    def __init__(self) -> None:
        self.calls: list[tuple[list[Any], list[Any]]] = []

    def __call__(self, assignments: list[Any], tasks: list[Any]) -> None:
        self.calls.append((assignments, tasks))


def downlink(**options: Any) -> tuple[Downlink, Taken]:
    taken = Taken()
    return Downlink(taken, lambda: [], **options), taken


def test_an_agent_that_is_told_nothing_never_asks() -> None:
    down, _ = downlink()
    assert down.wait_s(1e9) == float("inf")
    down.told("")
    down.told(None)
    assert down.wait_s(1e9) == float("inf")


def test_a_new_version_is_fetched_once_and_the_known_one_not_again() -> None:
    down, taken = downlink()
    controller = Controller()
    controller.assignments = [{"kind": "site", "body": {"url": "http://[fd00::1]/"}}]
    down.told("v1")
    assert down.wait_s(5) == 0
    assert down.ask(controller.request, "a.s", 5) == ""
    assert taken.calls == [(controller.assignments, [])]
    assert controller.came[0]["Authorization"] == "Bearer a.s"
    down.told("v1")
    assert down.wait_s(6) == float("inf")
    down.told("v2")
    assert down.wait_s(6) == 0


def test_a_poller_asks_by_itself_and_hears_304_while_nothing_changes() -> None:
    down, taken = downlink(eager=True)
    controller = Controller()
    controller.again = 10
    assert down.wait_s(0) == 0
    down.ask(controller.request, "a.s", 0)
    assert down.wait_s(0) == 10
    down.ask(controller.request, "a.s", 10)
    assert down.wait_s(10) == 10
    assert len(taken.calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"[]", b'{"assignments": 1, "tasks": []}', b"{}",
        b'{"assignments": [1], "tasks": []}',
        b'{"assignments": [], "tasks": [], "assigned": "v1", "ask_again_s": "soon"}',
    ],
)  # fmt: skip
def test_a_strange_answer_changes_nothing_and_is_asked_again_later(body: bytes) -> None:
    down, taken = downlink(eager=True)
    assert "proxy" in down.ask(lambda *_: Answer(200, {}, body), "a.s", 0)
    assert (taken.calls, down.wait_s(0)) == ([], RETRY_S)


def test_no_answer_leaves_the_assignments_as_they_are() -> None:
    down, taken = downlink(eager=True)

    def silent(*_: object) -> Answer:
        raise NoAnswerError("timeout", "no answer within 30 s")

    assert "no answer" in down.ask(silent, "a.s", 0)
    assert (taken.calls, down.wait_s(0)) == ([], RETRY_S)


def test_another_identity_drops_what_the_old_one_was_to_do() -> None:
    down, taken = downlink()
    controller = Controller()
    down.told("v1")
    down.ask(controller.request, "a.s", 0)
    down.forget()
    assert taken.calls[-1] == ([], [])
    down.told("v1")
    assert down.wait_s(0) == 0


# ---- tasks


class Answers:
    """What was posted, and waiting for the end of a task."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self._ended = threading.Semaphore(0)

    def __call__(self, body: dict[str, Any]) -> None:
        self.came.append(body)
        if body["state"] != "running":
            self._ended.release()

    def wait(self, count: int) -> list[dict[str, Any]]:
        for _ in range(count):
            assert self._ended.acquire(timeout=10)
        return self.came


def task(number: int, kind: str, **body: Any) -> dict[str, Any]:
    return {"id": number, "kind": kind, "body": body}


def test_a_task_of_a_known_kind_is_done_once_and_tells_how_far_it_is() -> None:
    answers = Answers()

    def count(given: Task) -> dict[str, Any]:
        given.tell(1, 2)
        return {"counted": given.body["to"]}

    tasks = Tasks({"count": count}, answers)
    tasks.take([task(1, "count", to=2)])
    tasks.take([task(1, "count", to=2)])
    assert answers.wait(1) == [
        {"task": 1, "state": "running", "done": 1, "total": 2},
        {"task": 1, "state": "done", "result": {"counted": 2}},
    ]
    assert tasks.held() == [1]


def test_a_task_of_an_unknown_kind_is_refused_and_nothing_is_done() -> None:
    answers = Answers()
    Tasks({}, answers).take([task(7, "shell", command="rm -rf /")])
    (body,) = answers.wait(1)
    assert (body["task"], body["state"]) == (7, "refused")
    assert "rm" not in json.dumps(body)


def test_a_task_that_fails_says_so_and_the_next_one_is_done() -> None:
    answers = Answers()

    def fail(given: Task) -> dict[str, Any]:
        raise TaskError("10.0.0.0/8 is not to be scanned")

    def burst(given: Task) -> dict[str, Any]:
        raise RuntimeError("boom")

    kinds = {"fail": fail, "burst": burst, "good": lambda _: {"ok": True},
             "large": lambda _: {"x": "y" * MOST_RESULT_BYTES}}  # fmt: skip
    tasks = Tasks(kinds, answers)
    tasks.take([task(n, kind) for n, kind in enumerate(kinds, 1)])
    by_number = {body["task"]: body for body in answers.wait(4)}
    assert [by_number[n]["state"] for n in (1, 2, 3, 4)] == ["failed", "failed", "done", "failed"]
    assert by_number[1]["error"] == "10.0.0.0/8 is not to be scanned"
    assert by_number[2]["error"] == "RuntimeError: boom"
    assert "over" in by_number[4]["error"]


def test_a_result_of_the_most_bytes_is_a_document_that_the_controller_takes() -> None:
    answers = Answers()
    text = "y" * (MOST_RESULT_BYTES - len('{"x": ""}'))
    Tasks({"large": lambda _: {"x": text}}, answers).take([task(1 << 60, "large")])
    (body,) = answers.wait(1)
    assert body["state"] == "done"
    check_documents([Document("task_result", 1, body)], {"task_result": result_kind(())})


def test_a_task_may_go_on_elsewhere_and_finish_later() -> None:
    answers, later = Answers(), []
    tasks = Tasks({"scan": later.append}, answers)
    tasks.take([task(3, "scan")])
    while not later:
        pass
    assert answers.came == []
    later[0].finish({"found": 0})
    assert answers.wait(1)[0]["state"] == "done"
