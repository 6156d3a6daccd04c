"""Cut-over plans of projects: made from an address plan, submitted, approved by somebody else."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, BinaryIO

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.dated import SHANGHAI
from controller.inventory.naming import fold
from controller.inventory.sheet import UnreadableError, about_file, read_sheets
from controller.inventory.table import Table, read_table
from controller.inventory.units import subtree
from controller.moves.directory import Directory, Host, load_directory
from controller.moves.edge_graph import peer_text
from controller.moves.edge_links import Links, gather_links, of_hosts
from controller.moves.edge_set import EPOCH, day_number
from controller.moves.edge_views import load_sets
from controller.moves.plan_acl import End, Observed
from controller.moves.plan_checks import Around, Owner
from controller.moves.plan_make import Made, Seen, digest_of, make_plan
from controller.moves.plan_rows import COLUMNS
from controller.moves.projects import find_project, note_event
from controller.moves.tables import MoveNetwork, MovePlan, MoveProject
from controller.problems import NotFound, Problem

HOLDS = ("submitted", "approved")
"""States in which a plan's addresses are taken for other plans."""
LONGEST_WINDOW = timedelta(days=14)
MOST_SEEN = 200_000


def read_plan_file(file: BinaryIO, name: str, *, sheet: str = "") -> tuple[Table, str]:
    """The table of an address plan, and the file's SHA-256. Raises Problem 422."""
    try:
        table = read_table(read_sheets(file, name), COLUMNS, ("host",), sheet=sheet)
    except UnreadableError as error:
        raise Problem(422, "unreadable file", about_file(name, error)) from None
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    if table.unusable:
        told = "; ".join(error.message for error in table.errors[:5])
        raise Problem(422, "unreadable file", f"{name}: {told}")
    if not table.records:
        raise Problem(422, "unreadable file", f"{name}: no rows below the header")
    return table, digest.hexdigest()


def make(
    session: Session, project: MoveProject, table: Table, days: int, most: int, now: datetime
) -> Made:
    """The plan of a project from a table; nothing is written."""
    directory = load_directory(session, now)
    around = _around(session, project, directory, now)
    wanted = _meant(table, around)
    last = day_number(now.astimezone(SHANGHAI).date())
    sets = list(load_sets(session))
    links = gather_links(sets, directory, last - days + 1, last)
    places = np.array([host.place for host in wanted], np.int64)
    watched: dict[str, int] = {}
    by_id = {host.id: host.code for host in wanted}
    for resource_id, kept in sets:
        if resource_id in by_id:
            watched[by_id[resource_id]] = int(np.count_nonzero(kept.looks.sum(axis=0)))
    seen = list(_seen(of_hosts(links, places), directory, around.units))
    return make_plan(table, around, seen, watched, most=most)


def _around(session: Session, project: MoveProject, directory: Directory, now: datetime) -> Around:
    units = subtree(session, project.unit_id, now)
    hosts: dict[str, list[Host]] = defaultdict(list)
    owners: dict[str, Owner] = {}
    zones = {host.zone for host in directory.hosts}
    zone = project.target if project.target in zones else ""
    for host in directory.hosts:
        for key in {fold(host.code), fold(host.name), *map(fold, host.addresses)}:
            hosts[key].append(host)
        if not zone or host.zone in ("", zone):
            for address in host.addresses:
                known = owners.get(address)
                # Of two that bear it, another unit's is the graver.
                if known is None or known.unit_id in units:
                    owners[address] = Owner(host.code, host.unit_id, host.unit_name)
    for key, named in hosts.items():
        # A code goes before a name or an address that is spelt alike.
        exact = [host for host in named if fold(host.code) == key]
        hosts[key] = exact or named
    return Around(hosts, units, owners, _ranges(session, units), _planned(session, project))


def _ranges(session: Session, units: frozenset[int]) -> list[tuple[Any, str]]:
    rows = session.execute(
        select(MoveNetwork).where(
            col(MoveNetwork.retired).is_(None), col(MoveNetwork.vpn) == ""
        )
    ).scalars()  # fmt: skip
    return [
        (ip_network(prefix), network.name)
        for network in rows
        if network.unit_id not in units
        for prefix in network.prefixes
    ]


