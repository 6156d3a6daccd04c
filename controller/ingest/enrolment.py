"""How a machine becomes an agent: a token of a unit, then an identity of its own.

The token's text is ``yx1.<base64url of {"u": controller URL, "f": CA fingerprint, "t": secret}>``.
Only the SHA-256 of the secret is stored. Each use gives one agent with its own secret, which is
shown once and stored as its SHA-256.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlmodel import Session, col

from controller.access import audit
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.access.secrets import hash_secret, new_secret
from controller.ingest.authority import local_addresses
from controller.ingest.tables import Agent, EnrolmentToken
from controller.inventory.matching import create_resource_for_agent, match_resource
from controller.inventory.tables import Resource
from controller.inventory.units import find_unit, subtree
from controller.problems import NotFound, Problem
from controller.settings import Settings
from controller.store.relational import Database

MOST_USES = 10_000
MOST_HOURS = 24 * 366
SHOWN = 8
"""Characters of the secret that people see, to tell tokens apart."""
SUPERSEDE_AFTER = timedelta(minutes=10)
"""An agent silent this long may be replaced by another on the same machine without a person."""


class Enrolled(NamedTuple):
    """The identity of a new agent; ``secret`` is given this once."""

    agent: str
    secret: str
    state: str


class Machine(NamedTuple):
    """What a machine says of itself when it enrols."""

    token: str
    name: str
    machine_id: str
    instance_uuid: str
    addresses: list[str]
    version: str
    facts: dict[str, Any]

    def all_facts(self) -> dict[str, Any]:
        """The facts with what the resource is matched by."""
        return {
            **self.facts,
            "instance_uuid": self.instance_uuid,
            "addresses": self.addresses,
            "machine_id": self.machine_id,
        }


def controller_url(settings: Settings, asked: str) -> str:
    """Where agents reach the controller: as it is set, else as the administrator reached it.

    Over loopback (a command on the data folder, a browser on the host itself) that is an address
    no other host can use: then it is the one listened on, or this host's towards the network.
    """
    if settings.public_url:
        return settings.public_url.rstrip("/")
    listens = settings.host.strip("[]")
    if _is_loopback(listens) or not _is_loopback(urlsplit(asked).hostname or ""):
        return asked.rstrip("/")
    host = listens if listens not in _EVERYWHERE else _towards_network(listens)
    return f"https://{f'[{host}]' if ':' in host else host}:{settings.port}"


_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _towards_network(listens: str) -> str:
    """Our address for others, IPv4 before IPv6; our name where there is none."""
    hostname = socket.gethostname()
    addresses = [ip_address(each.partition("%")[0]) for each in local_addresses(hostname)]
    usable = [
        each
        for each in addresses
        if not each.is_loopback and (each.version == 4 or listens == "::")
    ]
    return str(min(usable, key=lambda each: each.version)) if usable else hostname


def token_text(url: str, fingerprint: str, secret: str) -> str:
    """What an administrator hands to the machine's owner."""
    told = json.dumps({"u": url, "f": fingerprint, "t": secret}, separators=(",", ":"))
    return "yx1." + base64.urlsafe_b64encode(told.encode()).decode("ascii").rstrip("=")


def create_token(
    database: Database,
    scope: Scope,
    unit_code: str,
    uses: int,
    hours: float,
    auto_approve: bool,
    by: Principal,
    now: datetime,
    url: str,
    fingerprint: str,
) -> str:
    """A new token's text. Raises NotFound for the unit, Problem 422 for its limits."""
    if not 1 <= uses <= MOST_USES:
        raise Problem(422, "bad token", f"uses is not between 1 and {MOST_USES}")
    if not 0 < hours <= MOST_HOURS:
        raise Problem(422, "bad token", f"hours is not between 0 and {MOST_HOURS}")
    if url.startswith("https://") and not fingerprint:
        raise Problem(409, "no CA", "the controller's CA is not known here; start it with TLS")
    secret = new_secret()
    with database.write() as session:
        unit = find_unit(session, scope, unit_code, now)
        token = EnrolmentToken(
            prefix=secret[:SHOWN],
            token_hash=hash_secret(secret),
            unit_id=unit.id,
            uses_left=uses,
            auto_approve=auto_approve,
            expires=now + timedelta(hours=hours),
            created=now,
            created_by=by.name,
        )
        session.add(token)
        session.flush()
        audit.record(
            session,
            by,
            "agent_token.create",
            token.prefix,
            detail={
                "unit": unit.code,
                "uses": uses,
                "hours": hours,
                "auto_approve": auto_approve,
            },
        )
    return token_text(url, fingerprint, secret)


def list_tokens(session: Session, scope: Scope) -> list[EnrolmentToken]:
    """The tokens of the units in scope, newest first."""
    statement = select(EnrolmentToken).order_by(col(EnrolmentToken.id).desc())
    return list(session.execute(scope.limit(statement, col(EnrolmentToken.unit_id))).scalars())


def revoke_token(
    database: Database, scope: Scope, token_id: int, by: Principal, now: datetime
) -> EnrolmentToken:
    """Ends a token; agents that enrolled with it stay. Raises NotFound."""
    with database.write() as session:
        token = session.get(EnrolmentToken, token_id)
        if token is None or not scope.allows(token.unit_id):
            raise NotFound("token", str(token_id))
        if token.revoked is None:
            token.revoked = now
            audit.record(session, by, "agent_token.revoke", token.prefix)
        return token


