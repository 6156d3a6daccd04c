"""The audit log: one chain, whoever writes, and every tampering is found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text
from sqlmodel import select

from controller.access import audit
from controller.access.principal import local_principal
from controller.access.tables import AuditEntry
from controller.store.relational import Database

from .conftest import Clock


def _write(database: Database, clock: Clock, count: int) -> None:
    for number in range(count):
        with database.write() as session:
            audit.record(
                session,
                local_principal(clock.now),
                "user.create",
                f"user {number}",
                detail={"单位": "交通局", "n": number, "share": 0.1, "at": clock.now},
            )
        clock.advance(microseconds=1234)


def test_an_untouched_log_is_intact(database: Database, clock: Clock) -> None:
    _write(database, clock, 5)
    with database.read() as session:
        verdict = audit.verify(session)
        last = session.exec(select(AuditEntry).order_by(AuditEntry.id.desc())).first()  # type: ignore[union-attr]
    assert (verdict.rows, verdict.broken) == (5, None)
    assert last is not None
    assert verdict.head == last.chain


def _change(connection: Connection) -> None:
    connection.execute(text("UPDATE audit_entry SET actor = 'somebody else' WHERE id = 3"))


def _change_detail(connection: Connection) -> None:
    connection.execute(text("""UPDATE audit_entry SET detail = '{"n": 7}' WHERE id = 3"""))


def _backdate(connection: Connection) -> None:
    connection.execute(text("UPDATE audit_entry SET at = '2020-01-01 00:00:00' WHERE id = 3"))


def _remove(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit_entry WHERE id = 3"))


def _remove_first(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit_entry WHERE id = 1"))


def _swap(connection: Connection) -> None:
    for old, new in ((3, 999), (4, 3), (999, 4)):
        connection.execute(
            text("UPDATE audit_entry SET id = :new WHERE id = :old"), {"new": new, "old": old}
        )


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        (_change, 3),
        (_change_detail, 3),
        (_backdate, 3),
        (_remove, 4),
        (_remove_first, 2),
        (_swap, 3),
    ],
)
def test_tampering_is_found_and_the_row_named(
    database: Database, clock: Clock, tamper: Callable[[Connection], None], broken: int
) -> None:
    _write(database, clock, 5)
    with database.engine.begin() as connection:
        tamper(connection)
    with database.read() as session:
        assert audit.verify(session).broken == broken


def test_many_writers_at_once_make_one_chain(database: Database, clock: Clock) -> None:
    failures: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(8):
                with database.write() as session:
                    by = replace(local_principal(clock.now), name=name)
                    audit.record(session, by, "login", f"{name} {number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with database.read() as session:
        verdict = audit.verify(session)
    assert (verdict.rows, verdict.broken) == (32, None)


def test_an_action_that_fails_leaves_no_row(database: Database, clock: Clock) -> None:
    def act() -> None:
        with database.write() as session:
            audit.record(session, local_principal(clock.now), "user.create", "user x")
            raise RuntimeError("the action itself failed")

    with pytest.raises(RuntimeError):
        act()
    with database.read() as session:
        assert audit.verify(session).rows == 0


def test_the_list_pages_backwards_and_filters(database: Database, clock: Clock) -> None:
    _write(database, clock, 5)
    with database.read() as session:
        first = audit.list_entries(session, limit=2)
        rest = audit.list_entries(session, limit=10, before_id=first[-1].id)
        assert [entry.object for entry in first] == ["user 4", "user 3"]
        assert [entry.object for entry in rest] == ["user 2", "user 1", "user 0"]
        assert audit.list_entries(session, action="user.") == [*first, *rest]
        assert audit.list_entries(session, action="login") == []
        assert audit.list_entries(session, action="%") == []
