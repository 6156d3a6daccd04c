"""What an enrolment token must say of this controller: its address and what agents pin."""

from __future__ import annotations

from starlette.requests import Request

from controller.ingest import enrolment
from controller.ingest.authority import fingerprint_of, read_ca
from controller.settings import Settings


def controller_url(request: Request, settings: Settings) -> str:
    """Where agents reach us: as set, else as this browser does."""
    return enrolment.controller_url(settings, f"{request.url.scheme}://{request.url.netloc}")


def pinned_fingerprint(settings: Settings, url: str) -> str:
    """SHA-256 of the CA that agents pin; "" for plain http on the host itself."""
    return fingerprint_of(read_ca(settings)) if url.startswith("https://") else ""
