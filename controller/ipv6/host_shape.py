"""The shape of a host's document, checked as it comes in: every host is judged in one run, and one
agent's odd document must stop neither that run nor the pages of all others."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST = 1_000
Count = Annotated[int, Field(ge=0, le=10_000_000)]
Word = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Address(_Part):
    interface: Word
    address: Word
    prefix: Count
    kind: Word


class _Route(_Part):
    present: bool
    gateway: Word = ""
    interface: Word = ""
    reachable: bool | None = None


class _Resolver(_Part):
    address: Word
    version: int
    aaaa: bool | None = None


class _Service(_Part):
    protocol: Word
    port: Count
    process: Word | None = None


class _Services(_Part):
    listening: Count = 0
    v4_only_count: Count = 0
    v4_only: list[_Service] = Field([], max_length=MOST)


class _Firewall(_Part):
    state: Word = "not_checked"


class _Connections(_Part):
    v4: Count
    v6: Count
    peers_v4: Count
    peers_v6: Count


class _Host(_Part):
    addresses: list[_Address] = Field([], max_length=MOST)
    kinds: dict[str, Count] | None = None
    default_route: _Route | None = None
    settings: dict[str, dict[str, int]] | None = None
    resolvers: list[_Resolver] | None = Field(None, max_length=MOST)
    services: _Services | None = None
    firewall: _Firewall | None = None
    connections: _Connections | None = None
    not_checked: list[Word] = Field([], max_length=MOST)


def check_shape(body: dict[str, Any]) -> None:
    """Raises ValueError naming the first part that is none; what is not known here may be there."""
    try:
        _Host.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where[:100]}: {first['msg']}") from None
