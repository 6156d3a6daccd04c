"""Foreign binaries from the public registries: pinned, checked, kept in var/ (git ignores it)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.unpack import unpack

CACHE = Path(__file__).parents[3] / "var/foreign-binaries"
ESBUILD = "0.21.5"
NPM = {
    "linux-arm64": "ibKvmyYzKsBeX8d8I7MH/TMfWDXBF3db4qM6sy+7re0YXya+K1cem3on9XgdT2EQGMu4hQyZhan7T"
    "eQ8XkGp4Q==",
    "linux-loong64": "uHf1BmMG8qEvzdrzAqg2SIG/02+4/DHB6a9Kbya0XDvwDEKCoC8ZRWI5JJvNdUjtciBGFQ5PuBlp"
    "EOXQj+JQSg==",
    "linux-mips64el": "IajOmO+KJK23bj52dFSNCMsz1QP1DqM6cwLUv3W1QwyxkyIWecfafnI555fvSGqEKwjMXVLokcV5"
    "ygHW5b3Jbg==",
    "linux-riscv64": "2HdXDMd9GMgTGrPWnJzP2ALSokE/0O5HhTUvWIbD3YdjME8JwvSCnNGBnTThKGEB91OZhzrJ4qII"
    "xk/SBmyDDA==",
    "linux-x64": "1rYdTpyv03iycF1+BhzrzQJCdOuAOtaqHTWJZCWvijKD2N5Xu0TtVC8/+1faWqcP9iBCWOmjmhoH94d"
    "H82BxPQ==",
}
"""Package of @esbuild -> sha512 of its tarball, as the registry states it."""

WHEELS = {
    "MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": (
        "markupsafe==3.0.2", "manylinux_2_17_aarch64",
        "2cb8438c3cbb25e220c2ab33bb226559e7afb3baec11c4f218ffa7308603c832"),
    "MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": (
        "markupsafe==3.0.2", "manylinux_2_17_x86_64",
        "a123e330ef0853c6e822384873bef7507557d8e4a082961e1defa947aa59ba84"),
    "MarkupSafe-3.0.2-cp311-cp311-musllinux_1_2_aarch64.whl": (
        "markupsafe==3.0.2", "musllinux_1_2_aarch64",
        "d8213e09c917a951de9d09ecee036d5c7d36cb6cb7dbaece4c71a60d79fb9798"),
    "cryptography-46.0.3-cp311-abi3-manylinux_2_28_aarch64.whl": (
        "cryptography==46.0.3", "manylinux_2_28_aarch64",
        "6eae65d4c3d33da080cff9c4ab1f711b15c1d9760809dad6ea763f3812d254cb"),
    "rpds_py-0.28.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl": (
        "rpds-py==0.28.0", "manylinux_2_17_aarch64",
        "25dbade8fbf30bcc551cb352376c0ad64b067e4fc56f90e22ba70c3ce205988c"),
}  # fmt: skip
"""File -> requirement, platform, sha256."""


def esbuild_packages() -> dict[str, Path]:
    """Platform -> the package's folder with its true foreign binary in bin/esbuild."""
    folders = {}
    for name, digest in NPM.items():
        tarball = CACHE / f"esbuild-{name}-{ESBUILD}.tgz"
        if not tarball.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            _run("npm", "pack", "--silent", f"@esbuild/{name}@{ESBUILD}")
        found = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        assert found == digest, f"{tarball} is not what was pinned: delete it"
        folder = CACHE / "npm" / name
        if not folder.exists():
            unpack(tarball, folder)
        folders[name] = folder
    return folders


def wheels() -> dict[str, Path]:
    """File name -> wheel."""
    for name, (requirement, platform, digest) in WHEELS.items():
        path = CACHE / "wheels" / name
        if not path.exists():
            _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                 "--only-binary=:all:", "--platform", platform, "--python-version", "311",
                 "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", requirement,
                 "-d", str(path.parent))  # fmt: skip
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path
    return {name: CACHE / "wheels" / name for name in WHEELS}


def _run(*command: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, cwd=CACHE, check=True, timeout=300)
