"""The register of departments' own networks, and how much of them the extranet carries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.naming import fold
from controller.inventory.resources import unit_names
from controller.inventory.tables import Unit
from controller.inventory.units import find_unit, list_units
from controller.moves.model import Carried, NetworkIn, NetworkView
from controller.moves.tables import MoveNetwork, MoveProject, MoveStep
from controller.problems import NotFound, Problem
from controller.said import Said, say

SECRET_WORDS = re.compile(r"涉密|机密|绝密|秘密级")


def refuse_classified(name: str, classified: bool) -> Said | None:
    """Why a network must not be registered; None where it may. The text names nothing of it."""
    if not classified and not SECRET_WORDS.search(name):
        return None
    return say(
        "a classified network must not be registered: this system holds unclassified networks "
        "only; nothing of this row is stored, remove it and keep it by the rules of secrecy",
        "涉密网络不得登记：本系统只登记非涉密网络，本行内容不会保存；请删除该行，并按保密规定另行管理",
    )


def canonical_prefixes(texts: Iterable[str]) -> list[str]:
    """Ranges in canonical form, once each. Raises ValueError naming the bad one."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(ip_network(text.strip(), strict=True))] = None
        except ValueError:
            try:
                meant = ip_network(text.strip(), strict=False)
            except ValueError:
                raise ValueError(
                    say(f"{text!r} is no address range: write e.g. 172.20.8.0/22",
                        f"“{text}”不是网段：请填写如 172.20.8.0/22")
                ) from None  # fmt: skip
            raise ValueError(
                say(f"{text!r} has host bits: did you mean {meant}?",
                    f"“{text}”带有主机位：是否应为 {meant}？")
            ) from None  # fmt: skip
    return list(found)


def list_networks(
    session: Session,
    scope: Scope,
    now: datetime,
    *,
    text: str = "",
    disposition: str | None = None,
    unit_ids: frozenset[int] | None = None,
) -> list[NetworkView]:
    """Networks in force, by code. ``disposition`` "" is those not decided yet; None is all."""
    statement = scope.limit(
        select(MoveNetwork, col(Unit.code))
        .join(Unit, col(Unit.id) == col(MoveNetwork.unit_id))
        .where(col(MoveNetwork.retired).is_(None))
        .order_by(col(MoveNetwork.code)),
        MoveNetwork.unit_id,
    )
    if disposition is not None:
        statement = statement.where(col(MoveNetwork.disposition) == disposition)
    if unit_ids is not None:
        statement = statement.where(col(MoveNetwork.unit_id).in_(sorted(unit_ids)))
    rows = session.execute(statement).all()
    names = unit_names(session, {row[0].unit_id for row in rows}, now)
    projects = _newest_projects(session)
    signed, _ = signed_and_retired(session)
    wanted = fold(text)
    found = []
    for network, unit_code in rows:
        name = names.get(network.unit_id, unit_code)
        if wanted and wanted not in fold(
            f"{network.code} {network.name} {name} {' '.join(network.lines)} "
            f"{' '.join(network.prefixes)}"
        ):
            continue
        project = projects.get(network.id)
        found.append(
            NetworkView(
                **network.model_dump(exclude={"by", "retired"}),
                unit_code=unit_code,
                unit_name=name,
                carried=network.id in signed,
                project=project.code if project else "",
                project_state=project.state if project else "",
            )
        )
    return found


def find_network(session: Session, scope: Scope, code: str) -> MoveNetwork:
    """Raises NotFound, also for one of another unit and one that is no longer kept."""
    network: MoveNetwork | None = session.execute(
        select(MoveNetwork).where(
            col(MoveNetwork.code) == code.strip(), col(MoveNetwork.retired).is_(None)
        )
    ).scalar_one_or_none()
    if network is None or not scope.allows(network.unit_id):
        raise NotFound("network", code)
    return network


def put_network(
    session: Session, scope: Scope, given: NetworkIn, by: str, now: datetime
) -> MoveNetwork:
    """Registers or changes a network. Raises NotFound for the unit, Problem 422."""
    refused = refuse_classified(given.name, given.classified)
    if refused is not None:
        raise Problem(422, "classified network", refused)
    unit = find_unit(session, scope, given.unit, now)
    try:
        prefixes = canonical_prefixes(given.prefixes)
    except ValueError as error:
        raise Problem(422, "bad range", str(error)) from None
    values = given.model_dump(exclude={"unit", "classified", "code"})
    values |= {"unit_id": unit.id, "prefixes": prefixes}
    return write_network(session, given.code, values, by, now)


def write_network(
    session: Session, code: str, values: dict[str, Any], by: str, now: datetime
) -> MoveNetwork:
    """Writes what was checked; a code that was retired comes back."""
    network = session.execute(
        select(MoveNetwork).where(col(MoveNetwork.code) == code)
    ).scalar_one_or_none()
    if network is None:
        network = MoveNetwork(code=code, name=code, unit_id=values["unit_id"], updated=now)
    for name, value in values.items():
        setattr(network, name, value)
    network.updated, network.by, network.retired = now, by, None
    session.add(network)
    session.flush()
    return network


