"""Whether the cloud can take the machine as it stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from playbooks.judge.detectors.base import Detector, Hit, Look


def image(look: Look) -> Iterable[Hit]:
    """The cloud has no image of this system and architecture."""
    own = look.facts.values("os_release")
    name, version = own.get("ID", "").lower(), own.get("VERSION_ID", "")
    for it in look.input("target.images"):
        same = it["os"] == name and version.startswith(str(it["version"]))
        if same and it["arch"] == look.facts.arch:
            return
    excerpt = f"{name} {version} {look.facts.arch}"
    yield Hit("image", "file", "/etc/os-release", excerpt, "os_release")


def firmware(look: Look) -> Iterable[Hit]:
    """Firmware or partition table of another kind than the target's flavour."""
    own, wanted = look.facts.values("boot").get("firmware", ""), look.input("target.firmware")
    if own != wanted:
        yield Hit("firmware", "cli", "/sys/firmware/efi", f"{own} -> {wanted}", "boot")
    table = look.optional("target.partition_table", "")
    for disk in look.facts.disks:
        if table and disk.TYPE == "disk" and disk.PTTYPE not in ("", table):
            yield Hit(disk.NAME, "cli", "lsblk", f"{disk.PTTYPE} -> {table}", "disks")


def virtio(look: Look) -> Iterable[Hit]:
    """The start image lacks a driver without which the machine finds no disk or network."""
    text = look.facts.text("boot")
    present = set(re.findall(r"virtio[_-]?\w+", text.replace("-", "_")))
    for driver in look.parameters["drivers"]:
        if driver not in present:
            yield Hit(
                driver, "file", "initramfs", f"{driver} is neither in it nor built in", "boot"
            )


def room(look: Look) -> Iterable[Hit]:
    """What a block-wise or rsync migration needs on the source."""
    tools = {line.text.partition("\t")[0] for line in look.facts.lines("tools")}
    if "rsync" not in tools:
        yield Hit("rsync", "package", "PATH", "rsync is not installed", "tools")
    free = look.facts.values("memory").get("MemAvailable", "").split(" ")[0]
    if free.isdigit() and int(free) < look.parameters["memory_kib"]:
        yield Hit("memory", "cli", "/proc/meminfo", f"MemAvailable {free} KiB", "memory")
    for line in look.facts.lines("df"):
        row = line.text.split()
        if len(row) == 6 and row[5] == "/" and int(row[3]) < look.parameters["root_kib"]:
            yield Hit("/", "cli", "df", line.text, "df")


def volumes(look: Look) -> Iterable[Hit]:
    """Volume groups of one name, encrypted disks, thin pools: the copy cannot be laid out alike."""
    text = look.facts.text("storage")
    part = re.search(r"^# vgs\n((?:(?!^# ).*\n?)*)", text, re.MULTILINE)
    names = (
        Counter(line.split()[0] for line in part[1].splitlines() if line.split()) if part else {}
    )
    for name, times in names.items():
        if times > 1:
            yield Hit(f"vg {name}", "cli", "vgs", f"{name} x {times}", "storage")
    for match in re.finditer(r"^\s*(\S+ \S+) \S+ thin(?:-pool)?\s*$", text, re.MULTILINE):
        yield Hit(f"thin {match[1]}", "cli", "lvs", match[0].strip(), "storage")
    for disk in look.facts.disks:
        if disk.FSTYPE == "crypto_LUKS":
            yield Hit(f"luks {disk.NAME}", "cli", "lsblk", str(disk.fields), "disks")


DETECTORS = {
    "image": Detector(image),
    "firmware": Detector(firmware),
    "virtio": Detector(virtio, frozenset({"drivers"})),
    "room": Detector(room, frozenset({"memory_kib", "root_kib"})),
    "volumes": Detector(volumes),
}
