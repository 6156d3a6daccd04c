"""The Linux collectors on the checked-in tree, edited between two looks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from collectors.catalog import HOST
from collectors.host import HostCollector
from collectors.host.files import HeldFile
from collectors.records import Reading

TREE = Path(__file__).parent.parent / "tree"


class Machine:
    """A copy of the tree, one minute a collection."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(TREE, folder)
        # The links are made here: a loop of them in tests/ would send pytest round for ever.
        for name, master in (("eth0", "bond0"), ("eth1", "bond0"), ("veth12ab", "docker0")):
            (folder / "sys/class/net" / name / "master").symlink_to(f"../{master}")
        self.folder = folder
        self.host = HostCollector(
            str(folder / "proc"), str(folder / "sys"), str(folder / "root"), portable=False
        )
        self.minutes = 0

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        file = self.folder / path
        text = file.read_text()
        for old, new in changes:
            assert old in text, f"{path} has no {old!r}"
            text = text.replace(old, new)
        file.write_text(text)

    def collect(self) -> list[Reading]:
        got = self.host.collect(self.minutes * 60_000, self.minutes * 60.0)
        self.minutes += 1
        assert got.failures == []
        return got.readings

    def values(self) -> dict[str, float]:
        return next(reading.values for reading in self.collect() if not reading.instance)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "machine")
    assert machine.collect() == []
    return machine


def test_every_metric_of_the_catalogue_is_measured(machine: Machine) -> None:
    machine.edit("proc/stat", ("cpu  1000", "cpu  1600"))
    assert set(machine.values()) == set(HOST.names)


def test_cpu_time_is_shared_out_between_two_looks(machine: Machine) -> None:
    machine.edit(
        "proc/stat",
        ("cpu  1000 50 500 8000 200 10 40 200", "cpu  1300 50 600 8400 300 20 70 260"),
        ("ctxt 522772", "ctxt 528772"),
    )
    values = machine.values()
    # 300 user, 100 system, 400 idle, 100 iowait, 10 irq, 30 softirq, 60 steal of 1,000 ticks
    assert values["cpu_used_pct"] == 50.0
    assert values["cpu_max_pct"] == 50.0
    assert values["cpu_user_pct"] == 30.0
    assert values["cpu_system_pct"] == 14.0
    assert values["cpu_iowait_pct"] == 10.0
    assert values["cpu_steal_pct"] == 6.0
    assert values["cpu_count"] == 2.0
    assert values["ctx_switches_s"] == 100.0


def test_the_cpu_peak_is_the_highest_five_seconds(machine: Machine) -> None:
    for busy, idle, at in ((1050, 8950, 10.0), (1950, 9050, 15.0), (2000, 10000, 20.0)):
        machine.edit("proc/stat", (cpu_line(machine), f"cpu  {busy} 50 500 {idle} 200 10 40 200"))
        machine.host.subsample(at)
    values = machine.values()
    assert values["cpu_max_pct"] == 90.0
    assert values["cpu_used_pct"] == pytest.approx(100 * 1000 / 3000)
    machine.edit("proc/stat", (cpu_line(machine), "cpu  2100 50 500 10900 200 10 40 200"))
    assert machine.values()["cpu_max_pct"] == 10.0  # the next interval starts afresh


def test_a_held_file_that_fails_is_opened_again(machine: Machine) -> None:
    held = HeldFile(str(machine.folder / "proc/loadavg"))
    first = held.look(4)
    with (machine.folder / "scratch").open("w") as unreadable:
        os.dup2(unreadable.fileno(), held._handle)
    assert held.look(4) == first
    held.close()
    assert held.look(4) == first
    held.close()


def test_closing_leaves_no_file_open_and_measuring_goes_on(machine: Machine) -> None:
    for at in (5.0, 10.0, 15.0):
        machine.host.subsample(at)
    before = len(os.listdir("/proc/self/fd"))
    machine.host.close()
    assert len(os.listdir("/proc/self/fd")) == before - 2
    machine.host.subsample(20.0)
    assert machine.values()["cpu_count"] == 2.0
    machine.host.close()


def cpu_line(machine: Machine) -> str:
    line = (machine.folder / "proc/stat").read_text().splitlines()[0]
    return line.removesuffix(" 0 0")