def retire_network(session: Session, scope: Scope, code: str, by: str, now: datetime) -> None:
    """Takes a network out of the register. Raises NotFound, Problem 409 where a project runs."""
    network = find_network(session, scope, code)
    running = session.execute(
        select(col(MoveProject.code)).where(
            col(MoveProject.network_id) == network.id, col(MoveProject.state) == "open"
        )
    ).scalars().first()  # fmt: skip
    if running is not None:
        raise Problem(409, "project runs", f"project {running} moves it: end or cancel it first")
    network.retired, network.by = now, by
    session.add(network)
    session.flush()


def _newest_projects(session: Session) -> dict[int, MoveProject]:
    rows = session.execute(select(MoveProject).order_by(col(MoveProject.id))).scalars()
    return {project.network_id: project for project in rows}


def signed_and_retired(session: Session) -> tuple[set[int], set[int]]:
    """Networks whose unit has signed off, and those of them whose line is retired too."""
    rows = session.execute(
        select(col(MoveProject.network_id), col(MoveStep.step))
        .join(MoveStep, col(MoveStep.project_id) == col(MoveProject.id))
        .where(
            col(MoveProject.state) != "cancelled",
            col(MoveStep.step).in_(("sign_off", "line_retired")),
            col(MoveStep.state) == "done",
        )
    ).all()
    signed = {network for network, step in rows if step == "sign_off"}
    return signed, {n for n, step in rows if step == "line_retired" and n in signed}


def carried_by(
    session: Session, scope: Scope, now: datetime, by: str
) -> tuple[Carried, list[Carried]]:
    """一网承载率: the whole, and each county or unit (``by``), worst first among those with
    networks to move. A unit that belongs to no county is the city's own (市直)."""
    networks = list_networks(session, scope, now)
    _, retired = signed_and_retired(session)
    groups: dict[str, Carried] = {}
    group_of = _counties(session, scope, now) if by == "county" else None
    for network in networks:
        key, name = (
            group_of.get(network.unit_code, ("", "市直")) if group_of is not None
            else (network.unit_code, network.unit_name)
        )  # fmt: skip
        _count(groups.setdefault(key, Carried(key=key, name=name)), network, retired)
    whole = Carried(key="", name="全市")
    for network in networks:
        _count(whole, network, retired)
    for each in (whole, *groups.values()):
        _rate(each)
    rows = sorted(
        groups.values(),
        key=lambda g: (g.rate_pct is None, g.rate_pct or 0.0, -g.to_move, g.key),
    )
    return whole, rows


def _counties(session: Session, scope: Scope, now: datetime) -> dict[str, tuple[str, str]]:
    """Unit code -> its county's code and name."""
    units = list_units(session, scope, now)
    by_code = {unit.code: unit for unit in units}
    found: dict[str, tuple[str, str]] = {}
    for unit in units:
        above: str | None = unit.code
        while above is not None and (seen := by_code.get(above)) is not None:
            if seen.kind in ("county", "park"):
                found[unit.code] = (seen.code, seen.name)
                break
            above = seen.parent_code
    return found


def _count(group: Carried, network: NetworkView, retired: set[int]) -> None:
    group.networks += 1
    group.cost_year += network.cost_year or 0.0
    if network.disposition == "keep":
        group.kept += 1
        return
    if not network.disposition:
        group.undecided += 1
        return
    group.to_move += 1
    group.hosts_to_move += network.hosts or 0
    if network.carried:
        group.carried += 1
        group.hosts_carried += network.hosts or 0
    if network.id in retired:
        group.cost_saved_year += network.cost_year or 0.0


def _rate(group: Carried) -> None:
    if group.to_move:
        group.rate_pct = 100.0 * group.carried / group.to_move
    if group.hosts_to_move:
        group.hosts_rate_pct = 100.0 * group.hosts_carried / group.hosts_to_move


def network_sheet(networks: Sequence[NetworkView]) -> tuple[list[str], list[list[object]]]:
    """Heads and rows of the register as its import takes them."""
    words = {
        "business": "业务专网", "office": "办公网", "video": "视频网", "iot": "物联网",
        "other": "其他", "migrate": "迁移", "keep": "保留", "merge": "撤并", "": "",
    }  # fmt: skip
    heads = ["编码", "名称", "单位", "类型", "处置", "主机数", "年费用", "网段", "VPN", "专线",
             "联系人", "备注"]  # fmt: skip
    rows: list[list[object]] = [
        [n.code, n.name, n.unit_name, words[n.kind], words[n.disposition], n.hosts, n.cost_year,
         "、".join(n.prefixes), n.vpn, "、".join(n.lines), n.contact, n.note]
        for n in networks
    ]  # fmt: skip
    return heads, rows
