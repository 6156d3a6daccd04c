"""ELF files made to measure: a whole, small, well-formed file with the facts a test wants."""

from __future__ import annotations

import struct

BASE = 0x400000


def elf(
    machine: int,
    *,
    kind: int = 3,
    interpreter: str = "",
    needed: tuple[str, ...] = (),
    versions: tuple[str, ...] = (),
    x86_isa: int = 0,
    align: int = 0x10000,
    osabi: int = 0,
    go: bool = False,
    payload: bytes = b"",
    little: bool = True,
) -> bytes:
    """A 64-bit ELF file: one PT_LOAD over everything, and what was asked for."""
    order = "<" if little else ">"
    notes = b""
    if x86_isa:
        bits = (1 << x86_isa) - 1
        body = struct.pack(order + "IIII", 0xC0008002, 4, bits, 0)
        notes += struct.pack(order + "III", 4, len(body), 5) + b"GNU\0" + body
    if go:
        notes += struct.pack(order + "III", 4, 4, 4) + b"Go\0\0" + b"id\0\0"
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        at = len(strings)
        strings.extend(text.encode() + b"\0")
        return at

    wanted = [string(name) for name in needed]
    aux = [string(name) for name in versions]
    file = string("libc.so.6")
    dynamic_wanted = bool(needed or versions)
    count = 1 + bool(interpreter) + dynamic_wanted + bool(notes)
    at = 64 + 56 * count
    parts: list[tuple[int, bytes, int]] = []  # segment kind, bytes, offset

    def place(segment: int, data: bytes) -> int:
        nonlocal at
        at = (at + 15) // 16 * 16
        here = at
        parts.append((segment, data, here))
        at += len(data)
        return here

    if interpreter:
        place(3, interpreter.encode() + b"\0")
    if notes:
        place(4, notes)
    table = place(0, bytes(strings))
    verneed = 0
    if versions:
        rows = struct.pack(order + "HHIII", 1, len(aux), file, 16, 0)
        for index, name in enumerate(aux):
            following = 16 if index + 1 < len(aux) else 0
            rows += struct.pack(order + "IHHII", 0, 0, 2, name, following)
        verneed = place(0, rows)
    if dynamic_wanted:
        tags = [(1, name) for name in wanted] + [(5, BASE + table)]
        tags += [(0x6FFFFFFE, BASE + verneed), (0x6FFFFFFF, 1)] if versions else []
        place(2, b"".join(struct.pack(order + "qQ", *tag) for tag in [*tags, (0, 0)]))
    place(0, payload)
    total = at
    head = b"\x7fELF" + bytes([2, 1 if little else 2, 1, osabi]) + bytes(8)
    head += struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, count,
                        0, 0, 0)  # fmt: skip
    segments = struct.pack(order + "IIQQQQQQ", 1, 5, 0, BASE, 0, total, total, align)
    for segment, data, here in parts:
        if segment:
            segments += struct.pack(
                order + "IIQQQQQQ", segment, 4, here, BASE + here, 0, len(data), len(data), 4
            )
    out = bytearray(total)
    out[: len(head) + len(segments)] = head + segments
    for _, data, here in parts:
        out[here : here + len(data)] = data
    return bytes(out)
