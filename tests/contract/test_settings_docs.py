"""docs/settings.md speaks of every setting, and of none that does not exist."""

import re
from pathlib import Path

from pydantic import BaseModel

from controller.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def setting_names(model: type[BaseModel], prefix: str = "") -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= setting_names(field.annotation, f"{prefix}{name}.")
        else:
            names.add(prefix + name)
    return names


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text("utf-8").splitlines() if "|" in line]
    documented = {name for row in rows for name in re.findall(r"`([a-z0-9_.]+)`", row)}
    assert documented == setting_names(Settings)
