"""The spool: nothing leaves without an answer, nothing is lost uncounted, ids are never reused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.spool import Spool
from collectors.records import BatchId, decode
from tests.unit.agent.spools import T0, make_spool, put, put_document


def loads(spool: Spool) -> list[float]:
    """load1 of everything that waits, oldest first; empties the spool."""
    found: list[float] = []
    while entry := spool.oldest():
        found += decode(entry.body).columns.get("load1", [])
        spool.ack(entry)
    return found


def losses(spool: Spool) -> dict[str, int]:
    return dict(spool.summary()["lost"])


def test_what_was_put_in_comes_out_after_a_restart_with_the_same_ids(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    put(spool, 0, 1)
    put(spool, 2)
    epoch = spool.epoch
    spool.close()
    spool = make_spool(tmp_path)
    first = spool.oldest()
    assert first is not None
    assert first.id == BatchId("a1", epoch, 1)
    assert (first.from_ms, first.to_ms, first.rows) == (T0, T0 + 120_000, 2)
    assert decode(first.body).id == first.id
    assert loads(spool) == [0.0, 1.0, 2.0]


def test_acknowledged_batches_are_gone_and_others_stay(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    for number in range(40):
        put(spool, number)
    for _ in range(25):
        entry = spool.oldest()
        assert entry is not None
        spool.ack(entry)
    spool.close()
    spool = make_spool(tmp_path)
    assert spool.batches == 15
    assert loads(spool) == [float(n) for n in range(25, 40)]


def test_the_live_lane_gives_the_newest_first(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    places = [place for number in range(3) for place in put(spool, number)]
    newest = spool.newest(places)
    assert newest is not None
    assert decode(newest.body).columns["load1"] == [2.0]
    spool.ack(newest)
    newest = spool.newest(places)
    assert newest is not None
    assert decode(newest.body).columns["load1"] == [1.0]


def test_over_its_cap_it_drops_the_oldest_and_reports_reason_and_range(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, max_bytes=8_000)
    put_document(spool, "kept: documents go last")
    for number in range(200):
        put(spool, number)
    summary = spool.summary()
    assert summary["bytes"] <= 8_000
    reports, kept = [], []
    while entry := spool.oldest():
        batch = decode(entry.body)
        kept += batch.columns.get("load1", [])
        reports += [d.body for d in batch.documents if d.kind == "loss"]
        spool.ack(entry)
        if not spool.batches and len(reports) < 9:
            put(spool, 200 + len(reports))
            if len(kept) + sum(r["rows"] for r in reports) >= 201:
                break
    lost = sum(r["rows"] for r in reports if r["reason"] == "spool_full")
    assert lost == summary["lost"]["spool_full"]
    assert lost + len([k for k in kept if k < 200]) == 200
    assert min(r["from_ms"] for r in reports) == T0
    assert max(r["to_ms"] for r in reports) == T0 + lost * 60_000
    assert len({r["id"] for r in reports}) == len(reports)


def test_a_batch_too_large_is_split_in_halves_with_new_ids(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    put(spool, *range(5))
    entry = spool.oldest()
    assert entry is not None
    assert spool.split(entry, "a1")
    assert spool.batches == 2
    assert loads(spool) == [0.0, 1.0, 2.0, 3.0, 4.0]
    put(spool, 9)
    single = spool.oldest()
    assert single is not None
    assert single.id.seq > 3
    assert not spool.split(single, "a1")


def test_the_quarantine_is_bounded_and_what_enters_it_is_reported(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    for number in range(30):
        put(spool, number)
        entry = spool.oldest()
        while entry is not None and entry.kind != "host":
            spool.ack(entry)
            entry = spool.oldest()
        assert entry is not None
        spool.quarantine(entry, "422 bad", T0)
    assert losses(spool)["quarantined"] == 30
    kept = spool.quarantined()
    assert len(kept) == 30
    assert kept[0]["reason"] == "422 bad"


def test_another_boot_or_machine_starts_a_new_epoch_and_the_backlog_follows(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    put(spool, 0)
    put(spool, 1)
    before = spool.epoch
    spool.close()
    spool = make_spool(tmp_path, boot="other")
    assert spool.epoch != before
    entry = spool.oldest()
    assert entry is not None
    claimed = spool.claim(entry, "a1")
    assert claimed.id == BatchId("a1", spool.epoch, 1)
    assert decode(claimed.body).id == claimed.id
    spool.close()
    spool = make_spool(tmp_path, boot="other")
    again = spool.oldest()
    assert again is not None
    assert again.id == claimed.id
    assert again.body == claimed.body


def test_data_measured_before_enrolment_goes_out_under_the_new_identity(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    put(spool, 0, agent="unenrolled")
    spool.work_for("a7")
    entry = spool.oldest()
    assert entry is not None
    assert decode(spool.claim(entry, "a7").body).id.agent == "a7"


def test_after_a_conflict_the_new_identity_gets_none_of_the_old_data(tmp_path: Path) -> None:
    spool = make_spool(tmp_path)
    spool.work_for("a1")
    put(spool, 0)
    spool.set_conflict()
    spool.work_for("a2")
    assert spool.oldest() is None
    assert losses(spool) == {"agent_conflict": 1}
    assert not spool.conflict
    put(spool, 5, agent="a2")
    assert loads(spool) == [5.0]
    assert (tmp_path / "spool.aside.sqlite").exists()


def test_an_unwritable_folder_means_memory_not_silence(tmp_path: Path) -> None:
    spool = make_spool(tmp_path / "missing" / "folder")
    assert spool.events[0][0] == "spool_in_memory"
    assert not spool.summary()["durable"]
    put(spool, 3)
    assert loads(spool) == [3.0]


class SpoolModel(RuleBasedStateMachine):
    """The spool against a list: whatever is done in whatever order, rows are in one place."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile  # noqa: PLC0415

        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.spool = make_spool(self.path)
        self.waiting: set[float] = set()
        self.next = 0
        self.ids: dict[BatchId, bytes] = {}

    @rule(rows=st.integers(1, 4))
    def append(self, rows: int) -> None:
        numbers = range(self.next, self.next + rows)
        put(self.spool, *numbers)
        self.waiting |= {float(n) for n in numbers}
        self.next += rows

    @rule()
    def send_lost(self) -> None:
        entry = self.spool.oldest()
        if entry is not None:
            entry = self.spool.claim(entry, "a1")
            self._sent(entry.id, entry.body)

    @rule()
    def send(self) -> None:
        entry = self.spool.oldest()
        if entry is not None:
            entry = self.spool.claim(entry, "a1")
            self._sent(entry.id, entry.body)
            self.waiting -= set(decode(entry.body).columns.get("load1", []))
            self.spool.ack(entry)

    def _sent(self, batch_id: BatchId, body: bytes) -> None:
        assert decode(body).id == batch_id
        known = decode(self.ids.setdefault(batch_id, body))
        assert known.columns == decode(body).columns, "an id stands for two contents"

    @rule()
    def split(self) -> None:
        entry = self.spool.oldest()
        if entry is not None:
            self.spool.split(entry, "a1")

    @rule(boot=st.sampled_from("bc"), clean=st.booleans())
    def restart(self, boot: str, clean: bool) -> None:
        if clean:
            self.spool.close()
        else:
            # As a kill: what was not committed is rolled back by whoever opens the file next.
            self.spool._queue.db.rollback()
            self.spool._queue.db.close()
        self.spool = make_spool(self.path, boot=boot)
        self.waiting |= self._rows()

    def _rows(self) -> set[float]:
        rows = self.spool._queue.db.execute("SELECT body FROM batch").fetchall()
        return {v for (body,) in rows for v in decode(body).columns.get("load1", [])}

    @invariant()
    def what_waits_is_in_the_file(self) -> None:
        assert self._rows() == self.waiting

    @invariant()
    def the_counters_agree_with_the_file(self) -> None:
        count = self.spool._queue.db.execute("SELECT count(*), total(rows) FROM batch").fetchone()
        summary = self.spool.summary()
        assert (summary["batches"], summary["rows"]) == count

    def teardown(self) -> None:
        self.spool.close()
        self._folder.cleanup()


SpoolModel.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestSpoolAgainstItsModel = SpoolModel.TestCase


@pytest.mark.parametrize("folder", ["with space", "100%", "q?#x"])
def test_it_lives_in_folders_of_any_name(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    spool = make_spool(tmp_path / folder)
    put(spool, 1)
    assert loads(spool) == [1.0]
