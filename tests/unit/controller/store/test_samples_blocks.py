"""How an insert is cut into blocks, without an engine."""

from __future__ import annotations

import numpy as np
import pytest

from controller.settings import Settings
from controller.store.blocks import MONTHS_PER_BLOCK, blocks
from controller.store.samples import Samples, SamplesUnavailable


def test_rows_of_a_few_months_are_one_block() -> None:
    times = np.array(["2026-01-31", "2026-12-01"], "M8[ms]")
    assert list(blocks(times)) == [None]
    assert list(blocks(times.astype("i8"))) == [None]
    assert list(blocks(None)) == [None]


def test_rows_of_many_months_are_several_blocks_that_hold_each_row_once() -> None:
    times = np.arange("2000-01", "2026-01", dtype="M8[M]").astype("M8[ms]")
    rng = np.random.default_rng(1)
    times = rng.permutation(np.repeat(times, 3))
    made = list(blocks(times))
    assert len(made) == -(-312 // MONTHS_PER_BLOCK)
    chosen = [block for block in made if block is not None]
    assert sorted(np.concatenate(chosen).tolist()) == list(range(len(times)))
    for block in chosen:
        assert len(np.unique(times[block].astype("M8[M]"))) <= MONTHS_PER_BLOCK


def test_without_a_running_store_the_error_names_the_missing_file(tmp_path: object) -> None:
    samples = Samples.from_settings(Settings(data=tmp_path))
    with pytest.raises(SamplesUnavailable, match=r"samples\.json is not there"):
        samples.query("SELECT 1")
    assert samples.ping() is False
