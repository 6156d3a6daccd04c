#!/usr/bin/python
"""Speaks to one network device from the controller: trial configuration, confirm, abort."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gear
short_description: Try a configuration on network gear that takes it back by itself
version_added: 1.1.0
description:
  - Runs on the controller over netmiko. Huawei VRP8 by C(commit trial), H3C Comware 7 by
    C(configuration commit delay).
  - A device is spoken to by one run at a time; a trial that runs already, or unsaved changes, are
    refused.
options:
  address:
    description: Address to log in to.
    type: str
    required: true
  port:
    description: Port of ssh.
    type: int
    default: 22
  username:
    description: Login name.
    type: str
    required: true
  password:
    description: Password.
    type: str
    required: true
  kind:
    description: C(vrp8), C(comware7); anything else needs a manual window and is refused.
    type: str
    required: true
  state:
    description: What to do.
    type: str
    choices: [where, backup, trial, verify, confirm, abort]
    required: true
  name:
    description: Name of the trial.
    type: str
    required: true
  lines:
    description: Configuration lines, as typed in the system view.
    type: list
    elements: str
    default: []
  seconds:
    description: After this time an unconfirmed trial is taken back by the device.
    type: int
    default: 600
  expect:
    description: Commands with a text that their output must contain.
    type: list
    elements: dict
    default: []
    suboptions:
      command:
        description: A display command.
        type: str
        required: true
      contains:
        description: What must be in its output.
        type: str
        required: true
  dest:
    description: Folder on the controller for backups and locks.
    type: path
    required: true
  known_hosts:
    description: File of known ssh host keys; without it the system's is used.
    type: path
  project:
    description: Folder of the playbooks; must be called C(playbooks).
    type: path
    required: true
author:
  - The Yunxun authors (@yunxun)
"""

EXAMPLES = r"""
- name: Try
  yunxun.readiness.gear:
    address: 10.1.0.1
    username: ops
    password: "{{ gear_password }}"
    kind: vrp8
    state: trial
    name: wave-1
    lines: ["interface Vlanif100", "ip address 10.66.1.1 24"]
    dest: /var/tmp/gear
    project: "{{ playbook_dir }}"
"""

RETURN = r"""
state:
  description: C(free), C(trial) or C(unsaved).
  returned: state where
  type: str
said:
  description: What was done or seen, in words.
  returned: success
  type: str
path:
  description: The backup.
  returned: state backup
  type: str
sha256:
  description: Digest of the backup.
  returned: state backup
  type: str
"""

import fcntl
import hashlib
import os
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "kind": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "required": True,
        "choices": ["where", "backup", "trial", "verify", "confirm", "abort"],
    },
    "name": {"type": "str", "required": True},
    "lines": {"type": "list", "elements": "str", "default": []},
    "seconds": {"type": "int", "default": 600},
    "expect": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "command": {"type": "str", "required": True},
            "contains": {"type": "str", "required": True},
        },
    },
    "dest": {"type": "path", "required": True},
    "known_hosts": {"type": "path"},
    "project": {"type": "path", "required": True},
}


class _Line:
    """netmiko's connection as the dialects see it."""

    def __init__(self, connection, expect, lost):
        self._connection = connection
        self._expect = expect
        self._lost = lost

    def ask(self, command):
        try:
            return self._connection.send_command(
                command,
                expect_string=self._expect,
                strip_prompt=False,
                strip_command=False,
                read_timeout=60,
                cmd_verify=False,
            )
        except (OSError, EOFError) as error:
            raise self._lost(f"{command}: {error}") from None
        except Exception as error:  # netmiko's and paramiko's own, without a common ancestor
            raise self._lost(f"{command}: {type(error).__name__}: {error}") from None


