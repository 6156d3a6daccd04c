"""What units and the provider are told, and over which channels: rows of the outbox.

Never to leaders by itself: 约谈 and 通报 are proposals on a page, decided by people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from controller.inventory.tables import Resource, Unit
from controller.notices.desk import Desk
from controller.notices.outbox import INBOX, MAIL, enqueue
from controller.notices.tables import Notice, NoticeItem, NoticeOrder
from controller.notices.wording import official_date

ORDERS = {
    "stop": "关机", "recover": "快照后删除", "shrink": "缩减配置",
    "start": "撤回关机指令，已关机的恢复开机",
}  # fmt: skip


def issued(desk: Desk, notice: Notice, *, again: bool = False) -> int:
    """The letter has been sent: what it is about, until when, where to read it."""
    mark = f":{desk.now.isoformat()}" if again else ""
    due = official_date(notice.due) if notice.due else ""
    lines = [
        f"{notice.signature}已向你单位印发《{notice.title}》（{notice.number}）。",
        f"函中列有{len(_open(desk, notice))}项政务云资源，请逐项核实，"
        f"于{due}前由经办人登录系统填写处理意见，经负责人确认后反馈。",
    ]
    return to_unit(desk, notice, "issued", f"issued{mark}", notice.title, lines)


def reminder(desk: Desk, notice: Notice, due: date, step: int, days: int) -> int:
    """``days`` working days before the deadline; once for each ``step`` (T-7, T-3, T-1)."""
    lines = [
        f"《{notice.title}》（{notice.number}）的反馈期限为{official_date(due)}，"
        f"还有{days}个工作日。尚有资源未反馈或未经负责人确认，请尽快办理。"
    ]
    subject = f"提醒：{notice.title}（还有{days}个工作日）"
    return to_unit(desk, notice, "reminder", f"remind:{due}:{step}", subject, lines)


def decided(desk: Desk, notice: Notice, item: NoticeItem, act: str, note: str) -> int:
    """A decision on one resource."""
    name = _name(desk, item)
    due = official_date(item.due) if item.due else ""
    words = {
        "grant_keep": f"资源{name}的保留申请已获批准，保留至"
        f"{official_date(item.keep_until) if item.keep_until else ''}，到期前请重新评估。",
        "refuse_keep": f"资源{name}的保留申请未获批准，请于{due}前重新反馈。",
        "accept_dispute": f"经复核，资源{name}的异议成立，已撤回，无需处理。",
        "reject_dispute": f"经复核，维持对资源{name}的研判结果，请于{due}前重新反馈。",
        "withdraw": f"资源{name}已从函中撤回，无需处理。",
        "restore": f"资源{name}已恢复使用，不再回收。",
        "verify_by_hand": f"资源{name}已核实处理完毕。",
        "expire": f"资源{name}的保留期已满，请于{due}前重新反馈。",
    }
    lines = [words[act], *([f"说明：{note}"] if note else [])]
    key = f"{act}:{item.id}:{desk.now.isoformat()}"
    return to_unit(desk, notice, "decided", key, f"办理进展：{notice.title}", lines)


def withdrawn(desk: Desk, notice: Notice, items: Sequence[NoticeItem], note: str) -> int:
    """No further action is needed."""
    if not items:
        return 0
    names = "、".join(_name(desk, item) for item in items[:10])
    more = f"等{len(items)}项" if len(items) > 10 else ""
    lines = [f"资源{names}{more}已从函中撤回，无需处理。", *([f"说明：{note}"] if note else [])]
    numbers = ",".join(str(item.id) for item in items)[:60]
    key = f"withdrawn:{numbers}:{desk.now.isoformat()}"
    return to_unit(desk, notice, "decided", key, f"办理进展：{notice.title}", lines)


def ordered(desk: Desk, notice: Notice, item: NoticeItem, order: NoticeOrder) -> int:
    """To the cloud provider: do this, and give the receipt."""
    to = desk.settings.notices.provider_email
    if not (to and desk.settings.mail.host):
        return 0
    word = ORDERS[order.kind]
    detail = "，".join(f"{key} {value}" for key, value in order.detail.items())
    made = enqueue(
        desk.session, desk.now,
        key=f"{notice.code}:order:{order.id}:mail", channel=MAIL, recipient=to,
        subject=f"资源处置指令：{word} {_name(desk, item)}",
        body={
            "kind": "order",
            "lines": [
                f"依据{notice.number or notice.code}，请对资源{_name(desk, item)}执行：{word}。"
                + (f"（{detail}）" if detail else ""),
                "完成后请登录系统“处置指令”登记回执；删除前须保留快照并填写快照编号。",
            ],
            "code": "",
        },
        notice_id=notice.id,
    )  # fmt: skip
    return int(made is not None)


def to_unit(
    desk: Desk, notice: Notice, kind: str, key: str, subject: str, lines: Iterable[str]
) -> int:
    """To the unit's inbox, its mail address and every hook; how many messages that makes."""
    unit = desk.session.get(Unit, notice.unit_id) if notice.unit_id is not None else None
    if unit is None:
        return 0
    body = {
        "kind": kind,
        "lines": list(lines),
        "code": notice.code,
        "unit": {"code": unit.code, "name": notice.addressee, "phone": unit.phone},
    }
    wanted = [(INBOX, "")]
    if desk.settings.mail.host and unit.email:
        wanted.append((MAIL, unit.email))
    wanted += [(hook.name, "") for hook in desk.settings.notices.hooks]
    made = [
        enqueue(
            desk.session, desk.now, key=f"{notice.code}:{key}:{channel}"[:200], channel=channel,
            recipient=recipient, subject=subject, body=body, unit_id=unit.id, notice_id=notice.id,
        )
        for channel, recipient in wanted
    ]  # fmt: skip
    return sum(each is not None for each in made)


def _open(desk: Desk, notice: Notice) -> list[NoticeItem]:
    return [item for item in desk.items(notice) if item.state == "waiting"]


def _name(desk: Desk, item: NoticeItem) -> str:
    resource = desk.session.get(Resource, item.resource_id)
    return f"{resource.name}（{resource.code}）" if resource else str(item.resource_id)
