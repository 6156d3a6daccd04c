"""The numbers of e_machine and the names they have elsewhere."""

from __future__ import annotations

EM_386 = 3
EM_MIPS = 8
EM_ARM = 40
EM_X86_64 = 62
EM_AARCH64 = 183
EM_RISCV = 243
EM_LOONGARCH = 258
EM_SW64 = 268
EM_SW64_OLD = 0x9916
"""What Sunway's own tools wrote before binutils had a number for it."""

_NAMES = {
    2: "sparc",
    EM_386: "i386",
    EM_MIPS: "mips",
    18: "sparc32plus",
    20: "ppc",
    21: "ppc64",
    22: "s390",
    EM_ARM: "arm",
    42: "sh4",
    43: "sparc64",
    50: "ia64",
    EM_X86_64: "x86_64",
    EM_AARCH64: "aarch64",
    EM_RISCV: "riscv",
    247: "bpf",
    252: "csky",
    EM_LOONGARCH: "loongarch",
    EM_SW64: "sw_64",
    EM_SW64_OLD: "sw_64",
    0x9026: "alpha",
}


def arch_name(machine: int, *, bits: int, little: bool) -> str:  # noqa: PLR0911 (a table)
    """The name `uname -m` has for it, with width and byte order where they vary."""
    name = _NAMES.get(machine, f"machine-{machine}")
    if machine == EM_MIPS:
        return f"mips{'64' if bits == 64 else ''}{'el' if little else ''}"
    if machine in (EM_RISCV, EM_LOONGARCH):
        return f"{name}{bits}"
    if machine == EM_X86_64 and bits == 32:
        return "x32"
    if machine == 21:
        return "ppc64le" if little else "ppc64"
    if machine == 22:
        return "s390x" if bits == 64 else "s390"
    if machine == EM_AARCH64 and not little:
        return "aarch64_be"
    return name
