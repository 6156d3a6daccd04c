"""History from elsewhere: checked, stored row by row as it came, rolled up before the answer.

The file is read twice: once to check it, so that a bad row stops the import before anything is
stored, and once to store it (once only with ``skip_bad``). Resource-days are marked dirty before
their rows are inserted; an import that dies half-way leaves marks, and the worker finishes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from collectors.catalog import HOST
from controller.inventory.sheet import UnreadableError
from controller.inventory.tables import ImportRun, Resource
from controller.problems import Problem
from controller.runtime import Runtime
from controller.said import chinese
from controller.store import dirty, rollup
from controller.store import statistics as st
from controller.store.samples import Dictionary
from controller.usage.sample_file import SampleFile
from controller.usage.sample_rows import (
    MAX_LISTED,
    Complaint,
    Complaints,
    Reader,
    Rows,
    name_columns,
)

Days = NDArray[np.int64]
"""Resource-days as one number each: resource << 24 | day since 1970."""

_DAY_BITS = 24
_ROW_BITS = 40
"""Room for the row number in the version: a later row of the same key wins, as in the file."""

HOLD = timedelta(minutes=10)
"""Our marks are dated ahead, so that the worker leaves the days to us while we are at it."""
REMARK = HOLD - timedelta(minutes=1)
"""A mark is renewed well before the worker may take it under the hands of an insert."""

USUAL_STEPS_S = (10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
STEP_TOLERANCE = 0.02
SOURCE_LENGTH = 60


@dataclass(frozen=True)
class Progress:
    """Something to show while it lasts: stage checking, storing or rolling."""

    stage: str
    done: int
    total: int | None


@dataclass(frozen=True)
class Outcome:
    """What became of an import. ``imported`` is False where it was a dry run or had bad rows."""

    file_name: str
    source: str
    rows: int
    """Good rows found."""
    stored: int
    errors_total: int
    """Bad cells and lines."""
    errors: list[Complaint] = field(default_factory=list)
    """The first of them, by row."""
    unknown_resources: list[str] = field(default_factory=list)
    interval_s: float | None = None
    """Step that was inferred for rows that name none."""
    resource_days: int = 0
    imported: bool = False
    dry_run: bool = False

    def public(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """One import as asked for."""

    path: Path
    name: str
    """The file's name."""
    platform: str = ""
    """Whose figures these are; the source of the rows is "import:" and this, or the file's name
    without its ending."""
    by: str = ""
    dry_run: bool = False
    skip_bad: bool = False

    @property
    def source(self) -> str:
        return f"import:{(self.platform or Path(self.name).stem)[:SOURCE_LENGTH]}"


def import_samples(runtime: Runtime, job: Job) -> Iterator[Progress | Outcome]:
    """Imports one file; gives progress and, last, the outcome. Raises Problem 422 for a file that
    is no table of samples, and what ``Samples.insert`` raises."""
    try:
        yield from _Import(runtime, job).run()
    except UnreadableError as error:
        raise Problem(422, "file not readable", error.args[0]) from None


class _Marked(NamedTuple):
    """When we marked a resource-day last, the generation that gave it, and whether the mark is ours
    alone: a mark that stood before tells of something else that changed."""

    at: datetime
    generation: int
    alone: bool


