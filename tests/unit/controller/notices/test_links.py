"""Reading links: what they open, for how long, and that nobody makes one up."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.notices.links import Link, make, read
from controller.notices.secret import link_key, read_secret
from controller.settings import Settings

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = b"k" * 32


def test_a_link_opens_one_notice_of_one_unit_until_it_expires() -> None:
    token = make(KEY, Link(7, 3), NOW + timedelta(days=30))
    assert read(KEY, token, NOW) == Link(7, 3)
    assert read(KEY, token, NOW + timedelta(days=30)) is None


def test_a_changed_or_invented_link_opens_nothing() -> None:
    token = make(KEY, Link(7, 3), NOW + timedelta(days=30))
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        # The last character holds bits that are dropped: the same bytes are the same link.
        assert read(KEY, changed, NOW) in (None, Link(7, 3) if place == len(token) - 1 else None)
    for invented in ("", "x", "a" * 43, "../../etc", "é" * 43, token + token):
        assert read(KEY, invented, NOW) is None
    assert read(b"j" * 32, token, NOW) is None


def test_the_key_is_made_once_and_readable_by_us_only(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert link_key(settings) == link_key(settings)
    file = tmp_path / "link.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert [each.name for each in tmp_path.iterdir()] == ["link.key"]


def test_a_secret_comes_from_the_settings_or_the_first_line_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("from-file\nsecond line\n")
    assert read_secret("given", str(tmp_path / "s")) == "given"
    assert read_secret("", str(tmp_path / "s")) == "from-file"
    assert read_secret("", "") == ""
    with pytest.raises(OSError, match="No such file"):
        read_secret("", str(tmp_path / "nothing"))
