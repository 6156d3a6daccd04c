"""Tenant scope: which units' rows a request may see. Applied in the query layer, and only there.

Every query function of inventory and usage takes a ``Scope``; there is no default, so a new
query cannot forget it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select

Row = TypeVarTuple("Row")


@dataclass(frozen=True)
class Scope:
    """``unit_ids`` is every unit that may be seen, subtree included; ``None`` is the whole city."""

    unit_ids: frozenset[int] | None

    @property
    def everything(self) -> bool:
        return self.unit_ids is None

    def allows(self, unit_id: int | None) -> bool:
        """Whether a row of this unit may be seen; a row of no unit is for the whole city only."""
        return self.unit_ids is None or (unit_id is not None and unit_id in self.unit_ids)

    def limit(self, statement: Select[*Row], unit_column: ColumnElement[Any] | Any) -> Select[*Row]:
        """``statement`` with rows of other units left out."""
        if self.unit_ids is None:
            return statement
        return statement.where(unit_column.in_(sorted(self.unit_ids)))


CITY = Scope(None)
"""Everything: for the worker and for roles that serve the whole city."""
