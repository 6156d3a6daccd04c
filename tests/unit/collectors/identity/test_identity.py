"""Who a host is, from samples of real machines where they are, and from literals everywhere."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from collectors.host.identity import read_facts
from collectors.host.identity.addresses import parse_address
from collectors.host.identity.cpu import CpuIdentity, parse_cpuinfo
from collectors.host.identity.dmi import parse_uuid, read_instance_uuids, swap_uuid
from collectors.host.identity.system import (
    parse_hypervisor,
    parse_os_release,
    read_container,
    read_machine_id,
    read_os,
    read_virtualisation,
)

IDENTIFY = Path(__file__).parents[4] / "../shared/data/identify"
needs_data = pytest.mark.skipif(not IDENTIFY.exists(), reason="../shared/data is absent")

UUID = "4c4c4544-0042-3510-8053-b2c04f564d31"


def cpu(*lines: str) -> CpuIdentity:
    return parse_cpuinfo("\n".join(lines) + "\n")


def test_an_intel_guest_is_told_with_its_hypervisor_flag() -> None:
    found = cpu(
        "processor\t: 0", "vendor_id\t: GenuineIntel", "model name\t: Intel(R) Xeon(R) Gold 6330",
        "flags\t\t: fpu hypervisor sse", "", "processor\t: 1", "vendor_id\t: GenuineIntel",
    )  # fmt: skip
    assert found == CpuIdentity("Intel", "Intel(R) Xeon(R) Gold 6330", 2, True)


def test_hygon_is_hygon_and_not_amd() -> None:
    name = "Hygon C86 7285H 32-core Processor"
    assert cpu("processor: 0", "vendor_id : HygonGenuine", f"model name : {name}")[:2] == (
        "Hygon",
        name,
    )


@pytest.mark.parametrize("vendor_id", ["CentaurHauls", "  Shanghai  "])
def test_zhaoxin_is_told_from_via(vendor_id: str) -> None:
    zhaoxin = cpu(f"vendor_id\t: {vendor_id}", "model name\t: ZHAOXIN KaiXian KX-6640MA@2.2+GHz")
    assert zhaoxin.vendor == "Zhaoxin"
    assert cpu("vendor_id : CentaurHauls", "model name : VIA Nano U2250").vendor == "VIA"


@pytest.mark.parametrize(
    ("implementer", "part", "vendor", "model"),
    [
        ("0x48", "0xd01", "HiSilicon", "Kunpeng 920 (TaiShan v110)"),
        ("0x70", "0x663", "Phytium", "FT-2000/4, D2000 or S2500 (FTC663)"),
        ("0x70", "0x862", "Phytium", "FTC862"),
        ("0x41", "0xd0c", "ARM", "Neoverse-N1"),
        ("0x99", "0x123", "0x99", "0x123"),  # unheard of: the identifiers themselves
    ],
)
def test_arm_cores_are_told_by_implementer_and_part(
    implementer: str, part: str, vendor: str, model: str
) -> None:
    found = cpu("processor : 0", f"CPU implementer : {implementer}", f"CPU part : {part}")
    assert found == CpuIdentity(vendor, model, 1, False)


def test_an_empty_cpuinfo_is_an_empty_identity() -> None:
    assert parse_cpuinfo("") == CpuIdentity("", "", 0, False)


@needs_data
@pytest.mark.parametrize(
    ("file", "vendor", "model", "logical"),
    [
        ("cpuinfo/kunpeng920_huaweicloud_kc1.txt", "HiSilicon", "Kunpeng 920", 1),
        ("cpuinfo/phytium_ft2000plus.txt", "Phytium", "FT-2000 family", 1),
        ("cpuinfo/loongson_3a5000_new_world.txt", "Loongson", "3A5000", 4),
        ("archspec/linux-centos7-thunderx2", "Cavium", "ThunderX2", 1),
        ("archspec/linux-rocky8-a64fx", "Fujitsu", "A64FX", 1),
        ("archspec/linux-rhel7-zen", "AMD", "EPYC", 1),
    ],
)
def test_real_cpuinfo_files_are_recognised(
    file: str, vendor: str, model: str, logical: int
) -> None:
    found = parse_cpuinfo((IDENTIFY / file).read_text())
    assert found.vendor == vendor
    assert model in found.model
    assert found.logical == logical


@needs_data
@pytest.mark.parametrize(
    ("dump", "vendor", "logical"),
    [("loongarch-loongson_3a5000_hv", "Loongson", 4), ("x86_64-64cpu-linux6.2", "Intel", 8)],
)
def test_dumps_of_whole_machines_agree_with_lscpu(dump: str, vendor: str, logical: int) -> None:
    with tarfile.open(IDENTIFY / f"util-linux/{dump}.tar.gz") as tar:
        member = tar.extractfile(f"{dump}/proc/cpuinfo")
        assert member is not None
        found = parse_cpuinfo(member.read().decode())
    assert (found.vendor, found.logical) == (vendor, logical)
    expected = (IDENTIFY / f"util-linux/{dump}.lscpu-expected.txt").read_text()
    assert found.model in expected


@needs_data
@pytest.mark.parametrize(
    "fixture", ["kylin_linux_advanced_server_v10", "openeuler_20.03", "tencentos_3_1"]
)
def test_domestic_systems_are_named_as_ansible_names_them(fixture: str) -> None:
    data = json.loads((IDENTIFY / f"ansible_fixtures/{fixture}.json").read_text())
    found = parse_os_release(data["input"]["/etc/os-release"])
    assert found["name"].startswith(data["result"]["distribution"])
    assert found["version"].startswith(data["result"]["distribution_version"])
    assert data["result"]["distribution_release"] in found["version"]


@needs_data
def test_every_os_release_sample_names_itself() -> None:
    for file in sorted((IDENTIFY / "os-release").iterdir()):
        found = parse_os_release(file.read_text())
        assert found["id"], file.name
        assert found["name"], file.name


def test_os_release_quotes_and_comments_are_read() -> None:
    found = parse_os_release('# c\nID=\'kylin\'\nNAME="A \\"B\\""\nVERSION_ID=V10\nBROKEN\n')
    assert found == {"id": "kylin", "name": 'A "B"', "version": "V10", "id_like": ""}


def test_a_system_without_os_release_has_its_one_line(tmp_path: Path) -> None:
    assert read_os(str(tmp_path))["name"] == ""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/system-release").write_text("CentOS release 6.10 (Final)\n")
    assert read_os(str(tmp_path))["name"] == "CentOS release 6.10 (Final)"


def test_an_uninitialised_machine_id_is_none(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc/machine-id"
    file.write_text("uninitialized\n")
    assert read_machine_id(str(tmp_path)) == ""
    file.write_text("3D1219C7C4C5404AAA1F6D2A48ADFDA4\n")
    assert read_machine_id(str(tmp_path)) == "3d1219c7c4c5404aaa1f6d2a48adfda4"


def dmi(folder: Path, **words: str) -> Path:
    dmi_folder = folder / "class/dmi/id"
    dmi_folder.mkdir(parents=True, exist_ok=True)
    for name, text in words.items():
        (dmi_folder / name).write_text(text + "\n")
    return folder


def test_the_instance_uuid_comes_in_both_byte_orders_and_lower_case(tmp_path: Path) -> None:
    dmi(tmp_path, product_uuid=UUID.upper())
    assert read_instance_uuids(str(tmp_path), str(tmp_path)) == [
        UUID,
        "44454c4c-4200-1035-8053-b2c04f564d31",
    ]


def test_without_root_cloud_init_tells_the_instance(tmp_path: Path) -> None:
    (tmp_path / "var/lib/cloud/data").mkdir(parents=True)
    (tmp_path / "var/lib/cloud/data/instance-id").write_text(f"{UUID}\n")
    assert read_instance_uuids(str(tmp_path / "sys"), str(tmp_path))[0] == UUID


@pytest.mark.parametrize(
    "text", ["", "None", "i-0abc", "00000000-0000-0000-0000-000000000000",
             "03000200-0400-0500-0006-000700080009", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"]
)  # fmt: skip
def test_a_placeholder_is_no_uuid(text: str) -> None:
    assert parse_uuid(text) == ""


def test_swapping_the_byte_order_twice_gives_the_uuid_back() -> None:
    assert swap_uuid(swap_uuid(UUID)) == UUID


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("OpenStack Foundation OpenStack Nova", "openstack"),
        ("Alibaba Cloud Alibaba Cloud ECS", "alibabacloud"),
        ("QEMU Standard PC (i440FX + PIIX, 1996)", "kvm"),
        ("VMware, Inc. VMware7,1", "vmware"),
        ("Microsoft Corporation Virtual Machine", "hyperv"),
        ("Dell Inc. PowerEdge R740", ""),
    ],
)
def test_hypervisors_and_clouds_are_told_by_dmi(words: str, name: str) -> None:
    assert parse_hypervisor(words) == name


def test_hardware_is_none_and_an_unnamed_guest_a_vm(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert read_virtualisation(root, root, False) == ""
    assert read_virtualisation(root, root, True) == "vm"
    dmi(tmp_path, sys_vendor="Huawei", product_name="TaiShan 200 (Model 2280)")
    assert read_virtualisation(root, root, False) == "none"
    dmi(tmp_path, sys_vendor="QEMU")
    assert read_virtualisation(root, root, False) == "kvm"


def test_a_container_is_told_by_its_manager(tmp_path: Path) -> None:
    assert read_container(str(tmp_path)) == ""
    (tmp_path / ".dockerenv").write_text("")
    assert read_container(str(tmp_path)) == "docker"
    (tmp_path / "run/systemd").mkdir(parents=True)
    (tmp_path / "run/systemd/container").write_text("systemd-nspawn\n")
    assert read_virtualisation("", str(tmp_path), True) == "container:systemd-nspawn"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", ""),
        ("169.254.1.1", ""),
        ("0.0.0.0", ""),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", ""),
        ("::1", ""),
        ("::", ""),
        ("02:fc:00:00:00:01", ""),
    ],
)
def test_addresses_are_canonical_and_of_use_elsewhere(text: str, address: str) -> None:
    assert parse_address(text) == address


def test_facts_of_an_empty_machine_are_empty_words(tmp_path: Path) -> None:
    root = str(tmp_path)
    facts = read_facts(root, root, root)
    assert (facts["machine_id"], facts["instance_uuid"], facts["instance_uuids"]) == ("", "", [])
    assert facts["os"]["id"] == ""
    json.dumps(facts)
