"""What may stand in an inventory: names, addresses and variables that no template engine and no
shell can misread. Raises Problem 422 with the place."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from controller.problems import Problem
from controller.said import say

HOST = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._-]{0,63}")
DNS = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]{0,252}[0-9A-Za-z])?")
ZONE = re.compile(r"[0-9A-Za-z._-]{0,15}")
"""Of a link-local address: an interface's name."""
USER = re.compile(r"[A-Za-z_][0-9A-Za-z._-]{0,31}")
VARIABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED = frozenset({"all", "ungrouped", "localhost", "hosts", "vars", "children"})
STEERING = ("ansible_", "yunxun_")
"""Beginnings of variables that only we set: they decide what is run and as whom."""
OF_PLAYBOOKS = ("cutover_", "rollout_", "collect_")
"""Beginnings of variables that only the controller gives to its playbooks, from what was approved:
on a host they would take the place of a role's defaults."""
MOST_VARIABLES = 64 * 1024
"""Bytes of JSON that somebody may give."""
MOST_OWN_VARIABLES = 4 << 20
"""Bytes of JSON of the controller's own: 500 hosts with 60 connections each take 3 MB."""


def host_name(text: str) -> str:
    name = text.strip()
    if not HOST.fullmatch(name) or name.lower() in RESERVED:
        raise Problem(
            422, "bad host", f"host name {text!r}: letters, digits, . _ - only, and not a word of "
            "the inventory"
        )  # fmt: skip
    return name


def address(text: str) -> str:
    """An address or a DNS name; "" where nobody may log in."""
    found = text.strip()
    if not found:
        return ""
    try:
        # Any text may stand behind the % of an IPv6 zone, also what a shell would run.
        if ZONE.fullmatch(found.partition("%")[2]):
            return str(ipaddress.ip_address(found))
    except ValueError:
        pass
    if not DNS.fullmatch(found):
        raise Problem(422, "bad host", f"address {text!r}: neither an IP address nor a name")
    return found


def user(text: str) -> str:
    if not USER.fullmatch(text):
        raise Problem(422, "bad connection", f"user {text!r}: letters, digits, . _ - only")
    return text


def port(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 65535:
        raise Problem(422, "bad connection", f"port {value}: between 1 and 65535")
    return value


def variables(given: Mapping[str, Any], *, ours: bool = False) -> dict[str, Any]:
    """Plain values for playbooks: nothing in them is a template, none of them steers ansible.
    ``ours``: they come from the controller, which may give what its playbooks work by."""
    reserved = STEERING if ours else (*STEERING, *OF_PLAYBOOKS)
    for name in given:
        if name.startswith(reserved):
            raise Problem(
                422, "bad variable", say(
                    f"variable {name!r}: names that begin with {', '.join(reserved)} are the "
                    "controller's own: choose another",
                    f"变量 {name}：以 {'、'.join(reserved)} 开头的名称由控制端专用，请换一个名称",
                ),
            )  # fmt: skip
        if not VARIABLE.fullmatch(name):
            raise Problem(
                422, "bad variable", f"variable {name!r}: a small letter, then small letters, "
                "digits and _ (64 at most)",
            )  # fmt: skip
    text = json.dumps(given, ensure_ascii=False)
    size, most = len(text.encode()), MOST_OWN_VARIABLES if ours else MOST_VARIABLES
    if size > most:
        what = "wave by wave, or fewer hosts at a time" if ours else "give less with one run"
        zh = "请按批次或减少主机数分次执行" if ours else "请减少一次运行给出的内容"
        raise Problem(
            422, "too large", say(
                f"variables of {size >> 10} KB, at most {most >> 10} KB go into one run: {what}",
                f"变量共 {size >> 10} KB，一次运行最多 {most >> 10} KB：{zh}",
            ),
        )  # fmt: skip
    if any(mark in text for mark in ("{{", "{%", "{#")):
        raise Problem(422, "bad variable", "variables: a template ({{, {%, {#) is not a value")
    return dict(given)


def not_ours(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only the controller may give: for variables kept before that was so."""
    return {
        name: value
        for name, value in given.items()
        if not name.startswith((*STEERING, *OF_PLAYBOOKS))
    }
