"""Every vendor profile is proved by an example, played over the wire.

The examples are ours: a few rows in the shape the recordings named in the profile have. The real
recordings are compared in test_recordings.py.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from collectors.snmp.poll import USAGE, Wish, poll_once
from collectors.snmp.profile import FOLDER, ProfileError, load_profiles, parse_profile
from collectors.snmp.snmprec import read_recording
from collectors.snmp.target import Community, Target
from tests.real.snmp.player import Device, playing

EXAMPLES = Path(__file__).parent / "examples"
PROFILES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reads_its_example(name: str) -> None:
    example = EXAMPLES / f"{name}.snmprec"
    assert example.is_file(), (
        f"profiles/{name}.toml has no example: write tests/real/snmp/examples/{name}.snmprec (a"
        " few rows of a real recording) and .json with what they mean"
    )
    expected = json.loads((EXAMPLES / f"{name}.json").read_text())
    profiles = load_profiles()

    async def run() -> None:
        rows = read_recording(example.read_bytes())
        async with playing({name: Device(rows)}) as (port, _):
            poll = await poll_once(
                Target("127.0.0.1", port),
                Community(community=name),
                profiles,
                wish=Wish(parts=USAGE),
            )
        assert poll.system.profile == name
        assert poll.partial == {}
        assert {one.oid: one.usage_pct for one in poll.processors} == expected["processors"]
        told = {
            one.index: {
                "used_pct": one.used_pct,
                "used_bytes": one.used_bytes,
                "total_bytes": one.total_bytes,
            }
            for one in poll.memory
        }
        assert told == expected["memory"]

    asyncio.run(run())


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_the_recordings_it_was_made_from(name: str) -> None:
    assert load_profiles().by_id[name].evidence


def test_the_longest_prefix_wins_and_a_malformed_identity_is_generic() -> None:
    profiles = load_profiles()
    assert profiles.match("1.3.6.1.4.1.2011.2.123")[0].id == "huawei-smartax"
    assert profiles.match("1.3.6.1.4.1.2011.2.1234")[0].id == "huawei-vrp"
    assert profiles.match("1.3.6.1.4.1.25506.1.244") == (profiles.by_id["h3c-comware"], "H3C")
    assert profiles.match("1.3.6.1.4.1.37945.9") == (profiles.by_id["generic"], "Inspur")
    assert profiles.match("1.3.6.1.4.19849") == (profiles.by_id["generic"], "")
    assert profiles.match("") == (profiles.by_id["generic"], "")


def test_a_profile_with_a_mistake_is_refused_by_name() -> None:
    good = {"id": "x", "vendor": "X", "title_zh": "某", "prefixes": [], "evidence": ["r"]}
    with pytest.raises(ProfileError, match=r"x\.toml.*evidence"):
        parse_profile("x.toml", {k: v for k, v in good.items() if k != "evidence"})
    with pytest.raises(ProfileError, match=r"x\.toml.*percnt"):
        parse_profile("x.toml", {**good, "memory": [{"percnt": "1.3"}]})
