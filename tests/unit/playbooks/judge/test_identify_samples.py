"""The collected samples of real hosts, where they lie beside the project."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from playbooks.judge.__main__ import main
from playbooks.judge.identify import Os, identify
from playbooks.judge.identify_text import read_text

SAMPLES = Path(__file__).parents[4] / "../shared/data/identify"
needs_samples = pytest.mark.skipif(not SAMPLES.exists(), reason="../shared/data is absent")


def table(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def plain(text: str | None) -> str:
    return re.sub(r"[^a-z0-9]", "", (text or "").lower())


@needs_samples
def test_every_processor_with_an_expected_answer_is_told() -> None:
    seen = 0
    for row in table("expected_cpu.tsv"):
        path = SAMPLES / row["file"]
        if not path.is_file() or path.suffix != ".txt":
            continue
        text = read_text(path)
        cpu = identify(cpuinfo=text).cpu
        assert cpu == identify(lscpu=text).cpu
        assert cpu.arch == row["arch"], row
        if "author's text only" in row["basis"]:
            assert (cpu.vendor, cpu.model, cpu.domestic) == (None, None, None), row
            continue
        assert cpu.vendor == row["vendor"].split(" ")[0], row
        expected = re.sub(r"-4826 \(from DMI\)", "", row["model_expected"])
        assert plain(expected) == plain(cpu.model), row
        assert cpu.domestic is True
        seen += 1
    assert seen >= 9


@needs_samples
def test_no_foreign_processor_is_taken_for_a_domestic_one() -> None:
    answers = {
        path.name: identify(cpuinfo=read_text(path)).cpu
        for path in (SAMPLES / "archspec").glob("linux-*")
    }
    assert {cpu.domestic for cpu in answers.values()} == {False}
    assert {cpu.vendor for cpu in answers.values()} == {"ARM", "AMD", "Cavium", "Fujitsu", "Intel"}


@needs_samples
def test_register_dumps_are_read() -> None:
    for path in (SAMPLES / "libcpuid").glob("*.test"):
        cpu = identify(cpuinfo=read_text(path)).cpu
        assert cpu.vendor is not None
        assert cpu.vendor.lower() in path.name
        assert cpu.domestic is True
        named = plain(path.stem.removeprefix("zhaoxin-kaixian-"))
        assert named.startswith("hygon") or plain(cpu.model).startswith(plain("kaixian" + named))


@needs_samples
def test_util_linux_expected_files_are_read_as_a_user_would_paste_them() -> None:
    models = {
        path.name.split(".lscpu")[0]: identify(lscpu=read_text(path)).cpu
        for path in (SAMPLES / "util-linux").glob("*.txt")
    }
    assert models["loongarch-loongson_3a5000_hv"].model == "3A5000-HV"
    assert models["armv7"].arch == "armv7l"
    assert [cpu.domestic for cpu in models.values()].count(True) == 1


@needs_samples
def test_every_system_with_an_expected_answer_is_told() -> None:
    for row in table("expected_os.tsv"):
        path = SAMPLES / row["file"]
        system = _fixture(path)[0][0] if path.suffix == ".json" else identify(read_text(path)).os
        assert plain(row["name"]) in plain(system.name), row
        wanted = row["version"]
        assert system.version == wanted, row
        assert system.package_manager in row["package_manager"].split("/"), row
        assert str(system.lineage) in row["lineage"] or "RedHat" in row["lineage"], row
        assert system.domestic is True


def _fixture(path: Path) -> list[tuple[Os, dict[str, str]]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    return [
        (identify(case["input"].get("/etc/os-release"), files=case["input"]).os, case["result"])
        for case in (document if isinstance(document, list) else [document])
    ]


@needs_samples
def test_ansibles_fixtures_are_answered_right_or_not_at_all() -> None:
    answered = 0
    for path in sorted((SAMPLES / "ansible_fixtures").glob("*.json")):
        for system, result in _fixture(path):
            if system.id is None:
                assert system == Os()
                continue
            answered += 1
            assert system.lineage in (result.get("os_family"), None, "Coreos"), path.name
            version, wanted = system.version, result["distribution_version"]
            if version and wanted not in ("NA", "March 2022"):
                number = version.split(" ")[0]
                assert number.startswith(wanted) or wanted.startswith(number), path.name
            named = {plain(system.id), plain(system.name)}
            told = plain(result["distribution"]).replace("amazon", "amazonlinux")
            told = told.replace("redhat", "redhatenterprise").replace("archlinux", "archlinux")
            assert any(told in name or name in told for name in named), path.name
            domestic = {"kylin", "openeuler", "tencentos"}
            assert system.domestic is (system.id in domestic), path.name
    assert answered >= 55


@needs_samples
def test_os_release_samples_are_told_with_family_and_packages() -> None:
    for path in sorted((SAMPLES / "os-release").iterdir()):
        system = identify(read_text(path)).os
        assert None not in system.as_json().values(), path.name
        foreign = ("centos", "debian", "rocky", "ubuntu", "almalinux")
        assert system.domestic is (system.id not in foreign), path.name


def test_the_command_prints_the_stable_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="openEuler"\nID="openEuler"\nVERSION_ID="22.03"\n')
    assert main(["identify", "--os-release", str(release)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "cpu": {"vendor": None, "model": None, "arch": None, "domestic": None},
        "os": {
            "id": "openeuler",
            "name": "openEuler",
            "version": "22.03",
            "lineage": "RedHat",
            "package_manager": "dnf",
            "domestic": True,
        },
    }


def test_a_missing_file_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", "--dmi", "/nonexistent/dmi"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
