"""What the pages of 迁网 share: a file that somebody may send, and the way back after it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Request
from fastapi.responses import Response

from controller.ledger.received import Received, received_form
from controller.web import render
from controller.web.move_words import MovesWriter
from controller.web.shell import Flash


async def received_by_writer(request: Request, view: MovesWriter) -> AsyncGenerator[Received, None]:
    """A form with a file, taken in only after its sender was found to be allowed to send it."""
    async with aclosing(received_form(request, view.principal)) as forms:
        async for sent in forms:
            yield sent


def sent_back(path: str, flash: Flash) -> Response:
    """The answer to a form that htmx sent: the browser goes to ``path`` and shows ``flash``."""
    answer = render.go(path, flash)
    answer.status_code = 204
    answer.headers["HX-Redirect"] = path
    return answer
