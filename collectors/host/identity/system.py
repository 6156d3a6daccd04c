"""Operating system, kernel, machine id and virtualisation, from files any user may read."""

from __future__ import annotations

import os
import re

from collectors.host.files import read_line

HYPERVISORS = (
    # What the DMI vendor or product says; the first match wins. Clouds that run on KVM come
    # before "kvm", as their name says more.
    ("openstack", "openstack"),
    ("huawei cloud", "huaweicloud"),
    ("alibaba cloud", "alibabacloud"),
    ("tencent cloud", "tencentcloud"),
    ("h3c", "h3c"),
    ("sangfor", "sangfor"),
    ("inspur", "incloud"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("microsoft corporation virtual", "hyperv"),
    ("amazon ec2", "amazon"),
    ("google compute", "google"),
    ("bochs", "qemu"),
    ("kvm", "kvm"),
    ("qemu", "kvm"),
)

ESCAPE = re.compile(r"\\(.)")


def read_os(root: str) -> dict[str, str]:
    """os-release of the file system under ``root``; empty words where there is none."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        try:
            with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                return parse_os_release(file.read())
        except OSError:
            continue
    # CentOS 6 and Kylin before V7 have only this line.
    line = read_line(os.path.join(root, "etc/system-release"))
    return {"id": "", "name": line, "version": "", "id_like": ""}


def parse_os_release(text: str) -> dict[str, str]:
    """``{"id", "name", "version", "id_like"}`` of os-release(5); VERSION, else VERSION_ID."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            values[key] = unquote(value.strip())
    return {
        "id": values.get("ID", ""),
        "name": values.get("NAME", ""),
        "version": values.get("VERSION") or values.get("VERSION_ID", ""),
        "id_like": values.get("ID_LIKE", ""),
    }


def unquote(value: str) -> str:
    """A shell word as os-release(5) allows it: quoted either way or bare, backslash escapes."""
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return ESCAPE.sub(r"\1", value)


def read_machine_id(root: str) -> str:
    """machine-id(5), lower case; "" where absent or not initialised yet."""
    for path in ("etc/machine-id", "var/lib/dbus/machine-id"):
        text = read_line(os.path.join(root, path)).lower()
        if re.fullmatch(r"[0-9a-f]{32}", text):
            return text
    return ""


def read_virtualisation(sys: str, root: str, cpu_says_virtual: bool) -> str:
    """The container manager, hypervisor or cloud; "vm" (unnamed), "none", "" (cannot tell)."""
    container = read_container(root)
    if container:
        return f"container:{container}"
    dmi = f"{sys}/class/dmi/id"
    words = [read_line(f"{dmi}/{name}") for name in ("sys_vendor", "product_name", "bios_vendor")]
    known = parse_hypervisor(" ".join(words))
    if known:
        return known
    if read_line(f"{sys}/hypervisor/type") == "xen":
        return "xen"
    tree = read_line(f"{sys}/firmware/devicetree/base/hypervisor/compatible").lower()
    if tree:
        return "xen" if "xen" in tree else tree.partition(",")[2] or tree
    if cpu_says_virtual:
        return "vm"
    return "none" if any(words) else ""


def read_container(root: str) -> str:
    """The container manager as the manager itself left word of it; "" outside one."""
    named = read_line(os.path.join(root, "run/systemd/container"))
    if named:
        return named
    for path, name in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
        if os.path.exists(os.path.join(root, path)):
            return name
    return ""


def parse_hypervisor(words: str) -> str:
    """The hypervisor or cloud named by DMI words; "" for hardware or something unheard of."""
    lowered = words.lower()
    for word, name in HYPERVISORS:
        if word in lowered:
            return name
    return ""
