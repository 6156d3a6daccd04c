"""What can be set: one table of settings, read from TOML, each overridable by environment.

``collect.interval_s`` in the file is ``YUNXUN_AGENT_COLLECT_INTERVAL_S`` in the environment, which
wins. The long-running process is started with everything in its environment (agent.launch), so
that it need not load the TOML parser.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

PREFIX = "YUNXUN_AGENT_"
DEFAULT_FILE = "/etc/yunxun/agent.toml"


class ConfigError(ValueError):
    """A setting is wrong; the text names it, where it stands and what is allowed."""


class Setting(NamedTuple):
    """One thing that can be set. ``least`` and ``most`` bound numbers, inclusive."""

    section: str
    key: str
    default: str | float | int
    meaning: str
    least: float = 0.0
    most: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key

    @property
    def field(self) -> str:
        return self.name.replace(".", "_")

    @property
    def variable(self) -> str:
        return PREFIX + self.field.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("", "state", "/var/lib/yunxun-agent", "folder of identity, spool and status"),
    Setting("", "name", "", "name shown at the controller; empty: the host name"),
    Setting(
        "log",
        "level",
        "info",
        "least level that is written",
        choices=("debug", "info", "warning", "error"),
    ),
    Setting("collect", "interval_s", 60.0, "seconds of one sample row", 1, 3600),
    Setting("collect", "subsample_s", 5.0, "seconds between CPU sub-samples", 0.1, 60),
    Setting("collect", "facts_s", 21600.0, "seconds between reports of facts", 60, 604800),
    Setting(
        "collect",
        "ipv6_s",
        21600.0,
        "seconds between reports of IPv6; 0: none",
        0,
        604800,
    ),
    Setting(
        "collect",
        "edges_s",
        300.0,
        "seconds between looks at who this host talks to (TCP); 0: none",
        0,
        86400,
    ),
    Setting("spool", "max_mb", 256.0, "most megabytes the spool may hold", 1, 65536),
    Setting("spool", "min_free_pct", 5.0, "share of the disk left to others, percent", 0, 90),
    Setting("ship", "connect_s", 5.0, "seconds to connect", 0.1, 60),
    Setting("ship", "total_s", 30.0, "seconds for one request, answer included", 1, 300),
    Setting("ship", "backlog_per_s", 2.0, "most backlog batches a second", 0.01, 1000),
    Setting("traps", "listen", "", "HOST:PORT, … where SNMP traps are received; empty: nowhere"),
    Setting(
        "poll",
        "enabled",
        "auto",
        "auto: poll network gear if the controller gives this agent role poller; no: never",
        choices=("auto", "no"),
    ),
    Setting("metrics", "listen", "", "HOST:PORT of /metrics; empty: nothing listens"),
)
"""Every setting; docs/agent.toml.example and ``--help`` are held to this table by a test."""


class Config(NamedTuple):
    """The settings in force, one field each, named section_key."""

    state: str = "/var/lib/yunxun-agent"
    name: str = ""
    log_level: str = "info"
    collect_interval_s: float = 60.0
    collect_subsample_s: float = 5.0
    collect_facts_s: float = 21600.0
    collect_ipv6_s: float = 21600.0
    collect_edges_s: float = 300.0
    spool_max_mb: float = 256.0
    spool_min_free_pct: float = 5.0
    ship_connect_s: float = 5.0
    ship_total_s: float = 30.0
    ship_backlog_per_s: float = 2.0
    traps_listen: str = ""
    poll_enabled: str = "auto"
    metrics_listen: str = ""

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for the process that measures."""
        return {s.variable: str(getattr(self, s.field)) for s in SETTINGS}


def read_config(path: str | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Settings from ``path`` (None: DEFAULT_FILE if it is there) and ``environ``.

    Raises ConfigError.
    """
    if path is None and not os.path.exists(DEFAULT_FILE):
        return parse_config({}, "", environ)
    import tomllib  # noqa: PLC0415 - 0.5 MB that the measuring process does without

    source = path or DEFAULT_FILE
    try:
        with open(source, "rb") as file:
            tree = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: not TOML: {error}") from None
    return parse_config(tree, source, environ)


def parse_config(tree: Mapping[str, Any], source: str, environ: Mapping[str, str]) -> Config:
    """Checks a TOML ``tree`` read from ``source`` and lays ``environ`` over it."""
    given = _flatten(tree)
    known = {setting.name: setting for setting in SETTINGS}
    for name in given:
        if name not in known:
            raise ConfigError(f"{source}: {name} is not a setting; known: {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, setting in known.items():
        if setting.variable in environ:
            values[setting.field] = _value(setting, environ[setting.variable], setting.variable)
        elif name in given:
            values[setting.field] = _value(setting, given[name], f"{source}: {name}")
    config = Config(**values)
    if config.collect_subsample_s > config.collect_interval_s:
        raise ConfigError(
            f"collect.subsample_s {config.collect_subsample_s:g} is longer than"
            f" collect.interval_s {config.collect_interval_s:g}"
        )
    return config


def _flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update({f"{key}.{inner}": each for inner, each in value.items()})
        else:
            flat[key] = value
    return flat


def _value(setting: Setting, given: object, where: str) -> str | float:
    if isinstance(setting.default, str):
        if not isinstance(given, str):
            raise ConfigError(f"{where}: {given!r} is not text")
        if setting.choices and given not in setting.choices:
            raise ConfigError(f"{where}: {given!r} is none of {', '.join(setting.choices)}")
        return given
    try:
        if isinstance(given, bool) or not isinstance(given, (str, int, float)):
            raise ValueError
        number = float(given)
    except ValueError:
        raise ConfigError(f"{where}: {given!r} is not a number") from None
    if not setting.least <= number <= setting.most:
        raise ConfigError(
            f"{where}: {number:g} is not between {setting.least:g} and {setting.most:g}"
        )
    return number
