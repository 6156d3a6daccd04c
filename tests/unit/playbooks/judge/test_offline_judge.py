"""What headers decide, rule by rule, on files made for it."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge import jar, wheel
from playbooks.judge.offline_examine import examine
from playbooks.judge.offline_judge import judge
from playbooks.judge.offline_profiles import NoProfile, chosen
from playbooks.judge.profiles import load_profiles
from playbooks.judge.results import Status
from playbooks.judge.tree_content import BytesSource
from tests.unit.playbooks.judge.elves import elf

ARM, X86, LOONG, MIPS, SW = 183, 62, 258, 8, 268
PROFILES = load_profiles()
JEMALLOC = b"\0<jemalloc>: Unsupported system page size\n\0" + bytes(1 << 19)


def answers(data: bytes, profile: str, name: str = "x") -> tuple[str, dict[str, str]]:
    """The verdict, and rule -> status of what is not passed."""
    facts = examine(name, len(data), BytesSource(data), find_jemalloc=True)
    judgement = judge(facts, PROFILES[profile])
    told = {one.rule: one.status.value for one in judgement.results if one.status != Status.PASS}
    return judgement.verdict.value, told


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


GLIBC_LD = "/lib64/ld-linux-x86-64.so.2"
CASES = [
    ("right machine", elf(ARM, needed=("libc.so.6",), versions=("GLIBC_2.17",)),
     "kunpeng920-kylin-v10", "ready", {}),
    ("wrong machine", elf(X86), "kunpeng920-kylin-v10", "not_ready", {"CPU-002": "fail"}),
    ("big-endian", elf(ARM, little=False), "kunpeng920-kylin-v10", "not_ready",
     {"CPU-002": "fail"}),
    ("FreeBSD", elf(X86, osabi=9), "hygon-uos-a", "not_ready", {"CPU-002": "fail"}),
    ("static Go elsewhere", elf(X86, kind=2, go=True), "kunpeng920-kylin-v10", "not_ready",
     {"CPU-015": "fail"}),
    ("v3 on Hygon", elf(X86, x86_isa=3), "hygon-uos-a", "ready", {}),
    ("v3 on Zhaoxin", elf(X86, x86_isa=3), "zhaoxin-kylin-v10", "not_ready", {"CPU-004": "fail"}),
    ("v4 on Hygon", elf(X86, x86_isa=4), "hygon-uos-a", "not_ready", {"CPU-004": "fail"}),
    ("4K alignment on 64K pages", elf(ARM, align=4096), "kunpeng920-kylin-v10", "not_ready",
     {"CPU-008": "fail"}),
    ("4K alignment on 4K pages", elf(ARM, align=4096), "kunpeng920-openeuler-22.03", "ready", {}),
    ("jemalloc on 64K pages", elf(ARM, payload=JEMALLOC), "kunpeng920-kylin-v10", "unknown",
     {"CPU-008": "unknown"}),
    ("jemalloc on 4K pages", elf(ARM, payload=JEMALLOC), "kunpeng920-openeuler-22.03", "ready", {}),
    ("glibc too new", elf(ARM, versions=("GLIBC_2.34",)), "kunpeng920-kylin-v10", "not_ready",
     {"OS-004": "fail"}),
    ("the same on a newer system", elf(ARM, versions=("GLIBC_2.34",)),
     "kunpeng920-openeuler-22.03", "ready", {}),
    ("libstdc++ too new", elf(ARM, versions=("GLIBCXX_3.4.29",)), "kunpeng920-kylin-v10",
     "conditional", {"OS-004": "fail"}),
    ("musl's loader", elf(X86, interpreter="/lib/ld-musl-x86_64.so.1"), "hygon-uos-a",
     "conditional", {"OS-005": "fail"}),
    ("glibc's loader", elf(X86, interpreter=GLIBC_LD), "hygon-uos-a", "ready", {}),
    ("MIPS Loongson on LoongArch", elf(MIPS), "loongson3c5000-new-world", "not_ready",
     {"CPU-010": "fail"}),
    ("new world on old", elf(LOONG, interpreter="/lib64/ld-linux-loongarch-lp64d.so.1"),
     "loongson3c5000-old-world", "not_ready", {"CPU-009": "fail"}),
    ("old world on new", elf(LOONG, interpreter="/lib64/ld.so.1", versions=("GLIBC_2.27",)),
     "loongson3c5000-new-world", "not_ready", {"CPU-009": "fail"}),
    ("old world at home", elf(LOONG, interpreter="/lib64/ld.so.1", versions=("GLIBC_2.27",)),
     "loongson3c5000-old-world", "ready", {}),
    ("no world named, old target", elf(LOONG, kind=2), "loongson3c5000-old-world", "unknown",
     {"CPU-009": "unknown"}),
    ("no world named, new target", elf(LOONG, kind=2), "loongson3c5000-new-world", "ready", {}),
    ("Sunway's number", elf(SW), "sunway-uos", "ready", {}),
    ("Sunway's old number", elf(0x9916), "sunway-uos", "ready", {}),
    ("anything else on Sunway", elf(X86), "sunway-uos", "not_ready", {"CPU-011": "fail"}),
    ("Windows", b"MZ" + bytes(600), "hygon-uos-a", "ready", {"CPU-002": "fail"}),
    ("text", b"hello\n", "sunway-uos", "ready", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "profile", "verdict", "told"), CASES,
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_headers_decide(
    name: str, data: bytes, profile: str, verdict: str, told: dict[str, str]
) -> None:
    assert answers(data, profile, name) == (verdict, told)


def test_roles_carry_their_own_advice() -> None:
    for name, word in (("build/x.node", "npm"), ("lib/site-packages/x.so", "pip")):
        facts = examine(name, 1, BytesSource(elf(X86)))
        result = judge(facts, PROFILES["kunpeng920-kylin-v10"]).results[0]
        assert result.remediation is not None
        assert word in result.remediation.zh


@pytest.mark.parametrize(
    ("members", "arm", "x86"),
    [
        ({"META-INF/native/linux64/libjansi.so": X86}, "conditional", "ready"),
        ({"librocksdbjni-linux64.so": X86, "librocksdbjni-linux-aarch64.so": ARM},
         "ready", "ready"),
        ({"org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so": X86,
          "org/xerial/snappy/native/Linux/aarch64/libsnappyjava.so": ARM}, "ready", "ready"),
        ({"META-INF/native/libnetty_transport_native_epoll_x86_64.so": X86}, "conditional",
         "ready"),
        ({"linux/amd64/libzstd-jni-1.5.5-1.so": X86, "linux/aarch64/libzstd-jni-1.5.5-1.so": ARM},
         "ready", "ready"),
        ({"linux-x86-64/libjnidispatch.so": X86, "freebsd-aarch64/libjnidispatch.so": ARM},
         "conditional", "ready"),
        ({"a/linux64/liba.so": X86, "b/aarch64/libb.so": ARM}, "conditional", "conditional"),
        ({"org/x/A.class": 0}, "ready", "ready"),
    ],
)  # fmt: skip
def test_a_jar_needs_one_build_of_each_library_for_the_target(
    members: dict[str, int], arm: str, x86: str
) -> None:
    data = archive({name: elf(machine) if machine else b"\xca\xfe\xba\xbe" for name, machine in
                    members.items()})  # fmt: skip
    assert answers(data, "kunpeng920-kylin-v10", "x.jar")[0] == arm
    assert answers(data, "hygon-uos-a", "x.jar")[0] == x86


def test_builds_of_a_library_may_lie_in_several_jars_of_one_war() -> None:
    jars = {
        f"BOOT-INF/lib/netty-tcnative-2.0-linux-{name}.jar": archive(
            {f"META-INF/native/libnetty_tcnative_linux_{name}.so": elf(machine)}
        )
        for name, machine in (("x86_64", X86), ("aarch_64", ARM))
    }
    assert answers(archive(jars), "kunpeng920-kylin-v10", "app.jar")[0] == "ready"
    del jars["BOOT-INF/lib/netty-tcnative-2.0-linux-aarch_64.jar"]
    assert answers(archive(jars), "kunpeng920-kylin-v10", "app.jar")[0] == "conditional"


def test_a_build_that_fits_but_asks_too_much_is_a_finding() -> None:
    data = archive({"linux/aarch64/libx.so": elf(ARM, align=4096)})
    verdict, told = answers(data, "kunpeng920-kylin-v10", "x.jar")
    assert (verdict, told) == ("not_ready", {"CPU-008": "fail"})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("librocksdbjni-linux-ppc64le.so", "rocksdbjni"),
        ("librocksdbjni-linux64-musl.so", "rocksdbjni"),
        ("librocksdbjni-osx-arm64.jnilib", "rocksdbjni"),
        ("META-INF/native/linux32/libjansi.so", "jansi"),
        ("libnetty_transport_native_epoll_aarch_64.so", "netty_transport_native_epoll"),
        ("libjffi-1.2.so", "jffi-1.2"),
        ("liblz4-java.so", "lz4-java"),
        ("x86_64.so", "x86_64"),
    ],
)
def test_a_library_is_named_without_its_platform(path: str, name: str) -> None:
    assert jar.library(path) == name or name == "x86_64"


@pytest.mark.parametrize("name", sorted(jar.SINCE))
def test_every_artefact_of_the_table_can_be_met(name: str) -> None:
    found = jar.artifact_of_file(f"lib/{name}-1.0.5.jar")
    assert found is not None
    assert (found.name, found.version) == (name, (1, 0, 5))
    pom = f"version=1.0.5\nartifactId={name}\ngroupId=x\n".encode()
    assert jar.artifact_of_pom(pom) == found


def test_the_advice_names_the_version_that_brings_the_natives() -> None:
    data = archive({
        "META-INF/maven/org.xerial.snappy/snappy-java/pom.properties":
            b"version=1.1.2\nartifactId=snappy-java\n",
        "org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so": elf(X86),
    })  # fmt: skip
    facts = examine("s.jar", len(data), BytesSource(data))
    result = judge(facts, PROFILES["kunpeng920-kylin-v10"]).results[0]
    assert result.remediation is not None
    assert "1.1.4" in result.remediation.zh


@pytest.mark.parametrize(
    ("tag", "fits", "floor"),
    [
        ("any", True, None),
        ("manylinux_2_28_aarch64", True, (2, 28)),
        ("manylinux2014_aarch64", True, (2, 17)),
        ("linux_aarch64", True, ()),
        ("manylinux_2_28_x86_64", False, (2, 28)),
        ("musllinux_1_2_aarch64", False, None),
        ("win_arm64", False, None),
        ("macosx_11_0_arm64", False, None),
    ],
)
def test_a_wheels_platform_is_read_from_its_name(
    tag: str, fits: bool, floor: tuple[int, ...] | None
) -> None:
    parsed = wheel.parse(f"dir/a_b-1.0-1-cp311-cp311-{tag}.whl")
    assert parsed is not None
    assert parsed.platforms == (tag,)
    assert wheel.fits(tag, "aarch64") is fits
    assert wheel.floor(tag) == floor


def test_a_wheel_for_a_newer_glibc_is_refused() -> None:
    data = archive({"a/__init__.py": b""})
    name = "a-1-cp311-cp311-manylinux_2_34_aarch64.whl"
    assert answers(data, "kunpeng920-kylin-v10", name) == ("not_ready", {"OS-004": "fail"})
    assert answers(data, "kunpeng920-openeuler-22.03", name) == ("ready", {})


def image(arch: str, machine: int, oci: bool) -> bytes:
    """What `docker save` writes, or an OCI layout, with one layer of one program."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:gz" if oci else "w") as file:
        data = elf(machine, versions=("GLIBC_2.39",))
        member = tarfile.TarInfo("usr/bin/app")
        member.size = len(data)
        file.addfile(member, io.BytesIO(data))
    config = json.dumps({"architecture": arch, "os": "linux"}).encode()
    files: dict[str, Any]
    if oci:
        digest, inner = "a" * 64, "b" * 64
        manifest = {"config": {"digest": f"sha256:{digest}"}, "layers": []}
        files = {
            f"blobs/sha256/{digest}": config,
            f"blobs/sha256/{inner}": json.dumps(manifest).encode(),
            f"blobs/sha256/{'c' * 64}": layer.getvalue(),
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps({"manifests": [{"digest": f"sha256:{inner}"}]}).encode(),
        }
    else:
        files = {
            "abc/layer.tar": layer.getvalue(),
            "d" * 64 + ".json": config,
            "manifest.json": json.dumps([{"Config": "d" * 64 + ".json"}]).encode(),
        }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("oci", [False, True])
