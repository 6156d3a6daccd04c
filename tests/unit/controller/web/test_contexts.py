"""A page's context and its template say the same: neither a field too many nor one too few."""

from __future__ import annotations

from dataclasses import fields

import pytest
from jinja2 import meta, nodes

from controller.web import routes
from controller.web.render import GLOBALS, HERE, Context, environment

TEMPLATES = HERE / "templates"


def _contexts() -> list[type[Context]]:
    assert routes.PAGES
    found: list[type[Context]] = []
    waiting: list[type[Context]] = [Context]
    while waiting:
        below = waiting.pop().__subclasses__()
        found += below
        waiting += below
    return sorted(found, key=lambda each: each.__name__)


def _used(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Variables of a template and of those it extends or includes; macros take arguments only."""
    if name in seen:
        return set()
    source = (TEMPLATES / name).read_text("utf-8")
    tree = environment("zh", "Asia/Shanghai").parse(source)
    # Blocks are scopes of their own: they know what the file imports or defines all the same.
    known = {macro.name for macro in tree.find_all(nodes.Macro)}
    for imported in tree.find_all(nodes.FromImport):
        known |= {each if isinstance(each, str) else each[1] for each in imported.names}
    used = meta.find_undeclared_variables(tree) - known
    for node in tree.find_all((nodes.Extends, nodes.Include)):
        other = node.template
        assert isinstance(other, nodes.Const)
        used |= _used(other.value, seen | {name})
    return used


@pytest.mark.parametrize("context", _contexts(), ids=lambda each: each.__name__)
def test_template_and_context_hold_the_same_names(context: type[Context]) -> None:
    used = _used(context.template) - set(GLOBALS) - {"_", "shell"}
    assert used == {field.name for field in fields(context)}


def test_every_template_belongs_to_a_context_or_is_part_of_one() -> None:
    parts = {"bare.html", "base.html", "alone.html"}
    pages = {path.name for path in TEMPLATES.glob("*.html")} - parts
    assert pages == {context.template for context in _contexts()}


def test_every_context_says_what_it_is() -> None:
    for context in _contexts():
        # A dataclass without a docstring gets its signature as one.
        assert context.__doc__, context
        assert not context.__doc__.startswith(f"{context.__name__}("), context


@pytest.mark.parametrize("part", ["parts/macros.html", "parts/dialogs.html"])
def test_macros_use_arguments_and_globals_only(part: str) -> None:
    assert _used(part) - set(GLOBALS) - {"_"} == set()
