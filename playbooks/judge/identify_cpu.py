"""Which processor: vendor, model, architecture, and whether it is a domestic one.

The id tables are util-linux's (lscpu-arm.c) and the kernel's (zhaoxin.c, hygon.c, loongarch
proc.c). What a text does not tell stays None: an Arm core of Arm's own design may sit in a
domestic chip (Kunpeng 916, Yitian 710) or a foreign one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from playbooks.judge.identify_cpuid import cpuid_pairs
from playbooks.judge.identify_text import clean, json_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """A processor as far as it is known; None is unknown, never a guess."""

    vendor: str | None = None
    model: str | None = None
    arch: str | None = None
    """As `uname -m` says it: x86_64, aarch64, loongarch64, mips64el, sw_64, riscv64 …"""
    domestic: bool | None = None
    flags: frozenset[str] = field(default_factory=frozenset)
    """The kernel's names (`flags`, `Features`); empty where no text listed them."""

    def as_json(self) -> dict[str, str | bool | None]:
        """The four fields of the stable interface."""
        return {
            "vendor": self.vendor,
            "model": self.model,
            "arch": self.arch,
            "domestic": self.domestic,
        }


IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x53: "Samsung",
    0x56: "Marvell",
    0x61: "Apple",
    0x69: "Intel",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}
PARTS = {
    (0x48, 0xD01): "Kunpeng 920",
    (0x48, 0xD02): "Kunpeng 920",
    (0x48, 0xD03): "Kunpeng 920",
    (0x48, 0xD22): "Kunpeng 920",
    (0x48, 0xD06): "Kunpeng 950",
    (0x70, 0x303): "FTC310",
    (0x70, 0x660): "FT-1500A (core FTC660)",
    (0x70, 0x661): "FTC661",
    (0x70, 0x662): "FT-2000 family (core FTC662)",
    (0x70, 0x663): "FTC663 (S2500, D2000 or FT-2000/4)",
    (0x70, 0x664): "FTC664",
    (0x70, 0x862): "FTC862",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x43, 0x0A1): "ThunderX",
    (0x43, 0x0AF): "ThunderX2",
    (0x46, 0x001): "A64FX",
}
_FOREIGN_ARM_CORES = frozenset({0xD0C, 0xD40, 0xD4F})
_FOREIGN_ARM_NAMES = frozenset({"Neoverse-N1", "Neoverse-V1", "Neoverse-V2"})
"""Arm's server cores that no domestic chip is known to use."""
_DOMESTIC = frozenset({"HiSilicon", "Phytium", "Hygon", "Zhaoxin", "Loongson", "Sunway", "T-Head"})
_OPEN = frozenset({"ARM", "Samsung"})

_KUNPENG_920 = frozenset(
    ["atomics", "fphp", "asimdhp", "asimdrdm", "jscvt", "fcma", "dcpop", "asimddp", "asimdfhm"]
)
_NOT_KUNPENG_920 = frozenset(
    ["lrcpc", "sha3", "sha512", "sve", "dit", "paca", "i8mm", "bf16", "flagm", "uscat"]
)
"""TaiShan v110 alone has Armv8.3's jscvt and fcma without its lrcpc."""

_CHINESE_KEYS = {
    "架构": "architecture",
    "体系结构": "architecture",
    "字节序": "byte order",
    "厂商 id": "vendor id",
    "厂商id": "vendor id",
    "供应商 id": "vendor id",
    "bios 厂商 id": "bios vendor id",
    "bios vendor id": "bios vendor id",
    "cpu 系列": "cpu family",
    "型号": "model",
    "型号名称": "model name",
    "bios 型号名称": "bios model name",
    "座": "socket(s)",
    "插槽": "socket(s)",
    "每个座的核数": "core(s) per socket",
    "标记": "flags",
    "标志": "flags",
    "cpu": "cpu(s)",
}
_ALIASES = {
    "vendor id": "vendor_id",
    "vendor": "vendor_id",
    "features": "flags",
    "cpu model": "model name",
    "cpu name": "model name",
    "bios cpu family": "",
}


@dataclass
class _Told:
    """What the texts said, first word first."""

    values: dict[str, list[str]] = field(default_factory=dict)
    processors: int = 0

    def add(self, key: str, value: str) -> None:
        name = " ".join(key.replace("\t", " ").split()).lower()
        name = _CHINESE_KEYS.get(name, name)
        name = _ALIASES.get(name, name)
        if name == "processor" and value.isdigit():
            self.processors += 1
        if name and value not in ("", "-"):
            told = self.values.setdefault(name, [])
            if len(told) < 64 and value not in told:
                told.append(value)

    def first(self, *names: str) -> str:
        return next((self.values[name][0] for name in names if name in self.values), "")

    def number(self, name: str) -> int:
        """0 where it is missing or no number."""
        try:
            return int(self.first(name), 0)
        except ValueError:
            return 0


