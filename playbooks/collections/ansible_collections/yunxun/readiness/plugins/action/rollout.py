"""One stage of the agent's roll-out over the host's ssh connection. No Python is used there."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

ARGUMENTS = {
    "stage": {"type": "str", "required": True},
    "manifest": {"type": "path", "required": True},
    "public_key": {"type": "path", "required": True},
    "project": {"type": "path", "required": True},
    "script": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "base": {"type": "str", "default": "/opt/yunxun-agent"},
    "wait_s": {"type": "int", "default": 180},
    "most_lost": {"type": "int", "default": 1},
    "canary": {"type": "str", "default": ""},
    "cancel_file": {"type": "path"},
    "token": {"type": "str", "default": "", "no_log": True},
}
READ_ONLY = ("gate", "check", "where")


class ActionModule(ActionBase):
    """The decisions are in playbooks/rollout; here is only the way to the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        project = Path(given["project"]).resolve()
        if project.name != "playbooks" or not (project / "rollout").is_dir():
            raise AnsibleError(f"{project}: not the folder of these playbooks (called playbooks)")
        if self._task.check_mode and given["stage"] not in READ_ONLY:
            return {**result, "skipped": True, "msg": "not done in check mode"}
        if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", given["base"]):
            raise AnsibleError(f"base {given['base']!r}: an absolute path of plain names")
        sys.path.insert(0, str(project.parent))
        from playbooks.cutover.told import StageError
        from playbooks.rollout.stages import Rollout, read_bundle

        rollout = Rollout(
            host=task_vars["inventory_hostname"],
            link=_Ssh(self),
            address="",
            script=Path(given["script"]).read_text(encoding="utf-8"),
            bundle=functools.cache(
                lambda: read_bundle(Path(given["manifest"]), Path(given["public_key"]))
            ),
            base=given["base"],
            wait_s=given["wait_s"],
            dest=Path(given["dest"]),
            most_lost=given["most_lost"],
            canary=given["canary"],
            token=given["token"],
            cancel_file=Path(given["cancel_file"]) if given["cancel_file"] else None,
        )
        try:
            found = rollout.stage(given["stage"])
        except StageError as error:
            found = {"failed": True, "changed": False, "msg": str(error)}
        return {**result, **found, **rollout.told_of(given["stage"], found)}


class _Ssh:
    """The task's own connection."""

    def __init__(self, action):
        self._action = action
        if action._connection.transport == "ssh":
            # A host that loses its network must not hold the wave up for minutes.
            args = "-o ControlMaster=no -o ControlPath=none"
            action._connection.set_option(
                "ssh_args", f"{args} -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
            )

    def run(self, address, command, stdin, connect_s):
        """Exit status and output; raises UnreachableError."""
        from playbooks.cutover.told import UnreachableError

        del address
        self._action._connection.set_option("timeout", connect_s)
        try:
            done = self._action._low_level_execute_command(
                command, sudoable=True, in_data=stdin or None
            )
        except AnsibleConnectionFailure as error:
            raise UnreachableError(" ".join(str(error).split())[-200:]) from None
        if done["rc"] == 255:
            raise UnreachableError(" ".join(str(done.get("stderr", "255")).split())[-200:])
        return done["rc"], done.get("stdout", "") or done.get("stderr", "")
