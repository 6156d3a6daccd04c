"""Identification of a host from texts it gave: its processor and its operating system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playbooks.judge.identify_cpu import Cpu, identify_cpu
from playbooks.judge.identify_os import Os, identify_os

__all__ = ["Cpu", "Identity", "Os", "identify"]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a host is."""

    cpu: Cpu
    os: Os

    def as_json(self) -> dict[str, dict[str, str | bool | None]]:
        """`{"cpu": {vendor, model, arch, domestic}, "os": {id, name, version, lineage, …}}`."""
        return {"cpu": self.cpu.as_json(), "os": self.os.as_json()}


def identify(
    os_release: str | None = None,
    cpuinfo: str | None = None,
    lscpu: str | None = None,
    dmi: str | None = None,
    files: Mapping[str, str] | None = None,
) -> Identity:
    """Processor and system from texts; each may be missing, empty or not what it says it is.

    `files` maps paths (/etc/os-version, /etc/kylin-release, /etc/lsb-release …) to their text.
    """
    return Identity(cpu=identify_cpu(cpuinfo, lscpu, dmi), os=identify_os(os_release, files or {}))
