"""API tokens over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit, tokens
from controller.access.api import unit_id_of
from controller.access.deps import RuntimeDep, may
from controller.access.principal import Principal
from controller.access.tables import ApiToken
from controller.problems import NotFound, Problem

router = APIRouter(prefix="/api/v1", tags=["access"])

TokenManager = Annotated[Principal, Depends(may("tokens.manage"))]


class TokenView(BaseModel):
    """An API token, without its secret part."""

    id: int
    prefix: str
    name: str
    role: str
    unit_id: int | None
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class NewToken(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "monthly report", "role": "ops", "days": 90}},
    )

    name: str = Field(max_length=100)
    role: str
    unit: str = ""
    days: float | None = Field(default=None, gt=0, le=3650)


class GivenToken(BaseModel):
    """``text`` is shown this once."""

    token: TokenView
    text: str


@router.get("/tokens", summary="API tokens")
def list_tokens(runtime: RuntimeDep, _principal: TokenManager) -> list[TokenView]:
    with runtime.database.read() as session:
        return [_token_view(token) for token in tokens.list_tokens(session)]


@router.post("/tokens", status_code=201, summary="Make an API token; its text is shown once")
def create_token(
    body: NewToken, request: Request, runtime: RuntimeDep, principal: TokenManager
) -> GivenToken:
    with runtime.database.write() as session:
        try:
            text, token = tokens.create_token(
                session,
                body.name,
                body.role,
                principal.at,
                unit_id=unit_id_of(request, session, body.unit, principal.at),
                days=body.days,
            )
        except ValueError as error:
            raise Problem(422, "invalid token", str(error)) from None
        audit.record(
            session,
            principal,
            "token.create",
            f"token {token.prefix}",
            detail={"name": body.name, "role": body.role, "unit": body.unit, "days": body.days},
        )
    return GivenToken(token=_token_view(token), text=text)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke an API token at once")
def revoke_token(token_id: int, runtime: RuntimeDep, principal: TokenManager) -> None:
    with runtime.database.write() as session:
        token = tokens.revoke(session, token_id, principal.at)
        if token is None:
            raise NotFound("token", str(token_id))
        audit.record(session, principal, "token.revoke", f"token {token.prefix}")


def _token_view(token: ApiToken) -> TokenView:
    return TokenView.model_validate(token, from_attributes=True)
