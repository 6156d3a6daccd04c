"""Who this host is: what the inventory matches it by and the readiness checks start from."""

from __future__ import annotations

import os
import socket
from typing import Any

from collectors.host.files import read_bytes, read_line
from collectors.host.identity.addresses import read_interfaces
from collectors.host.identity.cpu import parse_cpuinfo
from collectors.host.identity.dmi import read_instance_uuids
from collectors.host.identity.platforms import kernel_and_arch, read_windows
from collectors.host.identity.system import read_machine_id, read_os, read_virtualisation


def read_facts(proc: str = "/proc", sys: str = "/sys", root: str = "/") -> dict[str, Any]:
    """Everything known, as JSON-ready values; "" and [] where a source is missing or not for us::

        {"hostname", "machine_id", "instance_uuid", "instance_uuids": [both byte orders],
         "addresses": [v4 and v6, canonical], "interfaces": [{"name", "mac", "addresses"}],
         "cpu": {"vendor", "model", "arch", "logical"},
         "os": {"id", "name", "version", "id_like"}, "kernel", "virtualisation",
         "hardware": {"vendor", "product"}}

    Never raises: an unreadable fact is an empty one.
    """
    try:
        cpu = parse_cpuinfo(read_bytes(f"{proc}/cpuinfo").decode("utf-8", "replace"))
    except OSError:
        cpu = parse_cpuinfo("")
    try:
        interfaces = read_interfaces(sys)
    except OSError:
        interfaces = []
    uuids = read_instance_uuids(sys, root)
    kernel, arch = kernel_and_arch()
    return {
        "hostname": socket.gethostname(),
        "machine_id": read_machine_id(root),
        "instance_uuid": uuids[0] if uuids else "",
        "instance_uuids": uuids,
        "addresses": [address for each in interfaces for address in each["addresses"]],
        "interfaces": interfaces,
        "cpu": {
            "vendor": cpu.vendor,
            "model": cpu.model or os.environ.get("PROCESSOR_IDENTIFIER", ""),
            "arch": arch,
            "logical": cpu.logical or os.cpu_count() or 0,
        },
        "os": read_os(root) if os.name == "posix" else read_windows(),
        "kernel": kernel,
        "virtualisation": read_virtualisation(sys, root, cpu.hypervisor),
        "hardware": {
            "vendor": read_line(f"{sys}/class/dmi/id/sys_vendor"),
            "product": read_line(f"{sys}/class/dmi/id/product_name"),
        },
    }
