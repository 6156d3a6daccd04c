"""The HTTP client: addresses, heads, dates; connections kept, replaced and given up."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.http1 import (
    Client,
    NoAnswerError,
    UrlError,
    parse_date,
    parse_head,
    parse_url,
    pinned_context,
)
from tests.faults.certificates import make_authority
from tests.faults.receiver import Receiver


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://10.0.0.1", (True, "10.0.0.1", 443, "")),
        ("https://yx.example.gov.cn:8443/base/", (True, "yx.example.gov.cn", 8443, "/base")),
        ("https://[fd00::1]:8443", (True, "fd00::1", 8443, "")),
        ("http://127.0.0.1:8080", (False, "127.0.0.1", 8080, "")),
        ("http://[::1]:80/", (False, "::1", 80, "")),
    ],
)
def test_addresses(url: str, expected: tuple[bool, str, int, str]) -> None:
    assert tuple(parse_url(url)) == expected


@pytest.mark.parametrize(
    "url",
    ["", "10.0.0.1", "ftp://x", "https://", "https://a:b@c", "https://x:0", "https://x:99999",
     "http://10.0.0.1", "http://127.0.0.1.evil.org", "http://1270.0.0.1", "https://[::1",
     "https://a b", "https://x:٣"],
)  # fmt: skip
def test_what_may_not_be_spoken_to_is_refused(url: str) -> None:
    with pytest.raises(UrlError):
        parse_url(url)


@given(st.integers(0, 4_000_000_000))
def test_dates_are_read_as_the_library_writes_them(epoch: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=epoch)
    assert parse_date(format_datetime(moment, usegmt=True)) == epoch


@given(st.text(max_size=40))
def test_no_text_breaks_the_date_reader(text: str) -> None:
    parse_date(text)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_head_reader(head: bytes) -> None:
    with contextlib.suppress(NoAnswerError):
        parse_head(head)


def serve_once(*pieces: bytes) -> int:
    """A server that answers one connection with these bytes, whatever is asked; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        with contextlib.suppress(OSError), listener, listener.accept()[0] as connection:
            connection.recv(65_536)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.01)

    threading.Thread(target=work, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
        ([b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r", b"\no", b"k"], b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
        (
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk",
                b"\r\n0\r\n\r\n",
            ],
            b"ok",
        ),
        ([b"HTTP/1.0 200 OK\r\n\r\no", b"k"], b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
    ],
)  # fmt: skip
def test_answers_in_every_form(pieces: list[bytes], body: bytes) -> None:
    client = Client(f"http://127.0.0.1:{serve_once(*pieces)}", None, total_s=5)
    assert client.request("GET", "/", {}).body == body
    client.close()


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"], "cut"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "cut"),
        ([], "cut"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"], "protocol"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], "protocol"),
        ([b"x" * 20_000], "protocol"),
    ],
)
def test_a_broken_answer_is_no_answer(pieces: list[bytes], kind: str) -> None:
    client = Client(f"http://127.0.0.1:{serve_once(*pieces)}", None, total_s=5)
    with pytest.raises(NoAnswerError) as caught:
        client.request("GET", "/", {})
    assert caught.value.kind == kind


def test_one_connection_serves_many_requests_and_is_replaced_when_closed(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with Receiver(authority.context, authority.ca_pem) as receiver:
        client = Client(receiver.url, pinned_context(authority.ca_pem))
        for _ in range(5):
            assert client.request("GET", "/api/v1/ingest/ca", {}).status == 200
        assert receiver.connections == 1
        receiver.script = lambda _: (200, {"text": "bye"}, {"Connection": "close"})
        assert client.request("GET", "/", {}).body == b"bye"
        receiver.script = lambda _: None
        assert client.request("GET", "/api/v1/ingest/ca", {}).status == 200
        assert receiver.connections == 2
        client.close()


def test_a_silent_server_costs_the_total_time_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", None, total_s=0.3)
        started = time.monotonic()
        with pytest.raises(NoAnswerError) as caught:
            client.request("GET", "/", {})
        assert caught.value.kind == "timeout"
        assert 0.25 < time.monotonic() - started < 1.5


def test_a_server_that_drips_bytes_does_not_get_more_time() -> None:
    port = serve_once(*[b"HTTP/1.1 200 OK\r\n"[i : i + 1] for i in range(17)], *[b"x"] * 500)
    client = Client(f"http://127.0.0.1:{port}", None, total_s=0.3)
    started = time.monotonic()
    with pytest.raises(NoAnswerError):
        client.request("GET", "/", {})
    assert time.monotonic() - started < 1.0


def test_another_ca_is_not_trusted(tmp_path: Path) -> None:
    ours, theirs = make_authority(tmp_path, "ours"), make_authority(tmp_path, "theirs")
    with Receiver(theirs.context) as receiver:
        client = Client(receiver.url, pinned_context(ours.ca_pem))
        with pytest.raises(NoAnswerError) as caught:
            client.request("GET", "/", {})
        assert caught.value.kind == "tls"
        assert receiver.seen == []


def test_a_certificate_of_another_time_hints_at_the_clock(tmp_path: Path) -> None:
    future = make_authority(tmp_path, "future", since=datetime.now(UTC) + timedelta(days=400))
    with Receiver(future.context) as receiver:
        client = Client(receiver.url, pinned_context(future.ca_pem))
        with pytest.raises(NoAnswerError, match="clock wrong") as caught:
            client.request("GET", "/", {})
        assert caught.value.kind == "clock"


def test_nothing_listening_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswerError) as caught:
        Client(f"http://127.0.0.1:{port}", None).request("GET", "/", {})
    assert caught.value.kind == "refused"
