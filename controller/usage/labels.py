"""The words and the order of a report's rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from controller.inventory.tables import BusinessSystem, Resource, Site, Zone
from controller.usage.held import Held
from controller.usage.view import View

FEW = 500
"""Rows that are picked by key; of more, reading all is as fast."""


@dataclass(frozen=True)
class Label:
    """Key of the row, its place in the tree, and the fields of UsageRow that name it."""

    key: int
    depth: int = 0
    words: dict[str, Any] = field(default_factory=dict)


def read_labels(session: Session, view: View, held: Held, keys: set[int]) -> list[Label]:
    """Labels in reading order: units as a tree, systems and resources by unit, the rest by code."""
    if view.by == "unit":
        ordered = view.tree.order(keys & set(view.tree.codes), view.end - 1)
        return [Label(unit, depth, _unit(view, unit)) for unit, depth in ordered]
    read = {"system": _systems, "resource": _resources, "zone": _places, "site": _places}[view.by]
    return read(session, view, held, keys)


def _unit(view: View, unit: int) -> dict[str, Any]:
    if unit not in view.tree.codes:
        return {"unit": None, "unit_name": None}
    return {
        "unit": view.tree.codes[unit],
        "unit_name": view.tree.name(unit, view.end - 1),
    }


def _systems(session: Session, view: View, held: Held, keys: set[int]) -> list[Label]:
    found = session.exec(
        select(col(BusinessSystem.id), col(BusinessSystem.name), col(BusinessSystem.unit_id))
    )
    systems = {number: (name, unit) for number, name, unit in found}
    labels = []
    for key in keys:
        # A negative key is what the unit holds outside any system.
        name, unit = systems.get(key, ("", -key if key < 0 else held.unit.get(key, 0)))
        labels.append(Label(key, 0, {**_unit(view, unit), "system": name}))
    return sorted(labels, key=lambda label: (label.words["unit"] or "", label.words["system"]))


def _resources(session: Session, view: View, held: Held, keys: set[int]) -> list[Label]:
    wanted = select(col(Resource.id), col(Resource.code), col(Resource.name))
    if len(keys) <= FEW:
        wanted = wanted.where(col(Resource.id).in_(keys))
    found = session.exec(wanted)
    systems = dict(session.exec(select(col(BusinessSystem.id), col(BusinessSystem.name))).all())
    labels = [
        Label(
            number,
            0,
            {
                **_unit(view, held.unit.get(number, 0)),
                "resource": code,
                "resource_name": name,
                "system": systems.get(held.system.get(number, 0)),
            },
        )
        for number, code, name in found
        if number in keys
    ]
    return sorted(labels, key=lambda label: (label.words["unit"] or "", label.words["resource"]))


def _places(session: Session, view: View, held: Held, keys: set[int]) -> list[Label]:
    del held
    table = Zone if view.by == "zone" else Site
    found = session.exec(select(col(table.id), col(table.code), col(table.name)))
    places = {number: (code, name) for number, code, name in found}
    root = _unit(view, view.root or 0)
    labels = []
    for key in keys:
        code, name = places.get(key, ("", ""))
        labels.append(Label(key, 0, {**root, view.by: code, f"{view.by}_name": name}))
    return sorted(labels, key=lambda label: str(label.words[view.by]))
