"""The built-in collectors where there is /proc: one file each, all named here."""

from __future__ import annotations

from collectors.host.linux.cpu import Cpu
from collectors.host.linux.disks import Disks
from collectors.host.linux.filesystems import Filesystems
from collectors.host.linux.load import Load
from collectors.host.linux.memory import Memory
from collectors.host.linux.network import Network
from collectors.host.linux.processes import Processes
from collectors.host.linux.protocols import Protocols
from collectors.host.linux.tcp import Tcp
from collectors.host.linux.uptime import Uptime

LINUX = (Cpu, Memory, Filesystems, Disks, Network, Protocols, Tcp, Load, Processes, Uptime)
"""Every collector class; each is made with (proc, sys). A test holds this and the folder equal."""