class _Import:
    def __init__(self, runtime: Runtime, job: Job) -> None:
        self._runtime = runtime
        self._job = job
        self._file = SampleFile(job.path, job.name)
        self._named, wrong = name_columns(self._file.columns())
        if wrong:
            raise Problem(
                422,
                "header not understood",
                f"{job.name}: {'; '.join(wrong)}",
                detail_zh=f"{job.name}：{'；'.join(map(chinese, wrong))}",
            )
        self._inferred: float | None = None
        self._days: Days = np.array([], np.int64)
        self._marks: dict[int, _Marked] = {}
        """By resource-day."""

    def run(self) -> Iterator[Progress | Outcome]:
        job = self._job
        complaints = Complaints()
        found = 0
        if not job.skip_bad or job.dry_run:
            reader = self._reader()
            for rows in self._read(reader):
                found += len(rows.number)
                yield Progress("checking", found, self._file.total_rows())
            complaints = self._all_complaints(reader)
        stored = 0
        if not job.dry_run and (job.skip_bad or not complaints.count):
            reader = self._reader()
            for stored in self._store(reader):
                yield Progress("storing", stored, self._file.total_rows())
            if job.skip_bad:
                complaints, found = self._all_complaints(reader), stored
            yield from self._roll()
        outcome = Outcome(
            file_name=job.name,
            source=job.source,
            rows=found,
            stored=stored,
            errors_total=complaints.count,
            errors=complaints.listed,
            unknown_resources=sorted(complaints.unknown)[:MAX_LISTED],
            interval_s=self._inferred,
            resource_days=len(self._days),
            imported=stored > 0,
            dry_run=job.dry_run,
        )
        if stored:
            self._record(outcome)
        yield outcome

    def _reader(self) -> Reader:
        runtime = self._runtime
        with runtime.database.read() as session:
            codes = {
                code: number
                for code, number in session.exec(select(col(Resource.code), col(Resource.id)))
                if number is not None
            }
        latest = runtime.now() + timedelta(minutes=runtime.settings.ingest.future_minutes)
        return Reader(self._named, codes, ZoneInfo(runtime.settings.timezone), latest)

    def _read(self, reader: Reader) -> Iterator[Rows]:
        for block in self._file.blocks():
            rows = reader.read(block)
            if self._inferred is None and len(rows.number) and np.isnan(rows.interval_s).any():
                self._inferred = infer_step(rows.resource, rows.time_ms)
            yield rows

    def _all_complaints(self, reader: Reader) -> Complaints:
        complaints = reader.complaints
        complaints.count += len(self._file.ragged)
        complaints.listed += [
            Complaint(row, "", text, chinese(text)) for row, text in self._file.ragged
        ]
        complaints.listed.sort(key=lambda each: each.row)
        del complaints.listed[MAX_LISTED:]
        return complaints

    def _store(self, reader: Reader) -> Iterator[int]:
        """Inserts block by block, reading one while another is stored; gives rows stored."""
        run = self._begin()
        stored = 0
        with ThreadPoolExecutor(1) as pool:
            waiting: Future[int] | None = None
            for rows in self._read(reader):
                self._mark(rows)
                if waiting is not None:
                    stored += waiting.result()
                    yield stored
                waiting = pool.submit(self._insert, rows, run)
            if waiting is not None:
                stored += waiting.result()
                yield stored

    def _insert(self, rows: Rows, run: int) -> int:
        interval = np.where(
            np.isnan(rows.interval_s), self._inferred or st.BUCKET_S, rows.interval_s
        )
        coarse = interval > st.BUCKET_S
        for table, which in ((HOST.name, ~coarse), (f"{HOST.name}_coarse", coarse)):
            if not which.any():
                continue
            part = rows if which.all() else rows.pick(which)
            count = len(part.number)
            instances, codes = [""], np.zeros(count, np.int64)
            if part.instance is not None:
                distinct, codes = np.unique(np.array(part.instance, object), return_inverse=True)
                instances = distinct.tolist()
            self._runtime.samples.insert(
                table,
                {
                    "resource": part.resource.astype(np.uint32),
                    "instance": Dictionary(instances, codes),
                    "source": Dictionary([self._job.source], np.zeros(count, np.int64)),
                    "time": part.time_ms,
                    "interval_s": interval[which].astype(np.float32),
                    **part.metrics,
                    "version": ((run << _ROW_BITS) + part.number).astype(np.uint64),
                    "arrived": np.full(count, int(self._runtime.now().timestamp()), np.int64),
                },
            )
        return len(rows.number)

    def _mark(self, rows: Rows) -> None:
        """Marks the block's resource-days, durably, before its rows are inserted."""
        now = self._runtime.now()
        interval = np.where(
            np.isnan(rows.interval_s), self._inferred or st.BUCKET_S, rows.interval_s
        )
        days = resource_days(rows.resource, rows.time_ms, interval)
        self._days = np.union1d(self._days, days)
        due = [
            day
            for day in days.tolist()
            if day not in self._marks or now - self._marks[day].at >= REMARK
        ]
        if not due:
            return
        pairs = [_pair(day) for day in due]
        with self._runtime.database.write() as session:
            dirty.mark_dirty(session, HOST.name, pairs, now + HOLD)
            given = dirty.generations(session, HOST.name, pairs)
        for day, pair in zip(due, pairs, strict=True):
            last, generation = self._marks.get(day), given[pair]
            if last is None:
                alone = generation == dirty.first_generation(now + HOLD)
            else:
                alone = last.alone and generation == last.generation + 1
            self._marks[day] = _Marked(now, generation, alone)

    def _roll(self) -> Iterator[Progress]:
        """Rolls up what was imported, takes back the marks that are ours alone, and leaves those
        that stood before (another owner, other rows) to the worker."""
        pairs = [_pair(key) for key in self._days.tolist()]
        for done in rollup.roll_resource_days(self._runtime, HOST.name, pairs):
            yield Progress("rolling", done, len(pairs))
        ours: list[dirty.Mark] = []
        others: list[dirty.Mark] = []
        for key, marked in self._marks.items():
            mark = dirty.Mark(*_pair(key), marked.generation)
            (ours if marked.alone else others).append(mark)
        with self._runtime.database.write() as session:
            dirty.clear(session, HOST.name, ours)
            dirty.release(session, HOST.name, others, self._runtime.now())

    def _begin(self) -> int:
        digest = hashlib.sha256()
        with self._job.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        run = ImportRun(
            kind="samples",
            file_name=self._job.name,
            sha256=digest.hexdigest(),
            at=self._runtime.now(),
            by=self._job.by,
            outcome={"state": "started"},
        )
        with self._runtime.database.write() as session:
            session.add(run)
            session.flush()
            number = run.id
        if number is None:
            raise RuntimeError("the import got no number")
        self._run = number
        return number

    def _record(self, outcome: Outcome) -> None:
        with self._runtime.database.write() as session:
            run = session.get(ImportRun, self._run)
            if run is not None:
                run.outcome = outcome.public()


