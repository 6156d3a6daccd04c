"""The worker's turn with the outbox: claim, send, write down, until nothing is due."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from controller.notices import links, outbox
from controller.notices.channels import hooks
from controller.notices.channels.mail import Mailer
from controller.notices.outbox import MAIL, Message, SendError
from controller.notices.secret import link_key
from controller.notices.tables import Delivery, Notice
from controller.runtime import Runtime

SENDERS = 4
"""Mail connections at a time: a stalled one must not hold up the others."""
BUDGET_SECONDS = 60.0


@dataclass
class Turn:
    """What one turn did. ``down``: channels that do not answer, with why."""

    sent: int = 0
    failed: int = 0
    down: dict[str, str] = field(default_factory=dict)


def run(runtime: Runtime, budget_s: float = BUDGET_SECONDS) -> Turn:
    """Send what is due. Never raises for a message that does not go out."""
    turn, began = Turn(), time.monotonic()
    share = runtime.settings.notices.per_unit_per_hour
    while time.monotonic() - began < budget_s:
        taken = outbox.claim(runtime.database, runtime.now(), share)
        if not taken:
            break
        lanes = [taken[lane::SENDERS] for lane in range(SENDERS)]
        with ThreadPoolExecutor(SENDERS, "notices") as pool:
            for sent, failed in pool.map(lambda lane: _lane(runtime, turn, lane), lanes):
                turn.sent += sent
                turn.failed += failed
    return turn


def _lane(runtime: Runtime, turn: Turn, messages: Sequence[Message]) -> tuple[int, int]:
    sent = failed = 0
    with Mailer(runtime.settings.mail) as mailer:
        for message in messages:
            error: SendError | None = None
            if message.channel in turn.down:
                error = SendError(turn.down[message.channel], down=True)
            else:
                try:
                    send(runtime, mailer, message)
                except SendError as refused:
                    error = refused
                    if refused.down:
                        turn.down[message.channel] = str(refused)
            with runtime.database.write() as session:
                if error is None:
                    outbox.succeeded(session, message, runtime.now())
                    sent += 1
                else:
                    outbox.failed(session, message, error, runtime.now())
                    failed += 1
    return sent, failed


def send(runtime: Runtime, mailer: Mailer, message: Message) -> None:
    """One message over its channel. Raises SendError."""
    now = runtime.now()
    link = _link(runtime, message)
    if message.channel == MAIL:
        if not runtime.settings.mail.host:
            raise SendError("no mail server is set (mail.host)", down=True)
        mailer.send(message, link, now)
        return
    hook = next(
        (each for each in runtime.settings.notices.hooks if each.name == message.channel), None
    )
    if hook is None:
        raise SendError(f"no hook {message.channel!r} is set any more", permanent=True)
    if hook.kind != "webhook" and link:
        # A robot speaks to a group: it gets the address that asks for a login.
        link = f"{base_url(runtime)}/notices/{message.body['code']}"
    hooks.send(hook, message, link, now)


def _link(runtime: Runtime, message: Message) -> str:
    """The reading link of the message's notice, made when it goes out; "" where it has none."""
    if not message.body.get("code"):
        return ""
    with runtime.database.read() as session:
        row = session.get(Delivery, message.id)
        notice = session.get(Notice, row.notice_id) if row and row.notice_id else None
    if notice is None or notice.unit_id is None:
        return ""
    expires = runtime.now() + timedelta(days=runtime.settings.notices.link_days)
    token = links.make(
        link_key(runtime.settings), links.Link(notice.id or 0, notice.unit_id), expires
    )
    return f"{base_url(runtime)}/n/{token}"


def base_url(runtime: Runtime) -> str:
    """How people reach the controller."""
    s = runtime.settings
    return s.public_url.rstrip("/") or f"http://{s.host}:{s.port}"
