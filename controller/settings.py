"""Settings of the controller: a TOML file, overridden by ``YUNXUN_…`` environment variables.

Nested keys use two underscores: ``YUNXUN_SAMPLES__URL`` is ``url`` in ``[samples]``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class SettingsError(ValueError):
    """A setting is wrong; the text names the key and where it came from."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SamplesSettings(_Section):
    url: str = ""
    """ClickHouse over HTTP, e.g. http://user:password@host:8123/yunxun; empty: embedded engine."""
    cluster: str = ""
    """Cluster name for ON CLUSTER and Replicated tables; only with ``url``."""
    memory_mb: int = 1024
    """Cap of the engine's own memory tracker."""
    query_seconds: int = 60
    threads: int = 2


class RetentionSettings(_Section):
    """Counted from arrival, so that imported history is not eaten."""

    raw_days: int = 30
    five_minute_days: int = 396
    hourly_days: int = 1827


class TlsSettings(_Section):
    certificate: str = ""
    key: str = ""
    """PEM files; empty: beyond loopback the controller's own small CA signs a certificate."""
    names: tuple[str, ...] = ()
    """Further DNS names and addresses for the own certificate."""


class IngestSettings(_Section):
    group_commit_ms: int = 500
    """Longest wait of a batch for others before the block is inserted (at most 1,000)."""
    future_minutes: int = 10
    """A row further ahead than this is set aside and reported."""
    batches_per_minute: int = 600
    """Per agent; above it 429 with Retry-After."""
    min_free_mb: int = 2048
    min_free_percent: float = 10.0
    """Below the smaller of the two the controller answers 507 before the disk is full."""


class MailSettings(_Section):
    """The mail server that notices go out by; without ``host`` no mail is sent."""

    host: str = ""
    port: int = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    ca: str = ""
    """PEM file of the CA that signed the server's certificate; empty: the system's CAs."""
    sender: str = ""
    sender_name: str = ""
    user: str = ""
    password: str = Field(default="", repr=False)
    """Rather in the environment (YUNXUN_MAIL__PASSWORD) or in ``password_file``."""
    password_file: str = ""
    timeout_s: float = 30
    """A server that says nothing for this long is hung up on; the mail is tried again."""


class HookSettings(_Section):
    """A target of notices over HTTPS: ``[[notices.hooks]]``."""

    name: str = Field(pattern=r"[a-z0-9-]{1,40}")
    kind: Literal["webhook", "wecom", "dingtalk"] = "webhook"
    url: str = Field(repr=False)
    """https only. A robot's address holds its key: it is never logged."""
    secret: str = Field(default="", repr=False)
    secret_file: str = ""
    """HMAC key of a webhook, or the 加签 secret of a DingTalk robot."""
    allow: tuple[str, ...] = ()
    """Private networks the target may lie in, such as 10.20.30.0/24; none by default."""
    ca: str = ""


class NoticesSettings(_Section):
    office: str = "市数据局"
    """发文机关署名"""
    provider_email: str = ""
    """Who gets the orders to stop, shrink and recover."""
    answer_days: int = Field(default=10, ge=1, le=250)
    """Working days a unit has to answer."""
    escalate_days: int = Field(default=3, ge=1, le=250)
    """Working days after the deadline until 约谈 is proposed; as many again until 通报 is."""
    observe_days: int = Field(default=5, ge=1, le=250)
    """Working days a stopped resource is watched before it may be deleted."""
    keep_max_days: int = Field(default=180, ge=1, le=3660)
    """Longest keep (申请保留) that can be granted."""
    link_days: int = Field(default=30, ge=1, le=366)
    """How long the reading link in a mail is good for."""
    link_key_file: str = ""
    """Key that signs links; empty: ``link.key`` in ``data``. Several hosts share one file."""
    calendar_file: str = ""
    """Holidays of years the calendar library does not know; see docs/notices.md."""
    per_unit_per_hour: int = Field(default=20, ge=1)
    """Messages to one unit within an hour; more wait."""
    price_vcpu_month: float = 0
    price_mem_gib_month: float = 0
    price_disk_gib_month: float = 0
    """Yuan a month, for the ledger; 0: no costs are shown."""
    hooks: tuple[HookSettings, ...] = ()


class LedgerSettings(_Section):
    """Reconciliation of platform, register and agent, and what a published month must reach."""

    publish_score: float = 80.0
    """Below it a month is published only by force, with a reason."""
    silent_days: int = 7
    """A resource without measurements for so long has no data."""
    vcpu_tolerance: float = 0.0
    """Cores by which two sides may differ."""
    mem_tolerance_pct: float = 10.0
    disk_tolerance_pct: float = 30.0


class ReadinessSettings(_Section):
    """Readiness checks: runs of playbooks and the bundles they bring home."""

    parallel_runs: int = Field(default=2, ge=1, le=20)
    """Runs at one time; more wait in line. One project never has two."""
    forks: int = Field(default=20, ge=1, le=200)
    """Hosts at one time within a run."""
    run_minutes: int = Field(default=120, ge=5, le=1440)
    """A run that takes longer is ended."""
    keep_runs: int = Field(default=30, ge=2, le=500)
    """Runs of a project whose results are kept; the newest of each host stays in any case."""
    bundle_folder: str = ""
    """Where bundles lie; empty: ``bundles`` in ``data``. Several hosts share one folder."""
    bundles_mb: int = Field(default=2048, ge=16)
    """Bundles beyond this are removed, the oldest first; the newest of each host stays."""
    private_folder: str = ""
    """Where a run's secrets lie while it runs; empty: /dev/shm if there is one, else ``data``."""


class Settings(_Section):
    data: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = 8090
    api_processes: int = 1
    database_url: str = ""
    """Empty: SQLite in ``data``. PostgreSQL: postgresql+psycopg://user:password@host/db"""
    public_url: str = ""
    """How agents and people reach this controller, where it differs from host and port."""
    language: str = "zh"
    ipv6_index: str = ""
    """TOML file with the city's own indicators and weights; empty: the example that is shipped."""
    network_targets: str = ""
    """TOML file with the city's own targets of coverage and bandwidth; empty: those shipped."""
    sealing_key_file: str = ""
    """Keys that seal credentials of gear and hosts; empty: ``sealing.key`` in ``data``. Several
    hosts share one file; without it the credentials are lost, so back it up apart."""
    timezone: str = "Asia/Shanghai"
    samples: SamplesSettings = Field(default_factory=SamplesSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    notices: NoticesSettings = Field(default_factory=NoticesSettings)
    readiness: ReadinessSettings = Field(default_factory=ReadinessSettings)

    @property
    def relational_url(self) -> str:
        return self.database_url or f"sqlite:///{(self.data / 'yunxun.db').resolve()}"


OTHERS = ("YUNXUN_ADMIN_PASSWORD", "YUNXUN_TOKEN", "YUNXUN_URL", "YUNXUN_CA")
"""Environment variables with our prefix that are not settings."""


def load(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **overrides: Any,
) -> Settings:
    """Settings from file, then environment, then ``overrides`` (command line, None is not given).

    Raises SettingsError.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: not TOML: {error}") from None
    for name, text in (os.environ if environment is None else environment).items():
        if (
            name.startswith("YUNXUN_")
            and name not in OTHERS
            and not name.startswith("YUNXUN_AGENT_")
        ):
            _put(values, name.removeprefix("YUNXUN_").lower().split("__"), text)
    values.update({key: value for key, value in overrides.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {where}: {first['msg']}; see docs/settings.md") from None


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = text
