"""What waits to be written to the register, between the door's memory and ``bookkeeping``."""

from __future__ import annotations

from typing import NamedTuple

from controller.ingest import set_aside
from controller.ingest.acknowledgements import Conflict, Ledger
from controller.ingest.bookkeeping import Pending, Sighting, Written, moment
from controller.ingest.directory import Directory, Known


class Page(NamedTuple):
    """What one write takes, and whose marks to set again if it fails."""

    pending: Pending
    ledgers: list[Ledger]
    sighted: list[Known]


class Books:
    """Counts since the last write, and which agents have news. For the event loop's thread."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.counts: dict[set_aside.Key, set_aside.Count] = {}
        self.subjects = set_aside.Subjects()

    def take(self) -> Page:
        """All that is new since the last page."""
        sighted = [known for known in self._directory.values() if known.seen]
        ledgers = [ledger for known in sighted for ledger in known.ledgers.values()]
        ledgers = [ledger for ledger in ledgers if ledger.changed]
        pending = Pending(
            [ledger.row() for ledger in ledgers],
            [sighting for known in sighted if (sighting := _sighting(known)) is not None],
            self.counts,
            dict(self._directory.conflicts),
        )
        for known in sighted:
            known.seen = False
        for ledger in ledgers:
            ledger.changed = False
        self.counts = {}
        return Page(pending, ledgers, sighted)

    def put_back(self, page: Page) -> None:
        """What could not be written is news again."""
        for ledger in page.ledgers:
            ledger.changed = True
        for known in page.sighted:
            known.seen = True
        for key, count in page.pending.counts.items():
            set_aside.merge(
                self.counts, *key, count.count, count.at, count.from_time, count.to_time
            )

    def learn(self, written: Written) -> None:
        """Takes in what other processes wrote of the same agents."""
        for agent in written.conflicts:
            self._directory.conflicts.pop(agent, None)
            known = self._directory.get(agent)
            if known is not None and known.state == "active":
                known.state = "conflict"
        for stored in written.ledgers:
            known = self._directory.get(stored.agent)
            if known is None or known.state == "conflict":
                continue
            ledger = known.ledgers.get(stored.epoch)
            if ledger is None:
                known.add(stored)
                continue
            try:
                row = stored.row()
                ledger.merge(row["acked_through"], row["beyond"], row["marks"])
            except Conflict as conflict:
                known.state = "conflict"
                self._directory.conflicts[known.id] = str(conflict)


def _sighting(known: Known) -> Sighting | None:
    if known.last_seen is None:
        return None
    newest = moment(known.last_sample_ms) if known.last_sample_ms else None
    return Sighting(
        known.id, known.last_seen, newest, known.clock_skew_s, known.address, known.version
    )
