"""From bundles to rows of judgements: one host, any number of target profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from controller.inventory.register_tables import SystemRecord
from controller.problems import Problem
from controller.readiness import packing
from controller.readiness.tables import (
    ReadinessApproval,
    ReadinessHost,
    ReadinessJudgement,
    ReadinessProject,
    ReadinessRun,
)
from playbooks.judge.bundle import Bundle
from playbooks.judge.check import InputError, choose_profiles
from playbooks.judge.engine import judge_many
from playbooks.judge.profiles import Profile
from playbooks.judge.results import Judgement, Verdict, Waiver, worst
from playbooks.judge.rules import Rule, RuleError, load_rules, select_rules


@cache
def catalogue() -> dict[str, Rule]:
    """The rules, read once a process: they are part of the release."""
    return load_rules()


def chosen_rules(areas: Sequence[str]) -> dict[str, Rule]:
    """Raises Problem 422 for an area that there is not."""
    try:
        return select_rules(catalogue(), areas)
    except RuleError as error:
        raise Problem(422, "bad area", str(error)) from None


def chosen_profiles(names: Sequence[str]) -> list[Profile | None]:
    """Raises Problem 422 for a profile that there is not."""
    try:
        return choose_profiles(names)
    except InputError as error:
        raise Problem(422, "bad profile", str(error)) from None


def context_of(session: Session, project: ReadinessProject, host: ReadinessHost) -> dict[str, Any]:
    """What the judge is told besides the bundle: the project's inputs, its window and approval,
    and what the register knows of the host's system. What is given by hand goes first."""
    told: dict[str, Any] = {}
    approvals = session.scalars(
        select(ReadinessApproval)
        .where(col(ReadinessApproval.project_id) == project.id)
        .order_by(col(ReadinessApproval.id).desc())
    ).first()
    if project.window_from and project.window_until:
        agreed = approvals is not None and approvals.decision == "approved"
        told["window"] = {
            "approved_by": approvals.by if agreed and approvals else "",
            "start": project.window_from.isoformat(),
            "end": project.window_until.isoformat(),
            "hours": (project.window_until - project.window_from).total_seconds() / 3600,
        }
    record = session.get(SystemRecord, host.system_id) if host.system_id else None
    if record is not None:
        dates = {"restore_test": record.last_drill, "crypto_assessment": record.crypto_assessed}
        known = {name: at.date().isoformat() for name, at in dates.items() if at}
        if known:
            told["register"] = known
    own = dict(project.context)
    by_host = own.pop("hosts", {})
    mine = by_host.get(host.name, {}) if isinstance(by_host, Mapping) else {}
    return {**told, **own, **mine}


def judge_host(
    bundle: Bundle | None,
    host: str,
    reason: str,
    rules: Mapping[str, Rule],
    profiles: Sequence[Profile | None],
    waivers: Sequence[Waiver],
    now: datetime,
    context: Mapping[str, Any],
) -> list[Judgement]:
    """One judgement a profile; without a bundle each is unknown and says why."""
    if bundle is not None:
        return judge_many(bundle, rules, profiles, waivers, now, context)
    return [
        Judgement(asset=host, profile=one.id if one else "", results=(), notes={"reason": reason})
        for one in profiles
    ]


def keep(
    session: Session,
    run: ReadinessRun,
    host: ReadinessHost,
    judgements: Iterable[Judgement],
    now: datetime,
) -> None:
    """Writes a host's judgements as the newest of their profiles. A host that could not be
    collected does not hide what was known of it: its older judgement stays the newest."""
    for judgement in judgements:
        old = session.scalars(
            select(ReadinessJudgement).where(
                col(ReadinessJudgement.host_id) == host.id,
                col(ReadinessJudgement.profile) == judgement.profile,
                col(ReadinessJudgement.latest).is_(True),
            )
        ).first()
        newest = bool(judgement.results) or old is None or not old.grid
        row = ReadinessJudgement(
            run_id=run.id or 0, project_id=run.project_id, host_id=host.id or 0,
            profile=judgement.profile, at=now, bundle=judgement.notes.get("bundle", ""),
            verdict="", latest=newest, results=b"",
        )  # fmt: skip
        packing.fill(row, judgement)
        if newest and old is not None:
            session.execute(
                update(ReadinessJudgement)
                .where(col(ReadinessJudgement.id) == old.id)
                .values(latest=False)
            )
        session.add(row)
    session.flush()


def totals(session: Session, run_id: int) -> dict[str, Any]:
    """Counts of a run from its rows: verdicts, letters, open blockers, coverage 0-1."""
    rows = session.execute(
        select(
            col(ReadinessJudgement.verdict),
            col(ReadinessJudgement.blockers),
            col(ReadinessJudgement.majors),
            col(ReadinessJudgement.coverage),
            col(ReadinessJudgement.grid),
        ).where(col(ReadinessJudgement.run_id) == run_id)
    ).all()
    verdicts: dict[str, int] = {}
    letters: dict[str, int] = {}
    for verdict, _blockers, _majors, _share, signs in rows:
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        for sign in signs.values():
            letters[sign] = letters.get(sign, 0) + 1
    shares = [share for _, _, _, share, _ in rows if share is not None]
    return {
        "verdict": worst(Verdict(verdict) for verdict in verdicts).value,
        "judgements": len(rows),
        "verdicts": verdicts,
        "letters": letters,
        "blockers": sum(row[1] for row in rows),
        "majors": sum(row[2] for row in rows),
        "coverage": sum(shares) / len(shares) if shares else None,
        "evaluated": sum(letters.get(sign, 0) for sign in "PFW"),
    }
