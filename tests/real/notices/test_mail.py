"""Notices against a real mail server that fails, stalls and loses its replies: none is lost."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlmodel import col, func, select

from controller.access.principal import local_principal
from controller.access.scope import CITY
from controller.inventory.tables import Unit, UnitVersion
from controller.notices import deliver, messages, outbox
from controller.notices.channels.mail import Mailer
from controller.notices.desk import Desk
from controller.notices.tables import Delivery, Notice
from controller.runtime import Runtime
from controller.schema import metadata
from controller.settings import MailSettings, NoticesSettings, Settings
from controller.store.relational import Database, connect
from controller.store.samples import Samples
from tests.faults.certificates import make_authority

NOTICES = 1000 if os.environ.get("HEAVY_TESTS") else 120
SILENCE_S = 0.4
"""How long the sender waits for a reply; the server stalls for longer."""


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Sink:
    """A mail server's mind: of every ten mails three go wrong, each in its own way."""

    failing: float = 0.3
    random: random.Random = field(default_factory=lambda: random.Random(7))
    received: Counter[str] = field(default_factory=Counter)
    lost_replies: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    mails: list[bytes] = field(default_factory=list)
    permanent: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address in self.permanent:
            return "550 no such mailbox"
        if self.random.random() < self.failing / 3:
            self.refused += 1
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        name = str(message_from_bytes(content)["Message-ID"])
        if self.random.random() < self.failing / 3:
            self.refused += 1
            return "452 insufficient storage"
        self.received[name] += 1
        self.mails.append(content)
        if self.random.random() < self.failing / 3:
            # Accepted, but the reply comes after the sender has hung up.
            self.lost_replies[name] += 1
            await asyncio.sleep(SILENCE_S * 2)
        return "250 OK"


@contextmanager
def _serving(sink: Sink, **options: Any) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextmanager
def _runtime(
    folder: Path, mail: MailSettings, notices: NoticesSettings | None = None
) -> Iterator[tuple[Runtime, Clock]]:
    settings = Settings(data=folder, mail=mail, notices=notices or NoticesSettings())
    database = Database(connect(f"sqlite:///{folder / 'mail.db'}"))
    metadata().create_all(database.engine)
    clock = Clock()
    yield Runtime(settings, database, Samples.from_settings(settings), clock), clock
    database.close()


def _mail(port: int, **more: Any) -> MailSettings:
    given = {"security": "none", "timeout_s": SILENCE_S} | more
    return MailSettings(host="127.0.0.1", port=port, sender="yunxun@example.gov.cn", **given)


def _issue(runtime: Runtime, count: int, *, units: int = 0) -> None:
    """That many issued notices, each to a unit of its own (or to ``units`` of them)."""
    now = runtime.now()
    units = units or count
    with runtime.database.write() as session:
        for number in range(1, units + 1):
            session.add(
                Unit(id=number, code=f"U{number}", email=f"u{number}@example.cn", created=now)
            )
        session.flush()
        for number in range(1, units + 1):
            session.add(UnitVersion(unit_id=number, name=f"单位{number}", since=now))
        desk = Desk(session, runtime.settings, CITY, local_principal(now))
        for number in range(1, count + 1):
            notice = Notice(
                code=f"TX-{number}", unit_id=(number - 1) % units + 1, state="issued",
                title="关于清理闲置低效政务云资源的提示函", addressee=f"单位{number}", body="正文",
                signature="市数据局", drafted=now, issued=now, due=date(2026, 12, 7),
            )  # fmt: skip
            session.add(notice)
            session.flush()
            messages.issued(desk, notice)


def _left(runtime: Runtime, state: str = "waiting") -> int:
    with runtime.database.read() as session:
        return session.exec(
            select(func.count())
            .select_from(Delivery)
            .where(col(Delivery.channel) == "mail", Delivery.state == state)
        ).one()


def _until_quiet(runtime: Runtime, clock: Clock, turns: int = 200) -> None:
    for _ in range(turns):
        deliver.run(runtime)
        if not _left(runtime):
            return
        clock.now += timedelta(minutes=5)
    raise AssertionError(f"{_left(runtime)} mails still wait")


@pytest.mark.timeout(600)
def test_none_is_lost_and_there_is_at_most_one_duplicate_for_each_lost_reply(
    tmp_path: Path,
) -> None:
    sink = Sink()
    with _serving(sink) as port, _runtime(tmp_path, _mail(port)) as (runtime, clock):
        _issue(runtime, NOTICES)
        _until_quiet(runtime, clock)
        assert _left(runtime, "sent") == NOTICES
    assert len(sink.received) == NOTICES
    assert sink.refused >= NOTICES // 10
    assert sum(sink.lost_replies.values()) >= NOTICES // 20
    for name, times in sink.received.items():
        assert times <= 1 + sink.lost_replies[name], name


def test_a_mailbox_that_does_not_exist_is_a_dead_letter_and_can_be_resent(tmp_path: Path) -> None:
    sink = Sink(failing=0, permanent={"u2@example.cn"})
    with _serving(sink) as port, _runtime(tmp_path, _mail(port)) as (runtime, clock):
        _issue(runtime, 3)
        turn = deliver.run(runtime)
        assert (turn.sent, turn.failed, _left(runtime, "dead")) == (2, 1, 1)
        sink.permanent.clear()
        with runtime.database.write() as session:
            dead = session.exec(select(Delivery).where(Delivery.state == "dead")).one()
            assert dead.error == "550 no such mailbox"
            outbox.resend(session, dead, clock())
        assert deliver.run(runtime).sent == 1
    assert len(sink.received) == 3


