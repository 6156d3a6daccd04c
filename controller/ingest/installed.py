"""The one door of an api process: made on first use, opened and closed with the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.ingest.door import Door, DoorMiddleware


def door_of(app: FastAPI) -> Door:
    """The process's door, made on first use."""
    door: Door | None = getattr(app.state, "ingest_door", None)
    if door is None:
        door = app.state.ingest_door = Door(
            app.state.runtime, app.state.document_kinds, app.state.measured_by
        )
    return door


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the door with the application and closes it after the last request."""
    door = door_of(app)
    await door.start()
    try:
        yield
    finally:
        await door.close()
        app.state.ingest_door = None


class InstalledDoor:
    """``app.add_middleware(InstalledDoor, application=app)``: the door in front of the app."""

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._door = DoorMiddleware(app, lambda: door_of(application))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope, receive, send)
