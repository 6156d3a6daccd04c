"""What network gear printed: ``device`` is {name, vendor, outputs: {command: text}, …}."""

from __future__ import annotations

import re
from collections.abc import Iterable

from playbooks.judge.detectors.base import Detector, Hit, Look

# Huawei and H3C: "10.0.0.1  4 65001 … Established 12"; OSPF: "0.0.0.0 … 10.0.0.2 Full/DR"
_BGP = re.compile(
    r"^\s*(?P<peer>[0-9a-fA-F.:]+)\s+(?:4\s+)?\d+\s.*?"
    r"\s(?P<state>Established|Idle|Active|Connect|OpenSent|OpenConfirm|No neg)\b",
    re.M,
)
_OSPF = re.compile(
    r"(?P<peer>\d+\.\d+\.\d+\.\d+)\s+(?:\d+\s+\d+\s+\S+\s+)?(?P<state>Full|2-Way|Init|Down|ExStart|Exchange|Loading|Attempt)(?:/\S*)?",
    re.M,
)


def unsaved(look: Look) -> Iterable[Hit]:
    """Running differs from saved: on the host (connections that live in /run), on the device."""
    for line in look.facts.lines("netconfig"):
        parts = line.text.split(":")
        if len(parts) == 4 and parts[3].startswith("/run/") and parts[1] != "loopback":
            yield Hit(parts[0], "cli", "nmcli connection", line.text, "netconfig")
    diff = look.optional("device.outputs", {}).get("display current-configuration diff", "")
    changed = [line for line in diff.splitlines() if re.match(r"[+-]\s", line)]
    if changed:
        name = look.optional("device.name", "device")
        yield Hit(
            name, "cli", f"{name}:display current-configuration diff", "\n".join(changed), "context"
        )


def device_lines(look: Look) -> Iterable[Hit]:
    """Lines of the device's outputs that match."""
    name = look.optional("device.name", "device")
    seen = set()
    for command, text in look.input("device.outputs").items():
        for pattern in look.parameters["match"]:
            for match in pattern.finditer(text):
                subject = f"{name} {' '.join(match[0].split())}"
                if subject not in seen:
                    seen.add(subject)
                    yield Hit(subject, "cli", f"{name}:{command}", match[0].strip(), "context")


def device_missing(look: Look) -> Iterable[Hit]:
    """Patterns of which the device's outputs hold none."""
    name = look.optional("device.name", "device")
    text = "\n".join(look.input("device.outputs").values())
    for pattern in look.parameters["match"]:
        if not pattern.search(text):
            yield Hit(
                f"{name} {pattern.pattern}", "cli", name, f"not found: {pattern.pattern}", "context"
            )


def neighbours(look: Look) -> Iterable[Hit]:
    """Routing neighbours that are not up, or more than 5 % of the routes gone after the change."""
    name = look.optional("device.name", "device")
    for command, text in look.input("device.outputs").items():
        for pattern, up in ((_BGP, "Established"), (_OSPF, "Full")):
            protocol = "bgp" if pattern is _BGP else "ospf"
            for match in pattern.finditer(text) if protocol in command else ():
                if match["state"] != up:
                    subject = f"{name} {protocol} {match['peer']}"
                    yield Hit(subject, "cli", f"{name}:{command}", match[0].strip(), "context")
    before, after = (
        look.optional("device.routes_before", 0),
        look.optional("device.routes_after", 0),
    )
    if before and after < before * 0.95:
        yield Hit(f"{name} routes", "cli", name, f"{before} -> {after}", "context")


DETECTORS = {
    "unsaved": Detector(unsaved),
    "device_lines": Detector(device_lines, frozenset({"match"})),
    "device_missing": Detector(device_missing, frozenset({"match"})),
    "neighbours": Detector(neighbours),
}
