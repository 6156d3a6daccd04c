"""Host keys as a project keeps them: lines of OpenSSH's known_hosts, with plain or hashed names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def also_known_as(text: str, old: str, new: str, port: int) -> str:
    """``text`` with the keys of ``old`` under ``new``, too: one machine that has moved. What was
    known under ``new`` before is gone: that was another machine. A line's other names stay."""
    if port != 22:
        old, new = f"[{old}]:{port}", f"[{new}]:{port}"
    lines = [line for line in text.splitlines() if line.strip()]
    keys = [line.split(maxsplit=1)[1] for line in lines if _names(line, old)]
    if not keys or old == new:
        return text
    kept = [rest for line in lines if (rest := _without(line, new))]
    return "".join(f"{line}\n" for line in [*kept, *(f"{new} {key}" for key in keys)])


def _names(line: str, name: str) -> bool:
    names, _, key = line.strip().partition(" ")
    if not key or names.startswith(("#", "@")):
        return False
    return any(_same(each, name) for each in names.split(","))


def _without(line: str, name: str) -> str:
    """The line without this name; "" where it has no other."""
    if not _names(line, name):
        return line
    names, _, key = line.strip().partition(" ")
    others = ",".join(each for each in names.split(",") if not _same(each, name))
    return f"{others} {key}" if others else ""


def _same(written: str, name: str) -> bool:
    if not written.startswith("|1|"):
        return written == name
    try:
        salt, digest = (base64.b64decode(part) for part in written[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
