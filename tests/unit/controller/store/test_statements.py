"""What the embedded endpoint runs and what it refuses, without an engine."""

from __future__ import annotations

import pytest

from controller.store.statements import RefusedError, classify, split_insert


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "read"),
        ("  /* why */ WITH 1 AS a SELECT a;", "read"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "read"),
        ("SELECT 'file(1); url(2)' -- remote('x')", "read"),
        ("SELECT profile(1), filename FROM host", "read"),
        ("INSERT INTO a SELECT * FROM b", "write"),
        ("CREATE TABLE a (x UInt8) ENGINE = ReplacingMergeTree(v) ORDER BY x", "write"),
        ("OPTIMIZE TABLE a FINAL", "merge"),
        ("ALTER TABLE host DROP PARTITION ID '202603'", "write"),
    ],
)
def test_statements_of_the_store_run(sql: str, kind: str) -> None:
    assert classify(sql) == kind


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM FILE ('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        "SELECT \"file\"('/etc/passwd')",
        "SELECT file/* */('/etc/passwd')",
        "SELECT file -- x\n('/etc/passwd')",
        "SELECT '' FROM url('http://169.254.169.254/', 'LineAsString')",
        "SELECT 'it''s' FROM remote('other', system.one)",
        "SELECT 'a\\'' , file('/etc/passwd')",
        "SELECT $x$'$x$, file('/etc/passwd')",
        "SELECT * FROM s3('http://x/y')",
        "SELECT * FROM python(secret)",
        "SELECT * FROM executable('sh', 'TSV', 'a String')",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO /**/ OUTFILE '/tmp/x'",
        "INSERT INTO a FROM INFILE '/etc/passwd'",
        "INSERT INTO a SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
        "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
        "CREATE TABLE a (x String) ENGINE = File(CSV, '/etc/passwd')",
        "CREATE TABLE a (x String) ENGINE URL('http://x', CSV)",
        "CREATE DICTIONARY d (x UInt8) PRIMARY KEY x SOURCE(HTTP(URL 'http://x'))",
        "CREATE FUNCTION f AS (x) -> x",
        "SELECT 1; SELECT 2",
        "SET readonly = 0",
        "KILL QUERY WHERE 1",
        "USE system",
        "BACKUP TABLE a TO File('/tmp/x')",
        "SYSTEM SHUTDOWN",
        "GRANT ALL ON *.* TO default",
        "",
    ],
)
def test_what_reaches_outside_the_store_is_refused(sql: str) -> None:
    with pytest.raises(RefusedError):
        classify(sql)


def test_an_insert_line_is_split_from_its_data() -> None:
    body = b"INSERT INTO `host` (`resource`, `time`) FORMAT Native\n\x01;'\n"
    insert = split_insert(body)
    assert insert is not None
    assert insert.target == "INSERT INTO `host` (`resource`, `time`)"
    assert insert.format == "Native"
    assert body[insert.offset :] == b"\x01;'\n"


@pytest.mark.parametrize(
    "body", [b"SELECT 1", b"INSERT INTO a SELECT 1", b"INSERT INTO FUNCTION file('x') FORMAT TSV\n"]
)
def test_other_statements_are_no_insert_with_data(body: bytes) -> None:
    assert split_insert(body) is None
