"""Files that are no samples: one line each, whatever is in them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from controller.inventory.sheet import UnreadableError
from controller.usage.sample_file import SampleFile


def _parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"resource": ["a"] * 5000, "time": list(range(5000))}), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xac\xff\x00\xfe\r\x81" * 500, id="noise"),
        pytest.param(b"resource,time\n1\xff\xfe,2\n", id="no text"),
        pytest.param(b"a" * 200_000 + b",time\n1,2\n", id="endless header"),
        pytest.param(b"resource,time\n" + b"1,2\n" * 500_000 + b"\xff\xff,2\n", id="late noise"),
        pytest.param(b"PAR1" + b"x" * 100, id="named Parquet"),
        pytest.param(b"PK\x03\x04xx", id="named workbook"),
    ],
)
def test_what_is_no_table_is_said_to_be_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="x"):
        _read(path)


def test_a_parquet_file_damaged_inside_is_said_to_be_unreadable(tmp_path: Path) -> None:
    raw = _parquet(tmp_path / "x")
    (tmp_path / "x").write_bytes(raw[:200] + bytes(b ^ 0x5A for b in raw[200:400]) + raw[400:])
    with pytest.raises(UnreadableError, match="after row 0"):
        _read(tmp_path / "x")


def test_bytes_under_a_tables_name_are_said_to_be_no_table(tmp_path: Path) -> None:
    for name, content in (("x.parquet", b"resource,time\n"), ("x.csv", b"re\0source,time\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableError, match=r"x\.\w+ is (not a|neither)"):
            _read(tmp_path / name)


def test_a_file_of_a_byte_order_mark_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf")
    assert _read(tmp_path / "x") == ([], 0)


def _read(path: Path) -> tuple[list[str], int]:
    file = SampleFile(path, path.name)
    return file.columns(), sum(block.table.num_rows for block in file.blocks())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_is_read_in_the_encodings_that_spreadsheets_write(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("resource\ttime\r\n云主机\t1\r\n甲\t2\r\n".encode(encoding))
    file = SampleFile(path, "x.csv")
    assert file.columns() == ["resource", "time"]
    rows = [row for block in file.blocks() for row in block.table.to_pylist()]
    assert rows == [{"resource": "云主机", "time": "1"}, {"resource": "甲", "time": "2"}]
