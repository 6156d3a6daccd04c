"""Bundles that lie ready in ``<data>/agent-bundles``, and the key they are checked by.

The key is the one that somebody trusted by name, kept outside of the folder that bundles arrive in:
who brings a bundle must not bring the key that makes it good.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from controller.problems import NotFound, Problem
from controller.settings import Settings
from playbooks.rollout.signing import SignatureError, fingerprint, verify

FOLDER = "agent-bundles"
TRUSTED = "agent-signing.pub"
"""In the data folder."""


class BundleView(BaseModel):
    """A bundle as its signed manifest tells; ``why``: why it cannot be rolled out, "" if it can."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "name": "yunxun-agent-0.1.0+0dec36f3-x86_64", "version": "0.1.0+0dec36f3",
        "arch": "x86_64", "glibc": "2.28", "python": "3.11.7", "size": 7933841,
        "why": ""}]})  # fmt: skip

    name: str
    version: str
    arch: str
    glibc: str = Field(description="The oldest C library it runs on.")
    python: str
    size: int
    why: str


def folder(settings: Settings) -> Path:
    """Where bundles are put by who built them."""
    return settings.data / FOLDER


def trusted(settings: Settings) -> Path:
    """The public key of who may sign; not there until somebody trusts one."""
    return settings.data / TRUSTED


def signer(settings: Settings) -> str:
    """Fingerprint of the trusted key; "" for none, or none that can be read."""
    try:
        return fingerprint(trusted(settings).read_bytes())
    except (OSError, SignatureError):
        return ""


def trust(settings: Settings, public: bytes, *, replace: bool = False) -> str:
    """Keeps ``public`` as the key of who may sign; its fingerprint. Raises Problem 409 where
    another is trusted, 422 for what is no such key."""
    try:
        mark = fingerprint(public)
    except SignatureError as error:
        raise Problem(422, "bad key", str(error)) from None
    before = signer(settings)
    if before and before != mark and not replace:
        raise Problem(409, "another key is trusted", f"{before} is trusted, not {mark}")
    fresh = trusted(settings).with_suffix(".new")
    fresh.write_bytes(public)
    fresh.chmod(0o644)
    fresh.replace(trusted(settings))
    return mark


def list_bundles(settings: Settings) -> list[BundleView]:
    """Newest first. One that is damaged or of another signer is listed with the reason."""
    found = sorted(
        folder(settings).glob("*.manifest"), key=lambda it: it.stat().st_mtime, reverse=True
    )
    return [_view(settings, it) for it in found]


def find(settings: Settings, name: str) -> tuple[BundleView, Path]:
    """The bundle and its manifest. Raises NotFound."""
    for path in folder(settings).glob("*.manifest"):
        if path.stem == name:
            return _view(settings, path), path
    raise NotFound("bundle", name)


def _view(settings: Settings, path: Path) -> BundleView:
    text = path.read_bytes()[: 1 << 16]
    facts = dict(line.split("=", 1) for line in text.decode("utf-8", "replace").splitlines()
                 if "=" in line)  # fmt: skip
    size = facts.get("size", "")
    return BundleView(
        name=path.stem,
        version=facts.get("version", "")[:100],
        arch=facts.get("arch", "")[:40],
        glibc=facts.get("glibc", "")[:20],
        python=facts.get("python", "")[:20],
        size=int(size) if size.isdecimal() and len(size) < 12 else 0,
        why=_why(settings, path, text, facts),
    )


def _why(settings: Settings, path: Path, text: bytes, facts: dict[str, str]) -> str:
    key = trusted(settings)
    if not key.exists():
        return (
            "尚未登记签名公钥：在控制端执行 yunxun agent trust signing.pub"
            " (no signing key is trusted yet: yunxun agent trust signing.pub)"
        )
    try:
        verify(key.read_bytes(), text, path.with_suffix(".sig").read_bytes())
        archive = path.with_name(Path(facts.get("file", "")).name)
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, SignatureError) as error:
        return str(error)
    return "" if digest == facts.get("sha256") else f"{archive.name} is not the signed archive"
