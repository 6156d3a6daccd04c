"""Who held what when, as arrays, and the same pushed to the sample store for its joins.

The register is read by table name and not through controller.inventory, which stands above the
store. One read of 10,000 holdings takes some 50 ms and is skipped where nothing was committed
since, so every report starts from what is true now and nobody has to be told of a change.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from controller.store.relational import Database
from controller.store.samples import Samples

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

OPEN = 1 << 40
"""An end that has not come, in epoch seconds."""

# A network device has no share in what a unit is allocated of the cloud; its ports are counted by
# controller.network.
MEASURED_KINDS = ("vm", "physical")
"""Kinds of resource that an agent or a platform reports on, so that silence is a gap."""

OLD_SNAPSHOT_S = 3_600
"""A snapshot may be in use by a query that began before the register changed."""

_READ = """
SELECT r.id, r.kind, {created}, {retired}, {since}, {until}, h.unit_id, h.system_id, h.site_id,
       h.zone_id, h.vcpu, h.mem_bytes, h.disk_bytes
FROM resource r LEFT JOIN holding h ON h.resource_id = r.id
WHERE r.kind <> 'device'
ORDER BY r.id, h.since
"""


@dataclass(frozen=True)
class Holdings:
    """Every holding, and one row of unit 0 for each resource that nobody holds.

    Columns are parallel; moments are epoch seconds, ``OPEN`` where there is no end; an unknown
    allocation is NaN; 0 stands for no unit, system, site or zone. A holding starts and ends on
    the bucket whose start it covers.
    """

    snapshot: int
    resource: Ints
    since: Ints
    until: Ints
    """Never later than the resource's retirement."""
    created: Ints
    measured: NDArray[np.bool_]
    unit: Ints
    system: Ints
    site: Ints
    zone: Ints
    vcpu: Floats
    mem_bytes: Floats
    disk_bytes: Floats

    def __len__(self) -> int:
        return len(self.resource)

    def pick(self, mask: NDArray[Any]) -> Holdings:
        """The holdings at ``mask`` (booleans or indices)."""
        return Holdings(
            self.snapshot,
            *(
                getattr(self, name)[mask]
                for name in self.__dataclass_fields__
                if name != "snapshot"
            ),
        )


class Register:
    """Reads the holdings, keeps the last reading, and pushes snapshots that are not there yet.

    Thread-safe; one for each Database (``register_of``).
    """

    def __init__(self, database: Database) -> None:
        self._database = ref(database)  # weak: it is the key this object is kept under
        self._lock = threading.Lock()
        self._last: tuple[bytes, Holdings] | None = None
        self._commits: int | None = None
        """State of the database file when ``_last`` was read."""
        self._pushed: set[int] = set()

    def read(self) -> Holdings:
        """The register as it is now."""
        database = self._database()
        if database is None:
            raise RuntimeError("the register outlived its database")
        commits = _commits(database)
        with self._lock:
            if commits is not None and commits == self._commits and self._last is not None:
                return self._last[1]
        with database.read() as session:
            connection = session.connection()
            rows = connection.execute(text(_sql(connection.dialect.name))).all()
        # As tuples: a Row's own repr takes 300 ms for 10,000 of them, a tuple's 20.
        digest = hashlib.blake2b(repr([tuple(r) for r in rows]).encode(), digest_size=8).digest()
        with self._lock:
            if self._last is not None and self._last[0] == digest:
                self._commits = commits
                return self._last[1]
        holdings = _arrays(rows, int.from_bytes(digest, "big") >> 1)
        with self._lock:
            # The count was taken before the rows: a commit in between is seen next time.
            self._last, self._commits = (digest, holdings), commits
        return holdings

    def push(self, samples: Samples, holdings: Holdings, now: datetime) -> None:
        """Makes the snapshot joinable in the sample store, if it is not yet."""
        if holdings.snapshot in self._pushed:
            return
        held = holdings.pick(holdings.unit > 0)
        there = samples.query(
            "SELECT count() AS n FROM holding FINAL WHERE snapshot = {snapshot:UInt64}",
            {"snapshot": holdings.snapshot},
        )
        if int(there["n"][0]) != len(held):
            samples.insert(
                "holding",
                {
                    "snapshot": np.full(len(held), holdings.snapshot, np.uint64),
                    **{
                        name: getattr(held, name)
                        for name in ("resource", "since", "until", "unit", "system", "site", "zone")
                    },
                    **{name: getattr(held, name) for name in ("vcpu", "mem_bytes", "disk_bytes")},
                    "version": 1,
                    "written": np.full(len(held), int(now.timestamp()), np.int64),
                },
            )
        self._pushed.add(holdings.snapshot)

    def forget_old(self, samples: Samples, current: int, now: datetime, cluster: str = "") -> None:
        """Drops snapshots written over an hour ago, other than ``current``."""
        table = f"holding_local ON CLUSTER '{cluster}'" if cluster else "holding"
        old = samples.query(
            "SELECT snapshot FROM holding GROUP BY snapshot "
            "HAVING max(written) < toDateTime({before:Int64}) AND snapshot != {current:UInt64}",
            {"before": int(now.timestamp()) - OLD_SNAPSHOT_S, "current": current},
        )
        for snapshot in np.asarray(old.get("snapshot", [])).tolist():
            self._pushed.discard(snapshot)
            samples.command(f"ALTER TABLE {table} DROP PARTITION {int(snapshot)}")