def identify_cpu(cpuinfo: str | None, lscpu: str | None, dmi: str | None) -> Cpu:
    """The processor these texts describe.

    `cpuinfo` and `lscpu` may each be /proc/cpuinfo, lscpu (Chinese or English, text or JSON) or
    a dump of CPUID registers; `dmi` is dmidecode's output or just the processor's version.
    """
    told = _Told()
    for text in (clean(cpuinfo), clean(lscpu)):
        for key, value in _said(text):
            told.add(key, value)
    board = _board(clean(dmi))
    flags = frozenset(told.first("flags").lower().split())
    arch = _arch(told, flags)
    vendor, model, domestic = _who(told, flags, arch, board)
    return Cpu(vendor=vendor, model=model, arch=arch, domestic=domestic, flags=flags)


def _said(text: str) -> Iterator[tuple[str, str]]:
    if text.lstrip().startswith("{"):
        yield from json_pairs(text)
    yield from cpuid_pairs(text)
    yield from pairs(text)


def _board(dmi: str) -> str:
    """The processor as the firmware names it; the board's own maker is not the processor's."""
    sections = re.split(r"^Handle 0x", dmi, flags=re.MULTILINE)
    chosen = [part for part in sections if "Processor Information" in part[:200]]
    if not chosen:
        return "" if len(sections) > 1 else " ".join(dmi.split())[:400]
    said: dict[str, None] = {}
    for names in (("manufacturer", "制造商"), ("version", "版本")):  # maker first: "Phytium S2500"
        for part in chosen:
            said.update((value, None) for key, value in pairs(part) if key.lower() in names)
    return " ".join(said)[:400]


def _arch(told: _Told, flags: frozenset[str]) -> str | None:  # noqa: PLR0911 (a decision list)
    stated = told.first("architecture").lower()
    little = any(word in told.first("byte order").lower() for word in ("little", "小"))
    arch: str | None = stated.split()[0] if stated else None
    name = told.first("model name", "bios model name").lower()
    if arch in ("mips64", "mips"):
        # Loongson runs little-endian only; /proc/cpuinfo does not say the order.
        arch += "el" if little or "loongson" in name else ""
    if arch or not told.values:
        return {"amd64": "x86_64", "arm64": "aarch64", "sw64": "sw_64"}.get(arch or "", arch)
    isa = told.first("isa").lower()
    if "loongarch" in isa:
        return "loongarch64" if "loongarch64" in isa else "loongarch32"
    if isa.startswith(("rv64", "rv32")):
        return "riscv64" if isa.startswith("rv64") else "riscv32"
    if "mips" in isa or ("loongson" in name and "loongarch" not in name and "mips" in name):
        return "mips64el" if "mips64" in isa else "mipsel"
    if told.first("cpu implementer"):
        wide = "asimd" in flags or told.first("cpu architecture").lower() == "aarch64"
        return "aarch64" if wide else "armv7l" if told.number("cpu architecture") == 7 else "arm"
    if told.first("vendor_id").lower().startswith(("sunway", "sw64")):
        return "sw_64"
    return _arch_by_flags(told.first("cpu family").lower(), flags)


def _arch_by_flags(family: str, flags: frozenset[str]) -> str | None:
    """Where no line states it: flags that one architecture alone has."""
    if family == "loongson-64bit" or "cpucfg" in flags:
        return "loongarch64"
    if "asimd" in flags:
        return "aarch64"
    if "vfpv3" in flags or "thumb" in flags:
        return "armv7l"
    if "lm" in flags or "syscall" in flags:
        return "x86_64"
    return None


def _who(
    told: _Told, flags: frozenset[str], arch: str | None, board: str
) -> tuple[str | None, str | None, bool | None]:
    names = [
        *told.values.get("bios model name", []),
        *told.values.get("model name", []),
        *([board] if board else []),
    ]
    vendor = _vendor(told, " ".join(names), flags, arch)
    if vendor is None:
        return None, _foreign_model(told.values.get("model name", [])), None
    model = _model(vendor, names, told, arch)
    if vendor in _DOMESTIC:
        return vendor, model, True
    if vendor in _OPEN:
        foreign = told.number("cpu part") in _FOREIGN_ARM_CORES or model in _FOREIGN_ARM_NAMES
        return vendor, model, False if foreign else None
    if re.search(r"qemu|virtual cpu|common kvm|jintide|津逮", " ".join(names), re.IGNORECASE):
        return vendor, model, None  # a made-up processor, or a foreign core in a domestic package
    return vendor, model, False


_BRANDS = (
    (r"kunpeng|鲲鹏|hisilicon|hi16\d\d", "HiSilicon"),
    (r"phytium|飞腾|\bft-?[12][05]00", "Phytium"),
    (r"hygon|海光", "Hygon"),
    (r"zhaoxin|兆芯|kaisheng|kaixian", "Zhaoxin"),
    (r"loongson|龙芯|godson", "Loongson"),
    (r"sunway|申威|\bsw-?(?:26010|3231|831|1621|421|411)", "Sunway"),
    (r"yitian|倚天|t-head|thead,|xuantie|平头哥", "T-Head"),
)
_VENDOR_IDS = {
    "hygongenuine": "Hygon",
    "shanghai": "Zhaoxin",
    "genuineintel": "Intel",
    "authenticamd": "AMD",
    "hisilicon": "HiSilicon",
    "phytium": "Phytium",
    "loongson": "Loongson",
    "sunway": "Sunway",
    "arm": "ARM",
    "cavium": "Cavium",
    "ampere": "Ampere",
    "fujitsu": "Fujitsu",
    "apm": "APM",
    "qualcomm": "Qualcomm",
    "apple": "Apple",
    "nvidia": "NVIDIA",
}


