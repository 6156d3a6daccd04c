"""Settings: one table, TOML below environment, errors that name the place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from agent.config import SETTINGS, Config, ConfigError, parse_config, read_config

ROOT = Path(__file__).parents[3]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('name = "web"\n[collect]\ninterval_s = 30\n')
    config = read_config(str(file), {"YUNXUN_AGENT_COLLECT_INTERVAL_S": "15"})
    assert (config.name, config.collect_interval_s) == ("web", 15.0)


def test_every_setting_can_be_given_by_environment_and_survives_the_way_there() -> None:
    config = Config(name="n", collect_interval_s=7.5, metrics_listen="127.0.0.1:1")
    assert parse_config({}, "", config.environment()) == config
    assert {s.field for s in SETTINGS} == set(Config._fields)
    assert Config() == parse_config({}, "", {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("interval = 1", "interval is not a setting"),
        ("[collect]\ninterval_s = 'fast'", "collect.interval_s: 'fast' is not a number"),
        ("[collect]\ninterval_s = nan", "not between"),
        ("[collect]\ninterval_s = 0", "collect.interval_s: 0 is not between 1 and 3600"),
        ("[collect]\ninterval_s = 3\nsubsample_s = 5", "longer than"),
        ("[log]\nlevel = 'loud'", "none of debug"),
        ("state = 3", "is not text"),
        ("state = ", "not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_config(str(file), {})
    assert "\n" not in str(caught.value)


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(str(tmp_path / "none.toml"), {})


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    text = (ROOT / "docs" / "agent.toml.example").read_text()
    settings = "\n".join(
        line.removeprefix("# ") if "=" in line else line for line in text.splitlines()
    )
    assert parse_config(tomllib.loads(settings), "example", {}) == Config()
    shown = tomllib.loads(settings)
    assert {s.name for s in SETTINGS} == {
        f"{key}.{inner}" if isinstance(value, dict) else key
        for key, value in shown.items()
        for inner in (value if isinstance(value, dict) else [None])
    }
