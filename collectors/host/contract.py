"""What a collector of this host is.

The rules every collector keeps: no external command, no shell, no network beyond a netlink socket
of the kernel; no root needed (what needs it is left out without it); one file of collectors/host/
linux a collector; ``read`` does the I/O, everything else is arithmetic on what it returned. The
roots of /proc and /sys are constructor arguments and the time is passed in, so a test reads a
checked-in tree at any instant it likes.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

Values = dict[str, float]
"""Catalogue name to number; what could not be measured is left out."""


class NothingToCollect(Exception):
    """This host has no such thing (no swap device, no IPv6): said once at debug, never an alarm."""


class Collector(Protocol):
    """One thing that is measured. ``S`` below is whatever its own ``read`` returns."""

    name: str

    def read(self, now: float) -> Any:
        """Takes one snapshot S at ``now`` (monotonic seconds).

        Raises NothingToCollect, or OSError and ValueError for what is broken.
        """
        ...

    def values(self, before: Any | None, after: Any, seconds: float) -> Values:
        """The whole host over the ``seconds`` between two snapshots.

        Without ``before`` (the first interval, a restart) only what needs no counter.
        """
        ...


@runtime_checkable
class InParts(Protocol):
    """A collector that also measures instances: file systems, disks, network cards."""

    def parts(self, before: Any | None, after: Any, seconds: float) -> dict[str, Values]:
        """Instance ("fs:/data", "disk:vda", "nic:eth0") to its values."""
        ...


@runtime_checkable
class Subsampled(Protocol):
    """A collector that looks more often than once an interval."""

    def subsample(self, now: float) -> None:
        """A cheap look at ``now`` (monotonic seconds); raises as ``read`` does."""
        ...


@runtime_checkable
class Closed(Protocol):
    """A collector that holds files open."""

    def close(self) -> None:
        """Gives them back; measuring again opens them again."""
        ...
