"""Which language a command answers in."""

from __future__ import annotations

import os

import typer

LANGUAGES = ("zh", "en")
NAME = "YUNXUN_LANGUAGE"
"""The variable of the setting ``language``; ``yunxun --lang`` sets it for one command."""


def chinese() -> bool:
    """Whether to answer in Chinese: as ``--lang`` or YUNXUN_LANGUAGE say, else unless the caller's
    locale is English. An empty or C locale is a server's, and Chinese the language of the house."""
    asked = os.environ.get(NAME, "")
    if asked in LANGUAGES:
        return asked == "zh"
    words = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return not next((word for word in words if word), "").startswith("en")


def speak(language: str) -> None:
    """From now on answer in ``language``. Raises BadParameter for one that there is not."""
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--lang {language}: there are zh and en")
    os.environ[NAME] = language


def word(zh: str, en: str) -> str:
    """The one of two texts that the caller reads."""
    return zh if chinese() else en
