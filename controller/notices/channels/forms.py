"""What each kind of hook wants to hear, and what its answer means. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from controller.notices.channels.guard import Reply
from controller.notices.outbox import Message, SendError

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
BUSY = frozenset({-1, 45009, 45033, 130101})
"""Codes of the robots that mean later: system busy, too many messages."""


@dataclass(frozen=True)
class Request:
    """``query`` is appended to the hook's address."""

    body: bytes
    headers: dict[str, str]
    query: str = ""


def request(kind: str, message: Message, secret: str, link: str, now: datetime) -> Request:
    """The POST for a hook of this kind; ``secret`` may be empty for robots that need none."""
    if kind == "wecom":
        return _json({"msgtype": "markdown", "markdown": {"content": markdown(message, link)}})
    if kind == "dingtalk":
        body = {"title": message.subject[:60], "text": markdown(message, link)}
        made = _json({"msgtype": "markdown", "markdown": body})
        return Request(made.body, made.headers, dingtalk_sign(secret, now) if secret else "")
    return signed(message, secret, link, now)


def signed(message: Message, secret: str, link: str, now: datetime) -> Request:
    """Generic webhook: HMAC-SHA256 over ``timestamp.body``, and an idempotency key."""
    made = _json(
        {
            "id": message.message_id,
            "kind": message.body.get("kind", ""),
            "notice": message.body.get("code", ""),
            "unit": message.body.get("unit", {}),
            "subject": message.subject,
            "lines": message.body.get("lines", []),
            "url": link,
        }
    )
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + made.body, hashlib.sha256)
    return Request(
        made.body,
        made.headers
        | {
            "Idempotency-Key": message.message_id,
            "X-Yunxun-Timestamp": stamp,
            "X-Yunxun-Signature": f"sha256={digest.hexdigest()}",
        },
    )


def dingtalk_sign(secret: str, now: datetime) -> str:
    """加签: base64(HMAC-SHA256(secret, "timestamp_ms\\nsecret")), as a query."""
    stamp = str(int(now.timestamp() * 1000))
    digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    return f"timestamp={stamp}&sign={quote(base64.b64encode(digest), safe='')}"


def markdown(message: Message, link: str) -> str:
    """Title, lines, link; within the 4096 bytes that WeCom takes."""
    unit = message.body.get("unit") or {}
    lines = [f"### {message.subject}"]
    if unit.get("name"):
        lines.append(f"> {unit['name']}")
    lines += [str(line) for line in message.body.get("lines", [])]
    if link:
        lines.append(f"[查看]({link})")
    text = "\n\n".join(lines)
    return text.encode()[:4000].decode(errors="ignore")


def judge(kind: str, reply: Reply) -> None:
    """Raises SendError unless the hook took the message."""
    if 300 <= reply.status < 400:
        raise SendError(f"answered {reply.status}: redirects are not followed", permanent=True)
    if not 200 <= reply.status < 300:
        raise SendError(f"answered {reply.status}", permanent=reply.status not in TEMPORARY)
    if kind == "webhook":
        return
    try:
        answer = json.loads(reply.body)
        code, words = int(answer["errcode"]), str(answer.get("errmsg", ""))
    except (ValueError, KeyError, TypeError):
        raise SendError("answered no errcode: is this the robot's address?") from None
    if code != 0:
        raise SendError(f"errcode {code}: {words[:200]}", permanent=code not in BUSY)


def _json(body: object) -> Request:
    return Request(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Yunxun"},
    )
