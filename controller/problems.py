"""The one shape of an error over HTTP: RFC 9457 problem details."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """An answer of 4xx or 5xx that says what is wrong, where, and what to do.

    ``title`` is the short kind of problem, the same each time; ``detail`` speaks of this one.
    ``headers`` go out with the answer (Retry-After), ``extra`` are further members of the body.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def body(self, instance: str = "") -> dict[str, Any]:
        """The JSON document; ``instance`` is the id of the request, to quote to the ops team."""
        body: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        if instance:
            body["instance"] = instance
        return body | self.extra


class NotFound(Problem):
    """Not there, or not within the caller's scope: the two must look alike."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(404, "not found", f"no {what} {key!r} that you may see")
