"""The bytes on the wire stay what they are: agents of any age talk to controllers of any age.

The golden files were written once (``python -m tests.contract.test_wire_golden``) and are read by
both decoders; a change of theirs is a new wire version.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from collectors import catalog, records
from collectors.records import BatchId, Document, Reading
from controller.ingest import decode

GOLDEN = Path(__file__).parent / "golden"
NAMES = tuple((metric.name, metric.type) for metric in catalog.HOST.metrics)
MINUTE = 1_795_420_800_000


def batches() -> dict[str, bytes]:
    """Name to the bytes the encoder makes today."""
    one = BatchId("0f" * 16, "9c" * 16, 42)
    whole = {name: index + 0.5 for index, (name, _) in enumerate(NAMES)}
    rows = [
        Reading("host", "", MINUTE, 60.0, whole),
        Reading("host", "fs:/数据", MINUTE, 60.001, {"disk_used_bytes": 2.0**53 - 1}),
        Reading("host", "nic:eth0", MINUTE + 60_000, 59.5, {"net_rx_bytes_s": 1.25e9}),
    ]
    other = [rows[0]._replace(resource="vm-1"), rows[1]._replace(resource="虚机-2")]
    documents = [
        Document("facts", MINUTE, {"hostname": "主机", "cpu": {"logical": 4}}),
        Document("loss", MINUTE, {"reason": "cap", "from_ms": 1, "to_ms": 2, "rows": 3}),
    ]
    return {
        "one_row": records.encode_samples(one, "host", NAMES, rows[:1]),
        "three_rows": records.encode_samples(one, "host", NAMES, rows),
        "no_row": records.encode_samples(one, "host", NAMES, []),
        "resources": records.encode_samples(one, "host", NAMES, other),
        "documents": records.encode_documents(one, documents),
    }


def told(batch: records.Batch) -> dict[str, Any]:
    """A batch as JSON; NaN is null."""
    columns = {
        name: [None if isinstance(v, float) and math.isnan(v) else v for v in values]
        for name, values in batch.columns.items()
    }
    return {
        "id": list(batch.id),
        "table": batch.table,
        "columns": columns,
        "documents": [list(document) for document in batch.documents],
    }


@pytest.mark.parametrize("name", sorted(batches()))
def test_both_decoders_read_the_golden_bytes(name: str) -> None:
    wire = (GOLDEN / f"{name}.batch").read_bytes()
    expected = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert told(records.decode(wire)) == expected
    assert told(decode.decode(wire)) == expected


@pytest.mark.parametrize("name", sorted(batches()))
def test_what_is_encoded_today_says_the_same(name: str) -> None:
    """Compared decoded: another zlib may compress differently."""
    expected = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert told(records.decode(batches()[name])) == expected


def test_the_header_is_one_line_of_plain_json_and_the_columns_follow_packed() -> None:
    line, payload = records.inflate((GOLDEN / "three_rows.batch").read_bytes())
    header = json.loads(line)
    assert list(header)[:6] == ["v", "agent", "epoch", "seq", "table", "rows"]
    sizes = {"i8": 8, "f4": 4, "f8": 8, "u2": 2}
    assert len(payload) == 3 * sum(sizes[kind] for _, kind in header["columns"])
    assert int.from_bytes(payload[:8], "little") == MINUTE


def write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, wire in batches().items():
        (GOLDEN / f"{name}.batch").write_bytes(wire)
        text = json.dumps(told(records.decode(wire)), ensure_ascii=False, indent=1)
        (GOLDEN / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    write()
