"""True binaries of other machines, each judged for every profile."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge.__main__ import main
from playbooks.judge.profiles import load_profiles
from tests.real.judge.foreign import esbuild_packages, wheels

BINARIES = Path(__file__).parents[3] / "../shared/data/binaries"
needs_binaries = pytest.mark.skipif(not BINARIES.exists(), reason="../shared/data is absent")
PROFILES = load_profiles()
ARCHES = {
    "linux-arm64": "aarch64",
    "linux-loong64": "loongarch64",
    "linux-mips64el": "mips64el",
    "linux-riscv64": "riscv64",
    "linux-x64": "x86_64",
}


def judged(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """(file, profile) -> its entry."""
    capsys.readouterr()
    main(["scan", str(path), "--profile", "all", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    entries = {(one["host"], one["profile"]): one for one in document["hosts"]}
    assert len(entries) == len(document["hosts"])
    return entries


def failed(entry: dict[str, Any]) -> set[str]:
    return {one["rule"] for one in entry["results"] if one["status"] == "fail"}


@pytest.mark.parametrize("platform", sorted(ARCHES))
def test_esbuild_runs_where_its_machine_is_and_nowhere_else(
    platform: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = judged(esbuild_packages()[platform], capsys)
    for profile in PROFILES.values():
        entry = entries["package/bin/esbuild", profile.id]
        if profile.arch != ARCHES[platform]:
            assert entry["verdict"] == "not_ready", profile.id
            assert failed(entry) <= {"CPU-015", "CPU-010", "CPU-011"}
        elif profile.loongarch_world == "old":
            # A static file: its header names no world, and upstream Go builds for the new one.
            assert entry["verdict"] == "unknown"
        else:
            assert entry["verdict"] == "ready", (profile.id, entry)
        assert entries["package/package.json", profile.id]["verdict"] == "ready"


def test_wheels_are_judged_by_tag_and_by_what_is_in_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = wheels()
    entries = judged(next(iter(files.values())).parent, capsys)
    for name in files:
        arch = "x86_64" if "x86_64" in name else "aarch64"
        for profile in PROFILES.values():
            entry = entries[name, profile.id]
            if profile.wheel_arch != arch:
                assert entry["verdict"] == "not_ready", (name, profile.id)
                assert "CPU-013" in failed(entry)
            elif "musllinux" in name:
                assert entry["verdict"] == "conditional", (name, profile.id)
                assert failed(entry) == {"CPU-013", "OS-005"}
            else:
                assert entry["verdict"] == "ready", (name, profile.id, entry)


@needs_binaries
def test_the_collected_binaries_are_judged_by_their_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entries = judged(BINARIES, capsys)
    with (BINARIES / "elf/expected.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        for profile in PROFILES.values():
            entry = entries[f"elf/{row['file']}", profile.id]
            if row["elf_class"] == "-":  # a static library for aarch64
                own = profile.arch == "aarch64"
                assert entry["verdict"] == ("ready" if own else "conditional")
            elif row["arch"] == profile.arch:
                assert entry["verdict"] == "ready", (row, profile.id, entry)
            elif row["arch"] == "i386" and profile.arch == "x86_64":
                assert failed(entry) == {"CPU-003"}
            else:
                assert entry["verdict"] in ("not_ready", "conditional"), (row, profile.id)
                assert failed(entry)


@needs_binaries
def test_real_jansi_jars_are_judged_by_their_natives(capsys: pytest.CaptureFixture[str]) -> None:
    entries = judged(BINARIES, capsys)
    for profile in PROFILES.values():
        old, new = entries["jansi-1.18.jar", profile.id], entries["jansi-2.4.0.jar", profile.id]
        assert (old["verdict"] == "ready") == (profile.arch == "x86_64")
        assert (new["verdict"] == "ready") == (profile.arch in ("x86_64", "aarch64"))
    advice = entries["jansi-1.18.jar", "kunpeng920-kylin-v10"]["results"][0]["remediation"]
    assert "2.0" in advice["zh"]


def test_a_war_with_a_jar_of_real_natives_is_judged_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = esbuild_packages()
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as file:
        for platform, folder in (("amd64", "linux-x64"), ("aarch64", "linux-arm64")):
            binary = packages[folder] / "package/bin/esbuild"
            file.write(binary, f"org/xerial/snappy/native/Linux/{platform}/libsnappyjava.so")
    war = tmp_path / "app.war"
    with zipfile.ZipFile(war, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("WEB-INF/lib/snappy-java-1.1.10.jar", jar.getvalue())
    entries = judged(tmp_path, capsys)
    for profile in PROFILES.values():
        entry = entries["app.war", profile.id]
        assert (entry["verdict"] == "ready") == (profile.arch in ("x86_64", "aarch64"))
    assert [path.name for path in tmp_path.iterdir()] == ["app.war"]
