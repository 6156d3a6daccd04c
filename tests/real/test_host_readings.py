"""This host, measured by us and by psutil at the same time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from collectors.catalog import HOST
from collectors.host import Collected, HostCollector
from collectors.host.files import read_bytes
from collectors.host.identity.addresses import read_with_netlink, read_with_psutil
from collectors.host.linux.tcp import count_listening
from collectors.host.netlink import read_listeners


def collect_around(host: HostCollector, seconds: float) -> Collected:
    """One interval of ``seconds``, half of it busy on one CPU."""
    host.collect(0, time.monotonic())
    until = time.monotonic() + seconds / 2
    while time.monotonic() < until:
        sum(range(10_000))
    time.sleep(seconds / 2)
    return host.collect(round(seconds * 1000), time.monotonic())


@pytest.mark.parametrize("portable", [False, True])
def test_cpu_agrees_with_psutil(portable: bool) -> None:
    host = HostCollector(portable=portable)
    psutil.cpu_times_percent(interval=None)
    got = collect_around(host, 1.0)
    theirs = psutil.cpu_times_percent(interval=None)
    values = got.readings[0].values
    ours = (values["cpu_used_pct"], values["cpu_user_pct"] + values["cpu_system_pct"])
    assert ours[0] == pytest.approx(100 - theirs.idle - theirs.iowait, abs=6)
    assert ours[1] <= ours[0] + 0.1
    assert values["cpu_used_pct"] >= 20 / (os.cpu_count() or 1)  # we were busy half the time
    assert values["cpu_count"] == psutil.cpu_count()


@pytest.mark.parametrize("portable", [False, True])
def test_memory_and_storage_agree_with_psutil(portable: bool) -> None:
    host = HostCollector(portable=portable)
    now = time.monotonic()
    host.collect(0, now - 0.001)
    values = host.collect(1, now).readings[0].values
    memory, root = psutil.virtual_memory(), psutil.disk_usage("/")
    assert values["mem_total_bytes"] == memory.total
    # Other processes come and go between the two looks.
    assert values["mem_available_bytes"] == pytest.approx(memory.available, rel=0.1)
    assert values["mem_used_bytes"] == values["mem_total_bytes"] - values["mem_available_bytes"]
    assert values["disk_total_bytes"] >= root.total
    if len(psutil.disk_partitions()) == 1:
        assert values["disk_used_bytes"] == pytest.approx(root.used, rel=0.05)
        assert values["disk_used_pct"] == pytest.approx(root.percent, abs=2)
    assert values["swap_total_bytes"] == psutil.swap_memory().total
    assert values["processes"] == pytest.approx(len(psutil.pids()), abs=20)
    assert values["uptime_s"] == pytest.approx(time.time() - psutil.boot_time(), abs=3)


def test_bytes_written_to_the_disk_are_counted_once(tmp_path: Path) -> None:
    host = HostCollector()
    start = time.monotonic()
    host.collect(0, start)
    before = psutil.disk_io_counters(perdisk=False, nowrap=False)
    with open(tmp_path / "file", "wb") as file:
        for _ in range(32):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    end = time.monotonic()
    got = host.collect(1000, end)
    after = psutil.disk_io_counters(perdisk=False, nowrap=False)
    if before is None:
        assert got.outcomes["disks"] == "nothing"
        return
    written = got.readings[0].values["disk_write_bytes_s"] * (end - start)
    theirs = after.write_bytes - before.write_bytes
    # psutil looked a little earlier and later than we did, and others write too.
    assert written <= theirs * 1.25
    assert written >= min(32 << 20, theirs) * 0.9


def test_every_metric_of_the_catalogue_is_measured_on_this_host() -> None:
    host = HostCollector()
    got = collect_around(host, 0.4)
    missing = set(HOST.names) - set(got.readings[0].values)
    absent = {name for name, outcome in got.outcomes.items() if outcome == "nothing"}
    assert got.failures == []
    if not absent:
        assert missing == set()


def test_the_portable_set_says_which_columns_it_lacks() -> None:
    host = HostCollector(portable=True)
    got = collect_around(host, 0.4)
    missing = set(HOST.names) - set(got.readings[0].values)
    assert got.failures == []
    assert missing <= {
        "net4_rx_bytes_s", "net4_tx_bytes_s", "net6_rx_bytes_s", "net6_tx_bytes_s",
        "tcp_retrans_s", "inodes_used_pct",
        "disk_read_bytes_s", "disk_write_bytes_s", "disk_read_iops", "disk_write_iops",
        "disk_busy_pct",  # where the test machine shows no disk at all
    }  # fmt: skip


def test_netlink_and_proc_count_the_same_listeners() -> None:
    for _ in range(5):  # others open and close ports meanwhile
        first = read_listeners()
        counted = sum(count_listening(read_bytes(f"/proc/net/{n}")) for n in ("tcp", "tcp6"))
        if first == counted == read_listeners():
            return
    pytest.fail(f"netlink says {first}, /proc/net/tcp and tcp6 say {counted}")


def test_facts_name_this_host() -> None:
    facts = HostCollector().facts()
    assert facts["hostname"]
    assert facts["kernel"] == os.uname().release
    assert facts["cpu"]["arch"] == os.uname().machine
    assert facts["cpu"]["logical"] == psutil.cpu_count()
    known = {e.address.split("%")[0] for entries in psutil.net_if_addrs().values() for e in entries}
    assert set(facts["addresses"]) <= known
    assert not {"127.0.0.1", "::1"} & set(facts["addresses"])


def test_addresses_without_psutil_are_those_with_it() -> None:
    with_psutil = {each.name: each for each in read_with_psutil()}
    without = read_with_netlink("/sys")
    assert without
    for each in without:
        theirs = with_psutil[each.name]
        assert set(each.addresses) == {text.partition("%")[0] for text in theirs.addresses}
        assert each.mac == theirs.mac
