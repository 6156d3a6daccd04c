"""One stage of a host's cut-over over its ssh connection. No Python is used on the host."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

ARGUMENTS = {
    "stage": {"type": "str", "required": True},
    "hosts": {"type": "dict", "required": True},
    "id": {"type": "str", "required": True},
    "project": {"type": "path", "required": True},
    "scripts": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "deadline_s": {"type": "int", "default": 300},
    "least_deadline_s": {"type": "int", "default": 120},
    "reach_s": {"type": "int", "default": 60},
    "verify_s": {"type": "int", "default": 90},
    "cancel_file": {"type": "path"},
    "out_of_band": {"type": "bool", "default": False},
    "reverse_of": {"type": "str", "default": ""},
    "wait_s": {"type": "int", "default": 0},
}
READ_ONLY = ("check", "where", "settle")
# A session that stalls must end within seconds, and none may outlive the address it was made on.
SSH_ARGS = (
    "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=2 -o ServerAliveCountMax=3"
)


class ActionModule(ActionBase):
    """The decisions are in playbooks/cutover; here is only the way to the host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        project = Path(given["project"]).resolve()
        if project.name != "playbooks" or not (project / "cutover").is_dir():
            raise AnsibleError(f"{project}: not the folder of these playbooks (called playbooks)")
        if self._connection.transport != "ssh":
            raise AnsibleError("a cut-over needs the ssh connection")
        if self._task.check_mode and given["stage"] not in READ_ONLY:
            return {**result, "skipped": True, "msg": "not done in check mode"}
        sys.path.insert(0, str(project.parent))
        from playbooks.cutover.plan import PlanError
        from playbooks.cutover.told import StageError

        try:
            cutover = self._cutover(given, task_vars)
        except PlanError as error:
            return {**result, "failed": True, "changed": False, "msg": str(error)}
        try:
            found = cutover.stage(given["stage"])
        except StageError as error:
            found = {"failed": True, "changed": False, "msg": str(error)}
        # What whoever runs this playbook keeps of the stage.
        return {**result, **found, **cutover.told_of(given["stage"], found)}

    def _cutover(self, given, task_vars):
        from playbooks.cutover.journal import Journal
        from playbooks.cutover.plan import PlanError, check_times, read_hosts, read_name
        from playbooks.cutover.stages import Cutover
        from playbooks.cutover.told import Times

        host = task_vars["inventory_hostname"]
        name = read_name(given["id"])
        check_times(given["deadline_s"], given["verify_s"], given["least_deadline_s"])
        plans = read_hosts(given["hosts"])
        if host not in plans:
            raise PlanError(f"{host}: no plan in cutover_hosts")
        plan = plans[host]
        address = self._connection.get_option("host") or self._play_context.remote_addr
        if given["reverse_of"]:
            plan = plan.reversed(read_name(given["reverse_of"]))
            if address == plan.new_ip:
                address = plan.old_ip
        scripts = sorted(Path(given["scripts"]).glob("[0-9]*.sh"))
        return Cutover(
            link=_Ssh(self),
            plan=plan,
            name=name,
            script="".join(it.read_text(encoding="utf-8") for it in scripts),
            inventory_address=address,
            out_of_band=given["out_of_band"],
            times=Times(given["deadline_s"], given["reach_s"], given["verify_s"]),
            journal=Journal(Path(given["dest"]), host, name),
            cancel_file=Path(given["cancel_file"]) if given["cancel_file"] else None,
            wait_s=given["wait_s"],
        )


class _Ssh:
    """The task's own connection, told which address to use for each order."""

    def __init__(self, action):
        self._action = action
        self._connection = action._connection
        option = self._connection.get_option
        known_as = option("host") or action._play_context.remote_addr
        port = option("port")
        if port and int(port) != 22:
            known_as = f"[{known_as}]:{port}"
        # The host has one key, whatever its address is just now.
        extra = f"{option('ssh_extra_args') or ''} -o HostKeyAlias={known_as}".strip()
        self._connection.set_option("ssh_extra_args", extra)
        self._connection.set_option("ssh_args", SSH_ARGS)

    def run(self, address, command, stdin, connect_s):
        """Exit status and output; raises UnreachableError."""
        from playbooks.cutover.told import UnreachableError

        self._connection.set_option("host", address)
        self._connection.set_option("timeout", connect_s)
        self._connection.host = address
        try:
            done = self._action._low_level_execute_command(
                command, sudoable=True, in_data=stdin or None
            )
        except AnsibleConnectionFailure as error:
            raise UnreachableError(_last_line(str(error))) from None
        if done["rc"] == 255:
            raise UnreachableError(_last_line(done.get("stderr") or done.get("stdout") or "255"))
        return done["rc"], done.get("stdout", "") or done.get("stderr", "")


def _last_line(text):
    lines = [it.strip() for it in text.replace("\r", os.linesep).splitlines() if it.strip()]
    return lines[-1][-200:] if lines else "no answer"
