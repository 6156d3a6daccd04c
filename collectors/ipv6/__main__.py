"""``python -m collectors.ipv6``: measures the sites of a list, one line of JSON each."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from collectors.ipv6.scan import ScanOptions, TargetError, done_codes, read_targets, scan
from collectors.ipv6.site import SiteTarget

EPILOG = """examples:
  python -m collectors.ipv6 sites.csv --vantage internet --out readings.ndjson
  python -m collectors.ipv6 sites.csv --vantage extranet --allow 10.0.0.0/8 --allow fd00::/8 \\
      --dns 10.1.1.53 --out readings.ndjson --resume

sites.csv has the columns code, url and perhaps unit. Exit status: 0 fine, 2 bad input.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m collectors.ipv6",
        description="How ready websites are for IPv6, seen from here.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sites", type=Path, help="CSV with code, url, unit; - for standard input")
    parser.add_argument("--vantage", default="internet", help="where this is seen from")
    parser.add_argument("--dns", action="append", default=[], metavar="ADDRESS[#PORT]")
    parser.add_argument("--allow", action="append", default=[], metavar="NETWORK",
                        help="private network whose addresses may be visited")  # fmt: skip
    parser.add_argument("--ca", default="", metavar="FILE", help="trusted authorities (PEM)")
    parser.add_argument("--at-once", type=int, default=12, help="sites at the same time")
    parser.add_argument("--out", type=Path, help="append readings here instead of printing them")
    parser.add_argument("--resume", action="store_true", help="leave out what FILE has already")
    given = parser.parse_args(arguments)
    options = ScanOptions(
        given.vantage, tuple(given.dns), tuple(given.allow), given.ca, max(1, given.at_once)
    )
    try:
        if str(given.sites) == "-":
            targets = read_targets(sys.stdin)
        else:
            with given.sites.open(encoding="utf-8-sig") as lines:
                targets = read_targets(lines)
        if given.resume and given.out and given.out.exists():
            with given.out.open(encoding="utf-8") as earlier:
                done = done_codes(earlier, options.vantage)
            targets = [each for each in targets if each.code not in done]
        asyncio.run(_run(targets, options, given.out))
    except (TargetError, OSError, UnicodeDecodeError) as error:
        print(f"python -m collectors.ipv6: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; --resume goes on from here", file=sys.stderr)
        return 2
    return 0


async def _run(targets: list[SiteTarget], options: ScanOptions, out: Path | None) -> None:
    file = out.open("a", encoding="utf-8") if out else sys.stdout
    try:
        done = 0
        async for reading in scan(targets, options, lambda: datetime.now(UTC)):
            print(json.dumps(reading.as_json(), ensure_ascii=False), file=file, flush=True)
            done += 1
            if sys.stderr.isatty():
                print(f"\r{done}/{len(targets)} {reading.code[:40]:40}", end="", file=sys.stderr)
    finally:
        if out:
            file.close()


if __name__ == "__main__":
    sys.exit(main())
