"""The pages load from ourselves only, and need no exception from a strict content policy."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from controller.web.render import HERE, STATIC, asset

OWN = [*(HERE / "templates").rglob("*.html"), *STATIC.glob("*.*")]
VENDOR = STATIC / "vendor"
NAMESPACES = ("http://www.w3.org/",)
"""Names that look like addresses; nothing is loaded from them."""


class _Inline(HTMLParser):
    """Collects what a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or re.fullmatch(r"on[a-z]+", name):
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action") and (value or "").startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_is_loaded_from_another_host(path: Path) -> None:
    addresses = re.findall(
        r"(?:https?:)?//[a-zA-Z0-9][\w.-]+\.[a-z]+[^\s\"'<]*", path.read_text("utf-8")
    )
    assert [a for a in addresses if not a.startswith(NAMESPACES)] == []


@pytest.mark.parametrize(
    "path", [*(HERE / "templates").rglob("*.html")], ids=lambda path: path.name
)
def test_no_template_has_inline_style_or_script(path: Path) -> None:
    parser = _Inline()
    # Without the template's own marks, which may stand inside attributes.
    parser.feed(re.sub(r"\{[%{#].*?[%}#]\}", "", path.read_text("utf-8"), flags=re.S))
    assert parser.found == []


def test_the_built_styles_load_nothing_from_elsewhere() -> None:
    css = (VENDOR / "tabler.css").read_text("utf-8")
    loaded = re.findall(r"url\(\s*[\"']?([^\"')]+)", css) + re.findall(r"@import\s+([^;]+)", css)
    assert loaded
    assert [each for each in loaded if not each.startswith("/static/vendor/img/")] == []
    for each in loaded:
        assert (STATIC / each.removeprefix("/static/")).is_file(), each


def test_the_lock_file_pins_every_package_and_names_no_host() -> None:
    text = (HERE / "assets" / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert all("integrity" in each for name, each in packages.items() if name)
    # The addresses of authors' and sponsors' pages (funding) are no download addresses.
    assert '"resolved"' not in text
    assert "registry" not in text


def test_wanted_versions_are_exact() -> None:
    wanted = json.loads((HERE / "assets" / "package.json").read_text("utf-8"))["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted


def test_the_icons_that_are_built_are_those_that_are_used() -> None:
    built = set(json.loads((HERE / "assets" / "package.json").read_text("utf-8"))["icons"])
    sources = [*(HERE / "templates").rglob("*.html"), *HERE.rglob("*.py")]
    text = "\n".join(
        path.read_text("utf-8") for path in sources if "node_modules" not in path.parts
    )
    words = set(re.findall(r"[\"']([a-z0-9]+(?:-[a-z0-9]+)*)[\"']", text))
    assert built <= words, sorted(built - words)
    used = set(re.findall(r"icon\([\"']([a-z0-9-]+)[\"']", text))
    assert used <= built, sorted(used - built)
    sprite = (VENDOR / "icons.svg").read_text("utf-8")
    assert set(re.findall(r'<symbol id="([^"]+)"', sprite)) == built


def test_an_address_changes_when_its_file_does() -> None:
    assert re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{12}", asset("app.css"))
