"""The pure halves: what each parser makes of literals, good and broken."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.host.files import parse_headed, parse_number
from collectors.host.linux.cpu import Times, parse_stat, shares
from collectors.host.linux.disks import parse_diskstats, whole_disks
from collectors.host.linux.filesystems import (
    Mount,
    Usage,
    is_real,
    parse_mountinfo,
    read_usage,
    real_mounts,
    usage_values,
)
from collectors.host.linux.load import parse_loadavg
from collectors.host.linux.memory import parse_meminfo
from collectors.host.linux.network import Link, counted_links, parse_net_dev
from collectors.host.linux.protocols import parse_ipext
from collectors.host.linux.tcp import count_listening, parse_tcp, parse_time_wait
from collectors.host.linux.uptime import parse_uptime
from collectors.host.netlink import parse_address_message, parse_messages


def test_a_number_is_found_by_its_whole_name_at_a_line_start() -> None:
    text = b"xpswpin 1\npswpin 42\npswpout 7"
    assert parse_number(text, b"pswpin ") == 42
    assert parse_number(text, b"pswpout ") == 7
    assert parse_number(text, b"xpswpin ") == 1
    assert parse_number(text, b"swpin ") is None
    assert parse_number(b"", b"pswpin ") is None


def test_a_headed_pair_of_lines_must_match() -> None:
    assert parse_headed(b"Tcp: A B\nTcp: 1 -1\n", b"Tcp:") == {b"A": 1, b"B": -1}
    assert parse_headed(b"Udp: A\nUdp: 1\n", b"Tcp:") == {}
    with pytest.raises(ValueError, match="2 names, 1 numbers"):
        parse_headed(b"Tcp: A B\nTcp: 1\n", b"Tcp:")


def test_a_kernel_without_steal_counts_none() -> None:
    stat = parse_stat(b"cpu 1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n")
    assert stat.times == Times(1, 2, 3, 4, 5, 6, 7, 0)
    assert (stat.cpus, stat.switches) == (1, None)


@pytest.mark.parametrize(
    "text", [b"", b"intr 1 2 3 4 5 6 7 8 9\n", b"cpu 1 2\n", b"cpu a b c d e f g h"]
)
def test_a_stat_without_cpu_line_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"cpu|CPUs|invalid literal"):
        parse_stat(text)


def test_a_step_back_of_iowait_is_no_negative_share() -> None:
    values = shares(Times(0, 0, 0, 0, 100, 0, 0, 0), Times(50, 0, 0, 50, 90, 0, 0, 0))
    assert values["cpu_iowait_pct"] == 0.0
    assert values["cpu_used_pct"] == 50.0


def test_without_time_there_are_no_shares() -> None:
    assert shares(Times(*[5] * 8), Times(*[5] * 8)) == {}


def test_old_kernels_without_available_memory_count_free_and_caches() -> None:
    levels = parse_meminfo(
        b"MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 300 kB\nShmem: 50 kB\n"
    )
    assert levels.available == 400 * 1024
    assert levels.swap_total == 0


def test_meminfo_without_total_is_an_error() -> None:
    with pytest.raises(ValueError, match="MemTotal"):
        parse_meminfo(b"MemFree: 1 kB\n")


def test_loadavg_of_fewer_words_is_an_error() -> None:
    assert parse_loadavg(b"0.20 0.18 0.12 1/80 11206\n") == (0.2, 0.18, 0.12)
    with pytest.raises(ValueError, match="expected three"):
        parse_loadavg(b"0.20\n")


def test_diskstats_of_every_kernel_is_read() -> None:
    assert parse_diskstats(b"8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n")["sda"].busy_ms == 10
    with pytest.raises(ValueError, match="sda"):
        parse_diskstats(b"8 0 sda 1 2 3\n")


def test_partitions_are_told_by_name_where_there_is_no_sysfs() -> None:
    names = {"sda", "sda1", "nvme0n1", "nvme0n1p2", "vda", "vda15", "mmcblk0", "mmcblk0p1",
             "dm-3", "nvme0c1n1", "md127", "loop7", "xvda", "xvda1", "nbd0", "sr0"}  # fmt: skip
    assert whole_disks(names, None) == {"sda", "nvme0n1", "vda", "mmcblk0", "xvda", "nbd0"}


def test_xvda1_is_a_disk_where_sysfs_says_so() -> None:
    # Amazon's first instances had a disk named like a partition.
    assert whole_disks({"xvda1"}, frozenset({"xvda1"})) == {"xvda1"}


def mount(device: str, point: str, kind: str = "ext4", source: str = "/dev/vda1") -> Mount:
    return Mount(device, point, kind, source)


def test_mountinfo_names_with_blanks_and_chinese_are_read() -> None:
    line = "36 35 98:0 / /数据/a\\040b rw master:1 - ext4 /dev/my\\134disk rw\n".encode()
    assert parse_mountinfo(line) == [Mount("98:0", "/数据/a b", "ext4", "/dev/my\\disk")]
    with pytest.raises(ValueError, match="mountinfo"):
        parse_mountinfo(b"36 35 98:0 / /mnt rw\n")


def test_a_device_mounted_often_counts_once_at_its_shortest_point() -> None:
    mounts = [mount("8:1", "/var/lib/docker"), mount("8:1", "/"), mount("8:1", "/srv")]
    assert [m.point for m in real_mounts(mounts)] == ["/"]


def test_datasets_of_one_zfs_pool_count_once() -> None:
    mounts = [mount("0:40", "/tank/a", "zfs", "tank/a"), mount("0:41", "/tank", "zfs", "tank")]
    assert [m.point for m in real_mounts(mounts)] == ["/tank"]


@pytest.mark.parametrize(
    ("which", "real"),
    [
        (mount("8:1", "/"), True),
        (mount("253:0", "/data", "xfs", "/dev/mapper/vg-data"), True),
        (mount("0:50", "/", "overlay", "overlay"), True),
        (mount("0:51", "/var/lib/docker/overlay2/x/merged", "overlay", "overlay"), False),
        (mount("7:1", "/snap/core", "squashfs", "/dev/loop1"), False),
        (mount("7:2", "/mnt/image", "ext4", "/dev/loop2"), False),
        (mount("11:0", "/media/cdrom", "iso9660", "/dev/sr0"), False),
        (mount("0:60", "/mnt/nas", "nfs4", "nas:/export"), False),
        (mount("0:61", "/run", "tmpfs", "tmpfs"), False),
        (mount("0:62", "/mnt/ceph", "fuse.ceph-fuse", "ceph-fuse"), False),
        (mount("8:17", "/mnt/windows", "fuseblk", "/dev/sdb1"), True),
    ],
)
def test_only_storage_of_this_host_is_real(which: Mount, real: bool) -> None:
    assert is_real(which) is real


def test_the_share_of_a_file_system_is_that_of_df() -> None:
    # 100 blocks, 5 reserved for root, 57 used: df says 57 of 95, 60 %.
    values = usage_values(Usage(57, 100, 38, 0, 0))
    assert values == {"disk_used_bytes": 57.0, "disk_total_bytes": 100.0, "disk_used_pct": 60.0}


def test_a_mount_that_is_gone_or_a_file_gives_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("")
    assert read_usage(str(tmp_path / "gone")) is None
    assert read_usage(str(file)) is None
    usage = read_usage(str(tmp_path))
    size = os.statvfs(tmp_path)
    assert usage is not None
    assert usage.total == size.f_blocks * size.f_frsize


def test_an_sriov_function_below_netvsc_is_not_counted_again() -> None:
    links = {"eth0": Link(True, "", True), "enP1": Link(True, "eth0", False)}
    assert counted_links(links) == {"eth0"}


def test_bonded_cards_count_and_the_bond_does_not() -> None:
    links = {
        "eth0": Link(True, "bond0", False),
        "eth1": Link(True, "bond0", False),
        "bond0": Link(False, "", True),
    }
    assert counted_links(links) == {"eth0", "eth1"}


def test_within_a_container_the_lowest_interface_counts() -> None:
    links = {
        "lo": Link(False, "", True),
        "eth0": Link(False, "", False),
        "docker0": Link(False, "", True),
        "veth1": Link(False, "docker0", False),
        "ifb0": Link(False, "", False),
        "tun0": Link(False, "", True),
    }
    assert counted_links(links) == {"eth0"}


def test_interface_names_with_colons_are_read() -> None:
    head = b"Inter-| Receive\n face |bytes\n"
    line = b"eth0:1: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n"
    assert parse_net_dev(head + line)["eth0:1"].rx_bytes == 5
    with pytest.raises(ValueError, match="eth0"):
        parse_net_dev(head + b"eth0: 5 1\n")


def test_sockets_are_counted_from_the_files_where_there_is_no_netlink() -> None:
    rows = [b"  sl  local", b" 0: 0100007F:1 0:0 0A x", b" 1: 0100007F:1 0:0 01 x"]
    assert count_listening(b"\n".join(rows)) == 1
    assert parse_time_wait(b"sockets: used 1\nTCP: inuse 1 orphan 0 tw 12 alloc 1\n") == 12
    assert parse_time_wait(b"sockets: used 1\n") is None
    with pytest.raises(ValueError, match="CurrEstab"):
        parse_tcp(b"Tcp: A\nTcp: 1\n")


def message(kind: int, body: bytes = b"") -> bytes:
    raw = struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body
    return raw + b"\0" * (-len(raw) % 4)


def test_a_netlink_dump_is_read_up_to_its_end() -> None:
    assert parse_messages(message(20, b"x" * 73) + message(20)) == ([b"x" * 73, b""], False)
    assert parse_messages(message(20) + message(3)) == ([b""], True)


def test_a_refusal_by_the_kernel_is_its_own_error() -> None:
    with pytest.raises(OSError, match="refused") as caught:
        parse_messages(message(2, struct.pack("=i", -errno.ENOENT)))
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(OSError, match="without length"):
        parse_messages(struct.pack("=IHHII", 0, 20, 0, 1, 0))


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value


def test_the_own_end_of_a_point_to_point_link_is_the_address() -> None:
    head = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 0, 7)
    peer, own = attribute(1, bytes((10, 0, 0, 2))), attribute(2, bytes((10, 0, 0, 1)))
    assert parse_address_message(head + peer + own) == (7, "10.0.0.1")
    head6 = struct.pack("=BBBBI", socket.AF_INET6, 64, 0, 0, 7)
    assert parse_address_message(head6 + attribute(1, bytes(15) + b"\x01")) == (7, "::1")
    assert parse_address_message(head + attribute(1, b"\x01")) == (7, "")


PARSERS: tuple[Callable[[bytes], object], ...] = (
    parse_stat, parse_meminfo, parse_loadavg, parse_uptime, parse_diskstats, parse_mountinfo,
    parse_net_dev, parse_ipext, parse_tcp, parse_time_wait, count_listening,
)  # fmt: skip


@given(
    parser=st.sampled_from(PARSERS),
    text=st.one_of(
        st.binary(max_size=200),
        st.text("cpu Tcp:IpExtMm0123456789\n -/.", max_size=200).map(str.encode),
    ),
)
def test_no_text_makes_a_parser_fail_in_an_unnamed_way(
    parser: Callable[[bytes], object], text: bytes
) -> None:
    with contextlib.suppress(ValueError):
        parser(text)
