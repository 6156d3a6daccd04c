"""Letters over the API."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.notices import queries
from controller.notices.api import as_download, at_desk
from controller.notices.views import NoticeDetail
from controller.problems import Problem
from controller.reports.letter_docx import as_docx
from controller.reports.letter_page import as_html, as_pdf
from controller.reports.letters import letter_of

router = APIRouter(prefix="/api/v1", tags=["notices"])

Form = Literal["html", "pdf", "docx"]
MEDIA: dict[str, str] = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@router.get(
    "/notices/{code}/letter",
    summary="The letter as HTML, PDF or DOCX",
    response_class=Response,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}},
)
def get_letter(
    code: str,
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Annotated[Principal, Depends(may("notices.read"))],
    format: Form = "pdf",  # noqa: A002 - the word of the command line
) -> Response:
    with at_desk(runtime, scope, reader) as desk:
        notice = queries.detail(desk, code)
    return letter_file(notice, format)


def letter_file(notice: NoticeDetail, form: str) -> Response:
    """The file to save. Raises Problem 503 where a library of the system is missing."""
    letter = letter_of(notice)
    if form == "docx":
        content = as_docx(letter)
    elif form == "html":
        content = as_html(letter).encode()
    else:
        try:
            content = as_pdf(letter)
        except RuntimeError as error:
            raise Problem(503, "no PDF here", str(error)) from None
    return as_download(f"{notice.code}-{notice.title}.{form}", MEDIA[form], content)
