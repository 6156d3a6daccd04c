"""The process that measures, started by ``yunxun-agent run`` as ``python -I -S lean.py FOLDER…``.

Without the site module and its path files it begins 2 MB smaller; the settings come in the
environment, so neither the TOML parser nor the command line's is loaded. The folders are where
psutil and, for /metrics, prometheus-client are. With ``--facts`` or ``--ipv6`` first it only prints
what that reads; with ``--traps`` it receives traps until its standard input ends, with
``--poller`` it asks network gear.
"""

import os
import sys


def main() -> int:
    """Runs the agent with the settings of the environment."""
    known = (["--facts"], ["--ipv6"], ["--traps"], ["--poller"], ["--sites"])
    only = sys.argv[1] if sys.argv[1:2] in known else ""
    sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.path += sys.argv[2 if only else 1 :]
    # Importable only from here on.
    if only == "--traps":
        from agent.trap_child import main as receive_traps  # noqa: PLC0415 - in this process only

        return receive_traps()
    if only == "--poller":
        from agent.poller import main as poll  # noqa: PLC0415 - in this process only

        return poll()
    if only == "--sites":
        from agent.site_scan import main as scan_sites  # noqa: PLC0415 - in this process only

        return scan_sites()
    if only:
        from agent.facts import print_facts, print_ipv6  # noqa: PLC0415 - in this process only

        return print_facts() if only == "--facts" else print_ipv6()
    from agent.config import parse_config  # noqa: PLC0415 - in this process only
    from agent.log import Log  # noqa: PLC0415 - in this process only
    from agent.service import run  # noqa: PLC0415 - in this process only

    config = parse_config({}, "", os.environ)
    return run(config, Log(config.log_level))


if __name__ == "__main__":
    sys.exit(main())
