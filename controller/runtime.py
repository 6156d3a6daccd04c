"""What a running controller process holds: made once at start, passed in, never global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.settings import Settings
from controller.store.relational import Database
from controller.store.samples import Samples


def utc_now() -> datetime:
    """The clock of production; tests inject another."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Runtime:
    """The two stores, the settings and the clock."""

    settings: Settings
    database: Database
    samples: Samples
    now: Callable[[], datetime] = utc_now
