"""The words of notices: states, acts, answers, what is wrong with an input."""

from __future__ import annotations

from controller.notices.desk import CALENDAR_WRONG
from controller.problems import Problem
from controller.web.language import Text


def letter_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a letter's state."""
    words = {
        "draft": ("", _("拟稿")),
        "reviewed": ("", _("已核稿，待签发")),
        "signed": ("", _("已签发，待发文")),
        "issued": ("warn", _("已发文，办理中")),
        "closed": ("good", _("已办结")),
        "cancelled": ("", _("已作废")),
    }
    return words.get(code, ("", code))


def item_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word) of a resource's state."""
    words = {
        "draft": ("", _("未发文")),
        "waiting": ("warn", _("待单位答复")),
        "answered": ("warn", _("待负责人确认")),
        "release_due": ("", _("同意释放，待下达关机指令")),
        "shrink_due": ("", _("同意缩减，待下达指令")),
        "keep_asked": ("warn", _("申请保留，待审批")),
        "kept": ("good", _("已批准保留")),
        "disputed": ("warn", _("有异议，待复核")),
        "stop_ordered": ("", _("已下达关机指令")),
        "observing": ("", _("关机观察中")),
        "recover_ordered": ("", _("已下达快照回收指令")),
        "shrink_ordered": ("", _("已下达缩减指令")),
        "verifying": ("", _("已执行，待核验")),
        "closed": ("good", _("已核验办结")),
        "withdrawn": ("", _("已撤回")),
        "claimed": ("good", _("已认领")),
        "dropped": ("", _("已移出")),
    }
    return words.get(code, ("", code))


def act(code: str, _: Text) -> str:
    """What was or can be done."""
    words = {
        "draft": _("拟稿"), "edit": _("修改文稿"), "review": _("核稿"), "sign": _("签发"),
        "return": _("退回修改"), "register": _("登记发文"), "cancel": _("作废"),
        "close": _("人工办结"), "finish": _("全部办结"), "issue": _("发文送达"),
        "send_again": _("重新发送通知"), "read": _("单位已阅"), "answer": _("经办人答复"),
        "confirm_release": _("负责人确认：同意释放"), "confirm_shrink": _("负责人确认：同意缩减"),
        "confirm_keep": _("负责人确认：申请保留"), "confirm_dispute": _("负责人确认：提出异议"),
        "confirm": _("负责人确认"), "send_back": _("负责人退回"), "grant_keep": _("批准保留"),
        "refuse_keep": _("不批准保留"), "expire": _("保留到期"),
        "accept_dispute": _("异议成立，撤回"), "reject_dispute": _("异议不成立"),
        "withdraw": _("撤回"), "claim": _("登记认领"), "force": _("逾期处置（须审批）"),
        "order_stop": _("下达关机指令"), "order_recover": _("下达快照回收指令"),
        "order_shrink": _("下达缩减指令"), "stopped": _("回执：已关机"),
        "recovered": _("回执：已快照并回收"), "shrunk": _("回执：已缩减"),
        "started": _("回执：已恢复开机"),
        "restore": _("恢复使用"), "verify": _("系统核验通过"), "verify_by_hand": _("人工核验办结"),
        "drop": _("移出本函"), "remind": _("系统提醒"), "call": _("催办"),
        "propose": _("系统建议升级"), "escalation_approve": _("批准升级"),
        "escalation_refuse": _("不予升级"), "escalation_carry_out": _("升级已实施"),
        "file_scan": _("上传盖章扫描件"), "file_receipt": _("上传回执"),
    }  # fmt: skip
    return words.get(code, code)


def answer(code: str, _: Text) -> str:
    """What a unit answers."""
    words = {
        "release": _("同意释放"),
        "shrink": _("同意缩减配置"),
        "keep": _("申请保留"),
        "dispute": _("对研判结果有异议"),
    }
    return words.get(code, code)