@contextmanager
def _alone(module, dest, address):
    """One run a device at a time."""
    dest.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (dest / f".lock-{address}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            module.fail_json(msg=f"{address}: another run speaks to this device just now")
        yield


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    project = Path(given["project"]).resolve()
    if project.name != "playbooks" or not (project / "cutover").is_dir():
        module.fail_json(msg=f"{project}: not the folder of these playbooks (called playbooks)")
    sys.path.insert(0, str(project.parent))
    from playbooks.cutover.gear import EXPECT, LEAST_S, MOST_S, GearError, LostError, dialect

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,63}", given["name"]):
        module.fail_json(msg=f"name {given['name']!r}: a letter, then letters, digits, . _ -")
    if not LEAST_S <= given["seconds"] <= MOST_S:
        module.fail_json(msg=f"seconds {given['seconds']}: {LEAST_S} to {MOST_S}")
    if module.check_mode and given["state"] not in ("where", "verify"):
        module.exit_json(changed=False, skipped=True, said="not done in check mode")
    try:
        how = dialect(given["kind"])
        with (
            _alone(module, Path(given["dest"]), given["address"]),
            _login(given, how) as connection,
        ):
            line = _Line(connection, EXPECT, LostError)
            found = _carry_out(given, how, line)
        (module.fail_json if found.get("failed") else module.exit_json)(**found)
    except LostError as error:
        module.fail_json(
            msg=f"{given['address']}: no answer: {error}; an unconfirmed trial ends by itself"
        )
    except GearError as error:
        module.fail_json(msg=f"{given['address']}: {error}")


@contextmanager
def _login(given, how):
    from netmiko import ConnectHandler
    from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException

    from playbooks.cutover.gear import GearError, LostError

    known = given["known_hosts"]
    try:
        connection = ConnectHandler(
            device_type=how.device_type,
            host=given["address"],
            port=given["port"],
            username=given["username"],
            password=given["password"],
            ssh_strict=True,
            system_host_keys=not known,
            alt_host_keys=bool(known),
            alt_key_file=known or "",
            conn_timeout=15,
            allow_agent=False,
        )
    except NetmikoAuthenticationException:
        raise GearError("login refused: name or password") from None
    except (NetmikoTimeoutException, OSError) as error:
        raise LostError(" ".join(str(error).split())[:300]) from None
    except Exception as error:  # a host key that is not the known one, a banner that never comes
        raise LostError(f"{type(error).__name__}: {error}") from None
    try:
        yield connection
    finally:
        with suppress(Exception):  # the trial may have cut the session
            connection.paramiko_cleanup()


def _carry_out(given, how, line):
    from playbooks.cutover.gear import GearError, configuration

    state, name = given["state"], given["name"]
    if state == "where":
        found = how.standing(line)
        return {"changed": False, "state": found.state, "said": found.said}
    if state == "backup":
        return {"changed": True, **_backup(given, configuration(line))}
    if state == "trial":
        return _try(given, how, line)
    if state == "verify":
        for it in given["expect"]:
            if it["contains"] not in line.ask(it["command"]):
                raise GearError(f"{it['command']}: {it['contains']!r} is not in its output")
        return {"changed": False, "said": f"{len(given['expect'])} checks"}
    if state == "confirm":
        how.confirm(line, name)
        left = how.standing(line)
        if left.state != "free":
            raise GearError(f"confirmed, but the device still says: {left.said}")
        return {"changed": True, "said": "confirmed and saved"}
    return {"changed": True, "said": how.abort(line, name)}


def _try(given, how, line):
    from playbooks.cutover.gear import GearError, LostError

    found = how.standing(line)
    if found.state != "free":
        raise GearError(f"already in trial or with unsaved changes: {found.said}")
    try:
        how.trial(line, given["lines"], given["seconds"], given["name"])
    except LostError as error:
        # A new address ends the session: what the device says next decides.
        said = f"the session ended during the change ({error})"
        return {"changed": True, "begun": True, "said": said}
    except GearError as error:
        # What came before the refused line may be in force already: the trial must be ended.
        return {"failed": True, "changed": True, "begun": True, "msg": str(error)}
    return {"changed": True, "begun": True, "said": f"on trial for {given['seconds']} s"}


def _backup(given, text):
    path = Path(given["dest"]) / f"{given['address']}-{given['name']}.cfg"
    if not path.exists():  # a second backup would be one of the trial
        new = path.with_suffix(".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"path": str(path), "sha256": digest, "said": f"{path.stat().st_size} bytes"}


if __name__ == "__main__":
    main()
