"""The instance UUID the cloud platform knows this machine by.

/sys/class/dmi/id/product_uuid is readable by root alone; cloud-init leaves the platform's instance
id where anyone may read it. Firmware older than SMBIOS 2.6 stores the first three fields in the
other byte order, so the same machine may be known by either spelling: both are given.
"""

from __future__ import annotations

import os
import re

from collectors.host.files import read_line

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PLACEHOLDERS = {
    # What boards say when nobody set one; it would match every such board to one resource.
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "00020003-0004-0005-0006-000700080009",
}

SOURCES = (
    "{sys}/class/dmi/id/product_uuid",
    "{sys}/hypervisor/uuid",
    "{sys}/firmware/devicetree/base/vm,uuid",
    "{root}/var/lib/cloud/data/instance-id",
    "{root}/run/cloud-init/.instance-id",
)


def read_instance_uuids(sys: str, root: str) -> list[str]:
    """What this machine may be known by, the likeliest first; empty where nothing tells."""
    found: list[str] = []
    for source in SOURCES:
        path = source.format(sys=sys, root=root.rstrip(os.sep))
        uuid = parse_uuid(read_line(path))
        for spelling in (uuid, swap_uuid(uuid)) if uuid and not found else (uuid,):
            if spelling and spelling not in found:
                found.append(spelling)
    return found


def parse_uuid(text: str) -> str:
    """``text`` as a UUID in lower case; "" where it is none or a placeholder."""
    uuid = text.strip().lower()
    return uuid if UUID.fullmatch(uuid) and uuid not in PLACEHOLDERS else ""


def swap_uuid(uuid: str) -> str:
    """The same 16 bytes with the first three fields in the other byte order (SMBIOS 2.6, 7.2.1)."""
    first, second, third, rest = uuid.split("-", 3)
    swapped = [bytes.fromhex(field)[::-1].hex() for field in (first, second, third)]
    return "-".join([*swapped, rest])