def infer_step(resource: NDArray[np.int64], time_ms: NDArray[np.int64]) -> float:
    """Seconds between rows: the median over each resource's own, to the usual step nearby.

    300 where no resource has two rows.
    """
    order = np.lexsort((time_ms, resource))
    same = resource[order][1:] == resource[order][:-1]
    steps = np.diff(time_ms[order])[same] / 1000
    steps = steps[steps > 0]
    if len(steps) == 0:
        return float(st.BUCKET_S)
    median = float(np.median(steps))
    usual = min(USUAL_STEPS_S, key=lambda step: abs(step - median))
    return float(usual if abs(usual - median) <= STEP_TOLERANCE * usual else median)


def resource_days(
    resource: NDArray[np.int64], time_ms: NDArray[np.int64], interval_s: NDArray[np.float64]
) -> Days:
    """Every UTC day that a row has a part in, for its resource; distinct and sorted."""
    first = time_ms // 86_400_000
    # A fine row belongs to the bucket it starts in; a coarse one covers all of its time.
    span = np.where(interval_s > st.BUCKET_S, interval_s * 1000, 1).astype(np.int64)
    last = (time_ms + span - 1) // 86_400_000
    keys = [(resource << _DAY_BITS) | first]
    for ahead in range(1, int((last - first).max(initial=0)) + 1):
        reach = last - first >= ahead
        keys.append((resource[reach] << _DAY_BITS) | (first[reach] + ahead))
    return np.unique(np.concatenate(keys))


def _pair(key: int) -> tuple[int, date]:
    return key >> _DAY_BITS, date(1970, 1, 1) + timedelta(days=key & ((1 << _DAY_BITS) - 1))
