"""Reading links: signed, expiring, for one unit and one notice. Whoever has one may read that
notice, nothing else; deciding needs a login."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime

_FORM = struct.Struct(">IIQ")
_MAC = 16


@dataclass(frozen=True)
class Link:
    """Whose notice the link opens."""

    notice_id: int
    unit_id: int


def make(key: bytes, link: Link, expires: datetime) -> str:
    """The token of an address: URL-safe, 43 characters."""
    body = _FORM.pack(link.notice_id, link.unit_id, int(expires.timestamp()))
    return base64.urlsafe_b64encode(body + _mac(key, body)).decode().rstrip("=")


def read(key: bytes, token: str, now: datetime) -> Link | None:
    """What the token opens; None if it was not made by us, was changed, or is over."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _FORM.size + _MAC:
        return None
    body, mac = raw[: _FORM.size], raw[_FORM.size :]
    if not hmac.compare_digest(mac, _mac(key, body)):
        return None
    notice_id, unit_id, expires = _FORM.unpack(body)
    return Link(notice_id, unit_id) if now.timestamp() < expires else None


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"notice-link" + body, hashlib.sha256).digest()[:_MAC]
