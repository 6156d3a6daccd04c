"""Settings come from file, environment and command line; what is not one is left to its owner."""

from pathlib import Path

import pytest

from controller.settings import SettingsError, load


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "yunxun.toml"
    file.write_text('port = 1\nhost = "::"\n[samples]\nthreads = 4\n', "utf-8")
    settings = load(file, {"YUNXUN_PORT": "2", "YUNXUN_SAMPLES__THREADS": "8"}, port=3)
    assert (settings.port, settings.host, settings.samples.threads) == (3, "::", 8)


def test_variables_of_the_command_line_and_the_agent_are_no_settings() -> None:
    others = ("URL", "CA", "TOKEN", "ADMIN_PASSWORD", "AGENT_STATE")
    assert load(None, {f"YUNXUN_{name}": "x" for name in others}) == load(None, {})


def test_a_wrong_key_is_named() -> None:
    with pytest.raises(SettingsError, match="prot"):
        load(None, {"YUNXUN_PROT": "8090"})
