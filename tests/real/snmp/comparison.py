"""Our reading of real recordings against LibreNMS's: values compared, equal, and why not.

``python -m tests.real.snmp.comparison`` plays every recording and prints the table of
docs/snmp.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from collectors.snmp import snmprec
from collectors.snmp.device import DevicePoll, Memory, Port
from collectors.snmp.poll import ADDRESSES, VERSIONS, Wish, poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.target import Community, Target
from tests.real.snmp import recordings
from tests.real.snmp.player import Device, playing

NOT_BY_IF_INDEX = ("bison", "junos", "timos_7750-bgp")
"""Recordings whose expected ports have an index of LibreNMS's own making."""
BROKEN_COUNTERS = ("ise_3855",)
"""A wrong type tag in the recording; LibreNMS expects 0 there."""
COUNTERS = {
    "ifInOctets": "in_octets",
    "ifOutOctets": "out_octets",
    "ifInUcastPkts": "in_packets",
    "ifOutUcastPkts": "out_packets",
    "ifInErrors": "in_errors",
    "ifOutErrors": "out_errors",
    "ifInDiscards": "in_discards",
    "ifOutDiscards": "out_discards",
}
TEXTS = {
    "ifName": "if_name",
    "ifDescr": "if_descr",
    "ifOperStatus": "oper_status",
    "ifAdminStatus": "admin_status",
    "ifType": "if_type",
    "ifPhysAddress": "phys_address",
}
NUMBERS = {"ifMtu": "mtu", "ifSpeed": "speed_bit_s"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not equal."""

    recording: str
    field: str
    where: str
    expected: Any
    ours: Any


class Account:
    """Values compared and equal, by field."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.differences: list[Difference] = []

    def check(self, recording: str, field: str, where: str, expected: Any, ours: Any) -> None:
        self.compared[field] += 1
        if not same(expected, ours):
            self.differences.append(Difference(recording, field, where, expected, ours))

    def share(self, *fields: str) -> float:
        """Equal values in percent, of ``fields`` or of all."""
        compared = sum(n for field, n in self.compared.items() if not fields or field in fields)
        wrong = sum(1 for one in self.differences if not fields or one.field in fields)
        return 100.0 * (compared - wrong) / compared if compared else 0.0


def same(expected: Any, ours: Any) -> bool:
    """Equal as text, or as numbers up to rounding of percentages (LibreNMS keeps integers)."""
    if isinstance(expected, float) and isinstance(ours, int | float):
        return abs(expected - ours) <= 1.0
    return str(expected) == str(ours)


def compare(name: str, poll: DevicePoll, account: Account) -> None:
    """Adds one recording to the account."""
    _ports(name, poll, account)
    _processors(name, poll, account)
    _memory(name, poll, account)


def _ports(name: str, poll: DevicePoll, account: Account) -> None:
    if name in NOT_BY_IF_INDEX:
        return
    ours = {port.if_index: port for port in poll.ports}
    for row in recordings.expected(name, "ports"):
        index = row["ifIndex"]
        port = ours.get(index)
        account.check(name, "port found", str(index), True, port is not None)
        if port is not None:
            _port(name, row, port, account)


def _port(name: str, row: dict[str, Any], port: Port, account: Account) -> None:
    where = str(port.if_index)
    for theirs, mine in {**TEXTS, **NUMBERS}.items():
        if row.get(theirs) is not None:
            account.check(name, theirs, where, row[theirs], getattr(port, mine))
    for theirs, mine in COUNTERS.items():
        if row.get(theirs) is not None and name not in BROKEN_COUNTERS:
            account.check(name, theirs, where, row[theirs], getattr(port, mine) or 0)
    if port.if_alias and row.get("ifAlias"):
        account.check(name, "ifAlias", where, row["ifAlias"], port.if_alias)


def _processors(name: str, poll: DevicePoll, account: Account) -> None:
    ours = {one.oid: one.usage_pct for one in poll.processors}
    for row in recordings.expected(name, "processors"):
        oid = row["processor_oid"].lstrip(".")
        expected = float(row["processor_usage"])
        account.check(name, "processor", oid, expected, ours.get(oid))


def _memory(name: str, poll: DevicePoll, account: Account) -> None:
    ours = {one.index: one for one in poll.memory}
    for row in recordings.expected(name, "mempools"):
        index = str(row["mempool_index"])
        one = ours.get(index)
        account.check(name, "memory found", index, True, one is not None)
        if one is not None:
            _one_memory(name, row, one, account)


def _one_memory(name: str, row: dict[str, Any], one: Memory, account: Account) -> None:
    account.check(name, "memory %", one.index, float(row["mempool_perc"]), one.used_pct)
    if row["mempool_total"] == 100:  # a percentage only
        return
    used, total = row["mempool_used"], row["mempool_total"]
    account.check(name, "memory total", one.index, total, one.total_bytes)
    account.check(name, "memory used", one.index, used, one.used_bytes)


async def poll_all() -> dict[str, DevicePoll]:
    """Plays and polls every recording, by its name: whole where LibreNMS's answer is beside it, of
    the others addresses and IP versions."""
    profiles, polls = load_profiles(), {}
    for file, content in recordings.files().items():
        if not file.endswith(".snmprec"):
            continue
        name = file.removesuffix(".snmprec")
        whole = f"{name}.json" in recordings.files()
        wish = Wish() if whole else Wish(parts=frozenset({ADDRESSES, VERSIONS}))
        async with playing({name: Device(snmprec.read_recording(content))}) as (port, _):
            target, community = Target("127.0.0.1", port), Community(community=name)
            polls[name] = await poll_once(target, community, profiles, wish=wish)
    return polls


def compare_all(polls: dict[str, DevicePoll]) -> Account:
    """Compares every recording that has an expected answer."""
    account = Account()
    for name in recordings.recording_names():
        if f"{name}.json" in recordings.files():
            compare(name, polls[name], account)
    return account


EXPLAINED = {
    ("arista_eos", "ifAlias"): "LibreNMS strips backslashes; the device sends them",
    ("iosxe_c1100tgx", "processor"): "the QuantumFlow processor's load (9.9.715), a data plane, is"
    " not shown as a CPU",
    ("zxa10_c320", "memory used"): "LibreNMS keeps the device's MiB, we give bytes",
    ("zxa10_c320", "memory total"): "LibreNMS keeps the device's MiB, we give bytes",
}
"""Why values differ, by recording and value. A difference that is not here fails the tests."""


def tables(account: Account) -> str:
    """The two tables of docs/snmp.md."""
    wrong = Counter(one.field for one in account.differences)
    rows = ["| Value | Compared | Different | Equal |", "|---|---|---|---|"]
    for field, compared in account.compared.items():
        rows.append(f"| {field} | {compared:,} | {wrong[field]} | {account.share(field):.2f} % |")
    total, differ = sum(account.compared.values()), len(account.differences)
    rows.append(f"| all | {total:,} | {differ} | {account.share():.2f} % |")
    rows += [
        "",
        "| Recording | Value | Different | Theirs | Ours | Why |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Difference]] = {}
    for one in account.differences:
        groups.setdefault((one.recording, one.field), []).append(one)
    for (recording, field), some in groups.items():
        one = some[0]
        why = EXPLAINED.get((recording, field), "NOT EXPLAINED")
        told = f"{recording} | {field} | {len(some)} | {one.expected} | {one.ours}"
        rows.append(f"| {told} | {why} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(tables(compare_all(asyncio.run(poll_all()))))
