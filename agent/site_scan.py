"""The scan of websites in a process of its own, by the agent that was assigned it.

``Scan`` is the agent's end; ``main`` is what the process does: it reads one JSON object with sites
and options from standard input and prints a line of JSON a site. It needs the extra ``poller``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

Item = dict[str, Any]
LEAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lean.py")
MOST_SITES = 20_000
MOST_LINE = 200_000
"""Characters of one reading; a longer one is not of our scanner."""


class ScanError(Exception):
    """A scan could not be done; the text says why and what to do."""


def sites_of(body: Item) -> list[Item]:
    """The sites of an assignment that have a code and an address."""
    found = body.get("sites")
    if not isinstance(found, list):
        return []
    return [
        {"code": each["code"], "url": each["url"]}
        for each in found[:MOST_SITES]
        if isinstance(each, dict)
        and isinstance(each.get("code"), str)
        and isinstance(each.get("url"), str)
    ]


def texts_of(body: Item, name: str) -> list[str]:
    """A list of texts of an assignment."""
    found = body.get(name)
    return [each for each in found if isinstance(each, str)][:50] if isinstance(found, list) else []


class Scan:
    """One run over an assignment's sites; iterate over it for the readings."""

    def __init__(self, body: Item) -> None:
        self._order = {
            "vantage": str(body.get("vantage", ""))[:40],
            "sites": sites_of(body),
            "dns": texts_of(body, "dns"),
            "allow": texts_of(body, "allow"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __iter__(self) -> Iterator[Item]:
        """Raises ScanError where the process gave up."""
        folders = [folder for folder in sys.path if os.path.isabs(folder)]
        command = [sys.executable, "-I", "-S", LEAN, "--sites", *folders]
        process = self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            if process.stdin is None or process.stdout is None or process.stderr is None:
                raise ScanError("the scanner has no pipes")
            with process.stdin as wire:
                wire.write(json.dumps(self._order).encode())
            for line in process.stdout:
                reading = _parse(line)
                if reading is not None:
                    yield reading
            if process.wait():
                said = process.stderr.read(4_000).decode("utf-8", "replace").strip()
                last = said.splitlines()[-1:] or [f"it ended with {process.returncode}"]
                hint = "; install yunxun[poller]" if "No module named" in last[0] else ""
                raise ScanError(f"{last[0][:300]}{hint}")
        except BrokenPipeError:
            raise ScanError("the scanner ended before it read what to scan") from None
        finally:
            self.stop()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def stop(self) -> None:
        """Ends the process; from any thread."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


def _parse(line: bytes) -> Item | None:
    if len(line) > MOST_LINE:
        return None
    try:
        reading = json.loads(line)
    except ValueError:
        return None
    return reading if isinstance(reading, dict) and "code" in reading else None


def main() -> int:
    """The process: 0 fine, 2 bad input."""
    import asyncio  # noqa: PLC0415 - in this process only
    from datetime import UTC, datetime  # noqa: PLC0415 - in this process only

    from collectors.ipv6.scan import ScanOptions, TargetError, check_url, scan  # noqa: PLC0415 - in this process only
    from collectors.ipv6.site import SiteTarget  # noqa: PLC0415 - in this process only

    told = json.load(sys.stdin)
    targets = [
        SiteTarget(each["code"], each["url"], "")
        for each in told["sites"]
        if not check_url(each["url"])
    ]
    options = ScanOptions(told["vantage"], tuple(told["dns"]), tuple(told["allow"]))

    async def work() -> None:
        async for reading in scan(targets, options, lambda: datetime.now(UTC)):
            print(json.dumps(reading.as_json(), ensure_ascii=False), flush=True)  # noqa: T201

    try:
        asyncio.run(work())
    except (TargetError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0
