"""A file sent as a form, taken in only after the sender was found to be allowed to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.datastructures import UploadFile
from starlette.requests import Request

from controller.access.deps import may
from controller.access.principal import Principal
from controller.inventory.api import received_file as from_form

Files = AsyncGenerator[UploadFile, None]

Keeper = Annotated[Principal, Depends(may("ledger.import"))]


async def received_file(request: Request, keeper: Keeper) -> Files:
    """The form field "file". Raises Problem 411, 413, 422."""
    async with aclosing(cast(Files, from_form(request, keeper))) as files:
        async for file in files:
            yield file


@dataclass(frozen=True)
class Received:
    """A form with one file and some texts."""

    file: UploadFile
    fields: dict[str, str]


async def received_form(request: Request, keeper: Keeper) -> AsyncGenerator[Received, None]:
    """The form field "file" and the texts beside it. Raises Problem 411, 413, 422."""
    async with aclosing(cast(Files, from_form(request, keeper))) as files:
        async for file in files:
            # The form was read by then; asking again gives the same one.
            form = await request.form()
            texts = {key: value for key, value in form.items() if isinstance(value, str)}
            yield Received(file, texts)