def _vendor(  # noqa: PLR0911 (a decision list)
    told: _Told, named: str, flags: frozenset[str], arch: str | None
) -> str | None:
    for pattern, vendor in _BRANDS:
        if re.search(pattern, f"{named} {told.first('uarch')}", re.IGNORECASE):
            return vendor
    stated = told.first("vendor_id", "bios vendor id").strip()
    if stated == "CentaurHauls":
        if told.number("cpu family") == 7:
            return "Zhaoxin"
        return "VIA" if re.search(r"\bvia\b", named, re.IGNORECASE) else None
    if stated.lower() in _VENDOR_IDS:
        return _VENDOR_IDS[stated.lower()]
    implementer = told.number("cpu implementer") or _hexadecimal(stated)
    if implementer in IMPLEMENTERS:
        return IMPLEMENTERS[implementer]
    by_arch = {"loongarch64": "Loongson", "loongarch32": "Loongson", "sw_64": "Sunway"}
    if arch in by_arch:
        return by_arch[arch]
    if arch == "riscv64":
        return {0x5B7: "T-Head", 0x489: "SiFive"}.get(told.number("mvendorid"))
    if arch == "aarch64" and flags >= _KUNPENG_920 and not flags & _NOT_KUNPENG_920:
        return "HiSilicon"
    return None


def _hexadecimal(text: str) -> int:
    """An old lscpu prints the implementer's number as the vendor."""
    return int(text, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,4}", text) else 0


_SAID = {
    "HiSilicon": r"(?:kunpeng|鲲鹏)[ -]?\d{3}[\w -]*",
    "Phytium": r"(?:phytium|飞腾)[ ,]*(?!corp|tech|ftc)[\w+/-]+(?: \w+)?|\bft-?[12][05]00\S*",
    "Hygon": r"c86[ -](?:\d{4}\w*|\d+g)(?: \(opn:\w+\))?",
    "Zhaoxin": r"(?:kaisheng|kaixian|开胜|开先)[ -][\w+/-]+(?: c\d{4})?|\bk[hx]-\w+",
    "Loongson": r"[23][abcde]-?\d{3,4}[a-z]?[\w-]*",
    "Sunway": r"sw-?\d{3,5}\w*",
    "T-Head": r"yitian[ -]?\d+|倚天 ?\d+",
}


def _model(vendor: str, names: list[str], told: _Told, arch: str | None) -> str | None:
    """The product's own name, most exact text first: firmware, kernel, id table."""
    pattern = _SAID.get(vendor)
    if pattern is None:
        part = PARTS.get((told.number("cpu implementer"), told.number("cpu part")))
        return _foreign_model(names) or part
    said = [found[0] for name in names if (found := re.search(pattern, name, re.IGNORECASE))]
    if vendor == "Loongson" and said and said[0].lower().startswith("3a"):
        # A guest of any newer Loongson is told "3A5000"; that chip has no 32 sockets.
        said = [] if told.number("socket(s)") > 4 else said
    if said:
        best = max(said, key=lambda name: len(re.sub(r"\D", "", name)))
        return _tidy(vendor, best)
    if vendor == "HiSilicon" and arch == "aarch64" and not told.number("cpu part"):
        flags = frozenset(told.first("flags").lower().split())
        by_features = flags >= _KUNPENG_920 and not flags & _NOT_KUNPENG_920
        return "Kunpeng 920" if by_features and not names else None
    part = PARTS.get((told.number("cpu implementer"), told.number("cpu part")))
    core = re.search(r"\bftc(\d{3})\b", " ".join(names), re.IGNORECASE)
    if vendor == "Phytium" and core:  # lscpu names the core, not the chip
        part = PARTS.get((0x70, int(core[1], 16)), part)
    if part and "S2500" in part:
        cores = max(told.processors, told.number("core(s) per socket"))
        return "S2500 (core FTC663)" if cores > 8 else part
    return part


def _tidy(vendor: str, name: str) -> str:
    name = name.strip(" ,-")
    if vendor == "HiSilicon":
        name = re.sub(r"(?i)^(?:kunpeng|鲲鹏)[ -]?", "Kunpeng ", name)
        # What follows the number is its variant; a word after it is not part of the name.
        return re.match(r"Kunpeng \d{3}(?:[ -]\d{4}\w?)?[A-Z]?", name)[0]  # type: ignore[index]
    if vendor == "Phytium":
        return re.sub(r"(?i)^(?:phytium|飞腾)[ ,]*", "", name)
    return name


def _foreign_model(names: list[str]) -> str | None:
    return " ".join(names[0].split())[:120] if names else None