def test_memory_is_total_less_available_and_averaged_over_the_looks(machine: Machine) -> None:
    machine.edit("proc/meminfo", ("6000000", "4000000"))
    for at in (5.0, 10.0, 15.0, 20.0, 25.0, 30.0):  # every third is a look
        machine.host.subsample(at)
    machine.edit("proc/meminfo", ("4000000 kB\nBuffers", "1000000 kB\nBuffers"))
    values = machine.values()
    assert values["mem_available_bytes"] == 3_000_000 * 1024
    assert values["mem_used_bytes"] == 5_000_000 * 1024
    assert values["mem_used_pct"] == 62.5
    assert values["swap_used_bytes"] == 500_000 * 1024
    assert values["swap_total_bytes"] == 2_000_000 * 1024


def test_swapped_pages_become_bytes_a_second(machine: Machine) -> None:
    machine.edit("proc/vmstat", ("pswpin 100", "pswpin 160"), ("pswpout 200", "pswpout 320"))
    values = machine.values()
    page = values["swap_in_bytes_s"]
    assert page in (4096, 16384, 65536)
    assert values["swap_out_bytes_s"] == 2 * page


def test_only_whole_disks_count_and_the_busiest_gives_the_busy_share(machine: Machine) -> None:
    machine.edit(
        "proc/diskstats",
        (
            "vda 1000 10 8000 500 2000 20 16000 700 0 5000",
            "vda 1060 10 8120 500 2120 20 16240 700 0 35000",
        ),
        (
            "vda1 999 10 7992 500 2000 20 16000 700 0 5000",
            "vda1 1059 10 8112 500 2120 20 16240 700 0 35000",
        ),
        ("dm-0 1500 0 8000", "dm-0 1560 0 8120"),
        ("nvme0n1 100 0 800 50 200 0 1600 70 0 500", "nvme0n1 160 0 920 50 200 0 1600 70 0 6500"),
        ("loop0 900 0 9000", "loop0 960 0 9120"),
    )
    values = machine.values()
    assert values["disk_read_iops"] == 2.0
    assert values["disk_write_iops"] == 2.0
    assert values["disk_read_bytes_s"] == (120 + 120) * 512 / 60
    assert values["disk_write_bytes_s"] == 240 * 512 / 60
    assert values["disk_busy_pct"] == 50.0


def test_the_busy_milliseconds_wrap_at_32_bits_without_a_gap(machine: Machine) -> None:
    machine.edit("proc/diskstats", ("700 0 5000 1200", f"700 0 {2**32 - 1000} 1200"))
    machine.collect()
    machine.edit("proc/diskstats", (f"700 0 {2**32 - 1000} 1200", "700 0 5000 1200"))
    assert machine.values()["disk_busy_pct"] == pytest.approx(100 * 6.0 / 60)


def test_a_replaced_disk_leaves_the_sum_without_a_spike(machine: Machine) -> None:
    machine.edit(
        "proc/diskstats",
        ("vda 1000 10 8000 500 2000 20", "vda 5 0 40 0 5 0"),  # another disk under the same name
        ("vdb 10 0 80", "vdb 70 0 80"),
    )
    values = machine.values()
    assert values["disk_read_iops"] == 1.0
    assert values["disk_write_iops"] == 0.0


def test_bonds_bridges_vlans_and_container_pairs_are_not_counted_again(machine: Machine) -> None:
    machine.edit(
        "proc/self/net/dev",
        ("eth0: 1000000    2000    1    2", "eth0: 1060000    2060    7    8"),
        ("bond0: 1100000    2200", "bond0: 1160000    2260"),
        ("bond0.100:  900000", "bond0.100:  960000"),
        ("docker0:   40000", "docker0:  940000"),
        ("veth12ab:   41400", "veth12ab:  941400"),
        (
            "eth1:  100000     200    0    0    0     0          0         0    80000",
            "eth1:  100000     200    0    0    0     0          0         0    86000",
        ),
    )
    values = machine.values()
    assert values["net_rx_bytes_s"] == 1000.0
    assert values["net_rx_packets_s"] == 1.0
    assert values["net_tx_bytes_s"] == 100.0
    assert values["net_errors_s"] == pytest.approx(0.1)
    assert values["net_drops_s"] == pytest.approx(0.1)


