"""Sends one message to one hook."""

from __future__ import annotations

import http.client
import ssl
from datetime import datetime

from controller.notices.channels import forms, guard
from controller.notices.outbox import Message, SendError
from controller.notices.secret import read_secret
from controller.settings import HookSettings

SECONDS = 15.0


def send(
    hook: HookSettings, message: Message, link: str, now: datetime,
    resolve: guard.Resolve = guard.resolve,
) -> None:  # fmt: skip
    """Raises SendError. The hook's address holds its key: no error text contains it."""
    try:
        secret = read_secret(hook.secret, hook.secret_file)
    except OSError as error:
        raise SendError(
            f"{hook.secret_file}: cannot be read: {error.strerror}", down=True
        ) from None
    wanted = forms.request(hook.kind, message, secret, link, now)
    separator = "&" if "?" in hook.url else "?"
    url = f"{hook.url}{separator}{wanted.query}" if wanted.query else hook.url
    try:
        target = guard.check(url, hook.allow, resolve)
    except (guard.Forbidden, ValueError) as error:
        raise SendError(f"{hook.name}: {error}", permanent=True) from None
    except OSError as error:
        raise SendError(f"{hook.name}: name not found: {error.strerror}", down=True) from None
    try:
        reply = guard.post(target, wanted.body, wanted.headers, SECONDS, hook.ca)
    except ssl.SSLCertVerificationError as error:
        raise SendError(f"{hook.name}: certificate: {error.verify_message}", down=True) from None
    except ConnectionRefusedError:
        raise SendError(f"{hook.name}: connection refused", down=True) from None
    except (OSError, http.client.HTTPException) as error:
        raise SendError(f"{hook.name}: {type(error).__name__}") from None
    forms.judge(hook.kind, reply)
