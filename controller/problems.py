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
    "access point": "接入点",
    "bundle": "采集包",
    "cut-over": "割接",
    "delivery": "投递记录",
    "escalation": "升级事项",
    "file": "文件",
    "finding": "问题",
    "forecast": "预测",
    "host": "主机",
    "item": "通知单中的资源",
    "kind of task": "任务类型",
    "letter template": "公文模板",
    "line": "线路",
    "network": "网络",
    "notice": "通知单",
    "order": "处置单",
    "page": "页面",
    "patrol plan": "巡查计划",
    "patrol run": "巡查记录",
    "plan": "方案",
    "pool": "资源池",
    "port": "端口",
    "project": "项目",
    "roll-out": "采集端推送",
    "run": "执行记录",
    "scan range": "扫描网段",
    "scan": "扫描",
    "site": "站点",
    "step": "步骤",
    "task": "任务",
    "token": "令牌",
    "vantage point": "监测点",
    "verdict": "判定结果",
    "volume": "云硬盘",
    "waiver": "豁免",
    "window": "时间窗口",
}
"""Chinese for what is looked for; a test knows every one that is asked for."""


class NotFound(Problem):
    """Not there, or not within the caller's scope: the two must look alike."""

    def __init__(self, what: str, key: str) -> None:
        said = say(
            f"no {what} {key!r} that you may see",
            f"没有找到{_THINGS.get(what, what)}“{key}”，或不在您的查看范围内",
        )
        super().__init__(404, "not found", said)
