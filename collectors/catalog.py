"""The metric catalogue: the single source of every metric's name, unit, label and storage.

The samples DDL, the wire format, ``/metrics``, the labels on screen and docs/metrics.md are
generated from the tuples below. Adding a metric is adding one row here and one value in a
collector; see CONTRIBUTING.md.

Nothing here imports more than ``typing``: the agent loads this module and must stay light.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Rollup = Literal["avg", "max", "last"]
"""How rows become a coarser row: mean weighted by ``interval_s``, maximum, or latest value."""

WireType = Literal["f4", "f8"]
"""Little-endian IEEE 754; f4 keeps 7 digits and is for shares, rates and counts, f8 for bytes."""


class Metric(NamedTuple):
    """One column of one sample table."""

    name: str
    unit: str
    rollup: Rollup
    type: WireType
    zh: str
    en: str

    @property
    def prometheus(self) -> str:
        """The name on ``/metrics``; the same word as the column, with our prefix."""
        return f"yunxun_{self.name}"


class Table(NamedTuple):
    """One wide sample table: a column a metric, a row an interval of one instance."""

    name: str
    zh: str
    en: str
    metrics: tuple[Metric, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The metric columns, in DDL and wire order."""
        return tuple(metric.name for metric in self.metrics)

    def metric(self, name: str) -> Metric:
        """The metric called ``name``; raises KeyError."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(name)


HOST = Table(
    "host",
    "主机",
    "Host",
    (
        Metric("cpu_used_pct", "%", "avg", "f4", "CPU 使用率", "CPU used"),
        Metric("cpu_max_pct", "%", "max", "f4", "CPU 峰值(5 秒)", "CPU peak (5 s)"),
        Metric("cpu_iowait_pct", "%", "avg", "f4", "CPU 等待 I/O", "CPU I/O wait"),
        Metric("cpu_steal_pct", "%", "avg", "f4", "CPU 被抢占", "CPU steal"),
        Metric("load1", "1", "avg", "f4", "1 分钟负载", "Load, 1 min"),
        Metric("load5", "1", "avg", "f4", "5 分钟负载", "Load, 5 min"),
        Metric("load15", "1", "avg", "f4", "15 分钟负载", "Load, 15 min"),
        Metric("mem_used_bytes", "B", "avg", "f8", "内存使用量", "Memory used"),
        Metric("mem_total_bytes", "B", "last", "f8", "内存总量", "Memory total"),
        Metric("mem_used_pct", "%", "avg", "f4", "内存使用率", "Memory used share"),
        Metric("swap_used_bytes", "B", "avg", "f8", "交换分区使用量", "Swap used"),
        Metric("swap_total_bytes", "B", "last", "f8", "交换分区总量", "Swap total"),
        Metric("disk_used_bytes", "B", "avg", "f8", "存储使用量", "Storage used"),
        Metric("disk_total_bytes", "B", "last", "f8", "存储总量", "Storage total"),
        Metric("disk_used_pct", "%", "avg", "f4", "存储使用率", "Storage used share"),
        Metric("disk_read_bytes_s", "B/s", "avg", "f4", "磁盘读取速率", "Disk read"),
        Metric("disk_write_bytes_s", "B/s", "avg", "f4", "磁盘写入速率", "Disk write"),
        Metric("disk_read_iops", "1/s", "avg", "f4", "磁盘读 IOPS", "Disk read IOPS"),
        Metric("disk_write_iops", "1/s", "avg", "f4", "磁盘写 IOPS", "Disk write IOPS"),
        Metric("disk_busy_pct", "%", "avg", "f4", "磁盘繁忙率", "Disk busy"),
        Metric("net_rx_bytes_s", "B/s", "avg", "f4", "入网速率", "Network in"),
        Metric("net_tx_bytes_s", "B/s", "avg", "f4", "出网速率", "Network out"),
        Metric("net_rx_packets_s", "1/s", "avg", "f4", "入网包速率", "Packets in"),
        Metric("net_tx_packets_s", "1/s", "avg", "f4", "出网包速率", "Packets out"),
        Metric("net_errors_s", "1/s", "avg", "f4", "网络错包速率", "Network errors"),
        Metric("net_drops_s", "1/s", "avg", "f4", "网络丢包速率", "Network drops"),
        Metric("net4_rx_bytes_s", "B/s", "avg", "f4", "IPv4 入网速率", "IPv4 in"),
        Metric("net4_tx_bytes_s", "B/s", "avg", "f4", "IPv4 出网速率", "IPv4 out"),
        Metric("net6_rx_bytes_s", "B/s", "avg", "f4", "IPv6 入网速率", "IPv6 in"),
        Metric("net6_tx_bytes_s", "B/s", "avg", "f4", "IPv6 出网速率", "IPv6 out"),
        Metric("tcp_established", "1", "avg", "f4", "TCP 已建立连接", "TCP established"),
        Metric("tcp_listen", "1", "avg", "f4", "TCP 监听端口", "TCP listening"),
        Metric("processes", "1", "avg", "f4", "进程数", "Processes"),
        Metric("uptime_s", "s", "last", "f8", "运行时长", "Uptime"),
        # Beyond DESIGN.md section 6: what the host collectors get at no further cost.
        Metric("cpu_count", "1", "last", "f4", "逻辑 CPU 数", "Logical CPUs"),
        Metric("cpu_user_pct", "%", "avg", "f4", "CPU 用户态", "CPU user"),
        Metric("cpu_system_pct", "%", "avg", "f4", "CPU 内核态", "CPU system"),
        Metric("mem_available_bytes", "B", "avg", "f8", "可用内存", "Memory available"),
        Metric("mem_cached_bytes", "B", "avg", "f8", "缓存", "Memory cached"),
        Metric("swap_in_bytes_s", "B/s", "avg", "f4", "换入速率", "Swap in"),
        Metric("swap_out_bytes_s", "B/s", "avg", "f4", "换出速率", "Swap out"),
        Metric("inodes_used_pct", "%", "avg", "f4", "inode 使用率", "Inodes used share"),
        Metric("tcp_time_wait", "1", "avg", "f4", "TCP TIME_WAIT", "TCP time-wait"),
        Metric("tcp_retrans_s", "1/s", "avg", "f4", "TCP 重传速率", "TCP retransmits"),
        Metric("ctx_switches_s", "1/s", "avg", "f4", "上下文切换速率", "Context switches"),
    ),
)
"""The host set. Instance "" is the whole host; "fs:/data", "disk:sda", "nic:eth0" are its parts."""

REACH = Table(
    "reach",
    "可达性",
    "Reachability",
    (
        Metric("reachable_pct", "%", "avg", "f4", "可达率", "Reachable"),
        Metric("probe_loss_pct", "%", "avg", "f4", "丢包率", "Probe loss"),
        Metric("probe_rtt_ms", "ms", "avg", "f4", "往返时延", "Round trip"),
        Metric("probe_rtt_max_ms", "ms", "max", "f4", "最大往返时延", "Longest round trip"),
        Metric("probes_sent", "1", "avg", "f4", "探测次数", "Probes sent"),
        Metric("probe_by_tcp", "1", "last", "f4", "经 TCP 探测", "Probed by TCP"),
    ),
)
"""What a poller measures of a point without SNMP. Instance "ap:12" is the access point of that
number; ``reachable_pct`` is 100 in an interval in which any probe was answered, else 0."""

DEVICE = Table(
    "device",
    "网络设备",
    "Network device",
    (
        Metric("device_up_pct", "%", "avg", "f4", "设备可用率", "Device available"),
        Metric("device_poll_s", "s", "max", "f4", "轮询耗时", "Poll time"),
        Metric("device_cpu_pct", "%", "avg", "f4", "设备 CPU 使用率", "Device CPU used"),
        Metric("device_cpu_max_pct", "%", "max", "f4", "设备 CPU 最高(各板)", "Busiest CPU"),
        Metric("device_mem_used_pct", "%", "avg", "f4", "设备内存使用率", "Device memory used"),
        Metric("device_temperature_c", "°C", "max", "f4", "设备最高温度", "Highest temperature"),
        Metric("device_uptime_s", "s", "last", "f8", "设备运行时长", "Device uptime"),
        Metric("device_ports_up", "1", "last", "f4", "连通端口数", "Ports up"),
        Metric("device_in4_bytes_s", "B/s", "avg", "f4", "设备 IPv4 入速率", "Device IPv4 in"),
        Metric("device_out4_bytes_s", "B/s", "avg", "f4", "设备 IPv4 出速率", "Device IPv4 out"),
        Metric("device_in6_bytes_s", "B/s", "avg", "f4", "设备 IPv6 入速率", "Device IPv6 in"),
        Metric("device_out6_bytes_s", "B/s", "avg", "f4", "设备 IPv6 出速率", "Device IPv6 out"),
    ),
)
"""A device as a poller sees it over SNMP, instance "". ``device_up_pct`` is 100 where it answered;
CPU is the mean of its processors, memory of its fullest memory."""

PORT = Table(
    "port",
    "网络端口",
    "Network port",
    (
        Metric("port_in_bytes_s", "B/s", "avg", "f4", "端口入速率", "Port in"),
        Metric("port_out_bytes_s", "B/s", "avg", "f4", "端口出速率", "Port out"),
        Metric("port_in_packets_s", "1/s", "avg", "f4", "端口入包速率", "Port packets in"),
        Metric("port_out_packets_s", "1/s", "avg", "f4", "端口出包速率", "Port packets out"),
        Metric("port_in_errors_s", "1/s", "avg", "f4", "端口入错包速率", "Port errors in"),
        Metric("port_out_errors_s", "1/s", "avg", "f4", "端口出错包速率", "Port errors out"),
        Metric("port_in_discards_s", "1/s", "avg", "f4", "端口入丢弃速率", "Port discards in"),
        Metric("port_out_discards_s", "1/s", "avg", "f4", "端口出丢弃速率", "Port discards out"),
        Metric("port_in_used_pct", "%", "avg", "f4", "端口入利用率", "Port in used"),
        Metric("port_out_used_pct", "%", "avg", "f4", "端口出利用率", "Port out used"),
        Metric("port_speed_bit_s", "bit/s", "last", "f8", "端口速率", "Port speed"),
        Metric("port_up_pct", "%", "avg", "f4", "端口连通率", "Port up"),
        Metric("port_in4_bytes_s", "B/s", "avg", "f4", "端口 IPv4 入速率", "Port IPv4 in"),
        Metric("port_out4_bytes_s", "B/s", "avg", "f4", "端口 IPv4 出速率", "Port IPv4 out"),
        Metric("port_in6_bytes_s", "B/s", "avg", "f4", "端口 IPv6 入速率", "Port IPv6 in"),
        Metric("port_out6_bytes_s", "B/s", "avg", "f4", "端口 IPv6 出速率", "Port IPv6 out"),
        Metric("port_fcs_errors_s", "1/s", "avg", "f4", "端口 FCS 错帧速率", "Port FCS errors"),
        Metric(
            "port_alignment_errors_s",
            "1/s",
            "avg",
            "f4",
            "端口对齐错帧速率",
            "Port alignment errors",
        ),
        Metric(
            "port_late_collisions_s", "1/s", "avg", "f4", "端口迟冲突速率", "Port late collisions"
        ),
    ),
)
"""A port of a device; instance "port:GigabitEthernet0/1". Rates are between two polls; where the
counters cannot be compared there is none (docs/snmp.md). FCS and alignment errors and late
collisions (EtherLike-MIB) are read with the whole device, so theirs is the mean since then."""

TABLES: tuple[Table, ...] = (HOST, REACH, DEVICE, PORT)
"""Every sample table. A new one also gets its rollups from here."""


def table(name: str) -> Table:
    """The table called ``name``; raises KeyError."""
    for each in TABLES:
        if each.name == name:
            return each
    raise KeyError(name)
