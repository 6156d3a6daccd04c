"""Logs: one line an event on stderr, ``time level process event key=value …``."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Everything given as ``extra`` becomes key=value; line breaks are escaped."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["error"] = f"{type(error).__name__}: {error}"
            if record.levelno >= logging.ERROR:
                fields["trace"] = self.formatException(record.exc_info)
        text = "".join(f" {key}={_value(value)}" for key, value in fields.items())
        message = record.getMessage().replace("\n", " ")
        return f"{moment} {record.levelname.lower()} {self.process} {message}{text}"


def _value(value: object) -> str:
    """Bare where that is unambiguous, else as a JSON string."""
    text = str(value)
    if text and text.isprintable() and not set(text) & set(' "='):
        return text
    return json.dumps(text, ensure_ascii=False)


def setup(process: str, level: int = logging.INFO) -> None:
    """Send this process's logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "urllib3", "clickhouse_connect", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
