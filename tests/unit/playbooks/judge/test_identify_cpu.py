from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.judge.identify import identify
from playbooks.judge.identify_cpu import Cpu, identify_cpu
from playbooks.judge.identify_text import decode

PHYTIUM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x70\nCPU part\t: {part}\n"
CHINESE = """架构：                           {arch}
CPU 运行模式：                   64-bit
字节序：                         Little Endian
CPU:                             64
厂商 ID：                        {vendor}
型号名称：                       {name}
座：                             2
"""
DMI = """Handle 0x0001, DMI type 1, 27 bytes
System Information
\tManufacturer: Huawei
\tProduct Name: TaiShan 200 (Model 2280)

Handle 0x0004, DMI type 4, 48 bytes
Processor Information
\tVersion: {version}
\tManufacturer: {maker}
"""
TAISHAN = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt"
    " fcma dcpop asimddp asimdfhm"
)


@pytest.mark.parametrize(
    ("cpuinfo", "vendor", "model", "domestic"),
    [
        (PHYTIUM.format(part="0x662"), "Phytium", "FT-2000 family (core FTC662)", True),
        (PHYTIUM.format(part="0x660"), "Phytium", "FT-1500A (core FTC660)", True),
        (PHYTIUM.format(part="0x663"), "Phytium", "FTC663 (S2500, D2000 or FT-2000/4)", True),
        ("CPU implementer : 0x48\nCPU part : 0xd06\n", "HiSilicon", "Kunpeng 950", True),
        ("CPU implementer : 0x41\nCPU part : 0xd08\n", "ARM", "Cortex-A72", None),
        ("CPU implementer : 0x41\nCPU part : 0xd49\n", "ARM", "Neoverse-N2", None),
        ("CPU implementer : 0x41\nCPU part : 0xd0c\n", "ARM", "Neoverse-N1", False),
        ("vendor_id:   Shanghai  \ncpu family: 7\nmodel name: ZHAOXIN KaiSheng KH-37800D@2.7GHz",
         "Zhaoxin", "KaiSheng KH-37800D", True),
        ("vendor_id: CentaurHauls\ncpu family: 7\n", "Zhaoxin", None, True),
        ("vendor_id: CentaurHauls\ncpu family: 6\nmodel name: VIA Nano L2200@1600MHz",
         "VIA", "VIA Nano L2200@1600MHz", False),
        ("vendor_id: CentaurHauls\ncpu family: 6\n", None, None, None),
        ("vendor_id: HygonGenuine\nmodel name: Hygon C86-4G (OPN:7490)\n",
         "Hygon", "C86-4G (OPN:7490)", True),
        ("vendor_id: AuthenticAMD\nmodel name: QEMU Virtual CPU version 2.5+\n",
         "AMD", "QEMU Virtual CPU version 2.5+", None),
        ("vendor_id: GenuineIntel\nmodel name: Montage Jintide(R) C2460 CPU\n",
         "Intel", "Montage Jintide(R) C2460 CPU", None),
        ("vendor_id\t: sunway\nmodel name\t: SW3231 CPU @ 2.4GHz\n", "Sunway", "SW3231", True),
        ("isa\t: rv64imafdcv\nuarch\t: thead,c920\n", "T-Head", None, True),
        ("isa\t: rv64imafdc\nmvendorid\t: 0x489\n", "SiFive", None, False),
    ],
)  # fmt: skip
def test_a_processor_is_told_by_its_ids_and_its_own_name(
    cpuinfo: str, vendor: str | None, model: str | None, domestic: bool | None
) -> None:
    cpu = identify_cpu(cpuinfo, None, None)
    assert (cpu.vendor, cpu.model, cpu.domestic) == (vendor, model, domestic)


def test_sixty_four_cores_of_ftc663_are_an_s2500() -> None:
    text = "".join(PHYTIUM.format(part="0x663").replace(": 0\n", f": {n}\n", 1) for n in range(64))
    assert identify_cpu(text, None, None).model == "S2500 (core FTC663)"


@pytest.mark.parametrize(
    ("arch", "maker", "name", "vendor", "model"),
    [
        ("sw_64", "sunway", "SW3231", "Sunway", "SW3231"),
        ("x86_64", "GenuineIntel", "Intel(R) Xeon(R) Gold 6148", "Intel",
         "Intel(R) Xeon(R) Gold 6148"),
        ("aarch64", "Phytium", "Phytium,S2500/64", "Phytium", "S2500/64"),
        ("aarch64", "HiSilicon", "Kunpeng-920", "HiSilicon", "Kunpeng 920"),
        ("loongarch64", "-", "Loongson-3C5000", "Loongson", "3C5000"),
    ],
)  # fmt: skip
def test_lscpu_in_chinese_says_the_same(
    arch: str, maker: str, name: str, vendor: str, model: str
) -> None:
    text = CHINESE.format(arch=arch, vendor=maker, name=name)
    for encoded in (text.encode(), text.encode("gb18030"), b"\xef\xbb\xbf" + text.encode()):
        cpu = identify_cpu(None, decode(encoded.replace(b"\n", b"\r\n")), None)
        assert (cpu.vendor, cpu.model, cpu.arch) == (vendor, model, arch)


