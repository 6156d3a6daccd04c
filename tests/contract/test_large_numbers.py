"""A number that no database holds is the caller's mistake, wherever it stands in a request.

SQLite takes integers of 63 bits and a sign, PostgreSQL's keys have 31.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import TypeAdapter

from controller.openapi import operation_roles
from tests.contract.conftest import House

LARGE = (2**63, -(2**63) - 1)
WHOLE = ("GET", "DELETE", "POST", "PUT", "PATCH")
KNOWN = {"code": "A", "username": "nobody", "verb": "disable"}


@dataclass(frozen=True)
class Place:
    """One integer of a request. ``where``: path, query, form or json; ``way`` leads to it."""

    method: str
    path: str
    where: str
    way: tuple[str | int, ...]
    role: str
    others: dict[str, Any]
    """The query, the form or the document around it, all small."""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.where} {'.'.join(map(str, self.way))}"


def _places(house: House) -> Iterator[Place]:
    roles = operation_roles(house.app)
    for context in iter_route_contexts(house.app.routes):
        dependant = getattr(context, "dependant", None)
        if dependant is None or context.path is None:
            continue
        flat = [dependant, *_inner(dependant)]
        groups: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "form": {}, "json": {}}
        for where, fields in (
            ("path", [field for each in flat for field in each.path_params]),
            ("query", [field for each in flat for field in each.query_params]),
            ("json", [field for each in flat for field in each.body_params]),
        ):
            for field in fields:
                place = "form" if isinstance(field.field_info, params.Form) else where
                if isinstance(field.field_info, params.File):
                    continue
                schema = TypeAdapter(field.field_info.annotation).json_schema()
                groups[place][field.alias] = (schema, field.field_info.is_required())
        for method in sorted(context.methods or ()):
            if method not in WHOLE:
                continue
            allowed = roles.get((method, context.path)) or ()
            role = next((r for r in ("ops", *allowed) if r in allowed), "")
            for where, fields in groups.items():
                if where == "path":
                    ways = [
                        (name,)
                        for name, (schema, _) in fields.items()
                        if _holds_integers(schema, schema)
                    ]
                    around: Any = {}
                elif where == "json" and len(fields) == 1:
                    ((schema, _),) = fields.values()
                    ways = list(_integers(schema, schema))
                    around = _small(schema, schema)
                else:
                    ways = [
                        (name, *way)
                        for name, (schema, _) in fields.items()
                        for way in _integers(schema, schema)
                    ]
                    around = {
                        name: _small(schema, schema)
                        for name, (schema, required) in fields.items()
                        if required or any(name == way[0] for way in ways)
                    }
                for way in ways:
                    yield Place(method, context.path, where, way, role, around)


def _inner(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from _inner(each)


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or "anyOf" in schema or "allOf" in schema or "oneOf" in schema:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
            continue
        branches = schema.get("anyOf") or schema.get("oneOf") or schema["allOf"]
        schema = min(
            branches,
            key=lambda each: (
                each.get("type") == "null",
                not any(True for _ in _integers(each, root)),
            ),
        )
    return schema


def _integers(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """The ways to the integers of a document."""
    schema = _resolved(schema, root)
    match schema.get("type"):
        case "integer":
            yield ()
        case "array" if "items" in schema:
            for way in _integers(schema["items"], root):
                yield (0, *way)
        case "object":
            for name, inner in schema.get("properties", {}).items():
                for way in _integers(inner, root):
                    yield (name, *way)


def _holds_integers(schema: dict[str, Any], root: dict[str, Any]) -> bool:
    return next(_integers(schema, root), None) is not None


def _small(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """A document that a schema takes."""
    example = schema.get("example")
    schema = _resolved(schema, root)
    if example is None:
        example = schema.get("example") or next(iter(schema.get("examples", ())), None)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return False
        case "array":
            return [_small(schema["items"], root)] if schema.get("items") else []
        case "object":
            given = example if isinstance(example, dict) else {}
            return given | {
                name: _small(inner, root)
                for name, inner in schema.get("properties", {}).items()
                if name not in given
                and (name in schema.get("required", ()) or _holds_integers(inner, root))
            }
        case "string" if schema.get("format") == "date":
            return "2026-11-01"
        case "string" if schema.get("format") == "date-time":
            return "2026-11-01T00:00:00+08:00"
        case "string":
            return "x" * max(1, schema.get("minLength", 1))
    return None


def _put(document: Any, way: tuple[str | int, ...], value: int) -> Any:
    if not way:
        return value
    first, rest = way[0], way[1:]
    if isinstance(first, str):
        named = dict(document or {})
        named[first] = _put(named.get(first), rest, value)
        return named
    listed = list(document or [None])
    listed[first] = _put(listed[first], rest, value)
    return listed


def _send(client: httpx.Client, place: Place, value: int) -> httpx.Response:
    def fill(found: re.Match[str]) -> str:
        if place.where == "path" and place.way == (found[1],):
            return str(value)
        return KNOWN.get(found[1], "1")

    path = re.sub(r"\{(\w+)(?::\w+)?\}", fill, place.path)
    more: dict[str, Any] = {}
    if place.where == "query":
        more["params"] = _put(place.others, place.way, value)
    elif place.where == "form":
        more["data"] = _put(place.others, place.way, value)
    elif place.where == "json":
        more["json"] = _put(place.others, place.way, value)
    elif place.method not in ("GET", "DELETE"):
        more["json"] = {}
    return client.request(place.method, path, **more)


def _is_refused(place: Place, answer: httpx.Response) -> bool:
    if answer.status_code in (404, 422):
        return True
    if answer.status_code == 200 and place.way == ("page",):
        return answer.json()["items"] == []  # beyond the end
    # Pages lead back to where the form stands, and say there what is wrong.
    return answer.status_code == 303 and not place.path.startswith("/api/")


@pytest.mark.parametrize("where", ["path", "query", "body"])
def test_a_number_that_no_database_holds_is_refused(house: House, where: str) -> None:
    chosen = [
        each for each in _places(house)
        if each.where == where or (where == "body" and each.where in ("form", "json"))
    ]  # fmt: skip
    assert len(chosen) > {"path": 120, "query": 100, "body": 30}[where]
    taken = []
    for place in chosen:
        with house.client(house.tokens.get(place.role)) as client:
            for value in LARGE:
                answer = _send(client, place, value)
                if not _is_refused(place, answer):
                    taken.append(f"{place} {value}: {answer.status_code} {answer.text[:200]}")
    assert taken == []
