"""Choosing profiles by what people type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playbooks.judge.profiles import Profile, load_profiles


class NoProfile(ValueError):
    """A name that means no profile, or several; the text lists what there is."""


def chosen(names: Sequence[str]) -> list[Profile]:
    """Profiles by id, by parts of it (`kunpeng kylin`, `loongson-old`), or `all`.

    Raises NoProfile.
    """
    known = load_profiles()
    if not names:
        raise NoProfile(f"name a profile or all: {', '.join(known)}")
    found: dict[str, Profile] = {}
    for name in names:
        matching = known if name == "all" else _matching(name, known)
        if not matching:
            raise NoProfile(f"no profile {name!r}: there are {', '.join(known)}")
        if name != "all" and len(matching) > 1:
            raise NoProfile(f"profile {name!r} may be {', '.join(matching)}: name one, or all")
        found |= matching
    return list(found.values())


def _matching(name: str, known: dict[str, Profile]) -> dict[str, Profile]:
    if name in known:
        return {name: known[name]}
    parts = re.findall(r"[a-z]+|\d+|[\u4e00-\u9fff]", name.lower())
    return {
        ident: profile
        for ident, profile in known.items()
        if parts and all(part in _words(profile) for part in parts)
    }


def _words(profile: Profile) -> str:
    return f"{profile.id} {profile.title_zh} {profile.title_en} {profile.arch}".lower()
