"""Of what, and of which times, an agent may send rows besides those of its own host. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """A resource that an agent measures or measured, and when that was its work.

    ``spans``: (from, until) in milliseconds since 1970, until excluded; a row that begins outside
    them is not taken: nobody says anything of a time in which another one measured.
    """

    resource: int
    spans: tuple[tuple[int, int], ...]


NOBODYS = Measured(0, ())
EVER = ((-(1 << 62), 1 << 62),)
"""An agent's own host is its own at all times."""
