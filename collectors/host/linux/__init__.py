"""The built-in collectors where there is /proc: one file each, all named here."""

from __future__ import annotations

from collectors.host.linux.cpu import Cpu
from collectors.host.linux.load import Load
from collectors.host.linux.memory import Memory
from collectors.host.linux.processes import Processes
from collectors.host.linux.uptime import Uptime

LINUX = (Cpu, Memory, Load, Processes, Uptime)
"""Every collector class; each is made with (proc, sys). A test holds this and the folder equal."""
