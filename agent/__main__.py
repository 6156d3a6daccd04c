"""``yunxun-agent enrol|run|once|poll|status``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from agent import VERSION
from agent.config import PREFIX, SETTINGS, Config, ConfigError, read_config

TOKEN_VARIABLE = PREFIX + "TOKEN"
FINE, PROBLEMS, BAD_INPUT, UNREACHABLE = 0, 1, 2, 3

EXAMPLES = """\
examples:
  yunxun-agent enrol --token-file token.txt     become an agent of the controller in the token
  yunxun-agent run                              measure every minute until stopped
  yunxun-agent once                             measure this host now and print it
  yunxun-agent poll 10.1.0.1 --community C      ask a switch or router everything, once
  yunxun-agent status                           what waits, what was lost, when it last got through
"""


def main(argv: list[str] | None = None) -> int:
    """The command line; gives the exit status (0 fine, 1 problems, 2 input, 3 unreachable)."""
    arguments = parser(*(["poll"] if "poll" in (argv or sys.argv[1:]) else [])).parse_args(argv)
    if arguments.command == "poll":  # needs no agent here, so its settings are not read
        from agent.poll import poll

        return poll(arguments)
    try:
        config = read_config(arguments.config)
    except ConfigError as error:
        return _fail(str(error))
    command = {"enrol": enrol, "run": run, "once": once, "status": status}[arguments.command]
    return command(config, arguments)


def parser(loaded: str = "") -> argparse.ArgumentParser:
    """What can be said on the command line; of ``poll`` only where it is ``loaded``."""
    form = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        "yunxun-agent",
        description="Measures this host and sends the samples to a Yunxun controller.",
        epilog=EXAMPLES,
        formatter_class=form,
    )
    top.add_argument("--version", action="version", version=VERSION)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="TOML file (/etc/yunxun/agent.toml)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, short: str, epilog: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=short,
            description=short[0].upper() + short[1:] + ".",
            epilog=epilog,
            parents=[common],
            formatter_class=form,
        )

    one = add("enrol", "become an agent of a controller", _ENROL)
    one.add_argument("token", nargs="?", help="the token; visible to others in the process list")
    one.add_argument("--token-file", metavar="FILE", help="read the token from FILE, - for stdin")
    one.add_argument("--name", help="name shown at the controller (default: the host name)")
    one.add_argument("--force", action="store_true", help="replace an identity that is there")

    add("run", "measure and send until stopped", _run_epilog())

    one = add("once", "measure this host once", _ONCE)
    one.add_argument("--seconds", type=_seconds, default=1.0, help="length of the interval (1)")
    one.add_argument("--send", action="store_true", help="spool it and send everything that waits")
    one.add_argument("--format", choices=("table", "json"), default="table")

    one = add("poll", "ask a network device everything, once (SNMP)", "")
    if loaded == "poll":
        from agent.poll import HELP, add_arguments

        one.epilog = HELP
        add_arguments(one)

    one = add("status", "show what the agent is doing", _STATUS)
    one.add_argument("--format", choices=("table", "json"), default="table")
    return top


_ENROL = f"""\
The token comes from `yunxun agent token --unit U`. Besides as an argument it is read from
--token-file, from standard input (-) or from {TOKEN_VARIABLE}, which others cannot see.

examples:
  yunxun-agent enrol --token-file token.txt
  yunxun agent token --unit U | yunxun-agent enrol -
"""

_ONCE = """\
examples:
  yunxun-agent once                    a table of what is measured
  yunxun-agent once --format json      the same, for programs
  yunxun-agent once --send             from cron, where no service may run
"""

_STATUS = """\
Exit status 0: running and connected; 1: something needs attention.

examples:
  yunxun-agent status
  yunxun-agent status --format json
"""


def _run_epilog() -> str:
    lines = ["settings (TOML name, environment variable, default):"]
    for s in SETTINGS:
        lines.append(f"  {s.name:22} {s.variable:34} {s.default!s:22} {s.meaning}")
    lines += ["", "examples:", "  yunxun-agent run", "  yunxun-agent run --config agent.toml"]
    lines += [f"  {PREFIX}COLLECT_INTERVAL_S=30 yunxun-agent run"]
    return "\n".join(lines)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("between 0.1 and 3600")
    return value


# ---- commands


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Becomes the lean process (same pid); does not return where that is possible."""
    del arguments
    if os.name != "posix":
        from agent.log import Log
        from agent.service import run as run_here

        return run_here(config, Log(config.log_level))
    command = lean_command()
    environment = {**os.environ, **config.environment(), "MALLOC_ARENA_MAX": "1"}
    return os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter


def lean_command() -> list[str]:
    """The command line of the process that measures; see agent.lean."""
    from importlib.util import find_spec

    folders = []
    for package in ("psutil", "prometheus_client"):
        spec = find_spec(package)
        if spec and spec.origin:
            folder = os.path.dirname(os.path.dirname(spec.origin))
            if folder not in folders:
                folders.append(folder)
    lean = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lean.py")
    return [sys.executable, "-I", "-S", lean, *folders]


def enrol(config: Config, arguments: argparse.Namespace) -> int:
    """Enrols this host and stores its identity."""
    from agent.enrol import EnrolError, parse_token
    from agent.enrol import enrol as ask
    from agent.identity import IdentityError, read_identity, write_identity
    from collectors.host import HostCollector

    try:
        known = read_identity(config.state)
    except IdentityError:
        known = None
    if known and not arguments.force and not _needs_enrolment(config):
        return _fail(
            f"already enrolled as {known.agent} at {known.url}; --force replaces that identity"
        )
    try:
        text = _token_text(arguments)
        token = parse_token(text)
        os.makedirs(config.state, mode=0o700, exist_ok=True)
        name = arguments.name or config.name
        identity = ask(token, name, HostCollector().facts(), config.ship_connect_s)
        write_identity(config.state, identity)
    except EnrolError as error:
        return _fail(str(error), error.status)
    except OSError as error:
        return _fail(f"{error.filename or config.state}: {error.strerror}")
    print(f"enrolled as {identity.agent} at {identity.url}")
    print("next: yunxun-agent run (a running agent takes it up by itself)")
    return FINE