def test_a_replaced_card_leaves_a_gap_of_one_interval_and_never_a_spike(machine: Machine) -> None:
    machine.edit("sys/class/net/eth0/ifindex", ("2", "19"))
    machine.edit("proc/self/net/dev", ("eth0: 1000000", "eth0: 9000000"))  # higher than before
    values = machine.values()
    assert values["net_rx_bytes_s"] == 0.0  # eth1 alone
    machine.edit("proc/self/net/dev", ("eth0: 9000000", "eth0: 9060000"))
    assert machine.values()["net_rx_bytes_s"] == 1000.0


def test_a_card_that_vanished_and_came_back_starts_again(machine: Machine) -> None:
    dev = (machine.folder / "proc/self/net/dev").read_text()
    without = "\n".join(line for line in dev.splitlines() if "eth0:" not in line)
    (machine.folder / "proc/self/net/dev").write_text(without + "\n")
    assert machine.values()["net_rx_bytes_s"] == 0.0
    (machine.folder / "proc/self/net/dev").write_text(dev.replace("1000000", "9000000"))
    assert machine.values()["net_rx_bytes_s"] == 0.0


def test_loopback_is_taken_out_of_both_protocols(machine: Machine) -> None:
    # 60,000 octets of IPv4 and 6,000 of IPv6 came in from outside; the host sent itself
    # 1,200,000 bytes, 300,000 of them over IPv6.
    machine.edit("proc/self/net/netstat", ("1500000 1200000", "2460000 2106000"))
    machine.edit("proc/self/net/snmp6", ("300000", "606000"), ("200000", "500600"))
    machine.edit("proc/self/net/dev_snmp6/lo", ("100000", "400000"))
    machine.edit(
        "proc/self/net/dev",
        (
            "lo: 500000    1000    0    0    0     0          0         0   500000",
            "lo: 1700000    1000    0    0    0     0          0         0   1700000",
        ),
    )
    values = machine.values()
    assert values["net4_rx_bytes_s"] == 1000.0
    assert values["net4_tx_bytes_s"] == 100.0
    assert values["net6_rx_bytes_s"] == 100.0
    assert values["net6_tx_bytes_s"] == 10.0


def test_a_kernel_without_ipv6_has_no_ipv6_traffic_rather_than_an_unknown_one(
    machine: Machine,
) -> None:
    for path in ("snmp6", "dev_snmp6/lo", "tcp6"):
        (machine.folder / "proc/self/net" / path).unlink()
    machine.collect()
    values = machine.values()
    assert values["net6_rx_bytes_s"] == values["net6_tx_bytes_s"] == 0.0
    assert values["tcp_listen"] == 1.0


def test_tcp_counts_both_versions_without_netlink(machine: Machine) -> None:
    machine.edit("proc/self/net/snmp", ("12727 30", "12727 90"))
    values = machine.values()
    assert values["tcp_established"] == 7.0
    assert values["tcp_listen"] == 2.0
    assert values["tcp_time_wait"] == 5.0
    assert values["tcp_retrans_s"] == 1.0


def test_a_reboot_between_two_looks_gives_no_rates(machine: Machine) -> None:
    machine.edit("proc/uptime", ("1195.71", "20.00"))
    machine.edit("proc/self/net/dev", ("eth0: 1000000", "eth0: 99000000"))
    values = machine.values()
    assert values["uptime_s"] == 20.0
    assert not any(name.startswith(("net_", "net4_", "disk_read")) for name in values)
    assert values["mem_total_bytes"] > 0


def test_instances_are_named_by_what_they_are(machine: Machine) -> None:
    rows = [row for _ in range(5) for row in machine.collect()]
    assert {row.instance for row in rows} == {
        "", "fs:/", "disk:vda", "disk:vdb", "disk:nvme0n1", "nic:eth0", "nic:eth1",
    }  # fmt: skip
    assert all(row.interval_s == 300.0 for row in rows if row.instance)


def test_a_broken_file_is_reported_with_its_name_and_the_rest_goes_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    machine.collect()
    (machine.folder / "proc/meminfo").unlink()
    (machine.folder / "proc/diskstats").write_text("7 0 sda 1 2\n")
    got = machine.host.collect(60_000, 60.0)
    failed = {d.body["collector"]: d.body["error"] for d in got.failures}
    assert set(failed) == {"memory", "disks"}
    assert "proc/meminfo" in failed["memory"]
    assert "/proc/diskstats" in failed["disks"]
    assert "load1" in got.readings[0].values
