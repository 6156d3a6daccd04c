"""Plans that switch IPv6 on: an inventory for playbooks/enable_ipv6.yml, and before against after.

The address of a host is its IPv4 address written behind the prefix (10.20.0.42 in 2408::/64 is
2408::10:20:0:42), as address plans of networks with both versions commonly do: it is unique where
the IPv4 address is, and people can read it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index
from controller.inventory.tables import Resource
from controller.ipv6.readiness import Subject, list_hosts
from controller.ipv6.subjects import HOST, read_row
from controller.ipv6.tables import Ipv6Plan
from controller.problems import NotFound, Problem

MOST_HOSTS = 500
MOST_PLANS = 200
INTERFACE = re.compile(r"[A-Za-z0-9_.@-]{1,15}")
HEAD = """\
# {name}
# ansible-playbook enable_ipv6.yml -i this-file.yml -b --check    (shows what would change)
# ansible-playbook enable_ipv6.yml -i this-file.yml -b            (changes; backed up on the target)
"""


class PlanIn(BaseModel):
    """``prefix``: of the static addresses, at most 64 bits; "" leaves addressing to router
    advertisements and only switches IPv6 on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "交通局第一批", "resources": ["vm-0042"],
                        "prefix": "2408:8000:1:2::/64", "gateway": "2408:8000:1:2::1"}
        },
    )  # fmt: skip

    name: str = Field(min_length=1, max_length=200)
    resources: list[str] = Field(min_length=1, max_length=MOST_HOSTS)
    prefix: str = Field("", max_length=64)
    gateway: str = Field("", max_length=64)
    interface: str = Field("", max_length=32, pattern=r"^[\w.@-]*$")


class PlanHost(BaseModel):
    """A host of a plan: how it stood when the plan was made, and how it stands now."""

    code: str
    name: str
    v4: str
    address: str
    before: float | None
    after: float | None
    lost_before: list[str]
    lost_after: list[str]
    told_since: bool
    """Whether its agent has read it since."""


class PlanView(BaseModel):
    """A plan with its comparison; ``ready``: hosts that pass now, ``better``: that gained."""

    id: int
    name: str
    created: datetime
    by: str
    before: float | None
    after: float | None
    ready: int
    better: int
    hosts: list[PlanHost]


def make_plan(
    session: Session, scope: Scope, asked: PlanIn, index: Index, by: str, now: datetime
) -> Ipv6Plan:
    """Keeps a plan of these hosts. Raises NotFound for one that is not there, Problem 422."""
    prefix = _prefix(asked.prefix)
    gateway = _gateway(asked.gateway, prefix)
    known = {host.code: host for host in list_hosts(session, scope, index, now)}
    wrong, hosts = [], []
    for code in dict.fromkeys(each.strip() for each in asked.resources):
        host = known.get(code)
        if host is None:
            raise NotFound("host", code)
        v4 = _v4(session, host)
        if not v4:
            wrong.append(code)
            continue
        hosts.append(
            {
                "ref": host.ref, "code": code, "name": host.name, "unit_id": host.unit_id,
                "v4": v4, "address": address_in(prefix, v4) if prefix is not None else "",
                "interface": asked.interface or (_interface(session, host) if prefix else ""),
                "gateway": gateway, "score": host.score, "lost": host.lost(),
            }
        )  # fmt: skip
    if wrong:
        told = ", ".join(wrong[:10])
        raise Problem(422, "no address", f"the register has no IPv4 address of {told}")
    plan = Ipv6Plan(name=asked.name, created=now, by=by, hosts=hosts)
    session.add(plan)
    session.flush()
    old = session.exec(select(Ipv6Plan).order_by(col(Ipv6Plan.id).desc()).offset(MOST_PLANS))
    for each in old.all():
        session.delete(each)
    return plan


def _prefix(text: str) -> ipaddress.IPv6Network | None:
    if not text:
        return None
    try:
        network = ipaddress.IPv6Network(text)
    except ValueError as error:
        raise Problem(422, "bad prefix", f"{text}: {error}") from None
    if network.prefixlen > 64:
        raise Problem(422, "bad prefix", f"{text}: an IPv4 address needs the last 64 bits")
    return network


