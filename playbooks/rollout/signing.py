"""Ed25519 over a bundle's manifest; the manifest holds the archive's SHA-256."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SignatureError(Exception):
    """A bundle is not what its maker signed; the text says what differs."""


def load_or_make_key(path: Path) -> Ed25519PrivateKey:
    """The signing key; a new one, readable by its owner only, where there is none yet."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise SignatureError(f"{path}: not an Ed25519 key")
        return key
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """What targets check with."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: Ed25519PrivateKey, data: bytes) -> bytes:
    """64 bytes."""
    return key.sign(data)


def fingerprint(public: bytes) -> str:
    """``SHA256:…`` of the key itself, to read out to each other. Raises SignatureError."""
    raw = _read_public(public).public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


def _read_public(public: bytes) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(public)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError("not a public key in PEM: give signing.pub") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError("the public key is not an Ed25519 key")
    return key


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Raises SignatureError."""
    try:
        _read_public(public).verify(signature, data)
    except InvalidSignature:
        raise SignatureError("the manifest's signature is not of this key") from None