def test_an_image_is_judged_by_the_platform_it_states(oci: bool) -> None:
    data = image("amd64", X86, oci)
    # The image brings its own glibc: 2.39 in it is no finding.
    assert answers(data, "hygon-uos-a", "i.tar") == ("ready", {})
    assert answers(data, "kunpeng920-kylin-v10", "i.tar") == ("not_ready", {"CPU-016": "fail"})


def test_an_image_that_states_one_machine_and_holds_another_is_a_condition() -> None:
    verdict, told = answers(image("arm64", X86, False), "kunpeng920-kylin-v10", "i.tar")
    assert (verdict, told) == ("conditional", {"CPU-002": "fail"})


def test_node_prebuilds_beside_each_other_are_builds_of_one_thing() -> None:
    facts = examine("prebuilds/linux-x64/a.node", 1, BytesSource(elf(X86)))
    assert judge(facts, PROFILES["kunpeng920-kylin-v10"]).verdict == "not_ready"
    facts.beside = frozenset({"linux-x64", "linux-arm64"})
    assert judge(facts, PROFILES["kunpeng920-kylin-v10"]).verdict == "ready"
    assert judge(facts, PROFILES["sunway-uos"]).verdict == "not_ready"


@pytest.mark.parametrize(
    ("typed", "ident"),
    [
        ("kunpeng920-kylin-v10", "kunpeng920-kylin-v10"),
        ("kunpeng kylin", "kunpeng920-kylin-v10"),
        ("鲲鹏 openEuler", "kunpeng920-openeuler-22.03"),
        ("Loongson old", "loongson3c5000-old-world"),
        ("龙芯新世界", "loongson3c5000-new-world"),
        ("D2000", "phytium-d2000-kylin-v10"),
        ("兆芯", "zhaoxin-kylin-v10"),
        ("sw_64", "sunway-uos"),
    ],
)
def test_a_profile_is_found_by_what_people_type(typed: str, ident: str) -> None:
    assert [profile.id for profile in chosen([typed])] == [ident]


def test_an_unclear_profile_is_refused_with_what_there_is() -> None:
    with pytest.raises(NoProfile, match="hygon-uos-a, hygon-uos-d, hygon-uos-e"):
        chosen(["hygon"])
    with pytest.raises(NoProfile, match="sunway-uos"):
        chosen(["vax"])
    assert len(chosen(["all", "hygon-uos-a"])) == len(PROFILES)


def test_a_deb_and_an_rpm_state_their_architecture(tmp_path: Path) -> None:
    def tarball(name: str, data: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as file:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
        return out.getvalue()

    def packed(*members: tuple[str, bytes]) -> bytes:
        out = b"!<arch>\n"
        for name, data in members:
            out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data
            out += b"\n" * (len(data) % 2)
        return out

    deb = packed(
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", tarball("./control", b"Package: x\nArchitecture: arm64\n")),
        ("data.tar.gz", tarball("./usr/bin/x", elf(ARM))),
    )
    assert answers(deb, "phytium-d2000-kylin-v10", "x.deb") == ("ready", {})
    assert answers(deb, "kunpeng920-kylin-v10", "x.deb") == ("conditional", {"OS-003": "fail"})
    assert answers(deb, "hygon-uos-d", "x.deb")[0] == "not_ready"
