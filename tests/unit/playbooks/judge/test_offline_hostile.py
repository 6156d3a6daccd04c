"""The scan on trees that mean harm, or are merely odd. Nothing may be changed or followed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import resource
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playbooks.judge.__main__ import main
from tests.unit.playbooks.judge.elves import elf

ARM, X86 = 183, 62
KUNPENG = "kunpeng920-kylin-v10"


def scan(
    path: Path, capsys: pytest.CaptureFixture[str], profile: str = KUNPENG
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main(["scan", str(path), "--profile", profile, "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


def entry(document: dict[str, Any], host: str) -> dict[str, Any]:
    found = [one for one in document["hosts"] if one["host"] == host]
    assert len(found) == 1, [one["host"] for one in document["hosts"]]
    return dict(found[0])


def state(root: Path) -> str:
    """Every name, kind, mode, time and byte of a tree as one hash."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            told = os.lstat(path)
            times = f"{told.st_mode} {told.st_mtime_ns} {told.st_ctime_ns}"
            digest.update(os.fsencode(path) + times.encode())
            if os.path.isfile(path) and not os.path.islink(path):
                digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def deflated(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: Any = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin/arm").write_bytes(elf(ARM, needed=("libc.so.6",)))
    (root / "bin/intel").write_bytes(elf(X86))
    (root / "start.sh").write_text("#!/bin/sh\nexec bin/arm\n")
    (root / "app.war").write_bytes(
        deflated({"WEB-INF/lib/a.jar": deflated({"linux-x86-64/libjnidispatch.so": elf(X86)})})
    )
    (root / "loop").symlink_to(".")
    (root / "out").symlink_to("/etc")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
    odd = os.fsencode(root) + b"/\xb9\xab\xcd\xf2-\x1b[31m.bin"
    with open(odd, "wb") as file:
        file.write(elf(ARM))
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    return root


def test_a_whole_tree_hashes_the_same_before_and_after(
    odd_tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (odd_tree / "huge").unlink()
    before = state(odd_tree)
    os.utime(odd_tree / "bin/arm", ns=(10**18, os.stat(odd_tree / "bin/arm").st_mtime_ns))
    before = state(odd_tree)
    read = os.stat(odd_tree / "bin/arm").st_atime_ns
    scan(odd_tree, capsys)
    assert os.stat(odd_tree / "bin/arm").st_atime_ns in (read, 10**18)
    assert state(odd_tree) == before


def test_links_are_not_followed_and_special_files_not_opened(
    odd_tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = scan(odd_tree, capsys)
    assert status == 1
    assert document["links_not_followed"] == 3
    assert document["special_files_not_opened"] == 2
    assert document["files"] == 6
    assert entry(document, "bin/arm")["verdict"] == "ready"
    assert entry(document, "bin/intel")["verdict"] == "not_ready"
    assert entry(document, "start.sh")["verdict"] == "ready"
    assert entry(document, "app.war")["verdict"] == "conditional"
    assert entry(document, "huge")["verdict"] == "ready"


def test_names_that_are_no_text_can_be_printed(
    odd_tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = scan(odd_tree, capsys)
    names = [one["host"] for one in document["hosts"] if "bin" in one["host"]]
    assert "\\xb9\\xab\\xcd\\xf2-\\x1b[31m.bin" in names
    for form in ("table", "csv"):
        main(["scan", str(odd_tree), "--profile", "hygon-uos-a", "--format", form])
        assert "\x1b" not in capsys.readouterr().out


def test_what_may_not_be_read_is_said_and_lowers_the_verdict(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    (root / "closed").mkdir(parents=True)
    (root / "fine").write_bytes(elf(ARM))
    (root / "secret").write_bytes(elf(ARM))
    for path in (tmp_path, root):
        path.chmod(0o755)
    (root / "secret").chmod(0)
    (root / "closed").chmod(0)
    command = [sys.executable, "-m", "playbooks.judge", "scan", str(root), "--profile", KUNPENG,
               "--format", "json"]  # fmt: skip
    project = Path(__file__).parents[4]
    if os.geteuid() == 0:  # root may read everything: ask as nobody, from modules it can read
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   "--no-new-privs", *command]  # fmt: skip
        for folder in [*tmp_path.parents]:
            if folder.stat().st_uid == 0 and folder != Path("/") and "pytest" in folder.name:
                folder.chmod(0o755)
    answer = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    (root / "closed").chmod(0o755)
    assert answer.returncode == 1, answer.stderr
    document = json.loads(answer.stdout)
    assert document["verdict"] == "unknown"
    for name in ("secret", "closed"):
        result = entry(document, name)["results"][0]
        assert (result["status"], result["severity"]) == ("not_checked", "B")
        assert "ermission" in result["reason"]
    assert document["unreadable"] == 2
    assert document["coverage"] < 1


MIB_OF_ZEROS = b"\0" * (1 << 20)


def zeros_gz() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(compressor.compress(MIB_OF_ZEROS) for _ in range(64)) + compressor.flush()


def tar_bomb() -> bytes:
    """A tar of one 1 GiB member of zeros, packed into a megabyte."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = tarfile.TarInfo("zeros")
    member.size = 1 << 30
    parts = [compressor.compress(member.tobuf())]
    parts += [compressor.compress(MIB_OF_ZEROS) for _ in range(1 << 10)]
    return b"".join(parts) + compressor.flush()


def header_bomb() -> bytes:
    """A pax header that claims eight gigabytes."""
    out = bytearray(tarred({"x": b""}, form=tarfile.USTAR_FORMAT))
    out[156:157] = b"x"
    out[124:136] = b"77777777777\0"
    out[148:156] = b" " * 8
    out[148:156] = b"%06o\0 " % sum(out[:512])
    return bytes(out)


def nested_zip() -> bytes:
    data = deflated({"innermost.so": elf(X86)})
    for _ in range(12):
        data = deflated({"n.zip": data})
    return data


def lying_jar() -> bytes:
    """Its directory says that a member has four gigabytes."""
    data = bytearray(deflated({"libx.so": elf(X86) + MIB_OF_ZEROS * 4}))
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 0xFFFFFFF0)
    return bytes(data)


BOMBS: dict[str, Callable[[], bytes]] = {
    "tar-of-zeros.tar.gz": tar_bomb,
    "zeros.gz": zeros_gz,
    "header.tar": header_bomb,
    "nested.zip": nested_zip,
    "lying.jar": lying_jar,
    "cut.jar": lambda: deflated({"a.so": elf(X86)})[:-30],
    "cut.tar": lambda: tarred({"a": elf(ARM), "b": elf(X86) * 50})[:9000],
    "cut.tar.gz": lambda: tarred({"a": elf(X86) * 50}, "w:gz")[:-40],
    "noise.tar.xz": lambda: b"\xfd7zXZ\x00" + os.urandom(2000),
    "noise.zip": lambda: b"PK\x03\x04" + os.urandom(2000),
    "noise.rpm": lambda: b"\xed\xab\xee\xdb" + os.urandom(2000),
    "noise.a": lambda: b"!<arch>\n" + os.urandom(2000),
    "noise.7z": lambda: b"7z\xbc\xaf\x27\x1c" + os.urandom(2000),
    "x.tar.zst": lambda: b"\x28\xb5\x2f\xfd" + os.urandom(200),
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_bombs_and_damage_are_reported_and_cost_little(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(BOMBS[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, document = scan(tmp_path, capsys)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 120 << 10  # KiB
    found = entry(document, name)
    if name == "zeros.gz":  # one packed file of no kind: its first bytes decide
        assert (status, found["verdict"]) == (0, "ready")
        return
    assert status == 1
    assert found["verdict"] != "ready"
    assert any(one["status"] in ("not_checked", "fail") for one in found["results"])


def test_a_zip_directory_of_a_million_names_is_walked_not_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0,
                      0, 0, 0, 0) + b"a.xml"  # fmt: skip
    count = 300_000
    directory = row * count
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFE, 0xFFFE, len(directory), 30, 0)
    local = b"PK\x03\x04" + bytes(26)
    (tmp_path / "many.jar").write_bytes(local + directory + end)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, document = scan(tmp_path, capsys)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10
    assert entry(document, "many.jar")["verdict"] == "ready"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_every_kind_are_looked_into(
    mode: str, form: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "d/" * 60 + "intel.so" if form != tarfile.USTAR_FORMAT else "d/intel.so"
    war = deflated({"WEB-INF/lib/x.jar": deflated({"libx-linux-x86_64.so": elf(X86)})})
    files = {"readme": b"x" * 700, "arm": elf(ARM), long: elf(X86, payload=b"p" * 300_000),
             "应用.war": war}  # fmt: skip
    (tmp_path / "a.tar").write_bytes(tarred(files, mode, form))
    _, document = scan(tmp_path, capsys)
    found = entry(document, "a.tar")
    assert found["verdict"] == "not_ready"
    places = {one["locator"] for result in found["results"] for one in result["evidence"]}
    assert places == {long, "应用.war!/WEB-INF/lib/x.jar!/libx-linux-x86_64.so"}


def test_an_archive_itself_can_be_the_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(deflated({"bin/x": elf(ARM)}))
    assert scan(path, capsys)[0] == 0
    assert scan(path, capsys, "hygon-uos-a")[0] == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_kernel_module_is_judged(
    pack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "driver.ko.gz").write_bytes(pack(elf(X86, kind=1)))
    _, document = scan(tmp_path, capsys)
    assert entry(document, "driver.ko.gz")["results"][0]["rule"] == "CPU-017"


def test_a_script_that_carries_an_archive_is_not_called_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "install.run").write_bytes(b"#!/bin/sh\ntail -c +99 $0\n" + os.urandom(1 << 17))
    (tmp_path / "plain.sh").write_bytes(b"#!/bin/sh\n" + b"echo hello\n" * 10_000)
    _, document = scan(tmp_path, capsys)
    assert entry(document, "install.run")["verdict"] == "unknown"
    assert entry(document, "plain.sh")["verdict"] == "ready"


def test_an_empty_folder_is_unknown_not_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = scan(tmp_path, capsys)
    assert (status, document["verdict"], document["coverage"]) == (1, "unknown", 0.0)


def test_bad_usage_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["scan", str(tmp_path / "missing"), "--profile", KUNPENG],
        ["scan", str(tmp_path), "--profile", "pdp-11"],
        ["scan", str(tmp_path), "--profile", "loongson"],
        ["scan", str(tmp_path)],
        ["scan", str(tmp_path), "--profile", KUNPENG, "--format", "xlsx"],
    ):
        capsys.readouterr()
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_copies_of_an_archive_are_judged_alike_and_near_copies_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    padding = os.urandom(20_000)
    first = deflated({"pad.bin": padding, "linux/aarch64/libx.so": elf(ARM), "end": padding})
    other = deflated({"pad.bin": padding, "linux/aarch64/libx.so": elf(X86), "end": padding})
    for folder, data in (("a", first), ("b", first), ("c", other), ("d", other)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jar").write_bytes(data)
    _, document = scan(tmp_path, capsys)
    verdicts = {one["host"]: one["verdict"] for one in document["hosts"]}
    assert verdicts == {
        "a/x.jar": "ready",
        "b/x.jar": "ready",
        "c/x.jar": "conditional",
        "d/x.jar": "conditional",
    }
