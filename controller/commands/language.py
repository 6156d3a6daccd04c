"""Which language a command answers in."""

from __future__ import annotations

import os


def chinese() -> bool:
    """Whether the caller's locale is not English: Chinese is the language of the house, and an
    empty or C locale is a server's."""
    words = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return not next((word for word in words if word), "").startswith("en")
