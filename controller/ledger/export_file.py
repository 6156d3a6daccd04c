"""A provider's export as rows in the register's terms, with what cannot be read named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from controller.inventory.naming import fold
from controller.inventory.sheet import Sheet, UnreadableError, about_file, read_sheets
from controller.inventory.table import CellError, Record, Table, read_table
from controller.ledger.fields import GIB, KIND_WORDS, platform_columns, size_hint
from controller.ledger.mapping import KEYS, WORD_FIELDS, SourceMapping, locate, read_as
from controller.problems import Problem
from controller.said import chinese, say

Values = dict[str, Any]


@dataclass
class ExportRow:
    """A row of the export. ``values`` holds what it says: instance_uuid, code, name, kind, unit
    (text), system, site, zone, os, state; ip (tuple of texts); vcpu, mem_bytes, disk_bytes,
    bandwidth_bit_s; created. What it does not say is left out."""

    number: int
    values: Values


@dataclass
class Export:
    """The file: ``errors`` are of rows that could not be read and are in ``bad``, not ``rows``."""

    sheet: str
    sha256: str
    columns: dict[str, str]
    rows: list[ExportRow] = field(default_factory=list)
    bad: list[ExportRow] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)


def read_export(
    file: BinaryIO,
    name: str,
    mapping: SourceMapping,
    progress: Callable[[str], None] = lambda _: None,
) -> Export:
    """Reads ``file`` as ``mapping`` says. Raises Problem 422 for a file without a table."""
    progress("reading")
    sheets = open_sheets(file, name)
    sheet, place = locate(sheets, mapping)
    fields = read_as(sheet.rows[place], mapping)
    sizes = dict(mapping.sizes)
    for header, column in fields.items():
        if column in ("mem_gib", "disk_gib", "data_disk_gib") and size_hint(header):
            sizes[column] = size_hint(header)
    progress("understanding")
    try:
        table = read_table(
            [Sheet(sheet.name, sheet.rows[place:])],
            platform_columns(sizes, mapping.folded_words("state")),
            KEYS,
            mapping=fields,
        )
    except UnreadableError as error:
        raise Problem(422, "unreadable file", about_file(name, error)) from None
    if table.unusable:
        first = table.errors[0]
        raise Problem(
            422,
            "unreadable file",
            say(
                f"{name} row {first.row}, {first.column}: {first.message}",
                f"{name} 第 {first.row} 行“{first.column}”：{chinese(first.message)}",
            ),
        )
    return _collected(table, _digest(file), mapping)


def open_sheets(file: BinaryIO, name: str) -> list[Sheet]:
    """As inventory's ``read_sheets``; raises Problem 422."""
    try:
        return read_sheets(file, name)
    except UnreadableError as error:
        raise Problem(422, "unreadable file", about_file(name, error)) from None


def _collected(table: Table, sha256: str, mapping: SourceMapping) -> Export:
    export = Export(table.sheet, sha256, table.columns, errors=table.errors)
    words = {name: mapping.folded_words(name) for name in WORD_FIELDS}
    for record in table.records:
        row = ExportRow(record.row, _resolved(record, words, mapping))
        (export.bad if record.bad else export.rows).append(row)
    table.records.clear()
    return export


def _resolved(record: Record, words: dict[str, dict[str, str]], mapping: SourceMapping) -> Values:
    """The record in the register's terms and words."""
    given = record.values
    values: Values = {}
    for name in ("instance_uuid", "code", "name", "created", "vcpu"):
        if given.get(name) not in (None, ""):
            values[name] = given[name]
    addresses = dict.fromkeys([*(given.get("ip") or []), *(given.get("public_ip") or [])])
    if addresses:
        values["ip"] = tuple(addresses)
    if given.get("flavour"):
        cores, gib = given["flavour"]
        values.setdefault("vcpu", cores)
        values["mem_bytes"] = gib * GIB
    if given.get("mem_gib") is not None:
        values["mem_bytes"] = given["mem_gib"] * GIB
    disks = [given[name] for name in ("disk_gib", "data_disk_gib") if given.get(name) is not None]
    if disks:
        values["disk_bytes"] = sum(disks) * GIB
    if given.get("bandwidth_mbps") is not None:
        values["bandwidth_bit_s"] = given["bandwidth_mbps"] * 1e6
    for name in WORD_FIELDS:
        said = given.get(name) or mapping.defaults.get(name)
        if said:
            values[name] = words[name].get(fold(said), said)
    if "kind" in values:
        kind = KIND_WORDS.get(fold(values.pop("kind")))
        values.update({"kind": kind} if kind else {})
    return values


def row_document(row: ExportRow) -> list[Any]:
    """[number, values] that JSON can hold."""
    values = dict(row.values)
    if "created" in values:
        values["created"] = values["created"].isoformat()
    return [row.number, values]


def row_of(document: list[Any]) -> ExportRow:
    """The row of a ``row_document``."""
    number, values = document
    values = dict(values)
    if "created" in values:
        values["created"] = datetime.fromisoformat(values["created"])
    if "ip" in values:
        values["ip"] = tuple(values["ip"])
    return ExportRow(number, values)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()
