"""A bundle is good by the key that somebody trusted, never by one that came with it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner

from controller.access.scope import CITY
from controller.access.tables import AuditEntry
from controller.cli import build
from controller.local import open_database
from controller.problems import Problem
from controller.rollout import bundles, rollouts
from controller.settings import Settings
from playbooks.rollout.signing import fingerprint, load_or_make_key, public_pem, sign
from playbooks.rollout.stages import Rollout, read_bundle
from tests.unit.controller.readiness.conftest import NOW, Desk, desk

__all__ = ["desk"]
NAME = "yunxun-agent-1-x86_64"


def bring(settings: Settings, key_file: Path, content: bytes = b"agent") -> Path:
    """A whole bundle, with the signer's public key beside it as the build leaves it."""
    place = bundles.folder(settings)
    place.mkdir(parents=True, exist_ok=True)
    key, manifest = load_or_make_key(key_file), place / f"{NAME}.manifest"
    (place / f"{NAME}.tar.gz").write_bytes(content)
    facts = {
        "version": "1", "arch": "x86_64", "glibc": "2.28", "file": f"{NAME}.tar.gz", "size": "5",
        "sha256": hashlib.sha256(content).hexdigest(), "unpacked_kb": "1",
    }  # fmt: skip
    manifest.write_text("".join(f"{name}={value}\n" for name, value in facts.items()))
    manifest.with_suffix(".sig").write_bytes(sign(key, manifest.read_bytes()))
    (place / "signing.pub").write_bytes(public_pem(key))
    return manifest


def test_a_key_beside_the_bundle_makes_nothing_good(desk: Desk, tmp_path: Path) -> None:
    settings = desk.settings
    bring(settings, tmp_path / "ours.pem")
    (view,) = bundles.list_bundles(settings)
    assert "agent trust" in view.why
    assert bundles.signer(settings) == ""

    mark = bundles.trust(settings, (bundles.folder(settings) / "signing.pub").read_bytes())
    assert mark == bundles.signer(settings)
    assert bundles.list_bundles(settings)[0].why == ""

    # Whoever may write into the folder brings archive, manifest, signature and key of their own.
    manifest = bring(settings, tmp_path / "theirs.pem", b"other")
    (view,) = bundles.list_bundles(settings)
    assert "not of this key" in view.why
    with desk.database.write() as session, pytest.raises(Problem, match="not of this key"):
        rollouts.start(
            session, CITY, desk.project_id, view, manifest, bundles.trusted(settings), only=[],
            wait_s=60, by="wang", now=NOW,
        )  # fmt: skip


def test_the_hosts_are_told_the_key_that_is_trusted(desk: Desk, tmp_path: Path) -> None:
    manifest = bring(desk.settings, tmp_path / "ours.pem")
    key = tmp_path / "kept-apart.pub"
    key.write_bytes(public_pem(load_or_make_key(tmp_path / "ours.pem")))
    (bundles.folder(desk.settings) / "signing.pub").write_text("whatever came along")
    sent: dict[str, bytes] = {}

    class Link:
        def run(self, _address: str, command: str, stdin: bytes, _s: int) -> tuple[int, str]:
            if " cat >" in command or "&& cat >" in command:
                sent[command.rpartition("/")[2]] = stdin
                return 0, f"{len(stdin)}\n"
            return 0, "received=yes\nverified=openssl\n"

    rollout = Rollout(
        host="one", link=Link(), address="", script="", bundle=lambda: read_bundle(manifest, key),
        base="/opt/x", wait_s=30, dest=tmp_path / "out", most_lost=1, canary="one", token="",
    )  # fmt: skip
    assert rollout.stage("send")["verified"] == "openssl"
    assert sent["pub"] == key.read_bytes()


def test_another_key_is_trusted_only_when_said_so(tmp_path: Path) -> None:
    data, keys = tmp_path / "data", []
    data.mkdir()
    for name in ("one", "two"):
        keys.append(tmp_path / f"{name}.pub")
        keys[-1].write_bytes(public_pem(load_or_make_key(tmp_path / f"{name}.pem")))
    marks = [fingerprint(key.read_bytes()) for key in keys]

    def trust(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(build(["agent"]), ["agent", "trust", *words, "--data", str(data)])
        told = f"{done.output} {done.exception}" if done.exception else done.output
        return done.exit_code, told

    assert "no signing key" in trust()[1]
    assert trust(str(keys[0])) == (0, f"trusted: {marks[0]}\n")
    assert trust() == (0, f"{marks[0]}\n")
    code, said = trust(str(keys[1]))
    assert code != 0
    assert marks[0] in said
    assert "--replace" in said
    assert trust(str(keys[1]), "--replace")[0] == 0
    assert trust()[1] == f"{marks[1]}\n"
    (tmp_path / "bad.pub").write_text("nothing")
    assert "not a public key" in trust(str(tmp_path / "bad.pub"), "--replace")[1]
    with open_database(data) as runtime, runtime.database.read() as session:
        rows = session.scalars(
            select(AuditEntry).where(col(AuditEntry.action) == "rollout.trust")
        ).all()
        assert [row.object for row in rows] == marks
