from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.judge.elf import read_elf, read_elf_at
from tests.unit.playbooks.judge.elves import elf

BINARIES = Path(__file__).parents[4] / "../shared/data/binaries/elf"
needs_binaries = pytest.mark.skipif(not BINARIES.exists(), reason="../shared/data is absent")
KINDS = {"REL": "relocatable", "EXEC": "executable", "DYN": "shared"}


@needs_binaries
def test_foreign_binaries_are_read_as_pyelftools_reads_them() -> None:
    with (BINARIES / "expected.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        found = read_elf((BINARIES / row["file"]).read_bytes())
        if row["elf_class"] == "-":
            assert found is None
            continue
        assert found is not None
        assert found.bits == int(row["elf_class"])
        assert found.little == (row["endian"] == "LE")
        assert found.machine == int(row["e_machine"])
        assert found.kind == KINDS[row["e_type"]]
        assert found.flags == int(row["e_flags_hex"], 16)
        assert row["arch"] in found.arch or row["arch"] == "?"


@pytest.mark.parametrize("path", [sys.executable, "/bin/ls", "/bin/sh"])
def test_versions_wanted_agree_with_pyelftools(path: str) -> None:
    with Path(path).resolve().open("rb") as file:
        found = read_elf(file.read())
        assert found is not None
        section = ELFFile(file).get_section_by_name(".gnu.version_r")
        wanted = [
            tuple(int(part) for part in aux.name.removeprefix("GLIBC_").split("."))
            for _, names in section.iter_versions()
            for aux in names
            if aux.name.startswith("GLIBC_") and aux.name[6:7].isdigit()
        ]
    assert found.glibc == max(wanted)
    assert "libc.so.6" in found.needed
    assert found.interpreter is not None
    assert found.whole


@pytest.mark.parametrize(
    ("interpreter", "versions", "world"),
    [
        ("/lib64/ld-linux-loongarch-lp64d.so.1", ("GLIBC_2.36",), "new"),
        ("/lib64/ld.so.1", ("GLIBC_2.27", "GLIBC_2.28"), "old"),
        ("", ("GLIBC_2.27",), "old"),
        ("", ("GLIBC_2.36", "GLIBC_2.38"), "new"),
        ("", (), None),
    ],
)
def test_the_worlds_of_loongarch_are_told_by_loader_and_floor(
    interpreter: str, versions: tuple[str, ...], world: str | None
) -> None:
    found = read_elf(elf(258, interpreter=interpreter, needed=("libc.so.6",), versions=versions))
    assert found is not None
    assert (found.arch, found.loongarch_world) == ("loongarch64", world)


@pytest.mark.parametrize(
    ("machine", "arch"), [(268, "sw_64"), (0x9916, "sw_64"), (7777, "machine-7777")]
)
def test_sunway_has_two_numbers_and_an_unknown_one_is_named_by_it(machine: int, arch: str) -> None:
    found = read_elf(elf(machine))
    assert found is not None
    assert found.arch == arch


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_x86_level_is_read_from_the_property_note(level: int) -> None:
    found = read_elf(elf(62, x86_isa=level))
    assert found is not None
    assert found.x86_isa == level
    elsewhere = read_elf(elf(183, x86_isa=level))
    assert elsewhere is not None
    assert elsewhere.x86_isa == 0


def test_floors_are_compared_as_numbers_and_private_versions_do_not_count() -> None:
    versions = ("GLIBC_2.4", "GLIBC_2.17", "GLIBC_PRIVATE", "GLIBCXX_3.4.9", "GLIBCXX_3.4.22")
    found = read_elf(elf(183, needed=("libc.so.6",), versions=versions))
    assert found is not None
    assert (found.glibc, found.glibcxx) == ((2, 17), (3, 4, 22))
    relr = read_elf(elf(62, versions=("GLIBC_2.17", "GLIBC_ABI_DT_RELR")))
    assert relr is not None
    assert relr.glibc == (2, 36)


def test_small_alignment_is_seen() -> None:
    for align in (4096, 16384, 65536):
        found = read_elf(elf(183, align=align))
        assert found is not None
        assert found.page_align == min(align, 0x400000)


def test_a_go_binary_is_static_and_known_by_its_note() -> None:
    found = read_elf(elf(258, kind=2, go=True))
    assert found is not None
    assert (found.static, found.go) == (True, True)


def test_a_cut_file_says_that_it_is_not_whole() -> None:
    data = elf(183, needed=("libc.so.6",), versions=("GLIBC_2.34",))
    found = read_elf(data[: 64 + 56])
    assert found is not None
    assert not found.whole
    assert found.arch == "aarch64"


@settings(max_examples=300)
@given(st.data())
def test_a_file_that_lies_is_survived(data: st.DataObject) -> None:
    names = ("libc.so.6", "libm.so.6")
    whole = bytearray(elf(62, interpreter="/x", needed=names, versions=("GLIBC_2.3",), x86_isa=3))
    for _ in range(data.draw(st.integers(0, 12))):
        at = data.draw(st.integers(4, len(whole) - 1))
        whole[at] = data.draw(st.sampled_from([0, 1, 127, 255]))
    read_elf(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_reads_are_bounded_whatever_the_headers_claim() -> None:
    asked: list[int] = []

    def endless(_offset: int, length: int) -> bytes:
        asked.append(length)
        head = b"\x7fELF" + bytes([2, 1, 1]) + b"\xff" * 57
        return (head + b"\xff" * length)[:length]

    read_elf_at(endless)
    assert max(asked) <= 1 << 17
    assert sum(asked) < 1 << 22
