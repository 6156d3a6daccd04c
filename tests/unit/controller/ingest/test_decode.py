"""The two decoders are one: whatever the bytes, the same batch or the same refusal."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import catalog, records
from collectors.records import BatchId, Document, Reading, WireError
from controller.ingest.decode import LONGEST_KEPT_TAIL, Opener, decode

NAMES = tuple((metric.name, metric.type) for metric in catalog.HOST.metrics)
SOME = ("cpu_used_pct", "load1", "mem_used_bytes")

numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)
words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
readings = st.builds(
    Reading,
    table=st.just("host"),
    instance=words,
    time_ms=st.integers(-(2**63), 2**63 - 1),
    interval_s=numbers,
    values=st.dictionaries(st.sampled_from(SOME), numbers, max_size=3),
    resource=words,
)
ids = st.builds(
    BatchId,
    agent=st.text("0123456789abcdef", min_size=1, max_size=32),
    epoch=st.text("0123456789abcdef", min_size=1, max_size=32),
    seq=st.integers(0, 2**62),
)


def same(left: Any, right: Any) -> bool:
    """Equality that takes NaN for NaN."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def outcome(decoder: Any, wire: bytes) -> Any:
    try:
        return decoder(wire)
    except WireError:
        return "refused"


@given(ids, st.lists(readings, max_size=8))
@settings(max_examples=150, deadline=None)
def test_both_decoders_read_any_batch_alike(batch_id: BatchId, rows: list[Reading]) -> None:
    wire = records.encode_samples(batch_id, "host", NAMES, rows)
    read = records.decode(wire)
    assert same(decode(wire), read)
    assert read.id == batch_id
    assert read.rows == len(rows)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_or_a_batch(wire: bytes) -> None:
    for each in (wire, zlib.compress(wire), zlib.compress(wire + b"\n" + wire)):
        assert same(outcome(decode, each), outcome(records.decode, each))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
KEYS = ("v", "agent", "epoch", "seq", "table", "rows", "columns", "dictionaries", "documents")


@given(
    st.dictionaries(st.sampled_from([*KEYS, "x"]), json_values, max_size=3),
    st.lists(st.sampled_from(KEYS), max_size=2),
    st.binary(max_size=40),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_any_header_is_refused_or_read_alike_also_after_it_was_kept(
    changes: dict[str, Any], gone: list[str], payload: bytes, random: Any
) -> None:
    header: dict[str, Any] = {
        "v": 1,
        "agent": "a1",
        "epoch": "e1",
        "seq": 7,
        "table": "host",
        "rows": 1,
        "columns": [["time", "i8"], ["interval_s", "f4"], ["instance", "u2"]],
        "dictionaries": {"instance": ["", "fs:/"]},
    }
    good = bytes(8 + 4 + 2)
    opener = Opener()
    opener.open(zlib.compress(_line(header) + b"\n" + good))
    header |= changes
    for key in gone:
        header.pop(key, None)
    members = list(header.items())
    if random.random() < 0.3:
        random.shuffle(members)
    for body in (good, payload):
        wire = zlib.compress(_line(dict(members)) + b"\n" + body)
        expected = outcome(records.open_envelope, wire)
        try:
            opened = opener.open(wire)
        except WireError:
            assert expected == "refused"
            continue
        assert expected != "refused"
        told = expected[0]
        assert opened.id == BatchId(told["agent"], told["epoch"], told["seq"])
        assert (opened.table, opened.rows) == (told["table"], told["rows"])
        assert [[n, k] for n, k in opened.layout.columns.items()] == told["columns"]
        assert opened.payload == expected[1]


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_changed_byte_never_makes_another_exception(at: int, value: int) -> None:
    rows = [Reading("host", "fs:/", 1_700_000_000_000, 60.0, {"load1": 1.5})]
    raw = bytearray(
        zlib.decompress(records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows))
    )
    raw[at % len(raw)] = value
    wire = zlib.compress(bytes(raw))
    assert same(outcome(decode, wire), outcome(records.decode, wire))


def test_a_header_that_names_a_member_twice_is_read_as_json_reads_it() -> None:
    head = b'{"v":1,"agent":"a","epoch":"e","seq":1,"table":"host","rows":0'
    columns = b'"columns":[["time","i8"],["interval_s","f4"]]'
    opener = Opener()
    for tail in (columns, columns + b',"agent":"b"', columns + b',"rows":0', columns + b',"x":1'):
        for _ in range(2):
            wire = zlib.compress(head + b"," + tail + b"}\n")
            assert opener.open(wire).id.agent == records.open_envelope(wire)[0]["agent"]


def test_the_cut_is_never_made_inside_a_string_or_a_nested_value() -> None:
    opener = Opener()
    good = b'"columns":[["time","i8"],["interval_s","f4"]]}'
    opener.open(
        zlib.compress(
            b'{"v":1,"agent":"a","epoch":"e","seq":1,"table":"host","rows":0,' + good + b"\n"
        )
    )
    nested = b'{"v":1,"agent":"a","epoch":"e","seq":1,"table":"host","rows":0,"x":{"y":1,' + good
    with pytest.raises(WireError):
        opener.open(zlib.compress(nested + b"\n"))
    with pytest.raises(WireError):
        records.open_envelope(zlib.compress(nested + b"\n"))


def test_documents_come_through() -> None:
    documents = [Document("loss", 5, {"reason": "cap", "rows": 3}), Document("facts", 6, {})]
    wire = records.encode_documents(BatchId("a", "e", 1), documents)
    assert decode(wire).documents == documents == records.decode(wire).documents


def test_a_bomb_stops_at_the_limit_in_both() -> None:
    bomb = zlib.compress(b"\0" * (64 << 20), 9)
    assert len(bomb) < records.MAX_WIRE_BYTES
    for decoder in (decode, records.decode):
        with pytest.raises(WireError, match="inflates to over"):
            decoder(bomb)


def test_an_index_outside_its_dictionary_is_refused_by_both() -> None:
    rows = [Reading("host", "a", 0, 60.0, {}), Reading("host", "b", 0, 60.0, {})]
    wire = records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows)
    raw = zlib.decompress(wire).replace(b'["a","b"]', b'["a"]    ')
    for decoder in (decode, records.decode):
        with pytest.raises(WireError, match="outside its dictionary"):
            decoder(zlib.compress(raw))


def test_kept_layouts_are_bounded_in_number_and_length() -> None:
    opener = Opener(most=4)
    for number in range(10):
        rows = [Reading("host", f"i{number}", 0, 60.0, {})]
        opener.open(records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows))
    assert len(opener._kept) == 4
    long = [Reading("host", "x" * 900 + str(n), 0, 60.0, {}) for n in range(30)]
    wire = records.encode_samples(BatchId("a", "e", 1), "host", NAMES, long)
    opener.open(wire)
    assert all(len(tail) <= LONGEST_KEPT_TAIL for tail in opener._kept)


def test_the_digest_changes_with_the_content_and_not_with_the_compression() -> None:
    rows = [Reading("host", "", 0, 60.0, {"load1": 1.0})]
    wire = records.encode_samples(BatchId("a", "e", 1), "host", NAMES, rows)
    other = records.encode_samples(
        BatchId("a", "e", 1), "host", NAMES, [rows[0]._replace(values={"load1": 2.0})]
    )
    opener = Opener()
    again = zlib.compress(zlib.decompress(wire), 1)
    assert again != wire
    assert opener.open(wire).digest == opener.open(again).digest
    assert opener.open(wire).digest != opener.open(other).digest
