"""What the collectors' parts must agree on."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import collectors.host.linux as linux
from collectors.catalog import TABLES
from collectors.docs import render
from collectors.host import HostCollector
from collectors.host.linux import LINUX
from collectors.host.portable import PORTABLE

ROOT = Path(__file__).parent.parent.parent


def test_docs_metrics_md_is_what_the_generator_prints() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert text == render(), "run: python -m collectors.docs > docs/metrics.md"


def test_the_tuple_of_collectors_and_their_folder_are_equal() -> None:
    found = set()
    for module in pkgutil.iter_modules(linux.__path__):
        contents = vars(importlib.import_module(f"{linux.__name__}.{module.name}"))
        own = [
            value
            for value in contents.values()
            if isinstance(value, type)
            and hasattr(value, "read")
            and hasattr(value, "values")
            and value.__module__.endswith(f".{module.name}")
        ]
        assert len(own) == 1, f"{module.name}.py has {len(own)} collectors, not one"
        found.add(own[0])
    assert found == set(LINUX)


def test_collectors_have_names_of_their_own() -> None:
    for built_in in (LINUX, PORTABLE):
        names = [collector.name for collector in built_in]
        assert len(set(names)) == len(names)


def test_catalogue_names_are_unique_and_fit_the_wire_and_prometheus() -> None:
    for table in TABLES:
        assert len(set(table.names)) == len(table.names)
        for metric in table.metrics:
            assert metric.name.replace("_", "a").isalnum()
            assert metric.name == metric.name.lower()
            assert len(metric.name) <= 64
            assert metric.zh
            assert metric.en


def test_collectors_give_only_names_of_the_catalogue() -> None:
    for portable in (False, True):
        host = HostCollector(portable=portable)
        host.collect(0, 0.0)
        for row in host.collect(300_000, 300.0).readings:
            table = next(t for t in TABLES if t.name == row.table)
            assert set(row.values) <= set(table.names)
