"""Archives of test data, unpacked: regular files only, as Python 3.11.2 has no filters for it."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Every regular file of a tar below ``folder``."""
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() else None
            if content is not None:
                path = folder / member.name
                assert path.resolve().is_relative_to(folder.resolve()), member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
