"""What doctor says of the age of work that waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.checks import _since

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (None, ""),
        (-7, ", oldest 7 min"),
        (-600, ", oldest 10 h"),
        # An import's own marks are dated ahead; "-8 min" told nobody anything.
        (8, ", held for an import for 8 min"),
    ],
)
def test_work_that_an_import_holds_has_no_negative_age(minutes: int | None, text: str) -> None:
    mark = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert _since(mark, NOW) == text
