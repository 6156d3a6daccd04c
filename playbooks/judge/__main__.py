"""``python -m playbooks.judge``: identify a host from its files, judge files without a host."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from playbooks.judge.identify import identify
from playbooks.judge.identify_text import read_text

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 fine, 1 problems found, 2 bad usage or input."""
    parser = argparse.ArgumentParser(prog="python -m playbooks.judge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _identify_options(commands.add_parser("identify", help="which processor, which system (JSON)"))
    options = parser.parse_args(arguments)
    return _identify(options)


def _identify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--os-release", type=Path, metavar="F", help="a copy of /etc/os-release")
    parser.add_argument("--cpuinfo", type=Path, metavar="F", help="/proc/cpuinfo, or CPUID dump")
    parser.add_argument("--lscpu", type=Path, metavar="F", help="output of lscpu, any language")
    parser.add_argument("--dmi", type=Path, metavar="F", help="output of dmidecode")


def _identify(options: argparse.Namespace) -> int:
    texts: list[str | None] = []
    for name in ("os_release", "cpuinfo", "lscpu", "dmi"):
        path: Path | None = getattr(options, name)
        try:
            texts.append(None if path is None else read_text(path))
        except OSError as error:
            sys.stderr.write(f"judge: {path}: cannot be read: {error.strerror}\n")
            return BAD_INPUT
    answer = identify(texts[0], texts[1], texts[2], texts[3]).as_json()
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