def _planned(session: Session, project: MoveProject) -> dict[str, str]:
    rows = session.execute(
        select(col(MovePlan.hosts), col(MoveProject.code))
        .join(MoveProject, col(MoveProject.id) == col(MovePlan.project_id))
        .where(col(MovePlan.state).in_(HOLDS), col(MovePlan.project_id) != project.id)
    ).all()
    return {
        host[name].split("/")[0]: code
        for hosts, code in rows
        for host in hosts
        for name in ("address", "address6")
        if host[name]
    }


def _meant(table: Table, around: Around) -> list[Host]:
    found: dict[str, Host] = {}
    for record in table.records:
        named = around.hosts.get(fold(str(record.values.get("host", ""))), ())
        if len(named) == 1:
            found[named[0].code] = named[0]
    return list(found.values())


def _seen(links: Links, directory: Directory, units: frozenset[int]) -> Iterator[Seen]:
    """Links as plain records, those met on most days first."""
    order = np.lexsort((links.port, -links.looks, -links.days))[:MOST_SEEN]
    links = links.taken(order)
    ends: dict[int, tuple[str, End]] = {}

    def end(number: int) -> tuple[str, End]:
        if number not in ends:
            ends[number] = _end(number, links, directory, units)
        return ends[number]

    for place in range(len(links)):
        client, server = end(int(links.client[place])), end(int(links.server[place]))
        if not client[1].address or not server[1].address:
            continue
        last = EPOCH + timedelta(days=int(links.last[place]))
        yield Seen(
            client[0], server[0],
            Observed(
                client[1], server[1], int(links.port[place]), int(links.days[place]),
                last.isoformat(), links.names[int(links.process[place])],
            ),
        )  # fmt: skip


def _end(number: int, links: Links, directory: Directory, units: frozenset[int]) -> tuple[str, End]:
    if number < 0:
        address = peer_text(links, number)
        own = directory.network_of(address) if address else None
        if own is None:
            return "", End(address, known=False)
        return "", End(address, own.name, own.unit_name, own=own.unit_id in units)
    host = directory.hosts[number]
    address = host.addresses[0] if host.addresses else ""
    own_host = host.unit_id in units
    return host.code, End(address, host.name, host.unit_name, host.system, own=own_host)


def keep_plan(
    session: Session, project: MoveProject, made: Made, *, file_name: str, sha256: str,
    days: int, by: str, now: datetime,
) -> MovePlan:  # fmt: skip
    """Keeps a plan as a draft. It takes the place of the project's drafts: what was handed in once
    stays as withdrawn, what never was is dropped, or every try would be kept for good."""
    if project.state != "open":
        raise Problem(409, "not open", f"project {project.code} is {project.state}")
    for draft in _of_project(session, project, ("draft", "refused")):
        if draft.submitted is None:
            session.delete(draft)
        else:
            draft.state = "withdrawn"
            session.add(draft)
    plan = MovePlan(
        project_id=project.id or 0, unit_id=project.unit_id, file_name=file_name[:200],
        sha256=sha256, digest=made.digest, at=now, by=by, edge_days=days, hosts=made.hosts,
        faults=[fault._asdict() for fault in made.faults], acl=made.acl, waves=made.waves,
        summary=made.summary,
    )  # fmt: skip
    session.add(plan)
    session.flush()
    text = f"方案 {plan.id}：{len(made.hosts)} 台主机，{made.blocking} 处错误"
    note_event(session, project, by, now, what="plan", step="cutover", text=text)
    return plan


def _of_project(
    session: Session, project: MoveProject, states: Sequence[str]
) -> Sequence[MovePlan]:
    return (
        session.execute(
            select(MovePlan).where(
                col(MovePlan.project_id) == project.id, col(MovePlan.state).in_(states)
            )
        )
        .scalars()
        .all()
    )


def find_plan(session: Session, scope: Scope, plan_id: int) -> MovePlan:
    """Raises NotFound, also for another unit's."""
    plan = session.get(MovePlan, plan_id)
    if plan is None or not scope.allows(plan.unit_id):
        raise NotFound("plan", str(plan_id))
    return plan


def project_code(session: Session, plan: MovePlan) -> str:
    """The code of the plan's project."""
    return session.get_one(MoveProject, plan.project_id).code


