"""What a page's route is given: who asks, what they may see, in which language, and how to answer.

@router.get("/units")
def units(view: Annotated[View, Depends(opened("usage.read"))]) -> HTMLResponse: ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from controller.access.deps import (
    PrincipalDep,
    Require,
    RuntimeDep,
    SignedInDep,
    may,
    resolve_scope,
)
from controller.access.principal import Principal
from controller.access.roles import BOUND
from controller.access.scope import Scope
from controller.errors import request_id
from controller.findings.views import waiting
from controller.moves.projects import count_waiting
from controller.notices.desk import Desk
from controller.notices.queries import waiting_for
from controller.problems import Problem
from controller.runtime import Runtime
from controller.said import chinese
from controller.usage.model import UsageQuery, UsageReport
from controller.usage.resources import NAMES
from controller.web import freshness, language, period, render, shell
from controller.web.language import Text
from controller.web.reports import Reports

_NO_DATE = re.compile(r"isoformat|month must|day is out|year .* out")
"""What ``datetime.fromisoformat`` says of a text that is no date."""


@dataclass(frozen=True)
class View:
    """One request for a page."""

    request: Request
    runtime: Runtime
    principal: Principal
    scope: Scope

    @property
    def now(self) -> datetime:
        """The moment of the request, UTC."""
        return self.principal.at

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.runtime.settings.timezone)

    @property
    def language(self) -> str:
        return language.known(self.principal.language)

    @property
    def text(self) -> Text:
        """Translates; pages call it ``_``."""
        return language.text(self.language)

    @property
    def bound(self) -> bool:
        """Whether the reader belongs to a unit and must not learn other units' names."""
        return self.principal.role in BOUND

    def why(self, error: Problem | ValueError) -> str:
        """Why something was refused, in the reader's language where it was said in it."""
        if isinstance(error, Problem):
            said = error.detail or error.title
            return chinese(said) if self.language == "zh" else said
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            return f"{field}: {first['msg']}" if field else first["msg"]
        if _NO_DATE.search(str(error)):
            return self.text("日期应如 2026-11-01")
        return str(error)

    def may(self, action: str) -> bool:
        """Whether the reader's role has this row of the matrix."""
        return self.principal.holds(*may(action).roles)

    def period(self) -> period.Period:
        """The period that the query asks for."""
        query = self.request.query_params
        return period.parse(
            query.get("period", ""), query.get("from", ""), query.get("to", ""), self.now, self.zone
        )

    def report(
        self, query: UsageQuery, scope: Scope | None = None, names: Sequence[str] = NAMES
    ) -> UsageReport:
        """A usage report of the reader's scope, or of another for what is told of no one;
        ``names`` as ``usage_report`` takes them."""
        reports: Reports = self.request.app.state.reports
        return reports.read(self.runtime, scope or self.scope, query, self.now, names)

    def page(
        self,
        context: render.Context,
        *,
        active: str,
        crumbs: Sequence[shell.Crumb],
        status: int = 200,
    ) -> HTMLResponse:
        """The context's page in its frame; the last crumb is the page's title."""
        url = self.request.url
        frame = shell.Shell(
            language=self.language,
            title=crumbs[-1].label,
            principal=self.principal,
            csrf=self.principal.csrf,
            areas=shell.areas(
                self.principal,
                self.text,
                self._waiting_notices(),
                self._waiting_findings(),
                self._waiting_moves(),
            ),
            admin_areas=shell.admin_areas(self.principal, self._waiting_agents(), self.text),
            active=active,
            crumbs=tuple(crumbs),
            freshness=(
                freshness.read(self.request.app.state.freshness, self.runtime, self.scope, self.now)
                if self.may("usage.read")
                else None
            ),
            flashes=shell.unpack_flash(self.request),
            # A form's answer has no address of its own to come back to.
            here=(
                f"{url.path}?{url.query}".rstrip("?")
                if self.request.method == "GET"
                else shell.home(self.principal)
            ),
            request_id=request_id(self.request),
        )
        return render.page(
            self.request, context, frame, self.runtime.settings.timezone, status=status
        )

    def _waiting_notices(self) -> int:
        with self.runtime.database.read() as session:
            desk = Desk(session, self.runtime.settings, self.scope, self.principal)
            return waiting_for(desk, self.principal.role)

    def _waiting_agents(self) -> int:
        if not self.may("agents.manage"):
            return 0
        return freshness.agent_counts(self.runtime, self.scope, self.now).waiting

    def _waiting_findings(self) -> int:
        """Grave findings that nobody has acknowledged."""
        if not self.may("findings.acknowledge"):
            return 0
        with self.runtime.database.read() as session:
            return waiting(session, self.scope)

    def _waiting_moves(self) -> int:
        """Moves that wait for the word of the reader's own unit."""
        if not self.may("moves.sign"):
            return 0
        with self.runtime.database.read() as session:
            return count_waiting(session, self.scope)

    def fragment(self, context: render.Context) -> HTMLResponse:
        """A piece of a page that is fetched after it; its template has no ``shell``."""
        return render.fragment(context, self.language, self.runtime.settings.timezone)


def opened(action: str) -> Callable[..., View]:
    """A dependency: the view of a reader whose role has ``action``. Raises Problem 401, 403."""
    required: Require = may(action)

    def build(
        request: Request,
        runtime: RuntimeDep,
        # As a default, not inside Annotated: FastAPI looks the names of an annotation up in the
        # module and would take the unknown ``required`` for a query parameter: an open door.
        principal: Principal = Depends(required),  # noqa: B008
    ) -> View:
        return View(request, runtime, principal, resolve_scope(request, runtime, principal))

    return build


def signed_in_view(request: Request, runtime: RuntimeDep, principal: SignedInDep) -> View:
    """The view of anybody who is signed in, a first password not yet changed included."""
    return View(request, runtime, principal, resolve_scope(request, runtime, principal))


def reader_view(request: Request, runtime: RuntimeDep, principal: PrincipalDep) -> View:
    """The view of anybody, whatever their role."""
    return View(request, runtime, principal, resolve_scope(request, runtime, principal))


ReaderView = Annotated[View, Depends(reader_view)]
UsageView = Annotated[View, Depends(opened("usage.read"))]
AgentsView = Annotated[View, Depends(opened("agents.read"))]
AgentsManager = Annotated[View, Depends(opened("agents.manage"))]
AnyView = Annotated[View, Depends(signed_in_view)]
