"""Undoing a confirmed import: exactly what it changed, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from controller.inventory.holdings import SAMPLE_TABLE, mark_changed, read_holdings
from controller.inventory.lock import lock_registers
from controller.inventory.places import PlaceIds
from controller.ledger import pending, snapshot
from controller.ledger.imports import find_import
from controller.ledger.tables import PlatformImport
from controller.problems import Problem
from controller.said import say
from controller.store.samples import Samples


def undo(
    session: Session, samples: Samples, import_id: int, *, by: str, now: datetime
) -> PlatformImport:
    """Puts back every row that the confirmation changed and removes what it added.

    Raises Problem 409 where the import is not confirmed, or where something rests on it: a later
    correction or import, an agent or measurements of a resource that it brought.
    """
    lock_registers(session)
    run, _ = find_import(session, import_id)
    if run.state != "confirmed" or run.snapshot is None:
        raise Problem(
            409,
            "nothing to undo",
            say(
                f"import {run.id} is {run.state}, not confirmed",
                f"第 {run.id} 份清单并非已确认状态，没有可撤销的",
            ),
        )
    kept = snapshot.unpacked(run.snapshot)
    _unmeasured(samples, kept.created)
    pending.undo(session, kept.pending)
    touched = sorted(
        {
            row["resource_id"]
            for part in (kept.before, kept.after)
            for row in part["holding"].values()
        }
        - set(kept.created)
    )
    was = read_holdings(session, touched)
    # Read before the systems that the import brought are gone: their days change too.
    places = PlaceIds(session)
    snapshot.restore(session, kept)
    days = mark_changed(session, places, was, read_holdings(session, touched), now)
    run.state, run.undone, run.undone_by = "undone", now, by
    run.counts = {**run.counts, "days_marked": days}
    session.flush()
    return run


def _unmeasured(samples: Samples, created: Sequence[int]) -> None:
    """Raises Problem 409 if a resource that would go has measurements: they would be nobody's, and
    its number could come to mean another machine."""
    for start in range(0, len(created), 500):
        ids = ", ".join(str(int(key)) for key in created[start : start + 500])
        for name in (SAMPLE_TABLE, f"{SAMPLE_TABLE}_5m", f"{SAMPLE_TABLE}_coarse"):
            found = samples.query(f"SELECT count() AS n FROM {name} WHERE resource IN ({ids})")
            if int(found["n"][0]):
                raise Problem(
                    409,
                    "later changes rest on it",
                    say(
                        "resources that this import added have measurements already: retire "
                        "them in the register instead",
                        "这份清单新增的资源已有监测数据，不能撤销：请在台账中为其登记注销时间",
                    ),
                )
