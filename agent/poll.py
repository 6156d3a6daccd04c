"""``yunxun-agent poll``: one device once, for people in the field."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tomllib
from pathlib import Path

from agent.config import PREFIX
from agent.poll_table import lines
from collectors.snmp.device import DevicePoll
from collectors.snmp.poll import EVERYTHING, Wish, poll_once
from collectors.snmp.profile import load_profiles
from collectors.snmp.session import PollerMissingError, Timing
from collectors.snmp.snmprec import write_recording
from collectors.snmp.target import (
    AUTH,
    PRIV,
    Community,
    Credential,
    Target,
    TargetError,
    User,
    numeric,
    parse_target,
)
from collectors.snmp.values import Value

FINE, BAD_INPUT, UNREACHABLE = 0, 2, 3
SECRETS = ("community", "auth_password", "priv_password")
HELP = f"""\
Reads system, ports, processors, memory, addresses, neighbours, peers, sensors and inventory.

Secrets need not stand on the command line, where others can read them: they are also taken
from a TOML file (--secrets FILE with the names {", ".join(SECRETS)})
or from the environment ({", ".join(PREFIX + name.upper() for name in SECRETS)}).

Exit status 0: the device answered (tables that are not whole are named); 2: bad usage; 3: it did
not answer or refused.

examples:
  yunxun-agent poll 10.1.0.1 --community public
  YUNXUN_AGENT_COMMUNITY=secret yunxun-agent poll '[2001:db8::1]:161' --format json
  yunxun-agent poll sw1.example.cn --user ops --auth SHA-256 --priv AES-256 --secrets ops.toml
  yunxun-agent poll 10.1.0.1 --secrets s.toml --save sw1.snmprec --walk 1.3.6.1.4.1.2011
"""


class UnreachableError(Exception):
    """The device did not answer; the text says what to look at."""


def add_arguments(one: argparse.ArgumentParser) -> None:
    """What can be said to ``poll``."""
    one.add_argument("address", metavar="HOST[:PORT]", help="IPv6 with a port: [2001:db8::1]:161")
    one.add_argument("--community", help="SNMPv1/v2c; visible to others in the process list")
    one.add_argument("--version", dest="snmp_version", choices=("1", "2c"), default="2c")
    one.add_argument("--user", help="SNMPv3 user")
    one.add_argument(
        "--auth", metavar="ALG[:PASSWORD]", default="SHA-256", help=f"{', '.join(AUTH)} (SHA-256)"
    )
    one.add_argument("--auth-password", help="visible to others in the process list")
    one.add_argument(
        "--priv", metavar="ALG[:PASSWORD]", default="AES-128", help=f"{', '.join(PRIV)} (AES-128)"
    )
    one.add_argument("--priv-password", help="visible to others in the process list")
    one.add_argument(
        "--key-expansion",
        choices=("blumenthal", "cisco"),
        default="blumenthal",
        help="how AES-192/256 stretch a short key (Cisco and H3C gear: cisco)",
    )
    one.add_argument("--secrets", metavar="FILE", help="TOML file with the secrets")
    one.add_argument("--format", choices=("table", "json"), default="table")
    one.add_argument("--save", metavar="FILE", help="write what was read as a .snmprec recording")
    one.add_argument(
        "--walk", metavar="OID", action="append", default=[], help="a subtree more, for --save"
    )
    one.add_argument("--timeout", type=_seconds, default=60.0, help="seconds for everything (60)")


def poll(arguments: argparse.Namespace) -> int:
    """Polls and prints; gives the exit status."""
    try:
        target = parse_target(arguments.address)
        credential = read_credential(arguments)
        for oid in arguments.walk:
            _check_oid(oid)
        found, record = _ask(target, credential, arguments)
        if found.error:
            raise UnreachableError(found.error)
        if record is not None:
            rows = write_recording(Path(arguments.save), record)
            print(f"{arguments.save}: {rows} values", file=sys.stderr)
    except UnreachableError as error:
        return _fail(str(error), UNREACHABLE)
    except (TargetError, PollerMissingError, tomllib.TOMLDecodeError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    if arguments.format == "json":
        print(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    return FINE


def _ask(
    target: Target, credential: Credential, arguments: argparse.Namespace
) -> tuple[DevicePoll, dict[str, Value] | None]:
    try:
        target = numeric(target)
    except OSError as error:
        raise UnreachableError(f"{target.host}: cannot be resolved: {error.strerror}") from None
    record: dict[str, Value] | None = {} if arguments.save else None
    first = min(1.0, arguments.timeout / 8)
    timing = Timing(waits=(first, 2 * first, 4 * first), deadline=arguments.timeout)
    wish = Wish(parts=EVERYTHING, subtrees=tuple(oid.strip(".") for oid in arguments.walk))
    profiles = load_profiles()
    found = asyncio.run(
        poll_once(target, credential, profiles, timing=timing, wish=wish, record=record)
    )
    return found, record


def read_credential(arguments: argparse.Namespace) -> Credential:
    """The credential from arguments, else the secrets file, else the environment.

    Raises:
        TargetError: neither community nor user, or an algorithm that is not known.
        OSError, tomllib.TOMLDecodeError: the secrets file cannot be read.
    """
    told = _secrets(arguments.secrets)
    community = arguments.community or told["community"]
    if not arguments.user:
        if not community:
            raise TargetError(
                "no credential: give --community or --user, or put the community into"
                f" --secrets FILE or {PREFIX}COMMUNITY"
            )
        return Community(community=community, version=arguments.snmp_version)
    auth, auth_word = _algorithm(arguments.auth, AUTH)
    priv, priv_word = _algorithm(arguments.priv, PRIV)
    return User(
        name=arguments.user,
        auth=auth,
        auth_password=arguments.auth_password or auth_word or told["auth_password"],
        priv=priv,
        priv_password=arguments.priv_password or priv_word or told["priv_password"],
        expansion=arguments.key_expansion,
    )


def _secrets(path: str | None) -> dict[str, str]:
    told = {name: os.environ.get(PREFIX + name.upper(), "") for name in SECRETS}
    if path:
        with open(path, "rb") as file:
            written = tomllib.load(file)
        unknown = sorted(set(written) - set(SECRETS))
        if unknown:
            raise TargetError(f"{path}: unknown {', '.join(unknown)}; known: {', '.join(SECRETS)}")
        told.update({name: str(value) for name, value in written.items()})
    return told


def _algorithm(text: str, known: tuple[str, ...]) -> tuple[str, str]:
    """``SHA-256``, ``sha256`` or ``SHA256:password``: the algorithm's name and the password."""
    name, _, word = text.partition(":")
    short = {one.replace("-", ""): one for one in known} | {"SHA": "SHA-1", "AES": "AES-128"}
    found = short.get(name.upper().replace("-", ""))
    if found not in known:
        raise TargetError(f"{name!r} is not one of {', '.join(known)}")
    return found, word


def _check_oid(oid: str) -> None:
    parts = oid.strip(".").split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise TargetError(f"--walk {oid}: not a numeric OID such as 1.3.6.1.4.1.2011")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= 3600:
        raise argparse.ArgumentTypeError("between 0.5 and 3600")
    return value


def _fail(text: str, status: int = BAD_INPUT) -> int:
    print(f"yunxun-agent: {text}", file=sys.stderr)
    return status
