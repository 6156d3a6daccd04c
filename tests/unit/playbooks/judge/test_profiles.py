from __future__ import annotations

from pathlib import Path

import pytest

from playbooks.judge.elf_machines import arch_name
from playbooks.judge.identify_products import DOMESTIC
from playbooks.judge.profiles import FOLDER, ProfileError, load_profiles


def test_every_profile_holds_together() -> None:
    profiles = load_profiles()
    assert len(profiles) == 11
    for profile in profiles.values():
        named = arch_name(profile.elf_machine, bits=64, little=True)
        assert named == profile.arch
        assert profile.os_id in DOMESTIC
        assert (profile.package_manager == "apt") == (profile.os_lineage == "Debian")
        assert (profile.arch == "x86_64") == (profile.x86_isa > 0)
        assert (profile.arch == "loongarch64") == (profile.loongarch_world is not None)
        assert profile.page_size in (4096, 8192, 16384, 65536)
        assert profile.sources


def test_zhaoxin_lacks_what_x86_64_v3_asks_for() -> None:
    profiles = load_profiles()
    assert not profiles["zhaoxin-kylin-v10"].cpu_flags & {"avx2", "fma"}
    assert profiles["hygon-uos-a"].cpu_flags >= {"avx2", "fma", "bmi2", "movbe"}
    assert "atomics" not in profiles["phytium-d2000-kylin-v10"].cpu_flags


def test_sunway_takes_both_of_its_numbers() -> None:
    sunway = load_profiles()["sunway-uos"]
    assert sunway.takes_machine(268)
    assert sunway.takes_machine(0x9916)
    assert not sunway.takes_machine(62)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace('arch = "', 'arhc = "', 1), "arhc"),
        (lambda text: text.replace("page_size", "#page_size"), "page_size"),
        (lambda text: text.replace('id = "hygon', 'id = "other'), "id is"),
        (lambda text: text + "unbalanced = [", "hygon-uos-a.toml"),
        (lambda text: text.replace('["glibc"', '["glibz"'), "glibz"),
    ],
)
def test_a_profile_that_does_not_hold_together_is_refused(
    tmp_path: Path, change: object, complaint: str
) -> None:
    assert callable(change)
    text = (FOLDER / "hygon-uos-a.toml").read_text(encoding="utf-8")
    (tmp_path / "hygon-uos-a.toml").write_text(change(text), encoding="utf-8")
    with pytest.raises(ProfileError, match=complaint):
        load_profiles(tmp_path)
