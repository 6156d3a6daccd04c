"""Who makes a request, once it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.access.roles import LOCAL


@dataclass(frozen=True)
class Principal:
    """A signed-in person, an API token, or whoever works on the data folder itself.

    ``at`` is the time of the request; ``csrf`` is set for cookie sessions only and goes into
    every form and the ``X-CSRF-Token`` header of scripts.
    """

    name: str
    role: str
    at: datetime
    unit_id: int | None = None
    language: str = "zh"
    address: str = ""
    user_id: int | None = None
    csrf: str = ""
    session_hash: str = ""
    must_change_password: bool = False
    duty: str = ""
    """Of a signed-in user of role unit: leader (负责人) or handler (经办人)."""

    def holds(self, *roles: str) -> bool:
        """Whether one of the roles is theirs."""
        return self.role == LOCAL or self.role in roles


def local_principal(at: datetime, name: str = "local") -> Principal:
    """The principal of commands that work on the data folder, and of the system itself."""
    return Principal(name=name, role=LOCAL, at=at)
