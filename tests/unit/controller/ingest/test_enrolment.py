"""A machine becomes an agent by a token of a unit; who may send is decided within a scope."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.access.tables import AuditEntry
from controller.ingest import agents, enrolment, set_aside
from controller.ingest.enrolment import Enrolled, Machine
from controller.ingest.tables import Agent, EnrolmentToken, SetAside
from controller.inventory.tables import Holding, Resource, Unit, UnitVersion
from controller.problems import NotFound, Problem
from controller.schema import metadata
from controller.settings import Settings
from controller.store.relational import Database, connect

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
OPS = Principal("wang", "ops", NOW)
UUID = "6f1d0c1e-4a8f-4a44-9a26-1e5d6fb9a001"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Two units; vm-a is held by the first, vm-b by the second."""
    engine = connect(f"sqlite:///{tmp_path / 'test.db'}")
    metadata().create_all(engine)
    database = Database(engine)
    with database.write() as session:
        for number, code in ((1, "A"), (2, "B")):
            session.add(Unit(id=number, code=code, created=EVER))
            session.flush()
            session.add(UnitVersion(unit_id=number, name=f"单位{code}", since=EVER))
            session.add(
                Resource(
                    id=number, code=f"vm-{code.lower()}", name=code, created=EVER,
                    ip=f"10.0.0.{number}", instance_uuid=UUID if code == "A" else None,
                )
            )  # fmt: skip
            session.flush()
            session.add(Holding(resource_id=number, since=EVER, unit_id=number))
    yield database
    database.close()


def token(database: Database, unit: str = "A", **options: Any) -> str:
    """The secret inside a new token."""
    wanted: dict[str, Any] = {"uses": 1, "hours": 24.0, "auto_approve": False, **options}
    text = enrolment.create_token(
        database,
        CITY,
        unit,
        **wanted,
        by=OPS,
        now=NOW,
        url="https://yx:8090",
        fingerprint="ab" * 32,
    )
    encoded = text.removeprefix("yx1.")
    told = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    assert (told["u"], told["f"]) == ("https://yx:8090", "ab" * 32)
    return str(told["t"])


def machine(secret: str, **said: Any) -> Machine:
    wanted: dict[str, Any] = {
        "name": "host-1", "machine_id": "m1", "instance_uuid": "", "addresses": [],
        "version": "0.1.0", "facts": {"os": {"name": "openEuler", "version": "22.03"}}, **said,
    }  # fmt: skip
    return Machine(token=secret, **wanted)


def enrol(database: Database, secret: str, now: datetime = NOW, **said: Any) -> Enrolled:
    return enrolment.enrol(database, machine(secret, **said), "10.0.0.9", now)


def agent_of(database: Database, agent_id: str) -> Agent:
    with database.read() as session:
        agent = session.get(Agent, agent_id)
        assert agent is not None
        return agent


