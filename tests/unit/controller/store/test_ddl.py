"""The schema follows the catalogue, without an engine."""

from __future__ import annotations

from collectors.catalog import TABLES
from controller.settings import SamplesSettings, Settings
from controller.store import ddl

SETTINGS = Settings()
CLUSTER = Settings(samples=SamplesSettings(url="http://ch:8123/yunxun", cluster="city"))


def test_every_metric_of_the_catalogue_is_a_column_of_all_four_tables() -> None:
    statements = "\n".join(ddl.create_statements(SETTINGS))
    for table in TABLES:
        for metric in table.metrics:
            kind = "Float32" if metric.type == "f4" else "Float64"
            assert statements.count(f"\n  {metric.name} {kind} DEFAULT nan CODEC(") == 4


def test_every_table_is_durable_and_replaces_by_version() -> None:
    for statement in ddl.create_statements(SETTINGS):
        assert "ENGINE = ReplacingMergeTree(version)" in statement
        assert "PARTITION BY toYYYYMM(time)" in statement
        for setting in ddl.DURABLE:
            assert f"{setting} = 1" in statement


def test_a_new_metric_is_one_alter_and_nothing_otherwise() -> None:
    table = ddl.sample_tables(SETTINGS)[0]
    present = {metric.name: "Float32" for metric in table.metrics}
    assert ddl.added_columns(table, present) == []
    del present["load1"]
    (statement,) = ddl.added_columns(table, present)
    assert statement.startswith("ALTER TABLE host ADD COLUMN IF NOT EXISTS load1 Float32 DEFAULT")
    assert statement.count("ADD COLUMN") == 1


def test_a_cluster_gets_replicated_local_and_distributed_tables() -> None:
    statements = ddl.create_statements(CLUSTER)
    local = [each for each in statements if "ReplicatedReplacingMergeTree" in each]
    spread = [each for each in statements if "ENGINE = Distributed('city'" in each]
    assert len(local) == len(spread) == 4 * len(TABLES)
    assert all("ON CLUSTER 'city'" in each for each in statements)
    # All versions of a row must meet on one shard, or nothing replaces anything.
    assert all("cityHash64(resource)" in each for each in spread)
    table = ddl.sample_tables(CLUSTER)[0]
    alters = ddl.added_columns(table, {}, "city")
    assert [each.split()[2] for each in alters] == ["host_local", "host"]


def test_a_sample_tables_catalogue_is_found_by_any_of_its_names() -> None:
    for name in ("host", "host_5m", "host_1h", "host_coarse"):
        assert ddl.catalogue_table(name) is TABLES[0]
