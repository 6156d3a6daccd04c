"""The invented prefecture and the folder it lives in."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from collectors import catalog
from controller.demo import run
from controller.demo.history import COLUMNS, clock_shape, write_history
from controller.demo.world import DEMO_TAG, SYSTEMS, UNITS, build_fleet

END = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def test_the_fleet_is_the_same_each_time_and_every_vm_is_marked() -> None:
    fleet = build_fleet()
    assert fleet == build_fleet()
    assert len(fleet) == 200
    assert len(UNITS) == 12
    assert {vm.system for vm in fleet} == {name for name, *_ in SYSTEMS}
    assert all(DEMO_TAG in vm.tags for vm in fleet)
    assert len({vm.uuid for vm in fleet}) == len({vm.ip for vm in fleet}) == 200


def test_history_holds_catalogue_columns_within_their_bounds(tmp_path: Path) -> None:
    fleet = build_fleet()[:60]
    path = tmp_path / "samples.parquet"
    rows = sum(write_history(fleet, END, 3, path))
    table = pq.read_table(path)
    assert table.num_rows == rows > 0
    assert set(COLUMNS) <= set(catalog.HOST.names)
    used, peak = table["cpu_used_pct"].to_numpy(), table["cpu_max_pct"].to_numpy()
    assert (used >= 0).all()
    assert (peak >= used).all()
    assert (peak <= 100).all()
    assert (table["mem_used_bytes"].to_numpy() <= table["mem_total_bytes"].to_numpy()).all()
    assert (table["time"].to_numpy() % 300 == 0).all()
    assert table["time"].to_numpy().max() < END.timestamp()


def test_offices_are_quiet_at_weekends_and_finance_is_busy_at_month_ends() -> None:
    monday_ten = np.array([datetime(2026, 11, 16, 2, 0, tzinfo=UTC).timestamp()], dtype=np.int64)
    sunday_ten = monday_ten - 86_400
    month_end = np.array([datetime(2026, 11, 30, 2, 0, tzinfo=UTC).timestamp()], dtype=np.int64)
    assert clock_shape(sunday_ten, "desk", 0.1, 1.0) < 0.2 * clock_shape(
        monday_ten, "desk", 0.1, 1.0
    )
    assert clock_shape(month_end, "desk", 0.2, 4.0) > 3 * clock_shape(monday_ten, "desk", 0.2, 4.0)


def test_a_folder_with_files_that_are_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep", "utf-8")
    with pytest.raises(run.DemoError, match="not a demo's"):
        run.prepare_folder(tmp_path)
    assert (tmp_path / "precious.txt").read_text("utf-8") == "keep"


def test_a_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    run.prepare_folder(folder)
    (folder / "fleet" / "old.csv").touch()
    run.prepare_folder(folder)
    assert not list((folder / "fleet").iterdir())


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(run.DemoError, match=str(port)):
            run.check_port(port)
