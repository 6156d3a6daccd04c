"""One JSON file a host: which stage it is in, since when, and when its timer ends."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STAGES = ("check", "backup", "arm", "apply", "reach", "verify", "confirm", "persist")


def utc() -> str:
    """Now, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """The file ``<folder>/<host>.json``; every write replaces it whole."""

    def __init__(self, folder: Path, host: str, name: str) -> None:
        self.path = folder / f"{host}.json"
        self.told: dict[str, Any] = {"host": host, "cutover": name, "state": "", "stages": []}
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            if known.get("cutover") == name:
                self.told = known
        except (OSError, ValueError):
            pass

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self.told["stages"].append({"stage": stage, "began": utc()})
        self.write()

    def end(self, ok: bool, text: str) -> None:
        """The latest stage ended."""
        self.told["stages"][-1].update(ended=utc(), ok=ok, text=text)
        self.write()

    def note(self, **facts: Any) -> None:
        """Facts kept between stages."""
        self.told.update(facts)
        self.write()

    def write(self) -> None:
        """Makes it durable; raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(self.told, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
