"""Container images in tarballs: what `docker save` and the OCI layout state about themselves."""

from __future__ import annotations

import json
import re
from typing import Any

MARKS = frozenset({"manifest.json", "index.json", "oci-layout"})
_BLOB = re.compile(r"(?:blobs/sha256/)?[0-9a-f]{64}(?:\.json)?")
MOST_JSON = 1 << 20
MOST_DOCUMENTS = 500
_MOST_DEPTH = 8


class Documents:
    """The small JSON members of a tarball that may be an image, kept until its end."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.bytes = 0

    def wants(self, name: str, size: int, head: bytes) -> bool:
        """Whether a member is worth keeping: named or shaped like image metadata, and small."""
        plain = name.removeprefix("./")
        if size > MOST_JSON or self.bytes + size > 4 * MOST_JSON:
            return False
        if len(self.kept) >= MOST_DOCUMENTS or head[:1] not in (b"{", b"["):
            return False
        return plain in MARKS or bool(_BLOB.fullmatch(plain))

    def keep(self, name: str, data: bytes) -> None:
        """Parsed where it is JSON, forgotten where it is not."""
        try:
            self.kept[name.removeprefix("./")] = json.loads(data)
            self.bytes += len(data)
        except (ValueError, RecursionError):
            return

    def is_image(self) -> bool:
        """docker save's manifest names configurations, an OCI layout says so in its own file."""
        manifest = self.kept.get("manifest.json")
        docker = isinstance(manifest, list) and any(
            isinstance(one, dict) and "Config" in one for one in manifest
        )
        return docker or "oci-layout" in self.kept

    def platforms(self) -> set[tuple[str, str]]:
        """(os, architecture) of every image inside, in the words of the OCI specification."""
        found: set[tuple[str, str]] = set()
        manifest = self.kept.get("manifest.json")
        for one in manifest if isinstance(manifest, list) else []:
            if isinstance(one, dict):
                self._configuration(str(one.get("Config", "")), found)
        self._index(self.kept.get("index.json"), found, 0)
        return found

    def _configuration(self, name: str, found: set[tuple[str, str]]) -> None:
        told = self.kept.get(name)
        if isinstance(told, dict) and isinstance(told.get("architecture"), str):
            found.add((str(told.get("os", "linux")), told["architecture"]))

    def _index(self, document: Any, found: set[tuple[str, str]], depth: int) -> None:
        if not isinstance(document, dict) or depth > _MOST_DEPTH:
            return
        manifests = document.get("manifests")
        for one in manifests if isinstance(manifests, list) else []:
            platform = one.get("platform") if isinstance(one, dict) else None
            if isinstance(platform, dict) and isinstance(platform.get("architecture"), str):
                if platform["architecture"] != "unknown":  # attestations carry "unknown"
                    found.add((str(platform.get("os", "linux")), platform["architecture"]))
            elif isinstance(one, dict):
                self._index(self._blob(one), found, depth + 1)
        config = document.get("config")
        if isinstance(config, dict):
            digest = str(config.get("digest", ""))
            self._configuration(f"blobs/{digest.replace(':', '/', 1)}", found)

    def _blob(self, descriptor: dict[str, Any]) -> Any:
        digest = str(descriptor.get("digest", ""))
        return self.kept.get(f"blobs/{digest.replace(':', '/', 1)}")