def keep_reason(code: str, _: Text) -> str:
    """Why a resource is to be kept."""
    words = {
        "coming_load": _("近期有业务上线或流量增长"),
        "standby": _("容灾、备份或热备用途"),
        "seasonal": _("季节性、周期性业务（汛期、考试、决算等）"),
        "key_period": _("重要时期保障"),
        "test_pending": _("正在测试验证，暂不宜调整"),
        "fleet": _("与同组主机保持规格一致"),
        "compliance": _("法规、审计或数据保存要求"),
        "other": _("其他（须说明）"),
    }
    return words.get(code, code)


def finding(code: str, _: Text) -> str:
    """A class of verdict."""
    words = {
        "idle": _("闲置"), "oversized": _("配置偏高"), "stopped": _("已关机"),
        "unused": _("未使用"), "night_off": _("夜间及周末闲置"), "unclaimed": _("无人认领"),
    }  # fmt: skip
    return words.get(code, code)


def level(code: str, _: Text) -> str:
    """A step of escalation."""
    return {"talk": _("约谈"), "circular": _("通报")}.get(code, code)


def escalation_state(code: str, _: Text) -> tuple[str, str]:
    """(tone, word)."""
    words = {
        "proposed": ("warn", _("待审批")),
        "approved": ("", _("已批准，待实施")),
        "refused": ("", _("不予升级")),
        "done": ("good", _("已实施")),
    }
    return words.get(code, ("", code))


def order(code: str, _: Text) -> str:
    """An order to the provider."""
    words = {
        "stop": _("关机"), "recover": _("快照后删除"), "shrink": _("缩减配置"),
        "start": _("恢复开机"),
    }  # fmt: skip
    return words.get(code, code)


def delivery_state(code: str, attempts: int, _: Text) -> tuple[str, str]:
    """(tone, word) of a message."""
    if code == "sent":
        return "good", _("已送出")
    if code == "dead":
        return "bad", _("发送失败")
    return "warn", _("待发送") if not attempts else _("重试中（第 {n} 次）", n=attempts)


def channel(code: str, _: Text) -> str:
    """A channel; hooks keep their names."""
    return {"mail": _("邮件"), "inbox": _("站内信")}.get(code, code)


def refusal(problem: Problem, _: Text) -> str:
    """Why an act was refused and what to do, in the reader's words."""
    words = {
        "incomplete": _("请填写完整后再提交（姓名、说明、文号、扫描件等必填项）。"),
        "not possible now": _("当前状态下不能这样办理，请刷新页面查看最新状态。"),
        "same person": _("同一人不能既办理又审核，请由另一人操作。"),
        "not the person in charge": _("须由本单位负责人确认；职责由安全管理员设置。"),
        "invalid date": _("日期无效：保留期限须在今天之后，且不超过规定的最长期限。"),
        "number taken": _("该发文字号已登记在另一份函上。"),
        "not a scan": _("请上传 PDF、PNG 或 JPEG 格式的扫描件。"),
        "no file": _("请选择要上传的扫描件。"),
        "too large": _("扫描件不能超过 20 MB。"),
        "unknown reason": _("申请保留须选择理由。"),
        "unknown answer": _("请选择处理意见。"),
        "deadline not over": _("答复期限未过，不能逾期处置。"),
        "press first": _("逾期处置前须先电话催办，或有已批准的约谈、通报。"),
        "still observed": _("关机观察期未满，不能下达回收指令。"),
        "order under way": _("有资源的处置指令尚未完成，不能办结。"),
        "last resource": _("这是函中最后一项资源，请作废整份函。"),
        "nothing to draft": _("请至少选择一项资源。"),
        "invalid template": _(
            "模板有误：标题和正文不能为空，花括号须成对，其中只能使用列出的名称。"
        ),
        "invalid letter date": _("成文日期无效：不能晚于今天，也不能早于一年前。"),
        "not a date": _("日期格式不正确，请按 2026-12-31 的形式填写。"),
        "order withdrawn": _("该指令已撤回，不再登记回执。"),
        CALENDAR_WRONG: _("工作日历补充文件有误，不能计算期限；请联系系统管理员更正后重试。"),
        "ambiguous unit": _("有多个同名单位，请填写单位编码。"),
    }
    return words.get(problem.title, _("未能办理：请检查填写内容，或刷新页面后重试。"))
