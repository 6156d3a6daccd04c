"""Simulated gear: the command lines of VRP8 and Comware 7 as their references describe them, over
real SSH. It is not a device: what a real one prints or refuses beyond this is not covered.

A line ``shutdown management`` cuts the management path while it is in force: sessions end and new
ones are refused, as a wrong address or ACL would do. Its clock runs ``speed`` times as fast.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import paramiko

BASE = ("sysname CORE-1", "vlan 100", "interface Vlanif100", "ip address 192.168.50.1 24")


class Gear:
    """A device: saved, running, and what a trial returns to."""

    def __init__(
        self, kind: str, folder: Path, *, speed: float = 30.0, two_phase: bool = True
    ) -> None:
        self.kind = kind
        self.speed = speed
        self.two_phase = two_phase
        self.saved = list(BASE)
        self.running = list(BASE)
        self.before: list[str] | None = None
        self.until = 0.0
        self.persist = ""
        self.commands: list[str] = []
        self.lock = threading.RLock()
        self._key = paramiko.RSAKey.generate(2048)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.known_hosts = folder / f"known-{self.port}"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} ssh-rsa {self._key.get_base64()}\n")
        self._open = True
        self._transports: list[paramiko.Transport] = []
        self._threads = [threading.Thread(target=self._serve, name="gear", daemon=True)]
        self._threads.append(threading.Thread(target=self._timer, name="timer", daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._socket.close()
        for transport in self._transports:
            transport.close()
        for thread in self._threads:
            thread.join(5)

    def cut_off(self) -> bool:
        return "shutdown management" in self.running

    def begin_trial(self, seconds: float, persist: str) -> None:
        if self.before is None:
            self.before = list(self.running)
        self.until = time.monotonic() + seconds / self.speed
        self.persist = persist

    def end_trial(self, *, keep: bool) -> None:
        if self.before is not None and not keep:
            self.running = self.before
        self.before = None
        self.persist = ""

    def _timer(self) -> None:
        while self._open:
            with self.lock:
                if self.before is not None and time.monotonic() >= self.until:
                    self.end_trial(keep=False)
            time.sleep(0.05)

    def _serve(self) -> None:
        while self._open:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            if self.cut_off() or not self._open:
                client.close()
                continue
            transport = paramiko.Transport(client)
            transport.add_server_key(self._key)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Login())
            except (EOFError, OSError, paramiko.SSHException):
                continue
            channel = transport.accept(10)
            if channel is not None:
                shell = threading.Thread(target=_Shell(self, channel).run, daemon=True)
                shell.start()
                self._threads.append(shell)


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == ("ops", "Secret-1")
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return True


class _Shell:
    """One session: its view, and on VRP8 its candidate."""

    def __init__(self, gear: Gear, channel: paramiko.Channel) -> None:
        self.gear = gear
        self.channel = channel
        self.view = "user"
        self.candidate: list[str] = []
        self.question = ""

    def prompt(self) -> str:
        if self.view == "user":
            return "<CORE-1>"
        if self.gear.kind == "vrp8" and self.gear.two_phase:
            return "[*CORE-1]" if self.candidate else "[~CORE-1]"
        return "[CORE-1]"

    def run(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.channel.send(f"\r\n{self.prompt()}".encode())
            typed = b""
            while not self.channel.closed:
                got = self.channel.recv(4096)
                if not got:
                    return
                self.channel.send(got.replace(b"\n", b"\r\n"))
                typed += got.replace(b"\r", b"\n")
                while b"\n" in typed:
                    line, _, typed = typed.partition(b"\n")
                    self.answer(line.decode().strip())
                    if self.gear.cut_off():
                        self.channel.close()
                        return

    def answer(self, line: str) -> None:
        with self.gear.lock:
            if line and not self.question:
                self.gear.commands.append(line)
            said = self.questioned(line) if self.question else self.obey(line)
        if self.question:
            self.channel.send(f"\r\n{said}".encode())
        else:
            text = said.replace("\n", "\r\n")
            self.channel.send(
                (f"\r\n{text}" if text else "").encode() + f"\r\n{self.prompt()}".encode()
            )

    def questioned(self, line: str) -> str:
        asked, self.question = self.question, ""
        if asked == "leave":
            if line[:1] in "Yy":
                self.gear.running += self.candidate
            if line[:1] not in "Cc":
                self.candidate, self.view = [], "user"
            return ""
        if asked == "save" and line[:1] in "Yy":
            self.gear.saved = list(self.gear.running)
            return "Info: Save the configuration successfully."
        if asked == "abort" and line[:1] in "Yy":
            self.gear.end_trial(keep=False)
            return "Info: The trial configuration is aborted."
        return "Info: The operation is cancelled."

    def obey(self, line: str) -> str:
        if line.startswith(("screen-length", "undo terminal")) or not line:
            return ""
        if line == "display current-configuration":
            return "!Software Version\n#\n" + "\n".join(self.gear.running) + "\n#\nreturn"
        if line == "display ip interface brief":
            return "\n".join(it for it in self.gear.running if "ip address" in it)
        if line == "system-view":
            self.view = "system"
            return ""
        if line == "return":
            if self.candidate:
                self.question = "leave"
                return "Warning: Uncommitted configurations. Commit them? [Y(yes)/N(no)/C(cancel)]:"
            self.view = "user"
            return ""
        own = self.vrp(line) if self.gear.kind == "vrp8" else self.comware(line)
        if own is not None:
            return own
        if self.view == "user" or line.startswith("nonsense"):
            return self.unknown()
        if self.gear.kind == "vrp8" and self.gear.two_phase:
            self.candidate.append(line)
        else:
            self.gear.running.append(line)
        return ""

    def unknown(self) -> str:
        if self.gear.kind == "vrp8":
            return "                ^\nError: Unrecognized command found at '^' position."
        return "                ^\n % Unrecognized command found at '^' position."

    def vrp(self, line: str) -> str | None:
        words = line.split()
        gear = self.gear
        if line == "display configuration trial status":
            if gear.before is None:
                return "Trial configuration status: Inactive"
            left = max(0, int((gear.until - time.monotonic()) * gear.speed))
            return f"Trial configuration status: Active\nRemaining time: {left} s"
        if words[:2] == ["commit", "trial"]:
            if gear.before is not None:
                return "Error: The system is in the trial configuration mode."
            gear.begin_trial(float(words[2]), words[4])
            gear.running += self.candidate
            self.candidate = []
            return f"Committing..done.\nInfo: reverts unless confirmed in {words[2]} seconds."
        if words[:2] == ["commit", "persist"]:
            if words[2] != gear.persist:
                return "Error: The persist ID does not exist."
            gear.end_trial(keep=True)
            return "Committing..done."
        if words[:3] == ["abort", "trial", "persist"]:
            if words[3] != gear.persist:
                return "Error: The persist ID does not exist."
            self.question = "abort"
            return "Warning: The trial configuration will be rolled back. Continue? [Y/N]:"
        if line == "save":
            self.question = "save"
            return (
                "Warning: The current configuration will be written to the device. Continue? [Y/N]:"
            )
        return None

    def comware(self, line: str) -> str | None:
        words = line.split()
        gear = self.gear
        if line == "display current-configuration diff":
            lines = [f"+{it}" for it in gear.running if it not in gear.saved]
            lines += [f"-{it}" for it in gear.saved if it not in gear.running]
            if not lines:
                return ""
            return (
                "--- Startup configuration\n+++ Current configuration\n@@ -1 +1 @@\n"
                + "\n".join(lines)
            )
        if words[:3] == ["configuration", "commit", "delay"]:
            gear.begin_trial(float(words[3]) * 60, "")
            return ""
        if line == "configuration commit":
            gear.end_trial(keep=True)
            return ""
        if line == "save force":
            gear.saved = list(gear.running)
            return "Saved the current configuration to mainboard device successfully."
        return None
