"""Register dumps of CPUID (the `CPUID 0000000X: …` form and libcpuid's) as cpuinfo's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMED = re.compile(
    r"^CPUID ([0-9A-Fa-f]{8}): ([0-9A-Fa-f]{8})-([0-9A-Fa-f]{8})-([0-9A-Fa-f]{8})-([0-9A-Fa-f]{8})",
    re.MULTILINE,
)
_NUMBERED = re.compile(
    r"^(basic|ext)_cpuid\[(\d{1,2})\]=([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{8})",
    re.MULTILINE,
)
Registers = tuple[int, int, int, int]

_LEAF_1_ECX = {
    0: "pni", 1: "pclmulqdq", 9: "ssse3", 12: "fma", 13: "cx16", 19: "sse4_1", 20: "sse4_2",
    22: "movbe", 23: "popcnt", 25: "aes", 26: "xsave", 28: "avx", 29: "f16c",
}  # fmt: skip
_LEAF_7_EBX = {3: "bmi1", 5: "avx2", 8: "bmi2", 16: "avx512f", 17: "avx512dq", 30: "avx512bw"}


def cpuid_pairs(text: str) -> Iterator[tuple[str, str]]:
    """vendor_id, cpu family, model, model name and flags, of the first processor dumped."""
    leaves = _leaves(text)
    if 0 not in leaves:
        return
    _, ebx, ecx, edx = leaves[0]
    yield "vendor_id", _ascii(ebx, edx, ecx).strip()
    if 1 in leaves:
        yield "cpu family", str(_family(leaves[1][0]))
        yield "flags", " ".join(_flags(leaves))
    brand = "".join(
        _ascii(*leaves[leaf]) for leaf in range(0x80000002, 0x80000005) if leaf in leaves
    )
    yield "model name", " ".join(brand.split())


def _leaves(text: str) -> dict[int, Registers]:
    found: dict[int, Registers] = {}
    for match in _NAMED.finditer(text):
        found.setdefault(int(match[1], 16), _registers(match.groups()[1:]))
    for match in _NUMBERED.finditer(text):
        leaf = int(match[2]) + (0x80000000 if match[1] == "ext" else 0)
        found.setdefault(leaf, _registers(match.groups()[2:]))
    return found


def _registers(words: tuple[str, ...]) -> Registers:
    a, b, c, d = (int(word, 16) for word in words)
    return a, b, c, d


def _ascii(*words: int) -> str:
    raw = b"".join(word.to_bytes(4, "little") for word in words)
    return raw.split(b"\0")[0].decode("ascii", "replace")


def _family(eax: int) -> int:
    family = eax >> 8 & 0xF
    return family + (eax >> 20 & 0xFF) if family == 0xF else family


def _flags(leaves: dict[int, Registers]) -> Iterator[str]:
    yield from (name for bit, name in _LEAF_1_ECX.items() if leaves[1][2] >> bit & 1)
    if 7 in leaves:
        yield from (name for bit, name in _LEAF_7_EBX.items() if leaves[7][1] >> bit & 1)
    if 0x80000001 in leaves:
        if leaves[0x80000001][2] >> 5 & 1:
            yield "abm"
        if leaves[0x80000001][3] >> 29 & 1:
            yield "lm"
