"""What the ledger answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from controller.ledger.mapping import SourceMapping
from controller.ledger.pending import Pending
from controller.ledger.tables import ImportDifference, PlatformImport, PlatformSource


class SourceView(BaseModel):
    """A provider's export and how it is read."""

    code: str = Field(examples=["cloud-a"])
    name: str = Field(examples=["云平台 A"])
    mapping: SourceMapping
    changed: datetime
    changed_by: str

    @classmethod
    def of(cls, source: PlatformSource) -> SourceView:
        return cls(
            code=source.code,
            name=source.name,
            mapping=SourceMapping.model_validate(source.mapping),
            changed=source.changed,
            changed_by=source.changed_by,
        )


class ImportView(BaseModel):
    """One export: what came, how it differs, and what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 7,
                    "source": "cloud-a",
                    "source_name": "云平台 A",
                    "file_name": "云主机清单-2026-11.xlsx",
                    "sheet": "云主机",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "state": "compared",
                    "since": "2026-11-01T00:00:00+08:00",
                    "uploaded": "2026-11-23T10:00:00+08:00",
                    "uploaded_by": "zhang.wei",
                    "confirmed": None,
                    "confirmed_by": "",
                    "undone": None,
                    "undone_by": "",
                    "counts": {
                        "rows": 214,
                        "unchanged": 201,
                        "changed": 6,
                        "new": 5,
                        "vanished": 2,
                    },
                }
            ]
        }
    )

    id: int
    source: str
    source_name: str
    file_name: str
    sheet: str
    sha256: str
    state: str = Field(description="compared, confirmed, undone or discarded")
    since: datetime = Field(description="From when its changes hold.")
    uploaded: datetime
    uploaded_by: str
    confirmed: datetime | None
    confirmed_by: str
    undone: datetime | None
    undone_by: str
    counts: dict[str, int]

    @classmethod
    def of(cls, run: PlatformImport, source: PlatformSource) -> ImportView:
        same = {
            name: getattr(run, name)
            for name in cls.model_fields
            if name not in ("source", "source_name")
        }
        return cls(source=source.code, source_name=source.name, **same)


class DifferenceView(BaseModel):
    """One way in which the export differs from the register."""

    id: int
    cls: str = Field(examples=["changed"])
    row: int = Field(description="Row of the spreadsheet; 0: only in the register.")
    key: str
    name: str
    unit: str
    registered: bool = Field(description="Whether it is a resource of the register already.")
    fields: dict[str, list[Any]] = Field(
        description="Field -> [before, after]; sizes in bytes and bit/s.",
        examples=[{"vcpu": [4, 8]}],
    )
    detail: dict[str, Any] = Field(description="What speaks for the class.")
    decision: str = Field(description="open, accepted or rejected")

    @classmethod
    def of(cls, each: ImportDifference) -> DifferenceView:
        return cls(
            id=each.id or 0,
            cls=each.cls,
            row=each.row,
            key=each.key,
            name=each.name,
            unit=each.unit,
            registered=each.resource_id is not None,
            fields=each.detail.get("fields", {}),
            detail={name: value for name, value in each.detail.items() if name != "fields"},
            decision=each.decision,
        )


class PendingView(BaseModel):
    """待核实: a registered resource that its platform names no more."""

    id: int
    resource: str
    name: str
    unit: str
    unit_name: str
    source: str
    file_name: str
    import_id: int
    noticed: datetime
    state: str
    decided: datetime | None
    decided_by: str
    note: str

    @classmethod
    def of(cls, each: Pending) -> PendingView:
        check = each.check
        return cls(
            id=check.id or 0,
            resource=each.resource.code,
            name=each.resource.name,
            unit=each.unit_code,
            unit_name=each.unit_name,
            source=each.source,
            file_name=each.file_name,
            import_id=check.import_id,
            noticed=check.noticed,
            state=check.state,
            decided=check.decided,
            decided_by=check.decided_by,
            note=check.note,
        )