def test_an_old_lscpu_of_a_kunpeng_is_told_by_its_set_of_features() -> None:
    lscpu = f"Architecture: aarch64\nFlags: {TAISHAN}\n"
    assert identify_cpu(None, lscpu, None).model == "Kunpeng 920"
    exact = identify_cpu(None, lscpu, DMI.format(version="Kunpeng 920-4826", maker="HiSilicon"))
    assert exact.model == "Kunpeng 920-4826"
    assert identify_cpu(None, lscpu.replace("fcma", "fcma lrcpc"), None).vendor is None


@pytest.mark.parametrize(
    ("name", "cores", "vendor", "model", "domestic"),
    [
        ("Neoverse-N1", 64, "ARM", "Neoverse-N1", False),
        ("Cortex-A72", 32, "ARM", "Cortex-A72", None),
        ("FTC663", 64, "Phytium", "S2500 (core FTC663)", True),
        ("FTC663", 8, "Phytium", "FTC663 (S2500, D2000 or FT-2000/4)", True),
        ("FTC662", 64, "Phytium", "FT-2000 family (core FTC662)", True),
        ("-", 48, "HiSilicon", None, True),
    ],
)
def test_lscpu_may_name_the_core_and_not_the_chip(
    name: str, cores: int, vendor: str, model: str | None, domestic: bool | None
) -> None:
    lscpu = f"Architecture: aarch64\nVendor ID: {vendor}\nModel name: {name}\n"
    cpu = identify_cpu(None, lscpu + f"Core(s) per socket: {cores}\n", None)
    assert (cpu.vendor, cpu.model, cpu.domestic) == (vendor, model, domestic)


def test_armv8_0_features_alone_tell_no_vendor() -> None:
    cpu = identify_cpu(None, "Architecture: aarch64\nFlags: fp asimd aes crc32 cpuid\n", None)
    assert cpu == Cpu(arch="aarch64", flags=frozenset(["fp", "asimd", "aes", "crc32", "cpuid"]))


def test_the_boards_maker_is_not_the_processors() -> None:
    text = DMI.format(version="Intel(R) Xeon(R) Gold 6148 CPU", maker="Intel(R) Corporation")
    assert identify_cpu(None, None, text).vendor != "HiSilicon"
    assert identify_cpu(None, None, DMI.format(version="S2500", maker="Phytium")).model == "S2500"


def test_a_guest_that_claims_thirty_two_sockets_of_3a5000_has_no_known_model() -> None:
    text = "Architecture: loongarch64\nSocket(s): 32\nModel name: Loongson-3A5000\n"
    cpu = identify_cpu(None, text, None)
    assert (cpu.vendor, cpu.model, cpu.domestic) == ("Loongson", None, True)


def test_a_loongson_of_mips_times_is_not_loongarch() -> None:
    cpu = identify_cpu(
        None,
        "Architecture: mips64\nByte Order: Little Endian\n"
        "Model name: ICT Loongson-3A R3 (Loongson-3A3000) @ 1449MHz\n",
        None,
    )
    assert (cpu.arch, cpu.model, cpu.domestic) == ("mips64el", "3A3000", True)


def test_lscpu_json_is_read_like_its_text() -> None:
    text = (
        '{"lscpu": [{"field": "Architecture:", "data": "x86_64"}, {"field": "Vendor ID:",'
        ' "data": "HygonGenuine", "children": [{"field": "Model name:",'
        ' "data": "Hygon C86 7280 32-core Processor"}]}]}'
    )
    cpu = identify_cpu(None, text, None)
    assert (cpu.vendor, cpu.model, cpu.arch) == ("Hygon", "C86 7280", "x86_64")


@pytest.mark.parametrize(
    "text",
    ["", "\0" * 100, "model name" * 100_000, ":" * 50_000, "{" * 5_000, '{"lscpu": 3}', "：：：\n"],
)
def test_senseless_input_is_unknown(text: str) -> None:
    assert identify(text, text, text, text).as_json() == identify().as_json()


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(data: bytes) -> None:
    text = decode(data)
    identify(text, text, text, text, {"/etc/os-version": text, "/etc/kylin-release": text})
