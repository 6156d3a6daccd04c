"""A message in both languages: an ordinary English text that knows its Chinese."""

from __future__ import annotations


class Said(str):
    """The English text; ``zh`` is the Chinese one. ``str()`` of it, and of an exception that was
    raised with it, keeps both."""

    __slots__ = ("zh",)
    zh: str

    def __str__(self) -> str:
        return self


def say(en: str, zh: str) -> Said:
    """Both texts, with what is quoted in them filled in already."""
    said = Said(en)
    said.zh = zh
    return said


def chinese(message: str) -> str:
    """The Chinese of a message, or the message itself where it has none."""
    return message.zh if isinstance(message, Said) else message
