"""Random secrets that are shown once and stored as SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
"""256 bits: with this much randomness a plain hash needs neither salt nor stretching."""


def new_secret(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(BYTES)


def hash_secret(secret: str) -> str:
    """64 hex digits. Looked up by equality of the hash, so no timing tells how much was right."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()
