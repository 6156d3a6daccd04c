"""The words of codes: roles, kinds, states. One table each, used on every page."""

from __future__ import annotations

from controller.ingest.agents import AgentView
from controller.web.freshness import OFFLINE_AFTER
from controller.web.language import Text
from controller.web.pages import notice_words


def role(code: str, _: Text) -> str:
    """A role's name."""
    words = {
        "system_admin": _("系统管理员"),
        "security_admin": _("安全管理员"),
        "auditor": _("审计员"),
        "ops": _("运维"),
        "engineer": _("工程师"),
        "provider": _("云服务提供方"),
        "county_admin": _("县区管理员"),
        "unit": _("单位用户"),
        "local": _("本机命令"),
    }
    return words.get(code, code)


def resource_kind(code: str, _: Text) -> str:
    """A resource kind's name."""
    words = {
        "vm": _("云主机"),
        "volume": _("云硬盘"),
        "address": _("地址"),
        "database": _("数据库"),
        "physical": _("物理机"),
        "device": _("网络设备"),
        "other": _("其他"),
    }
    return words.get(code, code)


def agent_state(agent: AgentView, _: Text) -> tuple[str, str]:
    """(tone, word) of an agent: its state, and whether it is heard."""
    if agent.state == "pending":
        return "warn", _("待批准")
    if agent.state == "revoked":
        return "", _("已吊销")
    if agent.state == "conflict":
        return "bad", _("冲突（疑似克隆）")
    if agent.lag_s is None:
        return "warn", _("未上报")
    if agent.lag_s > OFFLINE_AFTER.total_seconds():
        return "bad", _("离线")
    return "good", _("正常")


def set_aside_kind(code: str, _: Text) -> tuple[str, str]:
    """(name, what it means and what to do) of a kind of data that was not stored."""
    words = {
        "unknown_column": (
            _("未知指标"),
            _("采集端版本比本系统新，多出的指标未入库；升级本系统后自动收取。"),
        ),
        "future": (_("时间超前"), _("数据时间晚于当前时间，请检查该主机的时钟同步。")),
        "unset_clock": (_("时钟未校准"), _("数据时间早得不合理，请检查该主机的时钟同步。")),
        "loss": (
            _("采集端丢弃"),
            _("采集端本地缓存已满，最早的数据已丢弃；图中显示为数据缺失，不计为零。"),
        ),
        "collector_failed": (_("采集项失败"), _("该采集项在主机上出错，其余采集项不受影响。")),
        "clone": (
            _("疑似克隆"),
            _("两台机器使用同一采集端身份，已暂停接收；请吊销后分别重新接入。"),
        ),
        "unknown_document": (_("未知文档"), _("采集端版本比本系统新，该类文档未入库。")),
        "foreign_resource": (
            _("未分配的设备"),
            _("轮询端上报了未分配给它的设备，这些数据未入库；设备刚调整时属正常。"),
        ),
        "bad_document": (_("文档不可用"), _("文档内容有误，原因见右；同批其他数据已入库。")),
    }
    return words.get(code, (code, ""))


def outcome(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of an audit row's outcome."""
    words = {
        "ok": ("good", _("成功")),
        "refused": ("bad", _("被拒绝")),
        "locked": ("bad", _("已锁定")),
        "failed": ("bad", _("失败")),
        "dry run": ("", _("试导入")),
    }
    return words.get(code, ("", code))


def action(code: str, _: Text) -> str:
    """An audited action as a reader says it; an unknown one stays its code."""
    words = {
        "login": _("登录"),
        "logout": _("退出"),
        "user.create": _("新建用户"),
        "user.change": _("变更用户"),
        "user.password": _("修改密码"),
        "token.create": _("新建接口令牌"),
        "token.revoke": _("吊销接口令牌"),
        "agent.approve": _("批准采集端"),
        "agent.roles": _("设定采集端角色"),
        "agent_task.create": _("下达采集端任务"),
        "agent_task.cancel": _("取消采集端任务"),
        "agent.revoke": _("吊销采集端"),
        "agent.enrol": _("采集端接入"),
        "agent_token.create": _("新建接入令牌"),
        "agent_token.revoke": _("吊销接入令牌"),
        "import.units": _("导入单位"),
        "import.resources": _("导入资源"),
        "samples.import": _("导入历史数据"),
        "samples.write": _("写入数据"),
        "serve.start": _("系统启动"),
        "finding.acknowledge": _("确认问题"),
        "finding.assign": _("指派问题"),
        "finding.note": _("备注问题"),
        "finding.resolve": _("标记问题消除"),
        "finding.hand_over": _("交接班"),
        "finding.suppress": _("新建抑制窗口"),
        "finding.unsuppress": _("结束抑制窗口"),
        "readiness.project": _("新建迁移适配项目"),
        "readiness.change": _("修改迁移适配项目"),
        "readiness.hosts": _("登记项目主机"),
        "readiness.host_retire": _("移出项目主机"),
        "readiness.credential": _("保存登录凭据"),
        "readiness.credential_drop": _("删除登录凭据"),
        "readiness.approve": _("审批迁移适配项目"),
        "readiness.run": _("发起检查运行"),
        "readiness.cancel": _("取消检查运行"),
        "readiness.waive": _("接受风险"),
        "readiness.unwaive": _("收回风险接受"),
        "readiness.upload": _("上传证据包"),
        "patrol.run": _("发起巡查"),
        "patrol.plan": _("修订巡查方案"),
        "patrol.sign": _("签名巡查记录"),
        "patrol.drill": _("记录应急演练"),
        "holding.correct": _("更正归属与分配"),
        "rollout.run": _("推送采集端"),
        "cutover.run": _("执行割接"),
        "cutover.follow": _("割接后更新登录地址"),
        "rollout.trust": _("登记采集端签名公钥"),
        "cutover.rollback": _("退回割接"),
    }
    if code.startswith("notice."):
        return f"{_('提示函')} · {notice_words.act(code.removeprefix('notice.'), _)}"
    return words.get(code, code)
