"""The stages of one host's roll-out: gate, check, send, switch, settle; ``back`` and ``where``.

What became of a host is read from the host; a host that stays without a heartbeat goes back by
itself to the agent it had.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playbooks.cutover.told import Link, StageError, Told, UnreachableError, read_lines
from playbooks.rollout.signing import SignatureError, verify

BASE = "/opt/yunxun-agent"
POLL_S = 1.0
MARGIN_S = 60
"""How much longer than the wait for its heartbeat a host may take to be back."""
_SAFE = re.compile(r"[A-Za-z0-9._+-]{1,100}")
UPGRADED, AS_IT_WAS, WENT_BACK, NEEDS_HANDS = "upgraded", "as_it_was", "went_back", "needs_hands"
FOUND = {
    UPGRADED: "changed",
    AS_IT_WAS: "untouched",
    WENT_BACK: "rolled_back",
    NEEDS_HANDS: "needs_hands",
}
"""The same in the words of the controller's inspections."""


class Bundle(NamedTuple):
    """A bundle whose signature was checked here; ``facts`` are the manifest's."""

    archive: bytes
    manifest: bytes
    signature: bytes
    public: bytes
    facts: dict[str, str]


def read_bundle(manifest: Path, public: Path) -> Bundle:
    """Reads and checks a bundle: nothing leaves for a host that its maker did not sign.

    Raises StageError.
    """
    try:
        text = manifest.read_bytes()
        signature = manifest.with_suffix(".sig").read_bytes()
        key = public.read_bytes()
        verify(key, text, signature)
        facts = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
        for name in ("version", "arch", "glibc", "file", "size", "sha256", "unpacked_kb"):
            if not _SAFE.fullmatch(facts.get(name, "")):
                raise StageError(f"{manifest}: its {name} is missing or odd")
        archive = manifest.with_name(facts["file"]).read_bytes()
    except SignatureError as error:
        raise StageError(f"{manifest}: {error}") from None
    except (OSError, ValueError) as error:
        raise StageError(f"{manifest}: {error}") from None
    found = hashlib.sha256(archive).hexdigest()
    if found != facts["sha256"]:
        raise StageError(f"{facts['file']}: sha256 {found} is not the signed {facts['sha256']}")
    return Bundle(archive, text, signature, key, facts)


