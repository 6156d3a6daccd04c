"""``python -m playbooks.judge``: identify a host from its files, judge files without a host."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from playbooks.judge.check import check_options
from playbooks.judge.identify import identify
from playbooks.judge.identify_text import read_text
from playbooks.judge.offline import Scan
from playbooks.judge.offline_profiles import NoProfile, chosen
from playbooks.judge.offline_run import FORMATS, BadUsage, existing, write
from playbooks.judge.results import Verdict

FINE, PROBLEMS, BAD_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 fine, 1 problems found, 2 bad usage or input."""
    parser = argparse.ArgumentParser(prog="python -m playbooks.judge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _identify_options(commands.add_parser("identify", help="which processor, which system (JSON)"))
    _scan_options(commands.add_parser("scan", help="judge a folder, archive, JAR, wheel or image"))
    check_options(commands.add_parser("check", help="judge bundles of hosts by the rules"))
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _identify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--os-release", type=Path, metavar="F", help="a copy of /etc/os-release")
    parser.add_argument("--cpuinfo", type=Path, metavar="F", help="/proc/cpuinfo, or CPUID dump")
    parser.add_argument("--lscpu", type=Path, metavar="F", help="output of lscpu, any language")
    parser.add_argument("--dmi", type=Path, metavar="F", help="output of dmidecode")
    parser.set_defaults(run=_identify)


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
    return FINE


def _scan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="a folder, an archive, a JAR, a wheel, an image tarball")
    parser.add_argument("--profile", action="append", default=[], metavar="P",
                        help="a target; repeat it, or say all")  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to this file")
    parser.add_argument("--en", action="store_true", help="English instead of Chinese")
    parser.set_defaults(run=_scan)


def _scan(options: argparse.Namespace) -> int:
    try:
        scan = Scan(existing(options.path), chosen(options.profile), _progress(sys.stderr.isatty()))
        write(scan, options.format, options.output, english=options.en)
    except BrokenPipeError:  # "… | head"
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (what is left in the buffer goes there)
        return PROBLEMS
    except OSError as error:
        sys.stderr.write(f"judge: {error.filename or options.path}: {error.strerror}\n")
        return BAD_INPUT
    except (NoProfile, BadUsage) as error:
        sys.stderr.write(f"judge: {error}\n")
        return BAD_INPUT
    return FINE if scan.verdict is Verdict.READY else PROBLEMS


def _progress(terminal: bool) -> Callable[[int, str], None] | None:
    if not terminal:
        return None

    def show(count: int, path: str) -> None:
        sys.stderr.write(f"\r\x1b[K{count:,} {path[-60:]}\r")
        sys.stderr.flush()

    return show


if __name__ == "__main__":
    sys.exit(main())
