"""Mail over SMTP: one connection for many messages, and what a server's answer means."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from html import escape
from types import TracebackType

from controller.notices.outbox import Message, SendError
from controller.notices.secret import read_secret
from controller.settings import MailSettings


class Mailer:
    """A connection that is opened when needed and after a failure anew. Not for several threads."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> Mailer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hang_up(politely=True)

    def send(self, message: Message, link: str, now: datetime) -> None:
        """Raises SendError."""
        mail = compose(self.settings, message, link, now)
        server = self._server or self._connect()
        try:
            server.send_message(mail, self.settings.sender, [message.recipient])
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            self._reset()
            raise _refused(code, words) from None
        except smtplib.SMTPSenderRefused as error:
            # Every message has this sender: it is the settings that are wrong, or the server busy.
            self._reset()
            raise SendError(f"sender refused: {_line(error.smtp_code, error.smtp_error)}") from None
        except smtplib.SMTPDataError as error:
            self._reset()
            raise _refused(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPException, OSError) as error:
            # The message may have arrived: only the reply is lost. It goes out again with the
            # same Message-ID.
            self._hang_up(politely=False)
            raise SendError(f"no reply: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        s = self.settings
        try:
            context = None
            if s.security != "none":
                context = ssl.create_default_context(cafile=s.ca or None)
            server: smtplib.SMTP
            if s.security == "tls":
                server = smtplib.SMTP_SSL(s.host, s.port, timeout=s.timeout_s, context=context)
            else:
                server = smtplib.SMTP(s.host, s.port, timeout=s.timeout_s)
            self._server = server
            if s.security == "starttls":
                server.starttls(context=context)
            if s.user:
                server.login(s.user, read_secret(s.password, s.password_file))
        except smtplib.SMTPAuthenticationError as error:
            self._hang_up(politely=False)
            raise SendError(f"login refused ({error.smtp_code})", down=True) from None
        except (smtplib.SMTPException, OSError) as error:
            self._hang_up(politely=False)
            words = getattr(error, "verify_message", "") or type(error).__name__
            raise SendError(f"{s.host}:{s.port}: no connection: {words}", down=True) from None
        return server

    def _reset(self) -> None:
        try:
            if self._server is not None:
                self._server.rset()
        except (smtplib.SMTPException, OSError):
            self._hang_up(politely=False)

    def _hang_up(self, *, politely: bool) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            if politely:
                server.quit()
        except (smtplib.SMTPException, OSError):
            pass  # it is gone already
        finally:
            server.close()


def compose(settings: MailSettings, message: Message, link: str, now: datetime) -> EmailMessage:
    """Text and HTML with the same words. Message-ID is the message's own, on every try."""
    mail = EmailMessage()
    mail["From"] = formataddr((settings.sender_name, settings.sender))
    mail["To"] = message.recipient
    mail["Subject"] = " ".join(message.subject.split())
    mail["Date"] = format_datetime(now)
    domain = settings.sender.rpartition("@")[2] or "yunxun.invalid"
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [str(line) for line in message.body.get("lines", [])]
    name = str((message.body.get("unit") or {}).get("name") or "")
    greeting = [f"{name}："] if name else []
    foot = (
        [f"查看与办理：{link}", "此链接只供本单位查阅，请勿转发；提交处理意见须登录。"]
        if link
        else []
    )
    mail.set_content("\n\n".join([*greeting, *lines, *foot]) + "\n")
    mail.add_alternative(_html(message.subject, greeting + lines, link, foot[1:]), subtype="html")
    return mail


def _html(subject: str, lines: list[str], link: str, foot: list[str]) -> str:
    """Plain tables and inline style, as mail programs want it."""
    text = "".join(f'<p style="margin:0 0 12px">{escape(line)}</p>' for line in lines)
    button = ""
    if link:
        button = (
            f'<p style="margin:20px 0"><a href="{escape(link, quote=True)}" style="background:'
            '#1f5fbf;color:#ffffff;padding:10px 22px;border-radius:4px;text-decoration:none">'
            "查看与办理</a></p>"
        )
    small = "".join(f'<p style="color:#667285;font-size:12px">{escape(line)}</p>' for line in foot)
    return (
        '<!doctype html><html lang="zh-CN"><body style="margin:0;background:#f7f8fa">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td '
        'align="center" style="padding:24px 12px"><table role="presentation" width="600" '
        'style="max-width:600px;background:#ffffff;border:1px solid #e3e7ee;border-radius:6px">'
        '<tr><td style="padding:16px 24px;background:#14253d;color:#ffffff;font:600 18px '
        "'Noto Sans CJK SC','Microsoft YaHei',sans-serif\">云巡</td></tr>"
        '<tr><td style="padding:20px 24px;color:#2b3442;font:15px/1.7 '
        "'Noto Sans CJK SC','Microsoft YaHei',sans-serif\">"
        f'<h1 style="font-size:18px;margin:0 0 16px">{escape(subject)}</h1>{text}{button}{small}'
        "</td></tr></table></td></tr></table></body></html>\n"
    )


def _refused(code: int, words: bytes | str) -> SendError:
    # 4xx: later; 5xx: never.
    return SendError(_line(code, words), permanent=500 <= code < 600)


def _line(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())[:200]}"
