"""Vantage points: pollers that look at the sites from the extranet and from the internet.

A poller fetches what to scan as an assignment, and sends each reading home as a document. It may
send readings only of the vantage point it holds.
"""

from __future__ import annotations

import ipaddress
import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func
from sqlmodel import Session, col, select

from collectors.records import Document
from controller.ingest.documents import DocumentKind
from controller.ingest.downlink import AssignmentKind, touch
from controller.ingest.tables import Agent, AgentTask
from controller.ingest.tasks import MOST_BODY_BYTES, TaskKind, create_task
from controller.ipv6.index import load_index
from controller.ipv6.reading import ReadingIn
from controller.ipv6.sites import store_readings
from controller.ipv6.tables import Ipv6Reading, Ipv6Site, Ipv6Vantage
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

ROLE = "poller"
SCAN = "ipv6_scan"
READING = "ipv6_reading"
MOST_BYTES = 200_000
MOST_TASK_BYTES = MOST_BODY_BYTES - (8 << 10)
"""Of the sites of a task, whose body is bounded; further sites come with the next regular scan."""
MOST_VANTAGES = 20


class VantageIn(BaseModel):
    """``agent``: the poller's id or name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"agent": "poller-1", "every_h": 24, "dns": ["10.1.1.53"],
                        "allow": ["10.0.0.0/8", "fd00::/8"]}
        },
    )  # fmt: skip

    agent: str = Field(min_length=1, max_length=200)
    every_h: float = Field(24.0, ge=1, le=168)
    dns: list[str] = Field(default_factory=list, max_length=8)
    allow: list[str] = Field(default_factory=list, max_length=50)


class VantageView(BaseModel):
    """A vantage point, who looks from it, and when it was last heard of."""

    name: str
    agent: str
    agent_name: str
    every_h: float
    dns: list[str]
    allow: list[str]
    newest: datetime | None
    sites: int
    """With a reading from here."""


def put_vantage(session: Session, name: str, given: VantageIn, now: datetime) -> None:
    """Makes or changes a vantage point. Raises NotFound for the agent, Problem 409, 422."""
    agent = _agent(session, given.agent)
    for network in given.allow:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise Problem(422, "bad network", f"allow: {error}") from None
    for server in given.dns:
        try:
            ipaddress.ip_address(server.partition("#")[0])
        except ValueError as error:
            raise Problem(422, "bad name server", f"dns: {error}") from None
    known = session.exec(select(Ipv6Vantage).where(col(Ipv6Vantage.name) == name)).first()
    if known is None:
        count = session.exec(select(func.count()).select_from(Ipv6Vantage)).one()
        if count >= MOST_VANTAGES:
            raise Problem(409, "too many vantage points", f"there are {count} already")
        known = Ipv6Vantage(name=name, agent_id=agent.id, changed=now)
    before = known.agent_id
    known.agent_id, known.every_h, known.changed = agent.id, given.every_h, now
    known.dns, known.allow = list(given.dns), list(given.allow)
    session.add(known)
    session.flush()
    touch(session, {before, agent.id})


def _agent(session: Session, wanted: str) -> Agent:
    found = session.exec(
        select(Agent).where((col(Agent.id) == wanted) | (col(Agent.name) == wanted))
    ).all()
    if len(found) != 1:
        raise NotFound("agent", wanted)
    if not found[0].holds(ROLE):
        raise Problem(
            409, "role missing",
            f"agent {found[0].name} is no approved poller; give it the role first",
        )  # fmt: skip
    return found[0]


def delete_vantage(session: Session, name: str) -> None:
    """No more scans from there; its readings stay. Raises NotFound."""
    found = find_vantage(session, name)
    touch(session, {found.agent_id})
    session.delete(found)


def find_vantage(session: Session, name: str) -> Ipv6Vantage:
    """Raises NotFound."""
    found = session.exec(select(Ipv6Vantage).where(col(Ipv6Vantage.name) == name)).first()
    if found is None:
        raise NotFound("vantage point", name)
    return found


def list_vantages(session: Session) -> list[VantageView]:
    """Every vantage point by name."""
    rows = session.execute(
        select(
            Ipv6Reading.vantage,
            func.max(col(Ipv6Reading.at)),
            func.count(col(Ipv6Reading.site_id).distinct()),
        ).group_by(col(Ipv6Reading.vantage))
    )
    seen = {name: (newest, sites) for name, newest, sites in rows}
    found = session.exec(
        select(Ipv6Vantage, Agent)
        .join(Agent, col(Agent.id) == col(Ipv6Vantage.agent_id))
        .order_by(col(Ipv6Vantage.name))
    )
    views = []
    for vantage, agent in found:
        newest, sites = seen.get(vantage.name, (None, 0))
        views.append(
            VantageView(
                name=vantage.name,
                agent=agent.id,
                agent_name=agent.name,
                every_h=vantage.every_h,
                dns=vantage.dns,
                allow=vantage.allow,
                newest=newest,
                sites=sites,
            )
        )
    return views


def give(runtime: Runtime, session: Session, agent: Agent, now: datetime) -> list[dict[str, Any]]:
    """What this poller is to scan."""
    del runtime
    mine = session.exec(select(Ipv6Vantage).where(col(Ipv6Vantage.agent_id) == agent.id))
    return [_body(session, vantage, now) for vantage in mine.all()]


def _body(session: Session, vantage: Ipv6Vantage, now: datetime) -> dict[str, Any]:
    sites = session.exec(
        select(col(Ipv6Site.code), col(Ipv6Site.url))
        .where(col(Ipv6Site.retired).is_(None))
        .order_by(col(Ipv6Site.code))
    ).all()
    newest = session.exec(
        select(func.max(col(Ipv6Reading.at))).where(col(Ipv6Reading.vantage) == vantage.name)
    ).one()
    body: dict[str, Any] = {
        "vantage": vantage.name,
        "sites": [{"code": code, "url": url} for code, url in sites],
        "dns": vantage.dns,
        "allow": vantage.allow,
        "every_s": vantage.every_h * 3600,
    }
    if newest is not None:
        body["age_s"] = max(0.0, (now - newest).total_seconds())
    return body


def scan_now(session: Session, name: str, by: str, now: datetime) -> AgentTask:
    """Asks the poller for a scan at once. Raises NotFound, Problem 409."""
    vantage = find_vantage(session, name)
    agent = session.get(Agent, vantage.agent_id)
    if agent is None:
        raise NotFound("agent", vantage.agent_id)
    body = _body(session, vantage, now)
    body["sites"] = _first(body["sites"])
    if not body["sites"]:
        raise Problem(409, "no sites", "register sites first")
    task = create_task(session, agent, SCAN_SITES, body, by, now, hours=6)
    touch(session, {agent.id})
    return task


def _first(sites: list[dict[str, str]]) -> list[dict[str, str]]:
    """As many sites as a task may name."""
    left = MOST_TASK_BYTES
    for count, site in enumerate(sites):
        left -= len(json.dumps(site, ensure_ascii=False).encode()) + 2
        if left < 0:
            return sites[:count]
    return sites


SCAN_SITES = TaskKind(SCAN, ROLE)
SITES_ASSIGNMENT = AssignmentKind("ipv6_sites", give, ROLE)


def reading_kind(index_path: str) -> DocumentKind:
    """Readings of sites, judged by the index at ``index_path`` ("": the one that is shipped)."""

    def take(session: Session, agent: Agent, document: Document, now: datetime) -> None:
        try:
            reading = ReadingIn.model_validate(document.body)
        except ValidationError as error:
            raise ValueError(f"no reading: {error.errors()[0]['msg']}") from None
        vantage = find_vantage(session, reading.vantage)
        if vantage.agent_id != agent.id:
            raise ValueError(f"vantage point {reading.vantage} is another poller's")
        store_readings(session, [reading], load_index(index_path), agent.name, now)

    return DocumentKind(READING, take, MOST_BYTES)
