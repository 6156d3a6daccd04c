"""Roll-outs of two units for the contract tests, and the write once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

import httpx
from sqlmodel import Session

from controller.readiness import projects
from controller.readiness.tables import (
    ReadinessApproval,
    ReadinessHost,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.rollout import bundles
from controller.settings import Settings
from playbooks.rollout.signing import load_or_make_key, public_pem, sign

ROLLOUTS = {"A": 921, "B": 922}
BUNDLE = "yunxun-agent-1-x86_64"

ROLLOUT_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/rollouts"): (
        "engineer",
        lambda c: c.post(
            "/api/v1/rollouts", json={"bundle": BUNDLE, "project": 1, "hosts": ["roll-A"]}
        ),
    ),
}


def furnish_rollouts(session: Session, settings: Settings, now: datetime) -> None:
    """A roll-out of each unit's readiness host, over, and a signed bundle."""
    for number, code in ((1, "A"), (2, "B")):
        session.add(
            ReadinessRun(
                id=ROLLOUTS[code], project_id=number, kind="rollout", state="done", by="wang",
                queued=now, started=now, finished=now, stages=["切换"],
                variables={"rollout_version": f"1-{code}"},
            )
        )  # fmt: skip
        session.flush()
        host = projects.find_host(session, number, f"ready-{code}")
        session.add(
            ReadinessRunHost(
                run_id=ROLLOUTS[code], host_id=host.id or 0, state="ok", found="changed"
            )
        )
    # One that no other write is at.
    session.add(ReadinessHost(project_id=1, name="roll-A", address="10.9.9.11"))
    session.add(ReadinessApproval(project_id=1, decision="approved", by="li", at=now))
    session.flush()
    place = bundles.folder(settings)
    place.mkdir(parents=True)
    archive = b"an archive"
    (place / f"{BUNDLE}.tar.gz").write_bytes(archive)
    manifest = f"version=1\nfile={BUNDLE}.tar.gz\nsha256={hashlib.sha256(archive).hexdigest()}\n"
    (place / f"{BUNDLE}.manifest").write_text(manifest)
    key = load_or_make_key(settings.data / "signing.pem")
    (place / f"{BUNDLE}.sig").write_bytes(sign(key, manifest.encode()))
    bundles.trust(settings, public_pem(key))