def enrol(database: Database, request: Machine, address: str, now: datetime) -> Enrolled:
    """Makes an agent of a machine that shows a token. Raises Problem 401."""
    secret = new_secret()
    with database.write() as session:
        token = session.execute(
            select(EnrolmentToken)
            .where(col(EnrolmentToken.token_hash) == hash_secret(request.token))
            .with_for_update()
        ).scalar()
        if token is None or token.id is None:
            raise refused("the token is unknown; ask for a new one")
        if token.revoked is not None:
            raise refused("the token was revoked; ask for a new one")
        if token.expires <= now:
            raise refused("the token has expired; ask for a new one")
        again = _unanswered(session, token.id, request)
        if again is not None:
            # The first answer was lost on its way: the same machine gets a new secret.
            again.secret_hash = hash_secret(secret)
            session.add(again)
            return Enrolled(again.id, secret, again.state)
        used = session.execute(
            update(EnrolmentToken)
            .where(col(EnrolmentToken.id) == token.id, col(EnrolmentToken.uses_left) > 0)
            .values(uses_left=col(EnrolmentToken.uses_left) - 1)
        )
        if used.rowcount != 1:  # type: ignore[attr-defined]
            raise refused("the token is used up; ask for a new one")
        agent = Agent(
            id=secrets.token_hex(16),
            name=request.name,
            secret_hash=hash_secret(secret),
            unit_id=token.unit_id,
            version=request.version,
            machine_id=request.machine_id,
            facts=request.all_facts(),
            enrolled=now,
            address=address,
            token_id=token.id,
        )
        session.add(agent)
        session.flush()
        principal = Principal(
            name=f"agent:{request.name}"[:64], role="agent", at=now, address=address
        )
        if token.auto_approve:
            bind(session, agent, now, f"token {token.prefix}", alone=True)
        audit.record(
            session,
            principal,
            "agent.enrol",
            agent.id,
            detail={"token": token.prefix, "name": agent.name, "state": agent.state},
        )
        return Enrolled(agent.id, secret, agent.state)


def _unanswered(session: Session, token_id: int, request: Machine) -> Agent | None:
    """The agent this machine became with this token and never spoke as."""
    if not request.machine_id:
        return None
    return session.execute(
        select(Agent)
        .where(
            col(Agent.token_id) == token_id,
            col(Agent.machine_id) == request.machine_id,
            col(Agent.name) == request.name,
            col(Agent.last_seen).is_(None),
            col(Agent.state) != "revoked",
        )
        .order_by(col(Agent.enrolled).desc())
        .limit(1)
    ).scalar()


def bind(session: Session, agent: Agent, now: datetime, by: str, *, alone: bool = False) -> None:
    """Lets an agent send, for the resource that its machine is; made where none fits.

    Another agent of that resource gives way. ``alone``: no person decided; an agent that is
    alive on the resource then keeps it, and the new one waits for approval.
    """
    facts = agent.facts
    uuid = str(facts.get("instance_uuid") or "") or None
    addresses = [str(each) for each in facts.get("addresses") or []]
    units = subtree(session, agent.unit_id, now) | {agent.unit_id}
    resource = session.get(Resource, agent.resource_id) if agent.resource_id else None
    if resource is None:
        resource = match_resource(session, uuid, addresses, now, unit_ids=units)
    others = _others(session, agent, resource)
    if alone and any(
        o.last_seen is not None and o.last_seen > now - SUPERSEDE_AFTER for o in others
    ):
        return
    if resource is None:
        resource = _create_resource(session, agent, uuid, addresses, now)
    for other in others:
        other.state = "revoked"
        session.add(other)
    agent.resource_id = resource.id
    agent.state = "active"
    agent.approved_by = by
    session.add(agent)
    session.flush()


def _others(session: Session, agent: Agent, resource: Resource | None) -> list[Agent]:
    if resource is None:
        return []
    return list(
        session.execute(
            select(Agent).where(
                col(Agent.resource_id) == resource.id,
                col(Agent.id) != agent.id,
                col(Agent.state) != "revoked",
            )
        ).scalars()
    )


def _create_resource(
    session: Session, agent: Agent, uuid: str | None, addresses: list[str], now: datetime
) -> Resource:
    facts = agent.facts
    system, cpu = facts.get("os"), facts.get("cpu")
    words = [system.get("name"), system.get("version")] if isinstance(system, dict) else [system]
    logical = cpu.get("logical") if isinstance(cpu, dict) else None
    return create_resource_for_agent(
        session,
        name=agent.name,
        unit_id=agent.unit_id,
        instance_uuid=uuid,
        addresses=addresses,
        os=" ".join(str(word) for word in words if word)[:200],
        vcpu=_size(logical),
        mem_bytes=_size(facts.get("mem_total_bytes")),
        disk_bytes=_size(facts.get("disk_total_bytes")),
        now=now,
        demo=agent.demo,
    )


def _size(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e18:
        return float(value)
    return None


def refused(detail: str) -> Problem:
    return Problem(401, "token refused", detail, headers={"WWW-Authenticate": "Bearer"})
