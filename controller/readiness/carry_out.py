"""One run, carried out in a process of its own (controller.run_process).

Events of ansible come in on the main thread and are written down at once, host by host; a bundle
is filed and judged as soon as it is there, so what was seen before an abnormal end is kept.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from controller.readiness import bundles, credentials, judging, private, runs, targets, waivers
from controller.readiness.kinds import BY_NAME, FOUND, RunKind
from controller.readiness.play import CANCEL_FILE, Ended, Seen, play
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.runtime import Runtime
from playbooks.judge.bundle import BundleError

BEAT_SECONDS = 2.0

log = logging.getLogger("yunxun.readiness")


@dataclass
class _Host:
    """A host of this run; ``bundle``: it came home and is judged."""

    id: int
    name: str
    done: bool = False


class RunProcess:
    """Carries out one run that waits; ``run`` returns when it is over."""

    def __init__(self, runtime: Runtime, run_id: int, after: runs.After | None = None) -> None:
        self.runtime = runtime
        self.run_id = run_id
        self._after = after
        self.killed = threading.Event()
        self.canceled = threading.Event()
        self._over = threading.Event()
        self._hosts: dict[str, _Host] = {}
        self._secrets: tuple[str, ...] = ()
        self._broken = ""

    def run(self) -> None:
        folder = private.make(self.runtime.settings)
        try:
            with self.runtime.database.write() as session:
                run = runs.claim(session, self.run_id, str(folder), self.runtime.now())
                if run is None:
                    return
                self._read_hosts(session)
            self._carry_out(run, folder)
        finally:
            self._over.set()
            private.remove(folder)

    def _read_hosts(self, session: Session) -> None:
        rows = session.execute(
            select(col(ReadinessHost.id), col(ReadinessHost.name))
            .join(ReadinessRunHost, col(ReadinessRunHost.host_id) == col(ReadinessHost.id))
            .where(col(ReadinessRunHost.run_id) == self.run_id)
            .order_by(col(ReadinessHost.name))
        )
        self._hosts = {name: _Host(number or 0, name) for number, name in rows}

    def _carry_out(self, run: ReadinessRun, folder: Path) -> None:
        kind = BY_NAME[run.kind]
        threading.Thread(target=self._watch, args=(kind, folder), name="beat", daemon=True).start()
        try:
            ended = self._play(run, kind, folder)
            if kind.collects or kind.name == "judge":
                self._judge_rest(run, kind, ended)
        except Exception as error:  # whatever ended it stands in the run
            log.error("run failed", extra={"run": self.run_id}, exc_info=error)
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            self._finish("failed", error=self._plain(text))
            return
        self._conclude(run, kind, ended)

    def _play(self, run: ReadinessRun, kind: RunKind, folder: Path) -> Ended:
        with self.runtime.database.read() as session:
            playbook = kind.playbook
            if run.inspects is not None:
                playbook = targets.kind_played(session, run).inspect
            if not playbook:
                return Ended("successful", 0)
            project = session.get_one(ReadinessProject, run.project_id)
            opened = credentials.opened(session, self.runtime.settings, run.project_id)
            self._secrets = opened.texts
            ids = [each.id for each in self._hosts.values()]
            hosts, variables = targets.targets(session, run, ids)
            inventory = private.write_inventory(
                folder, hosts, project.connection, opened, project.known_hosts
            )
        if kind.collects:
            variables["collect_dest"] = str(folder / "out")
        ended = play(
            folder, playbook, inventory,
            variables=variables,
            forks=self.runtime.settings.readiness.forks,
            on_seen=lambda seen: self._see(run, kind, seen),
            stop=lambda: self.killed.is_set() or (self.canceled.is_set() and not kind.changes),
            minutes=self.runtime.settings.readiness.run_minutes,
            secrets=self._secrets,
        )  # fmt: skip
        self._keep_known_hosts(run.project_id, folder)
        return ended

    def _keep_known_hosts(self, project_id: int, folder: Path) -> None:
        known = (folder / "known_hosts").read_text("utf-8", "replace")[: 1 << 20]
        with self.runtime.database.write() as session:
            project = session.get_one(ReadinessProject, project_id)
            if project.known_hosts != known:
                project.known_hosts = known
                session.add(project)

    def _watch(self, kind: RunKind, folder: Path) -> None:
        """Says every other second that we are at work, and listens for a cancel."""
        while not self._over.wait(BEAT_SECONDS):
            try:
                with self.runtime.database.write() as session:
                    asked = runs.beat(session, self.run_id, self.runtime.now())
            except Exception as error:  # the database may be away for a while
                log.warning("no beat", extra={"why": str(error).splitlines()[0]})
                continue
            if asked and not self.canceled.is_set():
                self.canceled.set()
                if kind.changes:
                    (folder / CANCEL_FILE).touch(0o600)

    def _see(self, run: ReadinessRun, kind: RunKind, seen: Seen) -> None:
        """One event of ansible. An error in here must not be lost in the runner's threads."""
        host = self._hosts.get(seen.host)
        if host is None:
            return
        try:
            self._note(run, kind, host, seen)
        except Exception as error:
            log.error("event not noted", extra={"run": self.run_id}, exc_info=error)
            self._broken = self._broken or f"{type(error).__name__}: {error}".splitlines()[0]

    def _note(self, run: ReadinessRun, kind: RunKind, host: _Host, seen: Seen) -> None:
        told = seen.result
        if kind.collects and seen.kind == "ok" and "sha256" in told:
            self._take_in(run, host, Path(str(told.get("path"))), str(told["sha256"]))
            return
        state = {"start": "running", "failed": "failed", "unreachable": "unreachable"}.get(
            seen.kind, ""
        )
        if seen.ignored and state == "failed":
            state = ""
        marker, found = told.get("yunxun_marker"), told.get("yunxun_found")
        if not state and marker is None and found is None:
            return
        with self.runtime.database.write() as session:
            runs.move(
                session, self.run_id, host.id, self.runtime.now(),
                state=state, stage=seen.stage,
                message=seen.message if state in ("failed", "unreachable") else None,
                marker=_bounded(marker) if isinstance(marker, dict) else None,
                found=str(found) if found in FOUND else "",
            )  # fmt: skip

    def _take_in(self, run: ReadinessRun, host: _Host, path: Path, sha256: str) -> None:
        """Files a bundle that came home and judges it."""
        try:
            bundle, size = bundles.write(self.runtime.settings, path.read_bytes(), sha256)
        except (OSError, BundleError) as error:
            self._move(host, state="failed", message=str(error))
            return
        path.unlink(missing_ok=True)
        with self.runtime.database.write() as session:
            row = session.get_one(ReadinessHost, host.id)
            bundles.register(
                session, row, bundle, size, source="run", by=run.by, now=self.runtime.now()
            )
            runs.move(
                session, self.run_id, host.id, self.runtime.now(),
                state="running", stage=2, message="", bundle=bundle.sha256,
            )  # fmt: skip
        self._judge(run, host, bundle, "")

    def _judge(self, run: ReadinessRun, host: _Host, bundle: Any, reason: str) -> None:
        now = self.runtime.now()
        with self.runtime.database.read() as session:
            project = session.get_one(ReadinessProject, run.project_id)
            row = session.get_one(ReadinessHost, host.id)
            context = judging.context_of(session, project, row)
            accepted = waivers.in_force(session, run.project_id)
        judgements = judging.judge_host(
            bundle, host.name, reason, judging.chosen_rules(run.areas),
            judging.chosen_profiles(run.profiles), accepted, now, context,
        )  # fmt: skip
        with self.runtime.database.write() as session:
            row = session.get_one(ReadinessHost, host.id)
            judging.keep(session, run, row, judgements, now)
            if bundle is not None:
                runs.move(session, self.run_id, host.id, now, state="ok", stage=2)
        host.done = True

    def _judge_rest(self, run: ReadinessRun, kind: RunKind, ended: Ended) -> None:
        """Hosts of which no bundle came in this run: judged from the one that is here where only
        judging was asked for, else unknown, with the reason."""
        if self.killed.is_set() or (kind.collects and ended.status in ("canceled", "timeout")):
            return
        for host in self._hosts.values():
            if host.done:
                continue
            if self.killed.is_set() or self.canceled.is_set():
                return
            bundle, reason = None, ""
            with self.runtime.database.read() as session:
                held = session.get_one(ReadinessHost, host.id).bundle
                standing = session.get_one(ReadinessRunHost, (self.run_id, host.id))
            if kind.name == "judge":
                try:
                    bundle = bundles.read(self.runtime.settings, held)
                except BundleError as error:
                    reason = str(error)
                    self._move(host, state="failed", message=reason)
            else:
                reason = standing.message or ended.told or "未能采集 (not collected)"
                if standing.state in ("waiting", "running"):
                    self._move(host, state="failed", message=reason)
            self._judge(run, host, bundle, reason)

    def _conclude(self, run: ReadinessRun, kind: RunKind, ended: Ended) -> None:
        """Which end it was. Judged runs say what was found; others what the playbook reached."""
        if self.killed.is_set():
            self._finish("unknown", error=runs.LOST)
        elif self.canceled.is_set():
            self._finish("canceled")
        elif ended.status == "timeout":
            self._finish("failed", error="超过运行时限 (over the time limit of a run)")
        elif self._broken:
            self._finish("failed", error=self._plain(self._broken))
        elif kind.collects or kind.name == "judge":
            self._conclude_judged()
        elif ended.status == "incomplete" or ended.code not in (0, 2, 4):
            self._finish("failed", error=ended.told or f"ansible: {ended.status} {ended.code}")
        else:
            self._conclude_played(run, ended)

    def _conclude_judged(self) -> None:
        with self.runtime.database.read() as session:
            totals = judging.totals(session, self.run_id)
        if not totals["evaluated"]:
            # Nothing evaluated is never a success: silence must not look like a clean bill.
            self._finish(
                "failed", totals=totals | {"verdict": "unknown"},
                error="没有任何规则得出结论，结果按“无法判定”处理 (no rule was evaluated)",
            )  # fmt: skip
            return
        self._finish("done", totals=totals)

    def _conclude_played(self, run: ReadinessRun, ended: Ended) -> None:
        now = self.runtime.now()
        with self.runtime.database.write() as session:
            rows = session.scalars(
                select(ReadinessRunHost).where(col(ReadinessRunHost.run_id) == self.run_id)
            ).all()
            for row in rows:
                if row.state in ("waiting", "running"):
                    runs.move(session, self.run_id, row.host_id, now, state="ok")
            bad = sum(row.state in ("failed", "unreachable") for row in rows)
            if run.inspects is not None:
                for row in rows:
                    if row.state == "unreachable":
                        row.found = "unreachable"
                        session.add(row)
                looked = session.get_one(ReadinessRun, run.inspects)
                looked.inspected = max(
                    (row.found or "needs_hands" for row in rows), key=FOUND.index, default=""
                )
                looked.seq += 1
                session.add(looked)
        error = f"{bad} 台主机未成功 ({bad} hosts did not succeed)" if bad else ""
        self._finish("failed" if bad or ended.code else "done", error=error)

    def _move(self, host: _Host, *, state: str, message: str) -> None:
        with self.runtime.database.write() as session:
            runs.move(
                session, self.run_id, host.id, self.runtime.now(),
                state=state, message=self._plain(message),
            )  # fmt: skip

    def _finish(self, state: str, *, error: str = "", totals: dict[str, Any] | None = None) -> None:
        with self.runtime.database.write() as session:
            run = session.get_one(ReadinessRun, self.run_id)
            if run.state == "running":
                runs.finish(session, run, state, self.runtime.now(), error=error, totals=totals)
                runs.follow(session, run, self.runtime.now(), self._after)
            gone = bundles.shrink(session, self.runtime.settings)
        bundles.unlink(self.runtime.settings, gone)

    def _plain(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _bounded(marker: dict[str, Any]) -> dict[str, str]:
    """A marker as a run keeps it: short words only."""
    return {str(key)[:40]: str(value)[:500] for key, value in list(marker.items())[:12]}