def refusal(database: Database, secret: str, **options: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        enrol(database, secret, **options)
    return caught.value


def test_an_enrolled_agent_waits_for_approval_and_then_measures_the_resource_it_is(
    database: Database,
) -> None:
    made = enrol(database, token(database), instance_uuid=UUID.upper())
    assert made.state == "pending"
    view = agents.approve(database, CITY, made.agent, OPS, NOW)
    assert (view.state, view.resource_code, view.unit_code) == ("active", "vm-a", "A")


def test_auto_approve_binds_at_once_and_an_unknown_machine_becomes_a_resource(
    database: Database,
) -> None:
    made = enrol(database, token(database, auto_approve=True), facts={"cpu": {"logical": 8}})
    assert made.state == "active"
    resource = agent_of(database, made.agent).resource_id
    with database.read() as session:
        found = session.get(Resource, resource)
        holding = session.exec(select(Holding).where(Holding.resource_id == resource)).one()
    assert found is not None
    assert found.code == "host-1"
    assert (holding.unit_id, holding.vcpu) == (1, 8.0)


def test_a_token_of_one_unit_opens_no_resource_of_another(database: Database) -> None:
    made = enrol(database, token(database, auto_approve=True), addresses=["10.0.0.2"])
    assert agent_of(database, made.agent).resource_id not in (1, 2)
    other = enrol(
        database, token(database, "B", auto_approve=True), instance_uuid=UUID, name="host-2"
    )
    assert agent_of(database, other.agent).resource_id not in (1, 2)


@pytest.mark.parametrize("secret", ["", "x", "y" * 200])
def test_an_unknown_token_is_refused(database: Database, secret: str) -> None:
    problem = refusal(database, secret)
    assert (problem.status, problem.title) == (401, "token refused")
    assert "unknown" in problem.detail


def test_an_expired_a_revoked_and_a_used_up_token_are_refused_each_with_its_reason(
    database: Database,
) -> None:
    secret = token(database)
    assert "expired" in refusal(database, secret, now=NOW + timedelta(hours=24)).detail
    enrol(database, secret)
    assert "used up" in refusal(database, secret, machine_id="m2").detail
    with database.read() as session:
        first = agents.token_views(session, CITY, NOW)[0]
    agents.revoke_token(database, CITY, first.id, OPS, NOW)
    assert "revoked" in refusal(database, secret).detail


def test_a_token_for_three_makes_three_agents(database: Database) -> None:
    secret = token(database, uses=3)
    made = {enrol(database, secret, machine_id=f"m{n}").agent for n in range(3)}
    assert len(made) == 3
    assert "used up" in refusal(database, secret, machine_id="m4").detail


def test_a_machine_whose_answer_was_lost_gets_its_identity_again_until_it_has_spoken(
    database: Database,
) -> None:
    secret = token(database)
    first = enrol(database, secret)
    second = enrol(database, secret)
    assert second.agent == first.agent
    assert second.secret != first.secret
    with database.write() as session:
        agent = session.get(Agent, first.agent)
        assert agent is not None
        agent.last_seen = NOW
    assert "used up" in refusal(database, secret).detail


def test_only_hashes_of_secrets_are_stored(database: Database, tmp_path: Path) -> None:
    secret = token(database)
    made = enrol(database, secret)
    database.close()
    dump = (tmp_path / "test.db").read_bytes()
    assert secret.encode() not in dump
    assert made.secret.encode() not in dump


def test_a_new_agent_on_the_same_machine_replaces_the_silent_one(database: Database) -> None:
    old = enrol(database, token(database, auto_approve=True), instance_uuid=UUID)
    new = enrol(database, token(database, auto_approve=True), instance_uuid=UUID, machine_id="m2")
    assert agent_of(database, old.agent).state == "revoked"
    assert agent_of(database, new.agent).state == "active"


def test_nobody_takes_the_place_of_an_agent_that_is_alive_without_a_person(
    database: Database,
) -> None:
    old = enrol(database, token(database, auto_approve=True), instance_uuid=UUID)
    with database.write() as session:
        agent = session.get(Agent, old.agent)
        assert agent is not None
        agent.last_seen = NOW - timedelta(minutes=1)
    new = enrol(database, token(database, auto_approve=True), instance_uuid=UUID, machine_id="m2")
    assert new.state == "pending"
    assert agent_of(database, old.agent).state == "active"
    agents.approve(database, CITY, new.agent, OPS, NOW)
    assert agent_of(database, old.agent).state == "revoked"


def test_a_revoked_agent_is_not_let_in_again(database: Database) -> None:
    made = enrol(database, token(database))
    agents.revoke(database, CITY, made.agent, OPS, NOW)
    with pytest.raises(Problem, match="enrol it again"):
        agents.approve(database, CITY, made.agent, OPS, NOW)


def test_after_a_conflict_the_agent_keeps_its_resource(database: Database) -> None:
    made = enrol(database, token(database, auto_approve=True))
    resource = agent_of(database, made.agent).resource_id
    with database.write() as session:
        agent = session.get(Agent, made.agent)
        assert agent is not None
        agent.state = "conflict"
    agents.approve(database, CITY, made.agent, OPS, NOW)
    assert agent_of(database, made.agent).state == "active"
    assert agent_of(database, made.agent).resource_id == resource


def test_another_units_agents_tokens_and_events_look_like_none(database: Database) -> None:
    made = enrol(database, token(database, "A"))
    with database.write() as session:
        counts: dict[set_aside.Key, set_aside.Count] = {}
        set_aside.merge(counts, set_aside.LOSS, made.agent, "cap", 3, NOW)
        set_aside.write(session, counts, set_aside.Subjects())
    own, other = Scope(frozenset({1})), Scope(frozenset({2}))
    with database.read() as session:
        for scope, number in ((own, 1), (other, 0), (CITY, 1)):
            assert len(agents.list_agents(session, scope, NOW)) == number
            assert len(agents.token_views(session, scope, NOW)) == number
            assert len(agents.list_set_aside(session, scope, NOW)) == number
        assert agents.get_agent(session, own, made.agent, NOW).losses == 3
        with pytest.raises(NotFound):
            agents.get_agent(session, other, made.agent, NOW)
        token_id = session.exec(select(EnrolmentToken.id)).one()
    assert token_id is not None
    for call in (agents.approve, agents.revoke):
        with pytest.raises(NotFound):
            call(database, other, made.agent, OPS, NOW)
    with pytest.raises(NotFound):
        agents.revoke_token(database, other, token_id, OPS, NOW)
    with pytest.raises(NotFound):
        enrolment.create_token(database, other, "A", 1, 1.0, False, OPS, NOW, "http://x", "")


@pytest.mark.parametrize(("uses", "hours"), [(0, 1.0), (10_001, 1.0), (1, 0.0), (1, 1e9)])
def test_a_token_has_limits(database: Database, uses: int, hours: float) -> None:
    with pytest.raises(Problem) as caught:
        token(database, uses=uses, hours=hours)
    assert caught.value.status == 422


def test_every_decision_leaves_an_audit_row(database: Database) -> None:
    made = enrol(database, token(database))
    agents.approve(database, CITY, made.agent, OPS, NOW)
    agents.revoke(database, CITY, made.agent, OPS, NOW)
    with database.read() as session:
        actions = [entry.action for entry in session.exec(select(AuditEntry))]
    assert actions == ["agent_token.create", "agent.enrol", "agent.approve", "agent.revoke"]


def test_what_is_set_aside_adds_up_and_stays_bounded(database: Database) -> None:
    subjects = set_aside.Subjects()
    for number in range(3 * set_aside.MOST_SUBJECTS):
        counts: dict[set_aside.Key, set_aside.Count] = {}
        at = NOW + timedelta(minutes=number)
        set_aside.merge(counts, set_aside.UNKNOWN_COLUMN, "a", f"new_{number}\n", 2, at)
        set_aside.merge(counts, set_aside.FUTURE, "a", "", 1, at, at, at)
        with database.write() as session:
            set_aside.write(session, counts, subjects)
    with database.read() as session:
        rows = session.exec(select(SetAside)).all()
    assert len(rows) == set_aside.MOST_SUBJECTS + 2
    assert sum(row.count for row in rows if row.kind == set_aside.UNKNOWN_COLUMN) == 300
    (future,) = [row for row in rows if row.kind == set_aside.FUTURE]
    assert (future.count, future.from_time) == (150, NOW)
    assert future.to_time == future.last_seen == NOW + timedelta(minutes=149)
    assert "\n" not in "".join(row.subject for row in rows)


@pytest.mark.parametrize(
    ("settings", "asked", "told"),
    [
        # On the host itself, of a server that others reach: an address that others can use.
        ({"host": "0.0.0.0"}, "https://127.0.0.1:8090/", "https://10.1.2.3:8090"),
        ({"host": "::"}, "https://[::1]:8090/", "https://10.1.2.3:8090"),
        ({"host": "10.9.9.9", "port": 443}, "https://localhost:443/", "https://10.9.9.9:443"),
        ({"host": "fd00::9"}, "http://127.0.0.1:33333/", "https://[fd00::9]:8090"),
        # As the administrator reached it.
        ({"host": "0.0.0.0"}, "https://yunxun.example:8090/", "https://yunxun.example:8090"),
        ({"host": "127.0.0.1"}, "http://127.0.0.1:8090/", "http://127.0.0.1:8090"),
        # As it is set.
        (
            {"host": "::", "public_url": "https://y.example/"},
            "https://[::1]:1/",
            "https://y.example",
        ),
    ],
)
def test_a_token_names_an_address_that_other_hosts_can_reach(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], asked: str, told: str
) -> None:
    addresses = ["127.0.1.1", "fd00::7", "10.1.2.3"]
    monkeypatch.setattr(enrolment, "local_addresses", lambda _hostname: addresses)
    assert enrolment.controller_url(Settings(**settings), asked) == told


def test_a_host_with_ipv6_alone_is_named_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "local_addresses", lambda _hostname: ["::1", "fd00::7"])
    assert (
        enrolment.controller_url(Settings(host="::"), "https://[::1]:8090")
        == "https://[fd00::7]:8090"
    )
