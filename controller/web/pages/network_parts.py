"""What the pages share on which the network is set up: who may open them, choices, refusals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import ValidationError
from sqlalchemy import select
from sqlmodel import Session, col

from controller.inventory.tables import Site, Zone
from controller.problems import Problem
from controller.said import chinese
from controller.web import network_words
from controller.web.pages.register_parts import Option
from controller.web.shell import Flash
from controller.web.view import View, opened

NetworkWriter = Annotated[View, Depends(opened("network.write"))]
Keeper = Annotated[View, Depends(opened("network.credentials"))]
Trustee = Annotated[View, Depends(opened("agents.trust"))]


def places(session: Session) -> tuple[list[str], list[str]]:
    """Names of all sites and zones, for those who register gear of the whole city."""
    return (
        list(session.execute(select(col(Site.name)).order_by(col(Site.name))).scalars()),
        list(session.execute(select(col(Zone.name)).order_by(col(Zone.name))).scalars()),
    )


def roles(view: View) -> list[Option]:
    """The roles of devices."""
    return [Option(key, word) for key, word in network_words.roles(view.text).items()]


def moment_of(view: View, text: str) -> datetime:
    """A moment as a browser's field gives it, in the controller's zone. Raises Problem 422."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(422, "wrong time", view.text("时间无法识别。")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=view.zone)


def refused(view: View, error: Problem | ValidationError) -> str:
    """Why something was not done, in the reader's words."""
    _ = view.text
    if isinstance(error, ValidationError):
        return _invalid(view, error)
    known = {
        "bad range": _("网段格式不对，应如 10.1.0.0/24。"),
        "range too large": _("网段过大，一次最多 65536 个地址，请拆分后登记。"),
        "range not registered": _("该网段不在已登记的扫描范围内，请先登记。"),
        "outside the window": _("现在不在该范围允许扫描的时间内。"),
        "bad window": _("结束时间须晚于开始时间，且不超过 31 天。"),
        "bad discovery": _("请选择 1 至 5 个凭据。"),
        "which poller": _("请选择由哪个轮询端扫描。"),
        "role missing": _("所选采集端没有轮询角色。"),
        "agent not active": _("所选采集端未批准或已吊销。"),
        "too many tasks": _("该轮询端待办任务过多，请稍后再试。"),
        "name taken": _("同名凭据已存在；要更换其口令，请用“更换口令”。"),
        "credential in use": _("仍有设备使用该凭据，请先为这些设备改用其他凭据。"),
        "decided": _("该设备已批准登记。"),
        "key file unusable": _("密钥文件无法使用，请联系系统管理员检查 sealing_key_file。"),
        "credential unreadable": _("有凭据无法用现有密钥解开，请联系系统管理员检查密钥文件。"),
    }
    told = known.get(error.title)
    if told:
        return told
    return chinese(error.detail) if view.language == "zh" else error.detail


def not_done(view: View, error: Problem | ValidationError) -> Flash:
    """The message of a refusal."""
    return Flash("bad", view.text("未保存：{why}", why=refused(view, error)))


def _invalid(view: View, error: ValidationError) -> str:
    """The first field that is wrong; what stands in it may be a secret and is not repeated."""
    _ = view.text
    first = error.errors(include_input=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    told = first["msg"].removeprefix("Value error, ")
    fields = {
        "name": _("名称只能用字母、汉字、数字、点、横线和下划线，最长 64 个字符。"),
        "address": _("地址不是 IPv4 或 IPv6 地址。"),
        "port": _("端口应为 1 至 65535。"),
        "interval_s": _("轮询间隔超出允许范围。"),
        "rate_per_s": _("速率应大于 0，不超过每秒 200 个地址。"),
        "unit": _("请选择单位。"),
        "credentials": _("请选择 1 至 5 个凭据。"),
    }
    rules = {
        "v1 needs a community": _("v1 须填写团体字。"),
        "v2c needs a community": _("v2c 须填写团体字。"),
        "v3 needs a user": _("v3 须填写用户名。"),
        "encryption needs authentication too: give auth_password": _(
            "加密须同时认证，请填写认证口令。"
        ),
        "auth_password is shorter than 8 characters": _("认证口令不能少于 8 个字符。"),
        "priv_password is shorter than 8 characters": _("加密口令不能少于 8 个字符。"),
        "a secret is over 255 characters": _("口令或团体字不能超过 255 个字符。"),
    }
    return fields.get(name) or rules.get(told) or told