def _needs_enrolment(config: Config) -> bool:
    return _read_status(config).get("state") in ("conflict", "denied")


def _token_text(arguments: argparse.Namespace) -> str:
    if arguments.token_file or arguments.token == "-":  # noqa: S105 - stdin
        source = arguments.token_file or "-"
        if source == "-":
            return sys.stdin.read()
        with open(source, encoding="utf-8") as file:
            return file.read()
    if arguments.token:
        print(
            "warning: the token stood on the command line, where others can read it;"
            f" --token-file or {TOKEN_VARIABLE} keep it private",
            file=sys.stderr,
        )
        return str(arguments.token)
    text = os.environ.get(TOKEN_VARIABLE, "")
    if not text:
        from agent.enrol import EnrolError

        raise EnrolError(
            f"no token: give it with --token-file, on stdin (-) or in {TOKEN_VARIABLE}"
        )
    return text


def once(config: Config, arguments: argparse.Namespace) -> int:
    """Measures once; with --send through spool and controller."""
    if arguments.send:
        return _once_sent(config, arguments.seconds)
    from collectors.host import HostCollector

    host = HostCollector()
    host.collect(round(time.time() * 1000), time.monotonic())
    time.sleep(arguments.seconds)
    got = host.collect(round(time.time() * 1000), time.monotonic())
    if arguments.format == "json":
        rows = [reading._asdict() for reading in got.readings]
        failures = [document.body for document in got.failures]
        print(json.dumps({"readings": rows, "failures": failures}, ensure_ascii=False))
    else:
        for reading in got.readings:
            for name, value in reading.values.items():
                print(f"{reading.instance or 'host':16} {name:24} {value:>20,.2f}")
        for document in got.failures:
            print(f"failed: {document.body}", file=sys.stderr)
    return PROBLEMS if got.failures else FINE


def _once_sent(config: Config, seconds: float) -> int:
    from agent.log import Log
    from agent.process import AlreadyRunningError, lock_folder
    from agent.service import Service

    try:
        lock_folder(config.state)
    except AlreadyRunningError as error:
        return _fail(f"{config.state}: the agent with pid {error} is running and sends by itself")
    except OSError as error:
        return _fail(f"{config.state}: {error.strerror}")
    service = Service(config, Log(config.log_level))
    home = service.once(seconds, config.ship_total_s)
    state, error_text = service.shipper.state, service.shipper.error
    service.stop()
    if home:
        return FINE
    _fail(f"not everything got home: {state}: {error_text}")
    return UNREACHABLE if state in ("unreachable", "waiting", "starting") else BAD_INPUT


def _read_status(config: Config) -> dict[str, Any]:
    for _ in range(3):
        try:
            with open(os.path.join(config.state, "status.json"), encoding="utf-8") as file:
                told = json.load(file)
        except OSError:
            return {}
        except ValueError:
            time.sleep(0.05)  # met in the middle of being written
        else:
            return told if isinstance(told, dict) else {}
    return {}


def status(config: Config, arguments: argparse.Namespace) -> int:
    """Shows the status file; it never opens the spool, which has one connection only."""
    from agent.process import AlreadyRunningError, lock_folder

    told = _read_status(config)
    if not told:
        return _fail(f"{config.state}: no agent has run here (or not as this user)", PROBLEMS)
    try:
        os.close(lock_folder(config.state))
        told["running"] = False
    except AlreadyRunningError:
        told["running"] = True
    except OSError as error:
        return _fail(f"{config.state}: {error.strerror}")
    if arguments.format == "json":
        print(json.dumps(told, ensure_ascii=False))
    else:
        for label, value in status_lines(told):
            print(f"{label:16} {value}")
    return FINE if told["running"] and told.get("state") == "connected" else PROBLEMS


def status_lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    """The status as a person reads it: label and text."""
    spool = told.get("spool", {})
    lost = ", ".join(f"{rows} rows ({reason})" for reason, rows in spool.get("lost", {}).items())
    lines = [
        ("agent", told.get("agent") or "not enrolled"),
        ("process", f"pid {told.get('pid')}" if told.get("running") else "not running"),
        ("connection", _connection(told)),
        ("last stored", told.get("last_stored") or "never"),
        ("waiting", f"{spool.get('batches')} batches, {spool.get('bytes', 0) / 1e6:.1f} MB"),
        ("lost", lost or "nothing"),
        ("quarantined", f"{spool.get('quarantined', 0)} batches"),
        ("missed ticks", str(told.get("missed_ticks"))),
        ("as of", str(told.get("at"))),
    ]
    if not spool.get("durable", True):
        lines.append(("warning", "the spool is in memory only: its folder cannot be written"))
    skew = told.get("clock_skew_s")
    if skew is not None and abs(skew) > 60:
        lines.append(("warning", f"this host's clock is {skew:+.0f} s off the controller's"))
    return lines


def _connection(told: dict[str, Any]) -> str:
    words = ": ".join(filter(None, (told.get("state"), told.get("error"))))
    return words if told.get("running") else f"none; when it ended: {words}"


def _fail(text: str, status: int = BAD_INPUT) -> int:
    print(f"yunxun-agent: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
