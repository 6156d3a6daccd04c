"""Which CPU this is: x86 by its vendor word, ARM by its MIDR, LoongArch by its name.

ARM identifiers: util-linux sys-utils/lscpu-arm.c (implementer and part), the SoC names behind them
from the vendors' own pages. What is only an identifier is given as one ("0xd40"), never guessed.
"""

from __future__ import annotations

from typing import NamedTuple

X86_VENDORS = {
    "GenuineIntel": "Intel",
    "AuthenticAMD": "AMD",
    "HygonGenuine": "Hygon",
    "Shanghai": "Zhaoxin",
    "CentaurHauls": "VIA",
}

ARM_VENDORS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x70: "Phytium",
    0xC0: "Ampere",
}

ARM_PARTS = {
    (0x48, 0xD01): "Kunpeng 920 (TaiShan v110)",
    (0x48, 0xD02): "TaiShan v120",
    (0x70, 0x660): "FT-1500A (FTC660)",
    (0x70, 0x661): "FT-2000 family (FTC661)",
    (0x70, 0x662): "FT-2000 family (FTC662)",
    (0x70, 0x663): "FT-2000/4, D2000 or S2500 (FTC663)",
    (0x70, 0x664): "FTC664",
    (0x70, 0x862): "FTC862",
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
    (0xC0, 0xAC3): "Ampere-1",
}


class CpuIdentity(NamedTuple):
    """Empty words where the kernel does not say."""

    vendor: str
    model: str
    logical: int
    hypervisor: bool
    """An x86 CPU that says itself that it is virtual; other architectures do not tell here."""


def parse_cpuinfo(text: str) -> CpuIdentity:
    """Vendor, model and logical CPUs; keys in any case, as LoongArch capitalises them."""
    first: dict[str, str] = {}
    logical = 0
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            continue
        name = key.strip()
        # Old 32-bit ARM kernels add a "Processor: ARMv7…" line beside the numbered ones.
        if name == "processor" and value.strip().isdigit():
            logical += 1
        first.setdefault(name.lower().replace("_", " "), value.strip())
    hypervisor = "hypervisor" in first.get("flags", "").split()
    if "cpu implementer" in first:
        return CpuIdentity(*arm_identity(first), logical, hypervisor)
    if "vendor id" in first:
        model = first.get("model name", "")
        return CpuIdentity(x86_vendor(first["vendor id"], model), model, logical, hypervisor)
    model = first.get("model name") or first.get("cpu model", "")
    return CpuIdentity(other_vendor(model, first), model, logical, hypervisor)


def x86_vendor(vendor_id: str, model: str) -> str:
    """The maker behind the CPUID vendor word.

    Zhaoxin inherited Centaur's word; its own parts say ZHAOXIN in the brand string or use
    "  Shanghai  ".
    """
    if "zhaoxin" in model.lower():
        return "Zhaoxin"
    return X86_VENDORS.get(vendor_id.strip(), vendor_id.strip())


def arm_identity(first: dict[str, str]) -> tuple[str, str]:
    """Vendor and model of an ARM core; a "Model name" line (newer kernels on some) is preferred."""
    implementer = parse_hex(first["cpu implementer"])
    part = parse_hex(first.get("cpu part", ""))
    vendor = ARM_VENDORS.get(implementer, f"0x{implementer:02x}")
    model = first.get("model name") or first.get("hardware", "")
    return vendor, ARM_PARTS.get((implementer, part)) or model or f"0x{part:03x}"


def other_vendor(model: str, first: dict[str, str]) -> str:
    """Loongson (LoongArch and MIPS) and Sunway by their model's name; else ""."""
    words = f"{model} {first.get('system type', '')} {first.get('cpu family', '')}".lower()
    for word, vendor in (("loongson", "Loongson"), ("sunway", "Sunway"), ("sw64", "Sunway")):
        if word in words:
            return vendor
    return ""


def parse_hex(text: str) -> int:
    """``0xd01`` as a number; 0 where it is none."""
    try:
        return int(text, 16)
    except ValueError:
        return 0
