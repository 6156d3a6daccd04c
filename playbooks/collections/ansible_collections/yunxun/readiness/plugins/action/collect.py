"""Runs collect.sh on the target and brings the bundle home as a file. No Python is used there."""

from __future__ import annotations

import hashlib
import os
import shlex

from ansible.plugins.action import ActionBase

ARGUMENTS = {
    "script": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "asset": {"type": "str", "required": True},
    "section_seconds": {"type": "int", "default": 20},
    "total_seconds": {"type": "int", "default": 240},
    "section_bytes": {"type": "int", "default": 262144},
    "directories": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """Only the shell and file transfer of the connection are used, so the bundle is never in the
    result: its path, digest and size are."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result["changed"] = False
        _, given = self.validate_argument_spec(ARGUMENTS)
        folder = self._make_tmp_path()
        try:
            return {**result, **self._collect(folder, given)}
        finally:
            # The bundle may be root's: the one who wrote it removes it.
            self._low_level_execute_command("rm -rf " + shlex.quote(folder), sudoable=True)
            self._remove_tmp_path(folder)

    def _collect(self, folder, given):
        script = self._connection._shell.join_path(folder, "collect.sh")
        bundle = self._connection._shell.join_path(folder, "bundle.json")
        self._transfer_file(given["script"], script)
        command = ["sh", script, "-o", bundle, "-a", given["asset"]]
        for letter, name in (
            ("-t", "section_seconds"),
            ("-T", "total_seconds"),
            ("-b", "section_bytes"),
        ):
            command += [letter, str(given[name])]
        if given["directories"]:
            command += ["-d", " ".join(given["directories"])]
        # The folder is the login user's alone; inside it the file may be read by that user.
        line = " ".join(map(shlex.quote, command))
        line += f" && chmod 644 {shlex.quote(bundle)} && cat {shlex.quote(bundle + '.sha256')}"
        done = self._low_level_execute_command(line, sudoable=True)
        if done["rc"] != 0:
            told = (done.get("stderr") or done.get("stdout") or "").strip()[-500:]
            return {"failed": True, "msg": f"collect.sh ended with {done['rc']}: {told}"}
        announced = done["stdout"].strip().splitlines()[-1].split(" ")[0]
        os.makedirs(os.path.dirname(given["dest"]), mode=0o700, exist_ok=True)
        self._connection.fetch_file(bundle, given["dest"])
        with open(given["dest"], "rb") as file:
            raw = file.read()
        digest = hashlib.sha256(raw).hexdigest()
        if announced and announced != digest:
            os.remove(given["dest"])
            return {
                "failed": True,
                "msg": f"the bundle arrived altered: {announced} is not {digest}",
            }
        return {"path": given["dest"], "sha256": digest, "bytes": len(raw)}
