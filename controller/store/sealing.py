"""Secrets at rest: sealed with AES-256-GCM under a key that lies outside the database.

A sealed text is ``v1:KEYID:BASE64(nonce + ciphertext + tag)``. ``about`` names the place it stands
in (for example ``snmp_credential/7/auth``) and is authenticated with it, so that a sealed text
copied into another row does not open there.

The key file holds a line a key, ``KEYID HEX``; the last one seals, all of them open. ``add_key``
makes rotation possible: seal anew with the last, then take the old line out.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controller.settings import Settings

FORM = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12


class SealError(Exception):
    """A key or a sealed text cannot be used; the text says which and what to do, never a secret."""


class Sealer:
    """Seals and opens with the keys of one file."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        """``keys`` by id, the one that seals last. Raises SealError for none."""
        if not keys:
            raise SealError("the key file holds no key")
        self._keys = keys
        self.key_id = next(reversed(keys))

    def seal(self, secret: str, about: str) -> str:
        """The sealed text of ``secret``."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._keys[self.key_id]).encrypt(nonce, secret.encode(), about.encode())
        return f"{FORM}:{self.key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """What was sealed for ``about``. Raises SealError."""
        form, _, rest = sealed.partition(":")
        key_id, _, body = rest.partition(":")
        if form != FORM:
            raise SealError(f"{about}: not a sealed text of a form this version knows")
        key = self._keys.get(key_id)
        if key is None:
            raise SealError(f"{about}: sealed with key {key_id}, which is not in the key file")
        try:
            raw = base64.b64decode(body, validate=True)
            return (
                AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode()).decode()
            )
        except (InvalidTag, ValueError, binascii.Error):
            raise SealError(f"{about}: damaged, or sealed for another place") from None


def open_sealer(settings: Settings) -> Sealer:
    """The sealer of this controller; its key file is made at first use. Raises SealError."""
    path = key_file(settings)
    try:
        if not path.exists():
            _make(path, _line())
        return Sealer(_read(path))
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from None


def add_key(settings: Settings) -> str:
    """A new key that seals from now on; its id. Older keys still open. Raises SealError."""
    path = key_file(settings)
    if not path.exists():
        return open_sealer(settings).key_id
    line = _line()
    fresh = _write(path, path.read_text("ascii").rstrip("\n") + "\n" + line)
    fresh.replace(path)
    _sync(path.parent)
    return line.split()[0]


def key_file(settings: Settings) -> Path:
    """Where the keys lie; several hosts of one installation share one file."""
    return Path(settings.sealing_key_file or settings.data / "sealing.key")


def _read(path: Path) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text("ascii").splitlines(), 1):
        if not line.strip():
            continue
        key_id, _, text = line.partition(" ")
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise SealError(f"{path} line {number}: not an id and {KEY_BYTES} bytes in hex")
        keys[key_id] = key
    return keys


def _line() -> str:
    return f"{secrets.token_hex(4)} {secrets.token_hex(KEY_BYTES)}\n"


def _make(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _write(path, text)
    try:
        # Linked, not renamed: of two processes that make it at once one wins, and both read that.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    _sync(path.parent)


def _write(path: Path, text: str) -> Path:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _sync(folder: Path) -> None:
    """A key that a power cut takes with it would leave every sealed text unreadable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
