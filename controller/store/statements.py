"""What a SQL statement is allowed to be at the embedded endpoint: read, write or refused.

The embedded engine has no users and no grants: ``file()``, ``url()``, ``INTO OUTFILE`` and their
kin reach the disk and the network of the controller. Reads run in a session with readonly=1,
which stops most of them; this module stops the rest (the scalar ``file()``, ``INTO OUTFILE``,
several statements in one body) and everything of the kind in writes. Text inside literals and
comments is not looked at; a quoted name is, as `file`() calls file().
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Kind = Literal["read", "write", "merge"]


class RefusedError(ValueError):
    """The statement is not one this endpoint runs; the text says why."""


class Insert(NamedTuple):
    """An INSERT whose data follows it in the body."""

    target: str
    """``INSERT INTO table (columns)``, without FORMAT."""
    format: str
    offset: int
    """Where the data starts, in bytes."""


_TOKENS = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<name>"(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`)
      | (?P<comment>--[^\n]* | \#![^\n]* | \#\s[^\n]* | /\*.*?\*/)""",
    re.VERBOSE | re.DOTALL,
)
_READS = frozenset(("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"))
_WRITES = re.compile(
    r"""INSERT \s+ INTO | ALTER \s+ TABLE | DELETE \s+ FROM | RENAME \s+ TABLE | EXCHANGE \s+ TABLES
      | TRUNCATE \s+ TABLE | DROP \s+ (TABLE | DATABASE | VIEW) | (DETACH | ATTACH) \s+ TABLE
      | CREATE \s+ (OR \s+ REPLACE \s+)? (TABLE | DATABASE | VIEW | MATERIALIZED \s+ VIEW)
      | SYSTEM \s+ (STOP | START) \s+ MERGES""",
    re.VERBOSE | re.IGNORECASE,
)
_OUTSIDE = re.compile(
    r"""\b(file|fileCluster|url|urlCluster|remote|remoteSecure|cluster|clusterAllReplicas
      |s3\w*|gcs|cosn|oss|azureBlobStorage\w*|hdfs\w*|mysql|postgresql|mongodb|redis|sqlite|odbc|jdbc
      |executable|executablePool|python|filesystem|iceberg\w*|deltaLake\w*|hudi\w*|paimon\w*
      |dictionary|arrowFlight|ytsaurus|prometheusQuery\w*|fuzz\w+|loop|catboostEvaluate
      |input|kafka|rabbitmq|nats|zookeeper|addressToLine\w*|addressToSymbol|demangle)\s*\(""",
    re.VERBOSE | re.IGNORECASE,
)
_ENGINES = re.compile(r"\bENGINE\s*=?\s*(\w+)", re.IGNORECASE)
_ALLOWED_ENGINES = re.compile(r"\w*MergeTree|Memory|Null|Atomic|Distributed", re.I)
_CLIENT_SIDE = re.compile(r"\bINTO\s+OUTFILE\b|\bFROM\s+INFILE\b|\bBACKUP\b|\bRESTORE\b", re.I)
_INSERT = re.compile(
    rb"\s*(INSERT\s+INTO\s+(?:TABLE\s+)?[\w.`\"]+\s*(?:\([^()]*\))?)"
    rb"\s*FORMAT\s+(\w+)(?:\r?\n|\s|$)",
    re.IGNORECASE,
)
_INSERT_WORD = re.compile(rb"\s*INSERT\b", re.IGNORECASE)


def split_insert(body: bytes) -> Insert | None:
    """The INSERT … FORMAT line that starts ``body``, or None when it starts with another word."""
    if not _INSERT_WORD.match(body[:64]):
        return None
    match = _INSERT.match(body[: 1 << 16])
    if match is None:
        return None
    return Insert(match[1].decode(), match[2].decode(), match.end())


def classify(sql: str) -> Kind:
    """How to run ``sql``. Raises RefusedError for what reaches outside the engine's own tables."""
    bare = _TOKENS.sub(_bare, sql).strip().rstrip(";").strip()
    word = re.match(r"[\s(]*(\w+)", bare)
    first = word[1].upper() if word else ""
    if ";" in bare:
        raise RefusedError("one statement a request")
    if match := _OUTSIDE.search(bare):
        raise RefusedError(f"{match[1]}() reaches outside the store and is switched off")
    if match := _CLIENT_SIDE.search(bare):
        raise RefusedError(f"{' '.join(match[0].split())} is switched off")
    if first in _READS:
        return "read"
    for engine in _ENGINES.findall(bare):
        if not _ALLOWED_ENGINES.fullmatch(engine):
            raise RefusedError(f"table engine {engine} is switched off")
    if first == "OPTIMIZE":
        return "merge"
    if _WRITES.match(bare):
        return "write"
    raise RefusedError(f"{first or 'nothing'}: not a statement this store runs")


def _bare(token: re.Match[str]) -> str:
    if token["string"] is not None:
        return "''"
    if token["name"] is not None:
        # A function's name may be quoted; what cannot be one keeps no brackets or semicolons.
        return re.sub(r"\W", "_", token["name"][1:-1])
    return " "
