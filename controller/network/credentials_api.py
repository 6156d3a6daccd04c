"""Routes of credentials. A secret goes in here and never comes out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlmodel import Session, col

from controller.access import audit
from controller.access.deps import RuntimeDep, may
from controller.access.principal import Principal
from controller.ingest.downlink import touch
from controller.network import credentials
from controller.network.credentials import CredentialView, NewCredential
from controller.network.tables import Device, SnmpCredential
from controller.problems import Problem

Keeper = Annotated[Principal, Depends(may("network.credentials"))]

router = APIRouter(prefix="/api/v1", tags=["network"])


class CredentialList(BaseModel):
    items: list[CredentialView]


class Rotated(BaseModel):
    """``key``: id of the key that seals from now on."""

    key: str
    credentials: int


@router.get("/network/credentials")
def get_credentials(runtime: RuntimeDep, keeper: Keeper) -> CredentialList:
    """All credentials, without their secrets."""
    del keeper
    with runtime.database.read() as session:
        return CredentialList(items=credentials.list_credentials(session))


@router.post("/network/credentials", status_code=201)
def post_credential(runtime: RuntimeDep, keeper: Keeper, told: NewCredential) -> CredentialView:
    """Store a credential; it is sealed at once."""
    return _keep(runtime, keeper, told, replace=False)


@router.put("/network/credentials/{name}")
def put_credential(
    runtime: RuntimeDep, keeper: Keeper, name: str, told: NewCredential
) -> CredentialView:
    """Put new secrets in the place of a credential's old ones; pollers get them at once."""
    if told.name != name:
        raise Problem(422, "bad credential", "the name in the body is another one")
    return _keep(runtime, keeper, told, replace=True)


@router.delete("/network/credentials/{name}", status_code=204)
def delete_credential(runtime: RuntimeDep, keeper: Keeper, name: str) -> Response:
    """Forget a credential that no device is asked with."""
    with runtime.database.write() as session:
        credentials.remove(session, name)
        audit.record(session, keeper, "credential.remove", name)
    return Response(status_code=204)


@router.post("/network/credentials-rotation")
def rotate(runtime: RuntimeDep, keeper: Keeper) -> Rotated:
    """Seal every secret anew with a new key. The old key stays in the file for old backups."""
    with runtime.database.write() as session:
        key, count = credentials.rotate(session, runtime.settings)
        audit.record(session, keeper, "credential.rotate", key, detail={"credentials": count})
    return Rotated(key=key, credentials=count)


def _keep(
    runtime: RuntimeDep, keeper: Principal, told: NewCredential, *, replace: bool
) -> CredentialView:
    sealer = credentials.sealer_of(runtime.settings)
    with runtime.database.write() as session:
        row = credentials.keep(session, sealer, told, keeper.name, keeper.at, replace=replace)
        touch(session, _pollers(session, row))
        action = "credential.change" if replace else "credential.add"
        audit.record(session, keeper, action, told.name, detail={"kind": told.kind})
        found = credentials.list_credentials(session)
    return next(each for each in found if each.name == told.name)


def _pollers(session: Session, row: SnmpCredential) -> list[str]:
    statement = select(col(Device.poller_id)).where(
        col(Device.credential_id) == row.id, col(Device.poller_id).is_not(None)
    )
    return [each for each in session.execute(statement.distinct()).scalars() if each]
