"""The stages of one host's cut-over, seen from the controller.

check, backup, arm, apply, reach, verify, confirm, persist; ``give_up`` after any of them failed;
``settle`` in the end. Whatever a stage says is read from the host: an answer that did not arrive is
never taken for done or not done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playbooks.cutover.journal import Journal
from playbooks.cutover.plan import HostPlan
from playbooks.cutover.position import CONFIRMED, FOUND, IN_PROGRESS, Position, decide
from playbooks.cutover.told import Link, StageError, Times, Told, UnreachableError, read_lines

STATE_FOLDER = "/var/lib/yunxun-cutover"
BULK_BYTES = 200_000
POLL_S = 1.0
EDGE_TRIES = 3
ROLLBACK_MARGIN_S = 45
"""How long after the deadline a host may take until its old address answers again."""


class Cutover:
    """One host's cut-over. ``clock`` and ``sleep`` are those of time.monotonic and time.sleep."""

    def __init__(
        self,
        *,
        link: Link,
        plan: HostPlan,
        name: str,
        script: str,
        inventory_address: str,
        out_of_band: bool,
        times: Times,
        journal: Journal,
        cancel_file: Path | None,
        wait_s: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._link = link
        self._plan = plan
        self._name = name
        head = f"STATE={STATE_FOLDER}\nID={name}\nPLAN={_quoted(plan.lines())}\n"
        self._script = (head + script).encode()
        self._old = inventory_address
        moves = bool(plan.address) and not out_of_band and plan.address != plan.old_address
        self._new = plan.new_ip if moves else inventory_address
        self._times = times
        self._journal = journal
        self._cancel_file = cancel_file
        self._wait_s = wait_s
        self._clock = clock
        self._sleep = sleep

    def stage(self, name: str) -> dict[str, Any]:
        """Runs a stage; gives its result, raises StageError."""
        if name in ("where", "settle"):
            return getattr(self, name)()
        if name not in ("give_up", "take_back"):
            self._heed_cancel(name)
        self._journal.begin(name)
        try:
            found: dict[str, Any] = getattr(self, name)()
        except UnreachableError as error:
            self._journal.end(False, f"no answer: {error}")
            raise StageError(f"{name}: no answer: {error}") from None
        except StageError as error:
            self._journal.end(False, str(error))
            raise
        self._journal.end(True, str(found.get("text", "")))
        return found

    # ---- stages

    def check(self) -> dict[str, Any]:
        """Looks at the host without changing it, and which edges work today."""
        position = self._position()
        if position is not None and position.state == CONFIRMED:
            return {"already": True, "changed": False, "text": position.reason}
        told = self._ask(self._old, "check")
        if told.failures:
            raise StageError("; ".join(told.failures))
        broken = self._broken_edges()
        self._journal.note(
            backend=told.facts.get("backend", ""),
            timer=told.facts.get("timer", ""),
            old=self._plan.old_address,
            new=self._plan.address or self._plan.address6,
            failed_before=broken,
        )
        notes = told.notes + [f"{it} did not work before either" for it in broken]
        return {
            "already": False,
            "changed": False,
            "notes": notes,
            "facts": told.facts,
            "text": "; ".join(notes),
        }

    def _broken_edges(self) -> list[str]:
        """Edges that do not open today: only those that fail each time, since they are forgiven
        afterwards and a busy moment must not excuse an access list."""
        broken: list[str] = []
        for attempt in range(EDGE_TRIES):
            found = self._ask(self._old, "edges").checks
            failed = [it["subject"] for it in found if it["status"] == "fail"]
            broken = [it for it in failed if attempt == 0 or it in broken]
            if not broken:
                break
        return broken

    def backup(self) -> dict[str, Any]:
        """Puts the script and the copies of what will be changed on the host."""
        folder = f"{STATE_FOLDER}/{self._name}"
        keep = (
            f"umask 077; mkdir -p {folder} && cat >{folder}/run.sh.new"
            f" && cksum <{folder}/run.sh.new && mv -f {folder}/run.sh.new {folder}/run.sh"
        )
        status, text = self._link.run(self._old, keep, self._script, 5)
        if status != 0 or not text.strip().endswith(f" {len(self._script)}"):
            raise StageError(
                f"the script cannot be kept in {folder} (disk full?): {text.strip()[-300:]}"
            )
        told = self._kept(self._old, "backup")
        if told.facts.get("backup") is None and not told.notes:
            raise StageError("the host did not say that the backup is complete")
        return {"changed": True, "text": told.facts.get("backup", "")}

    def arm(self) -> dict[str, Any]:
        """Starts the timer that brings the old state back by itself."""
        told = self._kept(self._old, "arm", str(self._times.deadline_s))
        if told.facts.get("armed") != "yes":
            raise StageError("the host did not say that the timer runs")
        remaining = int(told.facts.get("remaining", "0"))
        self._journal.note(armed_at=_later(0), deadline_at=_later(remaining), deadline_s=remaining)
        return {"changed": True, "text": f"{remaining} s"}

    def apply(self) -> dict[str, Any]:
        """Has the host change itself; the session may end with it."""
        needed = self._times.verify_s
        try:
            told = self._kept(self._old, "apply", str(needed))
        except UnreachableError as error:
            # The order may have arrived: what the host says next decides.
            return {"changed": True, "text": f"no answer to the order: {error}"}
        if told.facts.get("applying") != "yes":
            raise StageError("the host did not take the order")
        return {"changed": True, "text": ""}

    def reach(self) -> dict[str, Any]:
        """Waits until the host answers on its new address and says that it changed itself."""
        until = self._clock() + self._times.reach_s
        told = "no answer yet"
        while self._clock() < until:
            for address in dict.fromkeys((self._new, self._old)):
                try:
                    report = self._ask(address, "where", connect_s=3).facts
                except UnreachableError as error:
                    told = f"{address}: {error}" if address == self._new else told
                    continue
                if report.get("apply_failed") or report.get("decision") == "rollback":
                    why = report.get("apply_failed", "").strip() or "the timer ran out"
                    raise StageError(f"the host took the change back: {why}")
                if address == self._new and report.get("applied") == "yes":
                    self._journal.note(answered=self._new)
                    return {"changed": False, "text": f"answers on {self._new}"}
            self._sleep(POLL_S)
        raise StageError(f"not reached on {self._new} in {self._times.reach_s} s: {told}")

    def verify(self) -> dict[str, Any]:
        """Asks until everything has worked or the time for it is over. An answer that came stays: a
        packet lost in a later round takes nothing back; the addresses must hold each time."""
        began = self._clock()
        worked: set[tuple[str, str]] = set()
        before = set(self._journal.told.get("failed_before", []))
        while True:
            checks, bad = self._verify_once(before, worked)
            self._journal.note(checks=checks)
            if not bad:
                return {"changed": False, "checks": checks, "text": f"{len(checks)} checks"}
            if self._clock() - began + POLL_S > self._times.verify_s:
                raise StageError("; ".join(bad))
            self._sleep(POLL_S)

    def _verify_once(
        self, before: set[str], worked: set[tuple[str, str]]
    ) -> tuple[list[dict[str, str]], list[str]]:
        checks: list[dict[str, str]] = []
        try:
            checks = self._kept(self._new, "verify").checks
            checks.append(self._bulk())
        except UnreachableError as error:
            words = f"the connection stalls: {error}"
            checks.append({"kind": "path", "subject": self._new, "status": "fail", "text": words})
        worked |= {
            (it["kind"], it["subject"])
            for it in checks
            if it["status"] == "ok" and not it["kind"].startswith("address")
        }
        bad = []
        for it in checks:
            if (it["kind"], it["subject"]) in worked:
                continue
            must = it["kind"] != "edge" or it["subject"].endswith(" must")
            if it["subject"] in before:
                it["text"] += " (as before the change)"
            elif must and it["status"] == "fail":
                bad.append(f"{it['kind']} {it['subject']}: {it['text']}")
            elif must and it["status"] == "not_checked" and it["subject"].startswith("tcp "):
                bad.append(f"{it['kind']} {it['subject']}: not checked, {it['text']}")
        told = {(it["kind"], it["subject"]) for it in checks}
        bad += [
            f"{kind} {subject}: no answer"
            for kind, subject in self._asked()
            if (kind, subject) not in told | worked
        ]
        return checks, bad

    def _asked(self) -> list[tuple[str, str]]:
        """What the host must have told about: silence is no success."""
        plan = self._plan
        asked = [("address", plan.address), ("address6", plan.address6)]
        asked += [("gateway4", plan.gateway), ("gateway6", plan.gateway6)]
        asked += [("dns", it) for it in plan.dns] + [("ntp", it) for it in plan.ntp]
        asked += [("edge", it.line()) for it in plan.edges]
        if plan.agent == "yes":
            asked.append(("agent", "heartbeat"))
        return [it for it in asked if it[1]]

    def _bulk(self) -> dict[str, str]:
        """Whole packets both ways by the new address: a path that loses large ones stalls here."""
        order = f"wc -c; head -c {BULK_BYTES} /dev/zero | tr '\\000' x"
        status, text = self._link.run(self._new, order, b"y" * BULK_BYTES, 5)
        whole = (
            status == 0 and text.split()[:1] == [str(BULK_BYTES)] and text.count("x") >= BULK_BYTES
        )
        words = f"{BULK_BYTES // 1000} kB each way" if whole else "large packets get lost"
        return {
            "kind": "path",
            "subject": self._new,
            "status": "ok" if whole else "fail",
            "text": words,
        }

    def confirm(self) -> dict[str, Any]:
        """Disarms the timer: the last thing that is decided."""
        told = self._kept(self._new, "confirm")
        if told.facts.get("decision") != "confirmed":
            raise StageError("the host did not say that it is confirmed")
        self._journal.note(deadline_at="", state=CONFIRMED)
        return {"changed": True, "text": ""}

    def persist(self) -> dict[str, Any]:
        """Writes the new state into the files of the host's network manager."""
        told = self._kept(self._new, "persist")
        how = told.facts.get("persisted", "")
        if how not in ("yes", "by_hand"):
            raise StageError("the host did not say that it wrote the address down")
        changed = how == "yes" and "persisted already" not in told.notes
        return {"changed": changed, "persisted": how, "text": "; ".join(told.notes)}

    def give_up(self) -> dict[str, Any]:
        """Takes an undecided change back, by order if the host answers, else by its timer."""
        until = self._clock() + self._times.deadline_s + ROLLBACK_MARGIN_S
        ordered = False
        while True:
            position = self._position()
            if position is not None and position.state != IN_PROGRESS:
                return {"changed": False, "text": position.reason}
            if position is not None and not ordered:
                for address in self._ways():
                    try:
                        self._kept(address, "rollback", heed=False)
                        ordered = True
                        break
                    except UnreachableError:
                        continue
            if self._clock() > until or (position is None and not self._armed()):
                return {"changed": False, "text": "not decided" if position else "no answer"}
            self._sleep(POLL_S)

    def take_back(self) -> dict[str, Any]:
        """By a person's order: also where no timer runs any more."""
        for address in self._ways():
            try:
                self._kept(address, "rollback")
                break
            except UnreachableError:
                continue
        return self.give_up()

    def where(self) -> dict[str, Any]:
        """Reads only: where the host is now, or will be when its trial is over."""
        until = self._clock() + self._wait_s
        position, told = self._look()
        while (position.state == IN_PROGRESS or not told) and self._clock() < until:
            self._sleep(POLL_S)
            position, told = self._look()
        return {**position._asdict(), "changed": False, "told": told}

    def settle(self) -> dict[str, Any]:
        """The final word of a run, read from the host."""
        position, told = self._look()
        self._journal.note(**position._asdict(), settled_at=_later(0))
        checks = self._journal.told.get("checks", [])
        return {**position._asdict(), "changed": False, "checks": checks, "told": told}

    def told_of(self, stage: str, found: dict[str, Any]) -> dict[str, Any]:
        """``yunxun_marker`` and ``yunxun_found``: what the controller keeps of a stage."""
        marker = {"stage": stage, "ok": "no" if found.get("failed") else "yes"}
        marker["text"] = str(found.get("msg") or found.get("reason") or found.get("text") or "")
        for name in ("state", "to_do"):
            if found.get(name):
                marker[name] = str(found[name])
        if stage == "arm" and not found.get("failed"):
            marker["deadline_at"] = self._journal.told.get("deadline_at", "")
        kept: dict[str, Any] = {"yunxun_marker": marker}
        if stage in ("where", "settle") and "state" in found:
            kept["yunxun_found"] = FOUND[found["state"]] if found.get("told") else "unreachable"
        return kept

    # ---- asking

    def _look(self) -> tuple[Position, dict[str, str]]:
        six_only = not self._plan.address
        reports: dict[str, dict[str, str] | None] = {}
        for address in self._ways():
            try:
                reports[address] = self._ask(address, "where").facts
                if reports[address]:
                    self._journal.told["answered"] = address
                    break
            except UnreachableError:
                reports[address] = None
        new, old = reports.get(self._new), reports.get(self._old)
        return decide(old, new, six_only=six_only), new or old or {}

    def _ways(self) -> list[str]:
        """Both addresses, the one that answered last first."""
        last = self._journal.told.get("answered", self._old)
        return sorted({self._new, self._old}, key=lambda it: it != last)

    def _position(self) -> Position | None:
        """None when the host does not answer at all."""
        position, told = self._look()
        return position if told else None

    def _armed(self) -> bool:
        return bool(self._journal.told.get("armed_at"))

    def _heed_cancel(self, stage: str) -> None:
        if stage == "persist" or self._cancel_file is None or not self._cancel_file.exists():
            return
        self._journal.note(cancelled_before=stage)
        raise StageError(f"cancelled before {stage}")

    def _ask(self, address: str, *words: str, connect_s: int = 5) -> Told:
        """A verb of the script, sent along: works without anything kept on the host."""
        status, text = self._link.run(
            address, f"sh -s -- {' '.join(words)}", self._script, connect_s
        )
        told = read_lines(text)
        if status != 0 and not (told.facts or told.failures or told.checks):
            raise StageError(f"{words[0]} ended with {status}: {text.strip()[-300:]}")
        return told

    def _kept(self, address: str, *words: str, heed: bool = True) -> Told:
        """A verb of the script kept on the host; its FAIL lines raise StageError."""
        order = f"sh {STATE_FOLDER}/{self._name}/run.sh {' '.join(words)}"
        status, text = self._link.run(address, order, b"", 5)
        told = read_lines(text)
        if heed and told.failures:
            raise StageError("; ".join(told.failures))
        if heed and status != 0:
            raise StageError(f"{words[0]} ended with {status}: {text.strip()[-300:]}")
        return told


def _later(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
