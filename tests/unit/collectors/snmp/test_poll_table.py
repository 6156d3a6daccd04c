"""The table of ``yunxun-agent poll`` as a person reads it."""

from __future__ import annotations

from agent.poll_table import lines, table
from collectors.snmp.device import DevicePoll, IpAddress, Memory, Port, Sensor, System


def test_columns_line_up_also_under_chinese_names() -> None:
    rows = list(table(("name", "in"), [("上联", "1"), ("eth0", "2")]))
    assert rows == ["  name  in", "  上联  1", "  eth0  2"]


def test_what_was_not_answered_is_a_dash_and_empty_sections_are_left_out() -> None:
    poll = DevicePoll(
        system=System(name="sw1", vendor="H3C", profile="h3c-comware", uptime_s=90061),
        ports=[
            Port(
                if_index=1,
                if_name="GE1/0/1",
                if_alias="市局上联",
                speed_bit_s=10_000_000_000,
                in_octets=2048,
                in_errors=3,
            )
        ],
        memory=[Memory(index="65", kind="system", used_pct=47.0)],
        ip_addresses=[IpAddress(if_index=1, address="2001:db8::1", prefix_length=64)],
        sensors=[Sensor(index=3, name="CPU", unit="celsius", value=41.5)],
        partial={"ifXTable": "no answer"},
        requests=9,
        retransmissions=2,
    )
    text = "\n".join(lines(poll))
    assert "sw1  H3C [h3c-comware]" in text
    assert "up 1 d 01:01" in text
    assert "2 sent again" in text
    assert "10G" in text
    assert "2.0 KiB" in text
    assert "3/-/-/-" in text
    assert "2001:db8::1/64" in text
    assert "41.5 celsius" in text
    assert "ifXTable  no answer" in text
    assert "peers" not in text
