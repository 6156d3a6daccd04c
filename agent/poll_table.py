"""A poll as a person reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from collectors.snmp.device import DevicePoll, Port

Rows = list[tuple[str, ...]]


def lines(poll: DevicePoll) -> Iterator[str]:
    """Sections with a heading each; empty ones are left out."""
    system = poll.system
    yield f"{system.name or '(no name)'}  {system.vendor or 'unknown vendor'} [{system.profile}]"
    yield f"  {system.descr.splitlines()[0] if system.descr else '(no description)'}"
    yield f"  {system.sys_object_id or '(no sysObjectID)'}, up {_time(system.uptime_s)}"
    told = f"{poll.requests} requests, {poll.duration_s:.2f} s"
    yield f"  {told}, {poll.retransmissions} sent again" if poll.retransmissions else f"  {told}"
    sections: list[tuple[str, tuple[str, ...], Rows]] = [
        ("processors", ("oid", "use"), _processors(poll)),
        ("memory", ("index", "kind", "name", "used", "total", "use"), _memory(poll)),
        ("storage", ("index", "name", "used", "total"), _storage(poll)),
        ("ports", _PORTS, [_port(port) for port in poll.ports]),
        ("addresses", ("port", "address"), _addresses(poll)),
        ("IP versions", ("version", "port", "in", "out"), _versions(poll)),
        ("neighbours", ("port", "device", "its port", "address"), _neighbours(poll)),
        ("peers", ("protocol", "address", "state", "AS", "up"), _peers(poll)),
        ("sensors", ("index", "name", "value", "status"), _sensors(poll)),
        ("inventory", ("index", "kind", "name", "model", "serial", "software"), _parts(poll)),
        ("not whole", ("table", "why"), sorted(poll.partial.items())),
    ]
    for title, heads, rows in sections:
        if rows:
            yield ""
            yield f"{title} ({len(rows)})"
            yield from table(heads, rows)


_PORTS = ("index", "name", "alias", "type", "admin", "oper", "speed", "in", "out", "errors")


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as their widest cell; Chinese characters count two."""
    cells = [heads, *rows]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(heads))]
    for row in cells:
        padded = (
            cell + " " * (wide - _width(cell)) for cell, wide in zip(row, widths, strict=True)
        )
        yield "  " + "  ".join(padded).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _processors(poll: DevicePoll) -> Rows:
    return [(one.oid, f"{one.usage_pct:g} %") for one in poll.processors]


def _memory(poll: DevicePoll) -> Rows:
    return [
        (
            one.index,
            one.kind,
            one.name,
            _bytes(one.used_bytes),
            _bytes(one.total_bytes),
            "-" if one.used_pct is None else f"{one.used_pct:g} %",
        )
        for one in poll.memory
    ]


def _storage(poll: DevicePoll) -> Rows:
    return [
        (one.index, one.name, _bytes(one.used_bytes), _bytes(one.total_bytes))
        for one in poll.storage
    ]


def _port(port: Port) -> tuple[str, ...]:
    errors = [port.in_errors, port.out_errors, port.in_discards, port.out_discards]
    return (
        str(port.if_index),
        port.if_name,
        port.if_alias if port.if_alias != port.if_name else "",
        port.if_type,
        port.admin_status,
        port.oper_status,
        _speed(port.speed_bit_s),
        _bytes(port.in_octets),
        _bytes(port.out_octets),
        "/".join("-" if one is None else str(one) for one in errors),
    )


def _addresses(poll: DevicePoll) -> Rows:
    return [
        (
            str(one.if_index),
            f"{one.address}/{one.prefix_length}" if one.prefix_length else one.address,
        )
        for one in poll.ip_addresses
    ]


def _versions(poll: DevicePoll) -> Rows:
    return [
        (
            f"IPv{one.version}",
            "all" if one.if_index is None else str(one.if_index),
            f"{_bytes(one.in_octets)}, {_count(one.in_packets)} packets",
            f"{_bytes(one.out_octets)}, {_count(one.out_packets)} packets",
        )
        for one in poll.ip_version_counters
    ]


def _neighbours(poll: DevicePoll) -> Rows:
    return [
        (
            one.local_port,
            one.remote_name or one.remote_chassis,
            one.remote_port_descr or one.remote_port,
            " ".join(one.remote_addresses),
        )
        for one in poll.neighbours
    ]


def _peers(poll: DevicePoll) -> Rows:
    return [
        (
            one.protocol,
            one.address or one.router_id,
            one.state,
            _count(one.remote_as),
            _time(one.up_s),
        )
        for one in poll.peers
    ]


def _sensors(poll: DevicePoll) -> Rows:
    return [
        (str(one.index), one.name, f"{one.value:g} {one.unit}", one.status) for one in poll.sensors
    ]


def _parts(poll: DevicePoll) -> Rows:
    return [
        (str(one.index), one.kind, one.name or one.descr, one.model, one.serial, one.software)
        for one in poll.inventory
    ]


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number}"


def _bytes(number: int | None) -> str:
    if number is None:
        return "-"
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(size) < 1024 or unit == "PiB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return ""


def _speed(bit_s: int | None) -> str:
    if bit_s is None:
        return "-"
    for step, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if bit_s >= step:
            return f"{bit_s / step:g}{unit}"
    return str(bit_s)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    days, rest = divmod(int(seconds), 86400)
    return (
        f"{days} d {rest // 3600:02}:{rest // 60 % 60:02}"
        if days
        else f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    )
