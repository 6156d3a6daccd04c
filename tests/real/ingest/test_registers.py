"""What the door writes is the same in SQLite and PostgreSQL, also by several processes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from collectors.records import BatchId, Document
from controller.access.principal import Principal
from controller.access.scope import CITY
from controller.ingest import bookkeeping, documents, enrolment, set_aside
from controller.ingest.acknowledgements import Ledger
from controller.ingest.bookkeeping import Pending, Sighting
from controller.ingest.directory import MOST_EPOCHS, read_rows
from controller.ingest.documents import Delivery
from controller.ingest.enrolment import Machine
from controller.ingest.tables import Agent, AgentEpoch, EnrolmentToken, SetAside
from controller.problems import Problem
from controller.schema import metadata
from controller.store.relational import Database, connect
from tests.ingest_server import Identity, make_agents

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
OPS = Principal("wang", "ops", NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    engine = connect(url)
    metadata().create_all(engine)
    database = Database(engine)
    yield database
    database.close()


def write(database: Database, pending: Pending) -> bookkeeping.Written:
    with database.write() as session:
        return bookkeeping.write(session, pending, set_aside.Subjects(), NOW)


def ledger(agent: Identity, *stored: int, epoch: str = "e1", digest: str = "d") -> Ledger:
    made = Ledger(agent.id, epoch, NOW)
    for seq in stored:
        made.note(seq, digest, 5)
        made.store(seq)
    return made


def test_what_two_processes_stored_comes_together(database: Database) -> None:
    (agent,) = make_agents(database, 1)
    write(database, Pending(ledgers=[ledger(agent, 1, 2, 5).row()]))
    found = write(database, Pending(ledgers=[ledger(agent, 3, 7).row()]))
    assert [(each.acked_through, each.beyond) for each in found.ledgers] == [(3, [[5, 5], [7, 7]])]
    assert found.conflicts == {}
    with database.read() as session:
        row = session.exec(select(AgentEpoch)).one()
    assert (row.acked_through, row.beyond) == (3, [[5, 5], [7, 7]])


def test_content_that_two_processes_saw_differently_is_a_clone(database: Database) -> None:
    (agent,) = make_agents(database, 1)
    write(database, Pending(ledgers=[ledger(agent, 1, digest="d1").row()]))
    found = write(database, Pending(ledgers=[ledger(agent, 1, digest="d2").row()]))
    assert list(found.conflicts) == [agent.id]
    with database.read() as session:
        assert [row.state for row in read_rows(session)] == ["conflict"]
        assert [row.kind for row in session.exec(select(SetAside))] == ["clone"]


def test_old_epochs_are_forgotten(database: Database) -> None:
    (agent,) = make_agents(database, 1)
    for number in range(MOST_EPOCHS + 5):
        made = ledger(agent, 1, epoch=f"e{number}")
        made.first_seen = NOW + timedelta(hours=number)
        write(database, Pending(ledgers=[made.row()]))
    with database.read() as session:
        epochs = set(session.exec(select(AgentEpoch.epoch)))
    assert epochs == {f"e{number}" for number in range(5, MOST_EPOCHS + 5)}


def test_sightings_reach_the_agent_and_leave_what_they_do_not_say(database: Database) -> None:
    one, two = make_agents(database, 2)
    first = [
        Sighting(one.id, NOW, NOW - timedelta(minutes=1), 1.5, "10.0.0.1", ""),
        Sighting(two.id, NOW, None, None, "fd00::1", "9.9"),
    ]
    write(database, Pending(sightings=first))
    later = NOW + timedelta(minutes=1)
    write(database, Pending(sightings=[Sighting(one.id, later, None, None, "10.0.0.2", "")]))
    with database.read() as session:
        found = session.get(Agent, one.id)
        other = session.get(Agent, two.id)
    assert found is not None
    assert other is not None
    assert (found.last_seen, found.last_sample) == (later, NOW - timedelta(minutes=1))
    assert (found.clock_skew_s, found.address) == (1.5, "10.0.0.2")
    assert (other.last_sample, other.address, other.version) == (None, "fd00::1", "9.9")


def test_a_delivery_counts_once_however_often_and_by_whomever_it_is_taken_in(
    database: Database,
) -> None:
    (agent,) = make_agents(database, 1)
    loss: dict[str, Any] = {"reason": "cap", "rows": 5, "from_ms": 1_700_000_000_000, "to_ms": None}
    delivery = Delivery(
        BatchId(agent.id, "e1", 1), "d", [Document("loss", 0, loss), Document("facts", 0, {})], NOW
    )

    def deliver() -> None:
        with database.write() as session:
            documents.deliver(session, [delivery, delivery], set_aside.Subjects(), NOW)

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        (row,) = session.exec(select(SetAside)).all()
    assert (row.kind, row.subject, row.count) == ("loss", "cap", 5)


def test_later_facts_without_the_uuid_keep_the_one_that_is_known(database: Database) -> None:
    (agent,) = make_agents(database, 1)
    for seq, facts in enumerate(({"instance_uuid": "u-1", "n": 1}, {"instance_uuid": "", "n": 2})):
        delivery = Delivery(
            BatchId(agent.id, "e1", seq + 1), "d", [Document("facts", 0, facts)], NOW
        )
        with database.write() as session:
            documents.deliver(session, [delivery], set_aside.Subjects(), NOW)
    with database.read() as session:
        found = session.get(Agent, agent.id)
        assert found is not None
        assert (found.facts["instance_uuid"], found.facts["n"]) == ("u-1", 2)


def test_a_token_for_three_lets_three_in_when_twelve_come_at_once(database: Database) -> None:
    make_agents(database, 1)
    text = enrolment.create_token(
        database, CITY, "330100", 3, 1.0, False, OPS, NOW, "http://127.0.0.1", ""
    )
    assert text.startswith("yx1.")
    secret = "known"
    with database.write() as session:
        token = session.exec(select(EnrolmentToken)).one()
        token.token_hash = enrolment.hash_secret(secret)
        session.add(token)
    outcomes: list[int] = []

    def come(number: int) -> None:
        machine = Machine(secret, f"h{number}", f"m{number}", "", [], "", {})
        try:
            enrolment.enrol(database, machine, "", NOW)
            outcomes.append(200)
        except Problem as problem:
            outcomes.append(problem.status)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200] * 3 + [401] * 9
