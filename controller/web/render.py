"""From a page's context to its answer: the Jinja environment, and what every page is given.

A context is a frozen dataclass derived from ``Context``; its fields are the template's
variables, neither more nor fewer (tests/unit/web/test_contexts.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from controller.web import figures, language
from controller.web.shell import FLASH_COOKIE, Flash, Shell, pack_flash

HERE = Path(__file__).parent
STATIC = HERE / "static"


@dataclass(frozen=True)
class Context:
    """Base of every page's context."""

    template: ClassVar[str]
    """Name of the file in templates/."""


@cache
def asset(name: str) -> str:
    """The address of a file of static/, with a mark that changes when the file does."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def link(path: str, query: Mapping[str, object] | None = None, /, **changes: object) -> str:
    """``path`` with ``query`` and changes to it; empty values are left out."""
    merged = {**(query or {}), **changes}
    pairs = {key: value for key, value in merged.items() if value not in (None, "")}
    return f"{path}?{urlencode(pairs)}" if pairs else path


GLOBALS: dict[str, Callable[..., Any]] = {"asset": asset, "link": link}
"""What every template may call beside ``_`` and its context."""


@cache
def environment(chosen: str, timezone: str) -> Environment:
    """The templates in one language and one time zone."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    zone, _ = ZoneInfo(timezone), language.text(chosen)
    made.globals.update(GLOBALS, _=_)
    made.filters.update(
        number=figures.number,
        percent=figures.percent,
        points=figures.points,
        size=figures.size,
        rate=figures.rate,
        moment=partial(figures.moment, zone=zone),
        day=partial(figures.day, zone=zone),
        lasted=partial(figures.lasted, _=_),
    )
    return made


def page(
    request: Request, context: Context, shell: Shell, timezone: str, status: int = 200
) -> HTMLResponse:
    """The page of ``context``. A waiting message is shown and with that gone."""
    variables = {field.name: getattr(context, field.name) for field in fields(context)}
    template = environment(shell.language, timezone).get_template(context.template)
    answer = HTMLResponse(
        template.render(shell=shell, **variables),
        status_code=status,
        # Figures and secrets must not be found in a shared computer's cache.
        headers={"Cache-Control": "no-store", "Vary": "HX-Request"},
    )
    if FLASH_COOKIE in request.cookies and shell.flashes:
        answer.delete_cookie(FLASH_COOKIE, path="/")
    return answer


def fragment(context: Context, chosen: str, timezone: str) -> HTMLResponse:
    """A piece of a page, without its frame."""
    variables = {field.name: getattr(context, field.name) for field in fields(context)}
    template = environment(chosen, timezone).get_template(context.template)
    return HTMLResponse(template.render(**variables), headers={"Cache-Control": "no-store"})


def go(path: str, flash: Flash | None = None) -> RedirectResponse:
    """To ``path`` with GET, with a message to be shown there."""
    answer = RedirectResponse(path, status_code=303)
    if flash is not None:
        answer.set_cookie(
            FLASH_COOKIE, pack_flash(flash), max_age=60, path="/", httponly=True, samesite="lax"
        )
    return answer