class Rollout:
    """One host's roll-out. ``clock`` and ``sleep`` are those of time.monotonic and time.sleep."""

    def __init__(
        self,
        *,
        host: str,
        link: Link,
        address: str,
        script: str,
        bundle: Callable[[], Bundle],
        base: str,
        wait_s: int,
        dest: Path,
        most_lost: int,
        canary: str,
        token: str,
        cancel_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host = host
        self._link = link
        self._address = address
        self._script = script
        self._open = bundle
        self._base = base
        self._wait_s = wait_s
        self._dest = dest
        self._most_lost = most_lost
        self._canary = canary
        self._token = token
        self._cancel_file = cancel_file
        self._clock = clock
        self._sleep = sleep

    def stage(self, name: str) -> dict[str, Any]:
        """Runs a stage; raises StageError."""
        if name not in ("where", "settle") and self._cancel_file and self._cancel_file.exists():
            raise StageError(f"cancelled before {name}")
        try:
            found: dict[str, Any] = getattr(self, name)()
        except UnreachableError as error:
            raise StageError(f"{name}: no answer: {error}") from None
        return found

    # ---- stages

    def gate(self) -> dict[str, Any]:
        """Stops the wave when the canary or too many hosts before it lost their heartbeat."""
        if self._host == self._canary:
            for old in self._dest.glob("*.json"):  # of a roll-out before this one
                old.unlink()
            return {"changed": False, "text": "the canary"}
        told = [json.loads(it.read_text()) for it in sorted(self._dest.glob("*.json"))]
        lost = [it["host"] for it in told if it["state"] in (WENT_BACK, NEEDS_HANDS)]
        first = next((it for it in told if it["host"] == self._canary), None)
        if first is not None and first["state"] != UPGRADED:
            raise StageError(f"halted: the canary {first['host']} is {first['state']}")
        if len(lost) > self._most_lost:
            raise StageError(f"halted: {len(lost)} hosts lost their heartbeat: {', '.join(lost)}")
        return {"changed": False, "text": f"{len(told)} hosts before, {len(lost)} lost"}

    def check(self) -> dict[str, Any]:
        """Looks at the host: architecture, glibc, room, the agent it has."""
        version = self._open().facts["version"]
        told = self._ask("check")
        if told.failures:
            raise StageError("; ".join(told.failures))
        current = told.facts.get("current", "")
        return {"changed": False, "current": current, "already": current == version}

    def send(self) -> dict[str, Any]:
        """Brings the bundle over and has the host check it before anything of it is used."""
        bundle = self._open()
        incoming = f"{self._base}/incoming"
        self._put(f"{incoming}/{bundle.facts['file']}", bundle.archive)
        for name, data in (
            ("manifest", bundle.manifest),
            ("sig", bundle.signature),
            ("pub", bundle.public),
        ):
            self._put(f"{incoming}/{name}", data)
        told = self._ask("receive")
        if told.failures or told.facts.get("received") != "yes":
            raise StageError("; ".join(told.failures) or "the host did not take the bundle")
        return {"changed": not told.notes, "verified": told.facts.get("verified", "")}

    def enrol(self) -> dict[str, Any]:
        """Enrols a host that has no identity yet; one that has keeps it."""
        if not self._token:
            return {"changed": False, "text": "no token given"}
        script = self._head() + self._script
        folder = f"{self._base}/run"
        keep = f"umask 077; mkdir -p {folder} && cat >{folder}/enrol.sh"
        self._link.run(self._address, keep, script.encode(), 10)
        order = f"sh {folder}/enrol.sh enrol; rm -f {folder}/enrol.sh"
        _, text = self._link.run(self._address, order, self._token.encode(), 10)
        told = read_lines(text)
        if told.facts.get("enrolled") != "yes":
            raise StageError("; ".join(told.failures) or text.strip()[-300:])
        return {"changed": not told.notes}

    def switch(self) -> dict[str, Any]:
        """Puts the bundle into use and waits until its heartbeat, or the way back, is told."""
        return self._switch("switch", self._open().facts["version"])

    def back(self) -> dict[str, Any]:
        """The version before the one in use."""
        return self._switch("back")

    def _switch(self, *verb: str) -> dict[str, Any]:
        # Kept on the host: the switch goes on without this session.
        body = self._head() + self._script
        order = f"sh {self._base}/run/order.sh {' '.join(verb)}"
        keep = f"mkdir -p {self._base}/run && cat >{self._base}/run/order.sh"
        self._link.run(self._address, keep, body.encode(), 10)
        _, text = self._link.run(self._address, order, b"", 10)
        told = read_lines(text)
        if told.failures or told.facts.get("switching") != "yes":
            raise StageError("; ".join(told.failures) or text.strip()[-300:])
        if told.notes:
            return {"changed": False, "text": told.notes[0]}
        until = self._clock() + self._wait_s + MARGIN_S
        said = "no answer"
        while self._clock() < until:
            try:
                facts = self._ask("where").facts
                said = facts.get("state", "")
                if said == "switched":
                    return {"changed": True, "text": f"{facts['current']} in use"}
                if said == "went_back":
                    break
            except UnreachableError as error:
                said = str(error)
            self._sleep(POLL_S)
        if said == "went_back":
            raise StageError(f"no heartbeat in {self._wait_s} s: the host went back by itself")
        raise StageError(f"not told in {self._wait_s + MARGIN_S} s what became of it: {said}")

    def where(self) -> dict[str, Any]:
        """Reads only."""
        return {"changed": False, "told": self._ask("where").facts}

    def settle(self) -> dict[str, Any]:
        """The final word, read from the host and written down for the waves after it."""
        try:
            version = self._open().facts["version"]
        except StageError:
            version = ""
        try:
            facts = self._ask("where").facts
        except (UnreachableError, StageError) as error:
            found = (NEEDS_HANDS, f"no answer: {error}; without a heartbeat it goes back by itself")
        else:
            found = _judge(facts, version)
        state, reason = found
        told = {"host": self._host, "state": state, "reason": reason, "at": time.time()}
        self._dest.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._dest / f"{self._host}.json").write_text(json.dumps(told, ensure_ascii=False))
        return {"changed": False, "state": state, "reason": reason}

    def told_of(self, stage: str, found: dict[str, Any]) -> dict[str, Any]:
        """``yunxun_marker`` and ``yunxun_found``: what the controller keeps of a stage."""
        text = str(found.get("msg") or found.get("reason") or found.get("text") or "")
        marker = {"stage": stage, "ok": "no" if found.get("failed") else "yes", "text": text}
        kept: dict[str, Any] = {"yunxun_marker": marker}
        if stage == "settle":
            kept["yunxun_found"] = FOUND[found["state"]]
        elif stage == "gate" and found.get("failed"):
            kept["yunxun_found"] = "untouched"
        return kept

    # ---- asking

    def _head(self) -> str:
        facts = "\n".join(f"{name}={value}" for name, value in self._facts().items())
        return f"BASE={self._base}\nWAIT={self._wait_s}\nFACTS={shlex.quote(facts)}\n"

    def _facts(self) -> dict[str, str]:
        try:
            return self._open().facts
        except StageError:
            return {}

    def _ask(self, verb: str) -> Told:
        script = (self._head() + self._script).encode()
        status, text = self._link.run(self._address, f"sh -s -- {verb}", script, 10)
        told = read_lines(text)
        if status != 0 and not (told.facts or told.failures):
            raise StageError(f"{verb} ended with {status}: {text.strip()[-300:]}")
        return told

    def _put(self, path: str, data: bytes) -> None:
        order = f"mkdir -p {self._base}/incoming && cat >{path} && wc -c <{path}"
        status, text = self._link.run(self._address, order, data, 10)
        if status != 0 or text.split()[-1:] != [str(len(data))]:
            self._link.run(self._address, f"rm -rf {self._base}/incoming", b"", 10)
            raise StageError(f"{path} did not arrive whole (disk full?): {text.strip()[-200:]}")


def _judge(facts: dict[str, str], version: str) -> tuple[str, str]:
    current = facts.get("current", "")
    words = f"{current or 'no agent'}, {facts.get('connection') or 'not connected'}"
    if facts.get("state") == "switching":
        return NEEDS_HANDS, f"still switching: {words}"
    if version and current == version:
        return (UPGRADED, words) if facts.get("pid") else (NEEDS_HANDS, f"not running: {words}")
    if facts.get("state") == "went_back":
        return WENT_BACK, f"no heartbeat of the new one: {words}"
    return AS_IT_WAS, words
