"""Finding devices: only in ranges that were registered for it, only in their time, never faster
than allowed; what answers is proposed, and a person decides."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.ingest.downlink import touch
from controller.ingest.tables import Agent, AgentTask
from controller.ingest.tasks import TaskKind, create_task
from controller.network.credentials import find as find_credential
from controller.network.credentials import opened, sealer_of
from controller.network.tables import Device, DeviceProposal, ScanRange, SnmpCredential
from controller.network.told import word
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

MOST_ADDRESSES = 65_536
MOST_CREDENTIALS = 5
MOST_PROPOSALS = 20_000

Network = IPv4Network | IPv6Network


def parse_range(text: str) -> Network:
    """A range to scan. Raises Problem 422."""
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        raise Problem(422, "bad range", f"{text!r} is no range such as 10.1.0.0/24") from None
    if found.num_addresses > MOST_ADDRESSES:
        raise Problem(
            422, "range too large",
            f"{found} has {found.num_addresses} addresses; at most {MOST_ADDRESSES}: take parts",
        )  # fmt: skip
    return found


def allowed(session: Session, network: str, wanted: Network, now: datetime) -> ScanRange:
    """The registered range that holds ``wanted`` and is open now. Raises Problem 403."""
    rows = session.execute(select(ScanRange).where(col(ScanRange.network) == network)).scalars()
    holding = [
        row
        for row in rows
        if (known := ip_network(row.cidr)).version == wanted.version and wanted.subnet_of(known)  # type: ignore[arg-type]
    ]
    if not holding:
        raise Problem(
            403, "range not registered",
            f"{wanted} is in no range that is registered for scanning"
            + (f" in network {network}" if network else "")
            + "; register it with: yunxun device ranges add",
        )  # fmt: skip
    open_now: list[ScanRange] = [row for row in holding if row.since <= now < row.until]
    if not open_now:
        row = holding[0]
        raise Problem(
            403, "outside the window",
            f"{row.cidr} may be scanned from {row.since.isoformat(timespec='minutes')} to "
            f"{row.until.isoformat(timespec='minutes')} only",
        )  # fmt: skip
    return max(open_now, key=lambda row: ip_network(row.cidr).prefixlen)


def begin(
    session: Session,
    agent: Agent,
    wanted: str,
    network: str,
    credentials: list[str],
    by: str,
    now: datetime,
    port: int = 161,
) -> AgentTask:
    """Asks a poller to scan; the caller writes the audit row. Raises Problem."""
    if not 1 <= len(credentials) <= MOST_CREDENTIALS:
        raise Problem(422, "bad discovery", f"name 1 to {MOST_CREDENTIALS} credentials to try")
    found = parse_range(wanted)
    row = allowed(session, network, found, now)
    for name in credentials:
        find_credential(session, name)
    hours = min(24.0, (row.until - now).total_seconds() / 3600)
    body = {
        "range": str(found),
        "network": network,
        "port": port,
        "rate_per_s": row.rate_per_s,
        "until_ms": int(row.until.timestamp() * 1000),
        "credentials": credentials,
    }
    task = create_task(session, agent, SCAN_TASK, body, by, now, hours)
    touch(session, [agent.id])
    return task


def fill(
    runtime: Runtime, session: Session, agent: Agent, body: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """The task as it is handed over: with the credentials, if the range is still open."""
    del agent
    allowed(session, str(body["network"]), parse_range(str(body["range"])), now)
    sealer = sealer_of(runtime.settings)
    given = {}
    for name in body["credentials"]:
        row = find_credential(session, str(name))
        given[row.name] = opened(sealer, row)
    return {**body, "credentials": given}


def finished(session: Session, task: AgentTask, now: datetime) -> None:
    """Proposes what a scan found, unless it is known or was decided on.

    Only what was asked for is taken: an address of the range, at the port, that answered to one of
    the credentials. The rest is counted in the task's error.
    """
    found = (task.result or {}).get("found")
    if not isinstance(found, list):
        return
    network, asked = str(task.body.get("network", "")), task.body.get("credentials") or []
    wanted, port = ip_network(str(task.body["range"])), int(task.body.get("port") or 161)
    names = dict(session.execute(select(col(SnmpCredential.name), col(SnmpCredential.id))).all())
    strange = 0
    for each in found[:MOST_PROPOSALS]:
        address = _within(wanted, port, each)
        if address is None:
            strange += 1
            continue
        key: dict[str, Any] = {"network": network, "address": address, "port": port}
        if session.execute(select(col(Device.id)).filter_by(**key)).first():
            continue
        row = session.execute(select(DeviceProposal).filter_by(**key)).scalar()
        row = row or DeviceProposal(**key, found=now)
        row.found, row.agent_id = now, task.agent_id
        told = str(each.get("credential"))
        row.credential_id = names.get(told) if told in asked else None
        for name, most in (
            ("sys_object_id", 128), ("sys_name", 200), ("sys_descr", 500), ("vendor", 64),
            ("profile", 40),
        ):  # fmt: skip
            setattr(row, name, word(each, name, most))
        session.add(row)
    if strange:
        task.error = f"{strange} answers outside the range that was asked for were not taken"
        session.add(task)
    session.flush()


def _within(wanted: Network, port: int, each: Any) -> str | None:
    """The address in canonical form, if it is one of the range; None for what was not asked."""
    if not isinstance(each, dict) or each.get("port", 161) != port:
        return None
    try:
        address = ip_address(str(each.get("address")))
    except ValueError:
        return None
    return str(address) if address.version == wanted.version and address in wanted else None


SCAN_TASK = TaskKind("snmp_scan", role="poller", fill=fill, finished=finished)


def proposal(session: Session, number: int) -> DeviceProposal:
    """One proposal. Raises NotFound."""
    row = session.get(DeviceProposal, number)
    if row is None:
        raise NotFound("proposal", str(number))
    return row
