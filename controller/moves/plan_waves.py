"""Waves of a cut-over: hosts that depend on each other move together. Pure.

A wave holds whole groups: everything that is tied by connections, directly or over others. A host
that very many call (a directory, a log server) would tie all to all: it ties nobody, and moves in
the first wave, since what serves all must be there before those it serves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_HOSTS = 30
"""A wave's size, unless one group alone is larger."""
COMMON_LEAST = 12
COMMON_SHARE = 0.3
"""So many callers among the plan's hosts make a host common."""


def common_hosts(codes: Sequence[str], pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Hosts that so many others call that they tie nobody. ``pairs`` are (client, server)."""
    callers: dict[str, set[str]] = defaultdict(set)
    for client, server in pairs:
        callers[server].add(client)
    limit = max(COMMON_LEAST, COMMON_SHARE * len(codes))
    return {server for server, clients in callers.items() if len(clients) >= limit}


def groups_of(codes: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Codes tied by pairs (either way, also over others), each group in the order of ``codes``."""
    above = {code: code for code in codes}

    def top(code: str) -> str:
        while above[code] != code:
            above[code] = above[above[code]]
            code = above[code]
        return code

    for one, other in pairs:
        if one in above and other in above:
            above[top(one)] = top(other)
    groups: dict[str, list[str]] = {}
    for code in codes:
        groups.setdefault(top(code), []).append(code)
    return list(groups.values())


def plan_waves(
    codes: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    systems: Mapping[str, str],
    *,
    most: int = MOST_HOSTS,
) -> list[dict[str, Any]]:
    """Waves in order: a small one to learn from, then the others, small groups first.

    Each is {"number", "hosts", "groups", "systems", "note_zh", "note_en"}.
    """
    inside = set(codes)
    tied = [(a, b) for a, b in pairs if a in inside and b in inside and a != b]
    common = common_hosts(codes, tied)
    rest = [code for code in codes if code not in common]
    # Hosts of one system without a single connection between them still go together.
    by_system: dict[str, str] = {}
    same = [(by_system.setdefault(systems[code], code), code) for code in rest if systems.get(code)]
    groups = groups_of(rest, [*((a, b) for a, b in tied if not {a, b} & common), *same])
    groups.sort(key=len)
    waves: list[list[list[str]]] = []
    if common:
        waves.append([[code for code in codes if code in common]])
    for place, group in enumerate(groups):
        # The first group is a wave of its own: what goes wrong goes wrong on few.
        if place < 2 or sum(map(len, waves[-1])) + len(group) > most:
            waves.append([])
        waves[-1].append(group)
    return [_told(number, wave, systems, common, most) for number, wave in enumerate(waves, 1)]


def _told(
    number: int, groups: Sequence[Sequence[str]], systems: Mapping[str, str],
    common: set[str], most: int,
) -> dict[str, Any]:  # fmt: skip
    hosts = [code for group in groups for code in group]
    zh = en = ""
    if common & set(hosts):
        zh, en = "多数主机依赖的公共服务，先行割接", "common services that most hosts call: first"
    elif len(hosts) > most:
        zh = f"{len(hosts)} 台主机相互依赖，超过单批 {most} 台的上限，拆分会断开业务连接"
        en = f"{len(hosts)} hosts depend on each other, over {most} a wave: a split would cut them"
    return {
        "number": number,
        "hosts": hosts,
        "groups": len(groups),
        "systems": sorted({systems[code] for code in hosts if systems.get(code)}),
        "note_zh": zh,
        "note_en": en,
    }
