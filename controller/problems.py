"""The one shape of an error over HTTP: RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

from controller.said import Said, say


class Problem(Exception):
    """An answer of 4xx or 5xx that says what is wrong, where, and what to do.

    ``title`` is the short kind of problem, the same each time; ``detail`` speaks of this one, in
    Chinese too (``detail_zh`` of the document) where it was said so.
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
        if isinstance(self.detail, Said):
            body["detail_zh"] = self.detail.zh
        if instance:
            body["instance"] = instance
        return body | self.extra


_THINGS = {
    "unit": "单位",
    "resource": "资源",
    "system": "业务系统",
    "source": "清单来源",
    "import": "清单",
    "check": "待核实项",
    "claim": "认领申请",
    "change": "单位变更",
    "published month": "已发布的月份",
    "unclaimed resource": "待认领的资源",
    "allocation": "申请",
    "agent": "采集端",
    "device": "设备",
    "credential": "凭据",
    "proposal": "待处理的设备",
    "user": "用户",
}
"""Chinese for what is looked for; the rest is called as the API calls it."""


class NotFound(Problem):
    """Not there, or not within the caller's scope: the two must look alike."""

    def __init__(self, what: str, key: str) -> None:
        said = say(
            f"no {what} {key!r} that you may see",
            f"没有找到{_THINGS.get(what, what)}“{key}”，或不在您的查看范围内",
        )
        super().__init__(404, "not found", said)
