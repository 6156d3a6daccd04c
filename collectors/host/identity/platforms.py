"""What differs between POSIX and Windows Server; the Windows half was never run by us."""

from __future__ import annotations

import os
import sys


def read_windows() -> dict[str, str]:
    """The same keys as ``parse_os_release``; empty words elsewhere."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        number = f"{version.major}.{version.minor}.{version.build}"
        return {"id": "windows", "name": "Windows", "version": number, "id_like": ""}
    return {"id": "", "name": "", "version": "", "id_like": ""}


def kernel_and_arch() -> tuple[str, str]:
    """Kernel release and machine word ("x86_64", "aarch64", "loongarch64")."""
    if sys.platform == "win32":
        return "", os.environ.get("PROCESSOR_ARCHITECTURE", "").lower()
    name = os.uname()
    return name.release, name.machine