def test_an_outage_costs_no_message_its_tries(tmp_path: Path) -> None:
    sink = Sink(failing=0)
    with _serving(sink) as port:
        pass  # the port is free again: nobody listens
    with _runtime(tmp_path, _mail(port)) as (runtime, clock):
        _issue(runtime, 10)
        for _ in range(30):
            turn = deliver.run(runtime)
            assert turn.sent == 0
            assert "no connection" in turn.down["mail"]
            clock.now += timedelta(minutes=5)
        with runtime.database.read() as session:
            assert {d.attempts for d in session.exec(select(Delivery))} == {0}
        again = Controller(sink, hostname="127.0.0.1", port=port)
        again.start()
        try:
            _until_quiet(runtime, clock)
        finally:
            again.stop()
    assert sum(sink.received.values()) == 10


def test_a_unit_gets_its_share_of_an_hour_and_the_rest_later(tmp_path: Path) -> None:
    sink, few = Sink(failing=0), NoticesSettings(per_unit_per_hour=4)
    with _serving(sink) as port, _runtime(tmp_path, _mail(port), few) as (runtime, clock):
        _issue(runtime, 10, units=1)
        deliver.run(runtime)
        assert sum(sink.received.values()) == 4
        clock.now += timedelta(minutes=30)
        deliver.run(runtime)
        assert sum(sink.received.values()) == 4
        clock.now += timedelta(minutes=31)
        deliver.run(runtime)
        assert sum(sink.received.values()) == 8
        _until_quiet(runtime, clock)
    assert sum(sink.received.values()) == 10


def test_a_sender_killed_before_it_wrote_down_the_outcome_sends_once_more(tmp_path: Path) -> None:
    sink = Sink(failing=0)
    with _serving(sink) as port, _runtime(tmp_path, _mail(port)) as (runtime, clock):
        _issue(runtime, 1)
        (taken,) = outbox.claim(runtime.database, clock(), 20)
        with Mailer(runtime.settings.mail) as mailer:
            deliver.send(runtime, mailer, taken)  # … and killed here
        assert outbox.claim(runtime.database, clock(), 20) == []  # nobody else takes it meanwhile
        clock.now += outbox.CLAIM + timedelta(seconds=1)
        deliver.run(runtime)
    assert list(sink.received.values()) == [2]


def test_the_mail_is_readable_as_text_and_html_and_leads_to_the_notice(tmp_path: Path) -> None:
    sink = Sink(failing=0)
    with (
        _serving(sink) as port,
        _runtime(tmp_path, _mail(port, sender_name="市数据局")) as (
            runtime,
            _,
        ),
    ):
        _issue(runtime, 1)
        deliver.run(runtime)
    mail: Any = message_from_bytes(sink.mails[0], policy=policy.default)
    assert mail["Subject"] == "关于清理闲置低效政务云资源的提示函"
    assert mail["From"] == "市数据局 <yunxun@example.gov.cn>"
    text = mail.get_body(("plain",)).get_content()
    page = mail.get_body(("html",)).get_content()
    assert "单位1：" in text
    assert "2026年12月7日" in text
    link = text.split("查看与办理：")[1].split()[0]
    assert link.startswith("http://127.0.0.1:8090/n/")
    assert f'href="{link}"' in page
    assert "<script" not in page


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_by_tls_with_a_login_whose_password_stands_in_a_file(
    tmp_path: Path, security: str
) -> None:
    authority = make_authority(tmp_path)
    (tmp_path / "ca.pem").write_text(authority.ca_pem)
    context = authority.context
    seen: list[object] = []

    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        seen.append(data)
        good = isinstance(data, LoginPassword) and data.password == b"s3cret-of-the-mailbox"
        return AuthResult(success=good)

    (tmp_path / "password").write_text("s3cret-of-the-mailbox\n")
    options: dict[str, Any] = {"authenticator": check}
    if security == "tls":
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    sink = Sink(failing=0)
    with _serving(sink, **options) as port:
        mail = _mail(
            port, security=security, ca=str(tmp_path / "ca.pem"), user="yunxun", timeout_s=10,
            password_file=str(tmp_path / "password"),
        )  # fmt: skip
        with _runtime(tmp_path, mail) as (runtime, _):
            _issue(runtime, 1)
            turn = deliver.run(runtime)
    assert turn.sent == 1, turn
    assert len(seen) == 1
    assert "s3cret" not in repr(mail)


def test_a_server_with_a_strange_certificate_gets_nothing(tmp_path: Path) -> None:
    authority, other = make_authority(tmp_path), make_authority(tmp_path, "other")
    (tmp_path / "ca.pem").write_text(other.ca_pem)
    sink = Sink(failing=0)
    with _serving(sink, tls_context=authority.context) as port:
        mail = _mail(port, security="starttls", ca=str(tmp_path / "ca.pem"), timeout_s=10)
        with _runtime(tmp_path, mail) as (runtime, _):
            _issue(runtime, 1)
            turn = deliver.run(runtime)
    assert turn.sent == 0
    assert "certificate" in turn.down["mail"]
    assert not sink.mails
