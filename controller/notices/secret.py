"""Secrets of the channels and the key of links: from files or the environment, never logged."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from controller.settings import Settings

KEY_BYTES = 32


def read_secret(given: str, file: str) -> str:
    """``given``, else the first line of ``file``, else "". Raises OSError."""
    if given or not file:
        return given
    return Path(file).read_text("utf-8").partition("\n")[0].strip()


def link_key(settings: Settings) -> bytes:
    """The key that signs reading links; made at first use, readable by us only. Raises OSError."""
    name = settings.notices.link_key_file
    path = Path(name) if name else settings.data / "link.key"
    try:
        return bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        # Linked, not renamed: of two processes that make it at once one wins, and both read that.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return bytes.fromhex(path.read_text("ascii").strip())
