"""The text of a letter: shipped templates, edited ones, and filling in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlmodel import Session, col, select

from controller.access import audit
from controller.access.principal import Principal
from controller.notices.tables import LetterTemplate
from controller.problems import NotFound, Problem

SHIPPED = Path(__file__).with_name("template.toml")

NAMES = frozenset(
    {
        "unit", "count", "vcpu", "mem_gib", "disk_gib", "answer_days", "observe_days", "clauses",
        "as_of", "office",
    }
)  # fmt: skip
"""What a template may name in braces."""

_PLACE = re.compile(r"\{(\w*)\}")
_STRAY = re.compile(r".{0,10}[{}｛｝].{0,10}")
"""What is left of braces, full-width ones too: somebody meant a place."""
MOST_TEXT = 8000


@dataclass(frozen=True)
class Wording:
    """Title and paragraphs (a line each) with places in braces; version 0 is the shipped one."""

    kind: str
    version: int
    title: str
    body: str


def in_force(session: Session, kind: str) -> Wording:
    """The newest edited wording, else the shipped one. Raises NotFound for an unknown kind."""
    edited = session.exec(
        select(LetterTemplate)
        .where(LetterTemplate.kind == kind)
        .order_by(col(LetterTemplate.version).desc())
        .limit(1)
    ).first()
    if edited is not None:
        return Wording(kind, edited.version, edited.title, edited.body)
    shipped = read_shipped()
    if kind not in shipped:
        raise NotFound("letter template", kind)
    return shipped[kind]


def read_shipped() -> dict[str, Wording]:
    """The wordings in the package, by kind."""
    given = tomllib.loads(SHIPPED.read_text("utf-8"))
    return {
        kind: Wording(kind, 0, each["title"], each["body"].strip()) for kind, each in given.items()
    }


def save(session: Session, principal: Principal, kind: str, title: str, body: str) -> Wording:
    """A new version. Raises NotFound, Problem 422 for an empty text or an unknown place."""
    before = in_force(session, kind)
    title, body = title.strip(), tidy(body)
    if not title or len(title) > 200:
        raise Problem(422, "invalid template", "the title has 1 to 200 characters")
    check(title, body)
    made = LetterTemplate(
        kind=kind, version=before.version + 1, title=title, body=body,
        at=principal.at, by=principal.name,
    )  # fmt: skip
    session.add(made)
    audit.record(
        session,
        principal,
        "notice.template",
        f"letter template {kind}",
        detail={"version": made.version},
    )
    return Wording(kind, made.version, title, body)


def check(title: str, body: str) -> None:
    """Raises Problem 422 where a text cannot be a letter."""
    if not body or len(body) > MOST_TEXT:
        raise Problem(422, "invalid template", f"the text has 1 to {MOST_TEXT} characters")
    if stray := _STRAY.search(_PLACE.sub("", f"{title}\n{body}")):
        raise Problem(
            422,
            "invalid template",
            f"a brace that belongs to no place, near {stray[0]!r}: write a place as {{count}}",
            where=stray[0],
        )
    unknown = {name for name in _PLACE.findall(title + body) if name not in NAMES}
    if unknown:
        raise Problem(
            422,
            "invalid template",
            f"unknown place {{{min(unknown)}}}; there are "
            + ", ".join(f"{{{name}}}" for name in sorted(NAMES)),
            where=f"{{{min(unknown)}}}",
        )


def fill(text: str, values: Mapping[str, object]) -> str:
    """``text`` with its places filled; one that is not in ``values`` stays as it stands."""
    return _PLACE.sub(lambda found: str(values.get(found[1], found[0])), text)


def tidy(body: str) -> str:
    """Paragraphs without blank lines or blanks at their ends."""
    return "\n".join(line.strip() for line in body.splitlines() if line.strip())


def official_date(day: date) -> str:
    """``2026年11月23日``, as 成文日期 is written."""
    return f"{day.year}年{day.month}月{day.day}日"


def amount(value: float) -> str:
    """A figure without a useless fraction: ``12``, ``0.5``, ``1,024``."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.1f}"
