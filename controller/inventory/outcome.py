"""What an import answers: what changed, or each thing that is wrong and where."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MAX_ERRORS = 1000
"""Errors listed one by one; ``errors_total`` counts all."""


class RowError(BaseModel):
    """``row`` is the line or spreadsheet row from 1 (0: the whole file); ``column`` is its header
    as the file has it ("": the whole row)."""

    row: int = Field(examples=[17])
    column: str = Field(examples=["内存GB"])
    message: str = Field(examples=["'十六' is no number: write digits, e.g. 8"])
    message_zh: str = Field("", examples=["“十六”不是数字：请填写数字，如 8"])
    """The same in Chinese."""


class ImportOutcome(BaseModel):
    """The outcome of an import, or of the trial of one (``dry_run``)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "resources",
                    "file_name": "资源台账.xlsx",
                    "sheet": "台账",
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "rows": 214,
                    "created": 200,
                    "updated": 12,
                    "unchanged": 2,
                    "skipped": 0,
                    "errors": [],
                    "errors_total": 0,
                    "warnings": [],
                    "warnings_total": 0,
                    "ready": True,
                    "imported": True,
                    "dry_run": False,
                    "columns": {"编码": "code", "名称": "name", "单位": "unit"},
                    "days_marked": 90,
                    "run": 5,
                }
            ]
        }
    )

    kind: str
    file_name: str
    sheet: str = ""
    sha256: str
    rows: int = 0
    """Records found, without titles, totals and empty rows."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Records with errors."""
    errors: list[RowError] = []
    errors_total: int = 0
    warnings: list[RowError] = []
    """What is imported all the same, and better looked at."""
    warnings_total: int = 0
    ready: bool = False
    """Whether it can be imported as asked: without errors, or with good rows and ``skip_bad``."""
    imported: bool = False
    """Whether the register now says what the file says (but for ``skipped``)."""
    dry_run: bool = False
    columns: dict[str, str] = {}
    """Header -> field as understood; "" where ignored."""
    days_marked: int = 0
    """Resource-days whose figures are computed again because of a change backwards."""
    run: int | None = None
    """Number of the import in the register of imports; none if nothing was imported."""
