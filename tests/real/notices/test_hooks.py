"""Webhooks against a real HTTPS server: signed, idempotent, and not to be led astray."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.notices.channels import guard, hooks
from controller.notices.outbox import Message, SendError
from controller.settings import HookSettings
from tests.faults.certificates import make_authority

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
MESSAGE = Message(
    1, "k", "0b9f-id", "centre", "", "关于清理闲置资源的提示函",
    {"kind": "issued", "code": "TX-2026-0001", "lines": ["请核实。"],
     "unit": {"code": "U1", "name": "市财政局"}}, 0,
)  # fmt: skip
LINK = "https://yunxun.example/n/token"


class Sink(BaseHTTPRequestHandler):
    """Keeps what came; answers what it was told to."""

    seen: list[tuple[str, dict[str, str], bytes]]
    answer: tuple[int, dict[str, str], bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status, headers, content = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


class Server:
    def __init__(self, port: int, ca: str, handler: type[Sink]) -> None:
        self.port, self.ca, self.handler = port, ca, handler

    def hook(self, kind: str = "webhook", path: str = "/in", **more: object) -> HookSettings:
        given = {"allow": ["127.0.0.0/8"], "ca": self.ca, "secret": "k3y"} | more
        return HookSettings.model_validate(
            {"name": "centre", "kind": kind, "url": f"https://localhost:{self.port}{path}"} | given
        )


@contextmanager
def _serve(folder: Path, answer: tuple[int, dict[str, str], bytes]) -> Iterator[Server]:
    authority = make_authority(folder)
    (folder / "ca.pem").write_text(authority.ca_pem)
    handler = type("Handler", (Sink,), {"seen": [], "answer": answer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = authority.context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(server.server_address[1], str(folder / "ca.pem"), handler)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_webhook_is_signed_over_time_and_body_and_carries_its_key(tmp_path: Path) -> None:
    with _serve(tmp_path, (204, {}, b"")) as server:
        for _ in range(2):
            hooks.send(server.hook(), MESSAGE, LINK, NOW)
    (_, headers, body), (_, again, _) = server.handler.seen
    stamp = headers["x-yunxun-timestamp"]
    wanted = hmac.new(b"k3y", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-yunxun-signature"] == f"sha256={wanted}"
    assert headers["idempotency-key"] == again["idempotency-key"] == "0b9f-id"
    told = json.loads(body)
    assert (told["unit"]["name"], told["url"]) == ("市财政局", LINK)


def test_a_dingtalk_robot_gets_its_signature_in_the_query(tmp_path: Path) -> None:
    with _serve(tmp_path, (200, {}, b'{"errcode":0,"errmsg":"ok"}')) as server:
        hooks.send(server.hook("dingtalk", "/robot/send?access_token=abc"), MESSAGE, LINK, NOW)
    path, _, body = server.handler.seen[0]
    query = {key: each[0] for key, each in parse_qs(urlsplit(path).query).items()}
    text = f"{query['timestamp']}\nk3y"
    digest = hmac.new(b"k3y", text.encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"]) == digest
    assert query["access_token"] == "abc"
    assert json.loads(body)["markdown"]["title"] == MESSAGE.subject


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ((200, {}, b'{"errcode":93000,"errmsg":"invalid webhook url"}'), True),
        ((200, {}, b'{"errcode":45009,"errmsg":"api freq out of limit"}'), False),
        ((200, {}, b"<html>"), False),
        ((503, {}, b""), False),
        ((404, {}, b""), True),
    ],
)
def test_what_a_wecom_robot_answers_is_understood(
    tmp_path: Path, answer: tuple[int, dict[str, str], bytes], permanent: bool
) -> None:
    with _serve(tmp_path, answer) as server, pytest.raises(SendError) as refused:
        hooks.send(server.hook("wecom", "/cgi-bin/webhook/send?key=SECRETKEY"), MESSAGE, LINK, NOW)
    assert refused.value.permanent == permanent
    assert "SECRETKEY" not in str(refused.value)


def test_a_redirect_to_a_metadata_service_is_refused_and_not_followed(tmp_path: Path) -> None:
    away = (302, {"location": "http://169.254.169.254/latest/meta-data/"}, b"")
    with _serve(tmp_path, away) as server, pytest.raises(SendError, match="redirects") as refused:
        hooks.send(server.hook(), MESSAGE, LINK, NOW)
    assert refused.value.permanent
    assert len(server.handler.seen) == 1


def test_a_name_that_flips_to_loopback_is_connected_to_as_it_was_checked(tmp_path: Path) -> None:
    """The name is resolved once: a second answer that points inside is never asked for."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def flipping(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    with _serve(tmp_path, (204, {}, b"")) as server:
        hooks.send(server.hook(), MESSAGE, LINK, NOW, flipping)
        assert asked == ["localhost"]
        with pytest.raises(SendError, match=r"10\.0\.0\.1 is not a public address"):
            hooks.send(server.hook(), MESSAGE, LINK, NOW, flipping)
    assert len(server.handler.seen) == 1


def test_loopback_is_refused_unless_its_network_is_allowed(tmp_path: Path) -> None:
    with _serve(tmp_path, (204, {}, b"")) as server:
        with pytest.raises(SendError, match="not a public address") as refused:
            hooks.send(server.hook(allow=[]), MESSAGE, LINK, NOW)
        assert refused.value.permanent
        assert server.handler.seen == []


def test_a_certificate_of_another_authority_is_not_accepted(tmp_path: Path) -> None:
    with (
        _serve(tmp_path, (204, {}, b"")) as server,
        pytest.raises(SendError, match="certificate") as refused,
    ):
        hooks.send(server.hook(ca=""), MESSAGE, LINK, NOW)
    assert refused.value.down


@pytest.mark.parametrize(
    ("address", "allow", "said"),
    [
        ("93.184.216.34", (), ""),
        ("10.1.2.3", (), "public"),
        ("10.1.2.3", ("10.1.2.0/24",), ""),
        ("100.64.0.1", (), "public"),
        ("100.100.100.200", ("100.64.0.0/10",), "metadata"),
        ("169.254.169.254", ("169.254.0.0/16",), "metadata"),
        ("::1", (), "public"),
        ("::ffff:127.0.0.1", (), "public"),
        ("64:ff9b::7f00:1", (), "public"),
        ("2002:7f00:1::", (), "public"),
        ("fe80::1%eth0", ("fe80::/10",), "metadata"),
        ("0.0.0.0", (), "public"),
        ("224.0.0.1", (), "public"),
        ("2606:2800:220:1:248:1893:25c8:1946", (), ""),
    ],
)
def test_private_addresses_are_refused_in_every_disguise(
    address: str, allow: tuple[str, ...], said: str
) -> None:
    def resolved(host: str, port: int) -> list[str]:
        return [address]

    if not said:
        assert guard.check("https://x.example/a?b=c", allow, resolved).path == "/a?b=c"
        return
    with pytest.raises(guard.Forbidden, match=said):
        guard.check("https://x.example/", allow, resolved)


@pytest.mark.parametrize(
    "url", ["http://example.org/", "https://", "ftp://x/", "https://u:p@example.org/"]
)
def test_only_plain_https_addresses_are_targets(url: str) -> None:
    with pytest.raises(guard.Forbidden):
        guard.check(url, (), lambda host, port: ["93.184.216.34"])
