"""Every error leaves as one shape: an RFC 9457 problem document with the id of the request.

Browsers that ask for HTML get a page instead, if the web part has set ``app.state.problem_page``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError, StatementError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.problems import Problem
from controller.store.samples import QueryTooHeavy, SamplesError, SamplesFull, SamplesUnavailable

MEDIA_TYPE = "application/problem+json"

ProblemPage = Callable[[Request, Problem, str], Response]
"""(request, problem, id of the request) -> page; may also be a redirect to the login."""

MOST_DIGITS = 18
"""Of a number in a path that some row could have: keys end at 2**63 - 1, which has 19."""

log = logging.getLogger("yunxun.api")


def request_id(request: Request) -> str:
    """Given by our middleware to every request; quoted in the answer, the log and the page."""
    found: str = request.scope.get("state", {}).get("request_id", "")
    return found


def answer(request: Request, problem: Problem) -> Response:
    """The response to a problem, as a document or, for a browser, as a page."""
    page: ProblemPage | None = getattr(request.app.state, "problem_page", None)
    if page is not None and wants_html(request):
        response = page(request, problem, request_id(request))
        response.headers.update(problem.headers)
        return response
    return JSONResponse(
        problem.body(request_id(request)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def wants_html(request: Request) -> bool:
    """A browser's own navigation or htmx, never a call of the API."""
    if request.url.path.startswith("/api/"):
        return False
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


def install(app: FastAPI) -> None:
    """Hand every kind of exception to ``answer``; our middleware hands over the unforeseen."""
    app.add_exception_handler(Problem, _problem)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(OperationalError, _database)
    for kind in (OverflowError, DataError, StatementError):
        app.add_exception_handler(kind, _too_large)
    app.add_exception_handler(SamplesError, _samples)


async def _problem(request: Request, error: Problem) -> Response:
    return answer(request, error)


async def _validation(request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"where": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
        for each in error.errors()[:20]
    ]
    detail = "; ".join(f"{each['where']}: {each['message']}" for each in errors[:3])
    return answer(request, Problem(422, "invalid request", detail, errors=errors))


async def _http(request: Request, error: HTTPException) -> Response:
    title = HTTPStatus(error.status_code).phrase.lower()
    detail = error.detail if error.detail and error.detail.lower() != title else ""
    if error.status_code in (404, 405):
        detail = f"{request.method} {request.url.path}"
    return answer(
        request, Problem(error.status_code, title, detail, headers=dict(error.headers or {}))
    )


async def _database(request: Request, error: Exception) -> Response:
    """Locked for longer than we wait, full, or gone: the caller may try again."""
    log.error("database unavailable", extra=_context(request), exc_info=error)
    return answer(
        request,
        Problem(
            503,
            "database unavailable",
            "the relational database did not answer; try again",
            headers={"Retry-After": "5"},
        ),
    )


async def _too_large(request: Request, error: Exception) -> Response:
    """A number or a date that no database holds: nothing has such a key, and nothing can take it.

    SQLite's driver raises OverflowError itself, PostgreSQL refuses with DataError, and a moment
    that leaves the calendar when it is turned to UTC fails in the statement's making.
    """
    inner = error.orig if isinstance(error, StatementError) else error
    if not isinstance(error, DataError) and not isinstance(inner, OverflowError):
        return await unexpected(request, error)
    log.warning("value out of range", extra=_context(request), exc_info=error)
    for value in request.path_params.values():
        digits = str(value).removeprefix("-")
        if digits.isdecimal() and len(digits) > MOST_DIGITS:
            return answer(request, Problem(404, "not found", f"nothing has the number {value}"))
    return answer(
        request,
        Problem(
            422,
            "number out of range",
            "a number or a date in the request is larger than any that can be kept",
        ),
    )


async def _samples(request: Request, error: Exception) -> Response:
    """What the sample store could not do; only an unforeseen refusal is our fault."""
    again = {"Retry-After": "5"}
    if isinstance(error, QueryTooHeavy):
        return answer(
            request,
            Problem(422, "query too heavy", "ask for a shorter period, or for fewer resources"),
        )
    if isinstance(error, SamplesFull):
        return answer(
            request, Problem(507, "disk full", "the sample store's disk is full", headers=again)
        )
    if isinstance(error, SamplesUnavailable):
        return answer(
            request,
            Problem(
                503, "sample store unavailable", "it does not answer; try again", headers=again
            ),
        )
    return await unexpected(request, error)


async def unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: logged with its trace, told with nothing but the id."""
    log.error("unexpected error", extra=_context(request), exc_info=error)
    return answer(
        request,
        Problem(500, "internal error", "this is our fault; quote the instance to the ops team"),
    )


def _context(request: Request) -> dict[str, Any]:
    return {"request": request_id(request), "method": request.method, "path": request.url.path}
