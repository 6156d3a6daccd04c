"""Shipping: what each answer means, which batch is next, how long to wait."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.http1 import Answer, NoAnswerError
from agent.log import Log
from agent.ship import DENIED_WAIT_S, MOST_WAIT_S, PENDING_WAIT_S, Shipper, judge
from agent.spool import Spool
from collectors.records import decode
from tests.unit.agent.spools import make_spool, put


def answer(status: int, body: object = None, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, names, json.dumps(body).encode() if body is not None else b"<html>")


@pytest.mark.parametrize(
    ("given", "action", "wait"),
    [
        (answer(200, {"acked": 7, "acked_through": 7}), "stored", 0),
        (answer(202, {"acked": 7, "acked_through": 3}), "stored", 0),
        (answer(200), "wait", 300),
        (answer(200, {"acked": 6, "acked_through": 7}), "wait", 300),
        (answer(200, {"acked": 7, "acked_through": 9}), "rewound", 0),
        (answer(400, {"title": "bad batch"}), "quarantine", 0),
        (answer(422, {"detail": []}), "quarantine", 0),
        (answer(422, {"detail": "x"}), "quarantine", 0),
        (answer(400), "wait", 300),
        (answer(401, {"title": "unknown agent"}), "denied", DENIED_WAIT_S),
        (answer(403, {"title": "agent revoked"}), "denied", DENIED_WAIT_S),
        (answer(403, {"title": "agent pending"}), "pending", PENDING_WAIT_S),
        (answer(403, {"title": "agent conflict"}), "conflict", DENIED_WAIT_S),
        (answer(404, {"title": "not found"}), "wait", 300),
        (answer(408), "wait", 0),
        (answer(413, {"title": "too large"}), "split", 0),
        (answer(429, {"title": "slow down"}, retry_after="7"), "wait", 7),
        (answer(503, {"title": "full"}, retry_after="999999"), "wait", 3600),
        (answer(507, {"title": "full"}, retry_after="soon"), "wait", 0),
        (answer(500, {"title": "oops"}), "wait", 0),
        (answer(302), "wait", 0),
    ],
)
def test_each_answer_has_one_meaning(given: Answer, action: str, wait: float) -> None:
    verdict = judge(given, 7, 8)
    assert (verdict.action, verdict.wait_s) == (action, wait)


class Controller:
    """Answers as told and remembers what came."""

    def __init__(self, reply: Callable[[int, float], Answer]) -> None:
        self.reply = reply
        self.came: list[float] = []

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        batch = decode(body)
        load = batch.columns.get("load1", [-1.0])[0]
        self.came.append(load)
        return self.reply(batch.id.seq, load)

    def close(self) -> None:
        pass


class Rig:
    """A shipper with a clock that moves as it waits."""

    def __init__(self, folder: Path, reply: Callable[[int, float], Answer], **spool: object):
        self.now = 1000.0
        self.spool: Spool = make_spool(folder, **spool)
        self.controller = Controller(reply)
        self.lines = io.StringIO()
        self.shipper = Shipper(
            self.spool,
            Log(stream=self.lines),
            backlog_per_s=2.0,
            monotonic=lambda: self.now,
            wall=lambda: 1_795_000_000.0 + self.now,
            chance=lambda: 0.5,
        )
        self.shipper.work_for("a1", "secret", self.controller)

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += min(self.shipper.step() or 0.001, until - self.now)


def stored(seq: int, _: float) -> Answer:
    return answer(200, {"acked": seq, "acked_through": 0})


def test_live_goes_newest_first_and_the_backlog_oldest_first_at_its_rate(tmp_path: Path) -> None:
    rig = Rig(tmp_path, stored)
    for number in range(20):
        put(rig.spool, number)
    rig.shipper.notify(put(rig.spool, 20))
    rig.shipper.notify(put(rig.spool, 21))
    rig.run(0.1)
    assert rig.controller.came[:2] == [21.0, 20.0]
    rig.run(4.0)
    assert rig.controller.came[2:] == [float(n) for n in range(len(rig.controller.came) - 2)]
    assert 8 <= len(rig.controller.came) - 2 <= 10
    rig.shipper.notify(put(rig.spool, 22))
    rig.run(0.1)
    assert 22.0 in rig.controller.came


def test_no_answer_means_the_same_id_again(tmp_path: Path) -> None:
    seqs: list[int] = []

    def silent(seq: int, _: float) -> Answer:
        seqs.append(seq)
        if len(seqs) < 4:
            raise NoAnswerError("timeout", "no answer within 30 s")
        return stored(seq, 0)

    rig = Rig(tmp_path, silent)
    rig.shipper.notify(put(rig.spool, 0))
    rig.run(60)
    assert seqs == [1, 1, 1, 1]
    assert rig.spool.batches == 0
    assert rig.shipper.state == "connected"


def test_waits_double_up_to_five_minutes(tmp_path: Path) -> None:
    times: list[float] = []

    def down(seq: int, _: float) -> Answer:
        times.append(rig.now)
        raise NoAnswerError("refused", "connection refused")

    rig = Rig(tmp_path, down)
    put(rig.spool, 0)
    rig.run(7200)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps[0] < 1.1
    assert gaps[3] > gaps[1]
    assert max(gaps) <= MOST_WAIT_S
    assert len(times) < 60


def test_new_data_does_not_end_a_wait_the_controller_asked_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lambda *_: answer(503, {"title": "full"}, retry_after="60"))
    rig.shipper.notify(put(rig.spool, 0))
    for number in range(1, 10):
        rig.run(5)
        rig.shipper.notify(put(rig.spool, number))
    assert len(rig.controller.came) == 1
    assert rig.spool.batches == 10


def test_a_refused_batch_is_set_apart_and_the_next_passes(tmp_path: Path) -> None:
    def poison(seq: int, load: float) -> Answer:
        return answer(422, {"title": "bad"}) if load == 1.0 else stored(seq, load)

    rig = Rig(tmp_path, poison)
    for number in range(3):
        put(rig.spool, number)
    rig.run(10)
    assert rig.spool.batches == 0
    assert [q["rows"] for q in rig.spool.quarantined()] == [1]


def test_a_controller_that_refuses_everything_is_not_raced(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lambda *_: answer(422, {"title": "bad"}))
    for number in range(60):
        put(rig.spool, number)
    rig.run(600)
    assert len(rig.controller.came) < 20


def test_denied_keeps_everything_and_asks_again_slowly(tmp_path: Path) -> None:
    replies = [answer(401, {"title": "unknown agent"})] * 2

    def denied(seq: int, load: float) -> Answer:
        return replies.pop() if replies else stored(seq, load)

    rig = Rig(tmp_path, denied)
    put(rig.spool, 0)
    rig.run(800)
    assert rig.shipper.state == "denied"
    assert len(rig.controller.came) == 1
    rig.run(3000)
    assert rig.spool.batches == 0


def test_a_conflict_says_clearly_what_to_do(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lambda *_: answer(403, {"title": "agent conflict"}))
    put(rig.spool, 0)
    rig.run(10)
    assert rig.shipper.state == "conflict"
    assert rig.spool.conflict
    assert "enrol this one anew" in rig.shipper.error
    assert "enrol this one anew" in rig.lines.getvalue()
    assert rig.spool.batches == 1


def test_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Small(Controller):
        def request(
            self, method: str, path: str, headers: dict[str, str], body: bytes = b""
        ) -> Answer:
            batch = decode(body)
            sizes.append(batch.rows)
            if batch.rows > 2:
                return answer(413, {"title": "too large"})
            self.came += batch.columns["load1"]
            return stored(batch.id.seq, 0)

    rig = Rig(tmp_path, stored)
    small = Small(stored)
    rig.shipper.work_for("a1", "secret", small)
    put(rig.spool, *range(8))
    rig.run(30)
    assert sorted(small.came) == [float(n) for n in range(8)]
    assert rig.spool.batches == 0


def test_a_spool_that_was_wound_back_takes_a_new_epoch_and_loses_nothing(tmp_path: Path) -> None:
    epochs: list[str] = []
    rig = Rig(tmp_path, stored)

    class Remembers(Controller):
        def request(
            self, method: str, path: str, headers: dict[str, str], body: bytes = b""
        ) -> Answer:
            batch = decode(body)
            epochs.append(batch.id.epoch)
            through = 900 if len(set(epochs)) == 1 else batch.id.seq
            return answer(200, {"acked": batch.id.seq, "acked_through": through})

    rig.shipper.work_for("a1", "secret", Remembers(stored))
    put(rig.spool, 0)
    rig.run(5)
    assert len(epochs) == 2
    assert len(set(epochs)) == 2
    assert rig.spool.batches == 0


def test_the_clock_s_skew_is_told_from_the_controllers_date(tmp_path: Path) -> None:
    date = "Wed, 18 Nov 2026 09:06:40 GMT"  # 1 794 993 ...: some two hours before the rig's clock
    rig = Rig(tmp_path, lambda seq, _: answer(200, {"acked": seq, "acked_through": 0}, date=date))
    put(rig.spool, 0)
    rig.run(1)
    assert rig.shipper.skew_s is not None
    assert rig.shipper.skew_s > 60
    assert "clock_skew" in rig.lines.getvalue()
