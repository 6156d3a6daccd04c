"""Secrets at rest open only where they were sealed, with a key that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.settings import Settings
from controller.store.sealing import SealError, add_key, key_file, open_sealer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def test_what_was_sealed_opens_again_and_shows_nothing(settings: Settings) -> None:
    sealed = open_sealer(settings).seal("公共团体字", "snmp/1")
    assert "公共团体字" not in sealed
    assert open_sealer(settings).open(sealed, "snmp/1") == "公共团体字"


def test_the_same_secret_never_looks_the_same_twice(settings: Settings) -> None:
    sealer = open_sealer(settings)
    assert sealer.seal("secret", "snmp/1") != sealer.seal("secret", "snmp/1")


def test_a_sealed_text_moved_to_another_row_does_not_open(settings: Settings) -> None:
    sealer = open_sealer(settings)
    with pytest.raises(SealError, match="another place"):
        sealer.open(sealer.seal("secret", "snmp/1"), "snmp/2")


@pytest.mark.parametrize("text", ["", "secret", "v0:a:b", "v1:nokey:AAAA", "v1::", "v1:x"])
def test_what_is_no_sealed_text_is_refused_without_repeating_it(
    settings: Settings, text: str
) -> None:
    with pytest.raises(SealError, match="snmp/1"):
        open_sealer(settings).open(text, "snmp/1")


def test_damage_is_noticed(settings: Settings) -> None:
    sealer = open_sealer(settings)
    sealed = sealer.seal("secret", "snmp/1")
    flipped = sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:]
    with pytest.raises(SealError):
        sealer.open(flipped, "snmp/1")


def test_a_new_key_seals_and_the_old_one_still_opens(settings: Settings) -> None:
    old = open_sealer(settings)
    sealed = old.seal("secret", "snmp/1")
    new = add_key(settings)
    sealer = open_sealer(settings)
    assert sealer.key_id == new != old.key_id
    assert sealer.open(sealed, "snmp/1") == "secret"
    assert sealer.seal("secret", "snmp/1").split(":")[1] == new


def test_the_key_file_is_for_its_owner_alone_and_a_damaged_line_is_named(
    settings: Settings,
) -> None:
    open_sealer(settings)
    path = key_file(settings)
    assert path.stat().st_mode & 0o777 == 0o400
    path.chmod(0o600)
    path.write_text("aa notahexkey\n", "ascii")
    with pytest.raises(SealError, match="line 1"):
        open_sealer(settings)
