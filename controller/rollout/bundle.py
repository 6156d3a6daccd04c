"""Builds the self-contained agent: a CPython of this architecture with only what the agent imports.

    python -m controller.rollout.bundle --key signing.pem -o dist

The interpreter that runs this is copied, with the part of the standard library that the agent
reaches, psutil, the shared libraries they need beyond glibc, and the agent. Targets need the same
architecture, a glibc at least as new as the manifest says, and a POSIX shell; no Python.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import io
import modulefinder
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from playbooks.rollout.signing import fingerprint, load_or_make_key, public_pem, sign

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "collectors")
LEFT_OUT = (
    "asyncio", "bz2", "concurrent", "ctypes", "curses", "dns", "doctest", "email", "gufo", "h11",
    "http", "importlib.metadata", "lzma", "multiprocessing", "numpy", "pdb", "prometheus_client",
    "pydoc", "pysnmp", "pytest", "site", "tarfile", "test", "tkinter", "unittest", "xml", "zipfile",
    "_bz2", "_ctypes", "_lzma",
)  # fmt: skip
"""Reached by name only: polling gear, /metrics and tests belong to other hosts."""
ALWAYS = ("encodings.utf_8", "encodings.ascii", "encodings.latin_1", "encodings.idna", "stringprep",
          "encodings.utf_8_sig", "encodings.punycode", "importlib.util")  # fmt: skip
STARTED = ("lean.py",)
"""Started by its path, so it stays a source."""
OF_GLIBC = re.compile(r"(ld-linux.*|libc|libm|libpthread|libdl|librt|libutil|libresolv)\.so.*")
LAUNCHER = """\
#!/bin/sh
# The agent with its own interpreter; nothing of the host but its kernel and C library is used.
home=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd) || exit 1
[ ! -r "$home/../../environment" ] || { set -a; . "$home/../../environment"; set +a; }
LD_LIBRARY_PATH=$home/lib exec "$home/bin/python" -I -S "$home/app/start.py" "$@"
"""
START = """\
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from agent.__main__ import main
sys.exit(main())
"""


class Bundle(NamedTuple):
    """What was built; ``manifest`` is what the signature is over."""

    archive: Path
    manifest: Path
    signature: Path
    size: int


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m controller.rollout.bundle",
        description="Build and sign the self-contained agent for this architecture.",
        epilog="example: python -m controller.rollout.bundle --key /etc/yunxun/signing.pem -o dist",
    )
    parser.add_argument("--key", type=Path, required=True, help="Ed25519 key (PEM); made if absent")
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"))
    parser.add_argument("--label", default="", help="added to the version")
    options = parser.parse_args(arguments)
    made = build(options.output, options.key, label=options.label)
    print(f"{made.archive}  {made.size / 1e6:.1f} MB")  # noqa: T201 - a command line prints
    print(made.manifest.read_text().rstrip())  # noqa: T201
    mark = fingerprint((options.output / "signing.pub").read_bytes())
    print(f"signed by {mark}: yunxun agent trust {options.output}/signing.pub")  # noqa: T201
    return 0


def build(output: Path, key_file: Path, *, label: str = "") -> Bundle:
    """Makes archive, manifest, signature and public key in ``output``. Raises OSError."""
    key = load_or_make_key(key_file)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        _fill(home)
        content = _digest(home)
        number = f"{version('yunxun')}{f'-{label}' if label else ''}+{content[:8]}"
        (home / "VERSION").write_text(number + "\n")
        _write_sums(home)
        raw = _packed(home)
        need = _glibc(home)
    output.mkdir(parents=True, exist_ok=True)
    stem = f"yunxun-agent-{number}-{platform.machine()}"
    archive = output / f"{stem}.tar.gz"
    archive.write_bytes(raw)
    manifest = output / f"{stem}.manifest"
    lines = {
        "format": "1",
        "version": number,
        "arch": platform.machine(),
        "glibc": need,
        "python": platform.python_version(),
        "file": archive.name,
        "size": str(len(raw)),
        "unpacked_kb": str(_unpacked_kb(raw)),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    manifest.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    signature = output / f"{stem}.sig"
    signature.write_bytes(sign(key, manifest.read_bytes()))
    (output / "signing.pub").write_bytes(public_pem(key))
    return Bundle(archive, manifest, signature, len(raw))


def _fill(home: Path) -> None:
    library = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    app = home / "app"
    for folder in (home / "bin", library / "lib-dynload", app):
        folder.mkdir(parents=True)
    python = home / "bin" / "python"
    shutil.copy2(Path(sys.executable).resolve(), python)
    elves = [python]
    for name, path in sorted(_standard_modules().items()):
        module = Path(path)
        if module.suffix == ".so":
            elves.append(Path(shutil.copy2(module, library / "lib-dynload" / module.name)))
        else:
            target = library.joinpath(*name.split("."))
            _compile(module, target / "__init__" if module.stem == "__init__" else target)
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*")):
            place = app / source.relative_to(ROOT)
            if source.suffix == ".py":
                _compile(source, place.with_suffix(""))
            if source.suffix in (".toml", ".service") or source.name in STARTED:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place)
    elves += _psutil(app)
    for each in _libraries(elves):
        elves.append(Path(shutil.copy2(each, home / "lib" / each.name)))
    _strip(elves)
    start = home / "bin" / "yunxun-agent"
    start.write_text(LAUNCHER)
    start.chmod(0o755)
    (app / "start.py").write_text(START)


def _standard_modules() -> dict[str, str]:
    """Name and file of every module of the standard library that the agent reaches."""
    finder = modulefinder.ModuleFinder(
        path=[str(ROOT), *(it for it in sys.path if it)], excludes=list(LEFT_OUT)
    )
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*.py")):
            finder.load_file(str(source))
    for name in ALWAYS:
        finder.import_hook(name)
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    dynamic = Path(sysconfig.get_config_var("DESTSHARED") or standard / "lib-dynload").resolve()
    found = {}
    for name, module in finder.modules.items():
        file = getattr(module, "__file__", None)
        if not file:
            continue
        path = Path(file).resolve()
        if "site-packages" in path.parts or "dist-packages" in path.parts:
            continue
        if path.is_relative_to(standard) or path.is_relative_to(dynamic):
            found[name] = str(path)
    return found


def _compile(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    py_compile.compile(
        str(source), f"{target}.pyc", dfile=source.name, doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def _psutil(app: Path) -> list[Path]:
    spec = importlib.util.find_spec("psutil")
    if spec is None or spec.origin is None:
        raise OSError("psutil is not installed here: pip install 'yunxun[agent]'")
    elves = []
    for source in sorted(Path(spec.origin).parent.iterdir()):
        target = app / "psutil" / source.name
        if source.suffix == ".py":
            _compile(source, target.with_suffix(""))
        elif source.suffix == ".so":
            elves.append(Path(shutil.copy2(source, target)))
    return elves


def _libraries(elves: Iterable[Path]) -> list[Path]:
    """Shared libraries beyond glibc that these programs load on this host."""
    found: dict[str, Path] = {}
    for elf in elves:
        done = subprocess.run(["ldd", str(elf)], capture_output=True, text=True, check=False)
        for name, path in re.findall(r"(\S+) => (/\S+)", done.stdout):
            if not OF_GLIBC.fullmatch(name):
                found[name] = Path(path)
    return [_named(name, path) for name, path in sorted(found.items())]


def _named(name: str, path: Path) -> Path:
    """The library under the name it is asked for by."""
    return path if path.name == name else path.with_name(name)


def _strip(elves: Iterable[Path]) -> None:
    tool = shutil.which("strip")
    for elf in elves if tool else ():
        elf.chmod(0o755)
        subprocess.run([str(tool), "--strip-unneeded", str(elf)], check=False, capture_output=True)


def _glibc(home: Path) -> str:
    """The newest GLIBC_ version that anything in the bundle asks for."""
    newest = (2, 0)
    for path in home.rglob("*"):
        if not path.is_file() or path.suffix in (".pyc", ".toml"):
            continue
        with path.open("rb") as file:
            try:
                elf = ELFFile(file)
            except ELFError:
                continue
            section = elf.get_section_by_name(".gnu.version_r")
            if not isinstance(section, GNUVerNeedSection):
                continue
            for _, versions in section.iter_versions():
                for each in versions:
                    match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", each.name)
                    if match:
                        newest = max(newest, (int(match[1]), int(match[2])))
    return f"{newest[0]}.{newest[1]}"


def _files(home: Path) -> list[Path]:
    return sorted(it for it in home.rglob("*") if it.is_file())


def _digest(home: Path) -> str:
    whole = hashlib.sha256()
    for path in _files(home):
        whole.update(f"{path.relative_to(home)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def _write_sums(home: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(home)}\n"
        for path in _files(home)
    ]
    (home / "SHA256SUMS").write_text("".join(lines))


def _packed(home: Path) -> bytes:
    """The archive; the same content gives the same bytes."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in _files(home):
            info = tarfile.TarInfo(str(path.relative_to(home)))
            info.size = path.stat().st_size
            info.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)
    return gzip.compress(inner.getvalue(), 9, mtime=0)


def _unpacked_kb(raw: bytes) -> int:
    return int.from_bytes(raw[-4:], "little") // 1024


if __name__ == "__main__":
    sys.exit(main())
