"""Link-layer errors between two whole polls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.snmp.device import DevicePoll, Port, System
from collectors.snmp.ether import ether_rates, remember
from collectors.snmp.samples import Look, add_ether, port_readings

PORT = Port(if_index=1, if_name="GE0/0/1", oper_status="up", discontinuity_s=0.0)


def poll(*ports: Port, uptime: float = 1000.0) -> DevicePoll:
    return DevicePoll(system=System(uptime_s=uptime), ports=list(ports))


def test_errors_are_the_mean_since_they_were_read_before() -> None:
    first = replace(PORT, fcs_errors=10, alignment_errors=None, late_collisions=(1 << 32) - 4)
    later = replace(PORT, fcs_errors=370, late_collisions=8)
    before = remember(poll(first), 0.0)
    (rate,) = ether_rates(before, poll(later, uptime=4600), 3600.0).values()
    assert rate.fcs == 0.1
    assert rate.alignment is None  # not counted is not zero
    assert rate.late == pytest.approx(12 / 3600)  # wrapped


@pytest.mark.parametrize(
    ("change", "uptime"),
    [
        ({}, 20.0),  # started again
        ({"if_name": "GE0/0/2"}, 4600.0),
        ({"discontinuity_s": 9.0}, 4600.0),
        ({"if_index": 2}, 4600.0),
        ({"fcs_errors": None}, 4600.0),
        ({"fcs_errors": 3}, 4600.0),  # fell
    ],
)
def test_what_cannot_be_compared_has_no_rate(change: dict[str, object], uptime: float) -> None:
    before = remember(poll(replace(PORT, fcs_errors=10)), 0.0)
    later = replace(PORT, **{"fcs_errors": 20, **change})  # type: ignore[arg-type]
    assert ether_rates(before, poll(later, uptime=uptime), 3600.0) == {}
    assert ether_rates(before, poll(replace(PORT, fcs_errors=20), uptime=4600.0), 3600.0)


def test_little_is_remembered_and_nothing_of_ports_that_count_nothing() -> None:
    ports = [replace(PORT, if_index=n, fcs_errors=0) for n in range(48)]
    kept = remember(poll(*ports, replace(PORT, if_index=99)), 0.0)
    assert len(kept.counts) * kept.counts.itemsize < 2_000


def test_errors_stand_in_the_row_of_the_port_alone() -> None:
    other = replace(PORT, if_index=2, if_name="GE0/0/2")
    later = poll(replace(PORT, fcs_errors=36), other, uptime=4600.0)
    after = Look(later, 3600.0, 3_600_000)
    rows = port_readings("sw", Look(later, 3540.0, 3_540_000), after)
    add_ether(rows, remember(poll(replace(PORT, fcs_errors=0), other), 0.0), after)
    told = {row.instance: row.values.get("port_fcs_errors_s") for row in rows}
    assert told == {"port:GE0/0/1": 0.01, "port:GE0/0/2": None}
    assert not any("port_late_collisions_s" in row.values for row in rows)