_REGISTERS: WeakKeyDictionary[Database, Register] = WeakKeyDictionary()
_REGISTERS_LOCK = threading.Lock()


def register_of(database: Database) -> Register:
    """The reader of this database's register, with what it read last."""
    with _REGISTERS_LOCK:
        return _REGISTERS.setdefault(database, Register(database))


def _commits(database: Database) -> int | None:
    """SQLite's file change counter: bytes 24 to 27 of the file, counted up by every commit in the
    journal mode that we use (https://www.sqlite.org/fileformat2.html). None for other engines."""
    url = database.engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        with open(url.database, "rb") as file:
            header = file.read(28)
    except OSError:
        return None
    return int.from_bytes(header[24:28], "big")


def _sql(dialect: str) -> str:
    names = {"created": "r.created", "retired": "r.retired", "since": "h.since", "until": "h.until"}
    if dialect == "postgresql":
        names = {key: f"CAST({name} AT TIME ZONE 'UTC' AS text)" for key, name in names.items()}
    return _READ.format(**names)


def _arrays(rows: Any, snapshot: int) -> Holdings:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 13
    kind, created, retired, since, until = columns[1:6]
    start, end = _epoch(created, 0), _epoch(retired, OPEN)
    begin = _epoch(since, 0)
    return Holdings(
        snapshot=snapshot,
        resource=np.array(columns[0], np.int64),
        since=np.where(begin > 0, begin, start),
        until=np.minimum(_epoch(until, OPEN), end),
        created=start,
        measured=np.isin(np.array(kind, dtype=str), MEASURED_KINDS),
        unit=_ids(columns[6]),
        system=_ids(columns[7]),
        site=_ids(columns[8]),
        zone=_ids(columns[9]),
        vcpu=np.array(columns[10], np.float64),
        mem_bytes=np.array(columns[11], np.float64),
        disk_bytes=np.array(columns[12], np.float64),
    )


def _epoch(moments: Any, missing: int) -> Ints:
    """Epoch seconds, rounded up: a bucket belongs to what covers its start."""
    micro = np.array([moment or "NaT" for moment in moments], "datetime64[us]")
    absent = np.isnat(micro)
    seconds: Ints = -((-micro.astype(np.int64)) // 1_000_000)
    return np.where(absent, missing, seconds)


def _ids(values: Any) -> Ints:
    return np.array([value or 0 for value in values], np.int64)
