"""What routes ask for: the runtime, who is calling, what they may see.

@router.get("/units")
def list_units(runtime: RuntimeDep, scope: ScopeDep) -> ...: ...

@router.post("/agents/{id}/approve")
def approve(runtime: RuntimeDep,
            principal: Annotated[Principal, Depends(may("agents.manage"))]) -> ...: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from controller.access import sessions, tokens
from controller.access.principal import Principal, local_principal
from controller.access.roles import CITYWIDE, LOCAL, MATRIX
from controller.access.scope import CITY, Scope
from controller.access.secrets import hash_secret
from controller.access.tables import ROLES
from controller.problems import Problem
from controller.runtime import Runtime
from controller.settings import Settings

Subtree = Callable[[Session, int, datetime], frozenset[int]]
"""The unit and everything below it at a moment: inventory.units.subtree, set on the app."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


def client_address(request: Request) -> str:
    """The caller's address; IPv4 as such, also where one socket listens for both (``::``)."""
    return request.client.host.removeprefix("::ffff:") if request.client else ""


def check_origin(request: Request, settings: Settings) -> None:
    """Refuse an unsafe request that another site's page sent. Raises Problem 403."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "foreign origin", "the request was made by another site's page")
    origin = request.headers.get("origin")
    if origin is None:
        return
    own = {request.headers.get("host", "")}
    if settings.public_url:
        own.add(urlsplit(settings.public_url).netloc)
    if urlsplit(origin).netloc not in own:
        raise Problem(403, "foreign origin", f"the request was made by a page of {origin}")


async def identify(request: Request, runtime: RuntimeDep) -> Principal | None:
    """Who is calling, or None: an API token if one is sent, else the session cookie.

    With a cookie an unsafe request must prove that our own page made it (CSRF).
    Raises Problem 401 for a token that is not valid, 403 for a forged request.
    """
    principal = await run_in_threadpool(_whose, request, runtime, touch=True)
    if principal is None:
        if request.headers.get("authorization", "").partition(" ")[0]:
            raise unauthorized("the API token is unknown, expired or revoked")
        return None
    by_cookie = bool(principal.session_hash)
    if by_cookie and request.method not in SAFE_METHODS:
        check_origin(request, runtime.settings)
        if not await _carries_csrf(request, principal.csrf):
            raise Problem(403, "request not proven ours", "reload the page and try again")
    return principal


def _whose(request: Request, runtime: Runtime, *, touch: bool) -> Principal | None:
    """Whose token or session a request bears now. ``touch``: whether it counts as use."""
    now, address = runtime.now(), client_address(request)
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            return None
        local: str | None = getattr(request.app.state, "local_token_hash", None)
        if local is not None and hash_secret(credential) == local:
            return local_principal(now)
        return tokens.resolve(runtime.database, credential, address, now, touch=touch)
    secure = sessions.is_secure(request, runtime.settings)
    cookie = request.cookies.get(sessions.cookie_name(secure))
    if not cookie:
        return None
    return sessions.resolve(runtime.database, cookie, address, now, touch=touch)


def still_admitted(request: Request, runtime: Runtime, needed: Require) -> Scope | None:
    """What the caller of an answer that is still under way may see by now; None once the token or
    session is over, or its user may no more. Counts as no use: watching keeps nobody signed in."""
    principal = _whose(request, runtime, touch=False)
    if principal is None or principal.must_change_password or not principal.holds(*needed.roles):
        return None
    return resolve_scope(request, runtime, principal)


async def _carries_csrf(request: Request, expected: str) -> bool:
    """From the ``X-CSRF-Token`` header, or the field ``csrf_token`` of an ordinary form."""
    given: Any = request.headers.get("x-csrf-token")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given is None and kind == "application/x-www-form-urlencoded":
        given = (await request.form()).get("csrf_token")
    # Compared as hashes: equality of hashes takes the same time wherever the texts differ.
    return isinstance(given, str) and hash_secret(given) == hash_secret(expected)


def unauthorized(detail: str) -> Problem:
    return Problem(401, "not signed in", detail, headers={"WWW-Authenticate": "Bearer"})


async def signed_in(found: Annotated[Principal | None, Depends(identify)]) -> Principal:
    """Who is calling, even if they still have to change their password. Raises Problem 401."""
    if found is None:
        raise unauthorized("send a session cookie or 'Authorization: Bearer yxt_…'")
    return found


SignedInDep = Annotated[Principal, Depends(signed_in)]
"""For the few routes that are open before the first password is changed."""

MaybePrincipalDep = Annotated[Principal | None, Depends(identify)]
"""For pages that look different to strangers."""


@dataclass(frozen=True)
class Require:
    """A dependency that lets the named roles pass. Kept as a value so that it can be listed."""

    roles: tuple[str, ...]

    async def __call__(self, principal: SignedInDep) -> Principal:
        """Raises Problem 401, 403."""
        if principal.must_change_password:
            raise Problem(403, "password change required", "change the password first")
        if not principal.holds(*self.roles):
            raise Problem(
                403,
                "not allowed",
                f"role {principal.role} may not; needed: {', '.join(self.roles)}",
            )
        return principal


def require(*roles: str) -> Require:
    """``Annotated[Principal, Depends(require("ops"))]``: only these roles. Raises ValueError."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"no such role: {', '.join(sorted(unknown)) or 'none given'}")
    return Require(tuple(roles))


def may(action: str) -> Require:
    """The roles of one row of the matrix. Raises KeyError."""
    return Require(MATRIX[action])


PrincipalDep = Annotated[Principal, Depends(Require(ROLES))]
"""Anybody who is signed in and has changed a given password."""


def resolve_scope(request: Request, runtime: Runtime, principal: Principal) -> Scope:
    """What ``principal`` may see now. A bound role without a unit sees nothing."""
    if principal.role in CITYWIDE or principal.role == LOCAL:
        return CITY
    if principal.unit_id is None:
        return Scope(frozenset())
    subtree: Subtree = request.app.state.subtree
    with runtime.database.read() as session:
        return Scope(subtree(session, principal.unit_id, principal.at))


def get_scope(request: Request, runtime: RuntimeDep, principal: PrincipalDep) -> Scope:
    return resolve_scope(request, runtime, principal)


ScopeDep = Annotated[Scope, Depends(get_scope)]