def _gateway(text: str, prefix: ipaddress.IPv6Network | None) -> str:
    if not text:
        return ""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise Problem(422, "bad gateway", f"{text}: {error}") from None
    if prefix is not None and address not in prefix and not address.is_link_local:
        raise Problem(422, "bad gateway", f"{text} is neither in {prefix} nor link-local")
    return str(address)


def address_in(prefix: ipaddress.IPv6Network, v4: str) -> str:
    """The IPv4 address written behind the prefix, with the prefix's length."""
    tail = sum(int(part, 16) << (16 * (3 - place)) for place, part in enumerate(v4.split(".")))
    return f"{prefix.network_address + tail}/{prefix.prefixlen}"


def _v4(session: Session, host: Subject) -> str:
    resource = session.get(Resource, host.ref)
    for text in (resource.ip if resource is not None else "").split(","):
        try:
            return str(ipaddress.IPv4Address(text.strip()))
        except ValueError:
            continue
    return ""


def _interface(session: Session, host: Subject) -> str:
    """The only interface that has an IPv6 address of any kind; "" where that is not plain."""
    row = read_row(session, HOST, host.ref)
    told = (row.document if row else {}).get("addresses", [])
    names = {
        str(each.get("interface"))
        for each in (told if isinstance(told, list) else [])
        if isinstance(each, dict)
    }
    name = names.pop() if len(names) == 1 else ""
    # The host said it, and ansible takes what stands in an inventory for a template.
    return name if INTERFACE.fullmatch(name) else ""


def inventory(plan: Ipv6Plan) -> str:
    """The inventory in YAML; every value is written as JSON, which YAML includes."""
    name = " ".join(plan.name.split())
    lines = [HEAD.format(name=name), "all:", "  hosts:"]
    for host in plan.hosts:
        lines.append(f"    {json.dumps(host['code'], ensure_ascii=False)}:")
        values = {
            "ansible_host": host["v4"],
            "enable_ipv6_address": host["address"],
            "enable_ipv6_interface": host["interface"],
            "enable_ipv6_gateway": host["gateway"],
        }
        lines += [f"      {key}: {json.dumps(value)}" for key, value in values.items() if value]
    return "\n".join(lines) + "\n"


def read_plan(session: Session, scope: Scope, plan_id: int) -> Ipv6Plan:
    """Raises NotFound, also where one of its hosts is another's."""
    plan = session.get(Ipv6Plan, plan_id)
    if plan is None or not all(scope.allows(host["unit_id"]) for host in plan.hosts):
        raise NotFound("plan", str(plan_id))
    return plan


def list_plans(session: Session, scope: Scope, index: Index, now: datetime) -> list[PlanView]:
    """Plans of which every host may be seen, the newest first."""
    rows = session.exec(select(Ipv6Plan).order_by(col(Ipv6Plan.id).desc())).all()
    seen = [row for row in rows if all(scope.allows(host["unit_id"]) for host in row.hosts)]
    hosts = list_hosts(session, scope, index, now) if seen else []
    return [compare(row, hosts, index) for row in seen]


def compare(plan: Ipv6Plan, hosts: Sequence[Subject], index: Index) -> PlanView:
    """Before against now, host by host."""
    known = {host.ref: host for host in hosts}
    lines = []
    for each in plan.hosts:
        now = known.get(each["ref"])
        lines.append(
            PlanHost(
                code=each["code"],
                name=each["name"],
                v4=each["v4"],
                address=each["address"],
                before=each["score"],
                after=now.score if now else None,
                lost_before=each["lost"],
                lost_after=now.lost() if now else [],
                told_since=bool(now and now.at and now.at > plan.created),
            )
        )
    return PlanView(
        id=plan.id or 0,
        name=plan.name,
        created=plan.created,
        by=plan.by,
        before=_mean([line.before for line in lines]),
        after=_mean([line.after for line in lines]),
        ready=sum(line.after is not None and line.after >= index.good for line in lines),
        better=sum(line.after is not None and line.after > (line.before or 0.0) for line in lines),
        hosts=lines,
    )


def _mean(scores: list[float | None]) -> float | None:
    known: list[Any] = [score for score in scores if score is not None]
    return round(sum(known) / len(known), 2) if known else None
