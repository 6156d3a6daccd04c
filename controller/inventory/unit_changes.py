"""Merges, splits, renames and moves of units from a date on, and taking one back.

What a unit held before the date stays its own and counts for it; what it held from then on is its
successor's. So a report over the date is right on both sides. A change keeps what it found and
what it left, and can be undone as long as nothing of that was changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from controller.inventory.holdings import Held, read_holdings, write_holdings
from controller.inventory.lock import lock_registers
from controller.inventory.tables import UnitChange
from controller.inventory.timeline import change
from controller.inventory.unit_draft import Draft, Outcome, Paper, Part
from controller.inventory.unit_records import (
    bring_back,
    forget_unit,
    packed_holdings,
    packed_places,
    unpacked_holdings,
    unpacked_places,
)
from controller.inventory.unit_state import (
    UnitPlan,
    read_units,
    write_units,
)
from controller.problems import NotFound, Problem
from controller.said import say


def merge(
    session: Session, sources: Sequence[str], into: Part, effective: datetime, paper: Paper
) -> Outcome:
    """Units ``sources`` become ``into`` (one of them, another, or a new one) on ``effective``.

    Raises NotFound, Problem 422.
    """
    draft = Draft(session, effective)
    ended = [code for code in dict.fromkeys(sources) if code != into.code]
    if not ended:
        raise Problem(
            422,
            "nothing to merge",
            say(
                "name at least one unit besides the one they become",
                "请选择并入的单位，且不能是该单位自己",
            ),
        )
    like = draft.current(ended[0])
    if like.parent in ended:
        like = replace(like, parent=draft.current(like.parent or "").parent)
    draft.bring(into, like)
    draft.before = draft.held_by(ended)
    gone = {draft.state(code).id for code in ended}
    target = draft.id_of(into.code)
    outcome = Outcome("merge", ended, [into.code])
    for code in ended:
        draft.end(code)
    outcome.moved_units = [c for c in draft.children(set(ended)) if c not in ended]
    draft.adopt([c for c in outcome.moved_units if c != into.code], into.code)
    if into.code in outcome.moved_units:  # it stood below one of them
        draft.alter(into.code, parent=like.parent)
        outcome.moved_units.remove(into.code)

    def move(held: Held) -> Held:
        return replace(held, unit_id=target) if held.unit_id in gone else held

    draft.after = {key: change(spans, effective, None, move) for key, spans in draft.before.items()}
    return draft.finish("merge", outcome, paper)


def split(
    session: Session,
    source: str,
    parts: Sequence[Part],
    effective: datetime,
    paper: Paper,
    *,
    rest: str = "",
) -> Outcome:
    """Unit ``source`` is split into ``parts`` on ``effective``.

    What no part names goes to the part (or the source itself) of code ``rest``; without one,
    anything left over is an error. The source ends unless it is ``rest`` or a part.
    Raises NotFound, Problem 422.
    """
    draft = Draft(session, effective)
    like = draft.current(source)
    codes = [part.code for part in parts]
    if len(set(codes)) != len(codes) or not codes:
        raise Problem(
            422,
            "unclear parts",
            say("name at least one part, each code once", "请至少填写一个部分，编码不得重复"),
        )
    if rest and rest not in (*codes, source):
        raise Problem(
            422,
            "unclear rest",
            say(
                f"rest {rest!r} is neither a part nor {source!r}",
                f"“其余归”填的 {rest} 既不是拆分出的部分，也不是 {source}",
            ),
        )
    for part in parts:
        if part.code != source:
            draft.bring(part, like)
    draft.before = draft.held_by([source])
    source_id = draft.state(source).id
    ids = {code: draft.id_of(code) for code in (source, *codes)}
    by_system = {name: ids[part.code] for part in parts for name in part.systems}
    by_resource = {key: ids[part.code] for part in parts for key in part.resources}
    left: set[int] = set()
    for key, spans in draft.before.items():

        def move(held: Held, key: int = key) -> Held:
            if held.unit_id != source_id:
                return held
            to = by_resource.get(key) or by_system.get(held.system) or ids.get(rest)
            if to is None:
                left.add(key)
            return replace(held, unit_id=to or held.unit_id)

        draft.after[key] = change(spans, effective, None, move)
    if left:
        raise Problem(
            422,
            "left over",
            say(
                f"{len(left)} resources of {source!r} are in no part: give their systems or "
                "codes to parts, or name the part that takes the rest",
                f"{source} 有 {len(left)} 项资源不属于任何部分：请写明其业务系统归谁，"
                "或指定其余归谁",
            ),
        )
    outcome = Outcome("split", [], [*codes])
    named = {child for part in parts for child in part.units}
    for part in parts:
        draft.adopt(part.units, part.code)
        outcome.moved_units += part.units
    if source not in (rest, *codes):
        loose = [c for c in draft.children({source}) if c not in named and c not in codes]
        if loose and not rest:
            raise Problem(
                422,
                "left over",
                say(
                    f"units below {source!r} are in no part: {', '.join(loose[:10])}",
                    f"{source} 的下属单位不属于任何部分：{'、'.join(loose[:10])}",
                ),
            )
        draft.adopt(loose, rest)
        outcome.moved_units += loose
        draft.end(source)
        outcome.ended = [source]
    return draft.finish("split", outcome, paper)


def reshape(
    session: Session, code: str, effective: datetime, paper: Paper, wanted: Part
) -> Outcome:
    """Another name, parent or kind from ``effective`` on. Raises NotFound, Problem 422."""
    draft = Draft(session, effective)
    place = draft.current(code)
    draft.bring(replace(wanted, code=code), place)
    if draft.state(code) == draft.plan.before.get(code):
        raise Problem(
            422,
            "nothing to change",
            say("give another name, parent or kind", "名称、上级与类型都没有变化"),
        )
    kind = "rename" if wanted.name and wanted.name != place.name else "move"
    return draft.finish(kind, Outcome(kind, [], [code]), paper)


def undo(session: Session, change_id: int, by: str, now: datetime) -> tuple[UnitChange, int]:
    """Takes a change back; gives it and the resource-days that say something else.

    Raises NotFound; Problem 409 where it was undone already or what it left was changed since.
    """
    lock_registers(session)
    row = session.get(UnitChange, change_id)
    if row is None:
        raise NotFound("change", str(change_id))
    if row.undone is not None:
        raise Problem(
            409,
            "undone already",
            say(f"by {row.undone_by} at {row.undone.isoformat()}", f"{row.undone_by} 已撤销过"),
        )
    states = read_units(session)
    kept: Mapping[str, list[Any]] = row.detail["units"]
    changed = [
        code for code, (_, after) in kept.items() if packed_places(states.get(code)) != after
    ]
    held = {int(key): spans for key, spans in row.detail["holdings"].items()}
    current = read_holdings(session, sorted(held))
    moved = [
        key for key, (_, after) in held.items() if packed_holdings(current.get(key, ())) != after
    ]
    if changed or moved:
        what = ", ".join(changed[:5]) or f"{len(moved)} resources"
        raise Problem(
            409,
            "changed since",
            say(
                f"{what} changed after this {row.kind}: undo or correct the later change first",
                f"这次变更之后又有改动（{what}）：请先撤销或更正后来的改动",
            ),
        )
    plan = UnitPlan(states)
    for code, (before, _) in kept.items():
        plan.after[code] = replace(states[code], places=unpacked_places(before))
    back = {key: unpacked_holdings(before) for key, (before, _) in held.items()}
    marked = write_holdings(session, current, back, now)
    write_units(session, plan, now)
    bring_back(session, row.detail.get("records", []))
    for code in row.detail.get("fresh", []):
        forget_unit(session, code)
    row.undone, row.undone_by = now, by
    session.add(row)
    session.flush()
    return row, marked