def submit(
    session: Session, scope: Scope, plan_id: int, begin: datetime, end: datetime, by: str,
    now: datetime,
) -> MovePlan:  # fmt: skip
    """Hands a plan in for approval, with its window. Raises NotFound, Problem 409, 422."""
    plan = find_plan(session, scope, plan_id)
    if plan.state not in ("draft", "refused"):
        raise Problem(409, "not a draft", f"plan {plan_id} is {plan.state}")
    blocking = sum(fault["severity"] == "blocker" for fault in plan.faults)
    if blocking:
        raise Problem(409, "plan has faults", f"{blocking} faults of plan {plan_id} must be mended")
    if not plan.hosts:
        raise Problem(409, "plan is empty", "no host of the register stands in it")
    if end <= begin or end <= now or end - begin > LONGEST_WINDOW:
        raise Problem(
            422, "bad window", "it must end after it begins, not lie in the past, and be at most "
            f"{LONGEST_WINDOW.days} days long",
        )  # fmt: skip
    plan.state, plan.submitted, plan.submitted_by = "submitted", now, by
    plan.window_from, plan.window_until = begin, end
    _noted(session, plan, by, now, "提交审批")
    return plan


def decide(
    session: Session, scope: Scope, plan_id: int, approve: bool, note: str, by: str, now: datetime
) -> MovePlan:
    """Approves or refuses a submitted plan. Whoever made or submitted it cannot: four eyes.

    An approved plan takes the place of one that was approved before. Raises NotFound, Problem 403,
    409, 422.
    """
    plan = find_plan(session, scope, plan_id)
    if plan.state != "submitted":
        raise Problem(409, "not submitted", f"plan {plan_id} is {plan.state}")
    if by in (plan.by, plan.submitted_by):
        raise Problem(403, "four eyes", "who made or submitted a plan cannot decide on it")
    if not approve and not note.strip():
        raise Problem(422, "say why", "a refusal needs a reason")
    if digest_of(plan.hosts) != plan.digest:
        raise Problem(409, "plan was changed", f"plan {plan_id} is not what was made: make it anew")
    project = session.get_one(MoveProject, plan.project_id)
    if approve:
        for before in _of_project(session, project, ("approved",)):
            before.state = "withdrawn"
            session.add(before)
    plan.state = "approved" if approve else "refused"
    plan.decided, plan.decided_by, plan.note = now, by, note[:500]
    _noted(session, plan, by, now, "批准" if approve else f"退回：{note}")
    return plan


def withdraw(session: Session, scope: Scope, plan_id: int, by: str, now: datetime) -> MovePlan:
    """Takes a plan back, whatever its state. Raises NotFound, Problem 409."""
    plan = find_plan(session, scope, plan_id)
    if plan.state == "withdrawn":
        raise Problem(409, "withdrawn already", f"plan {plan_id} is withdrawn")
    plan.state = "withdrawn"
    _noted(session, plan, by, now, "撤回")
    return plan


def _noted(session: Session, plan: MovePlan, by: str, now: datetime, text: str) -> None:
    session.add(plan)
    project = session.get_one(MoveProject, plan.project_id)
    told = f"方案 {plan.id} {text}"
    note_event(session, project, by, now, what="plan", step="cutover", text=told)


def runnable(plan: MovePlan, now: datetime) -> str:
    """Why a plan may not be carried out now; "" where it may."""
    if plan.state != "approved":
        return f"plan {plan.id} is {plan.state}, not approved"
    if plan.window_from is not None and now < plan.window_from:
        return f"its window begins at {plan.window_from.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if plan.window_until is not None and now >= plan.window_until:
        return f"its window ended at {plan.window_until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    return ""


def list_plans(
    session: Session, scope: Scope, *, project: str = "", state: str = ""
) -> list[tuple[MovePlan, str]]:
    """Plans with their project's code, the newest first; what is large in them is read
    only where it is asked for."""
    large: tuple[Any, ...] = (MovePlan.hosts, MovePlan.faults, MovePlan.acl, MovePlan.waves)
    statement = scope.limit(
        select(MovePlan, col(MoveProject.code))
        .options(*(defer(each) for each in large))
        .join(MoveProject, col(MoveProject.id) == col(MovePlan.project_id))
        .order_by(col(MovePlan.id).desc()),
        MovePlan.unit_id,
    )
    if project:
        found = find_project(session, scope, project)
        statement = statement.where(col(MovePlan.project_id) == found.id)
    if state:
        statement = statement.where(col(MovePlan.state) == state)
    return [(row[0], row[1]) for row in session.execute(statement).all()]
