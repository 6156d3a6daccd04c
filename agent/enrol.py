"""Becoming an agent of a controller: the token, the pinned CA, and the identity that results.

The token says where the controller is and what its CA's SHA-256 is. Before a byte of the token is
sent, the CA certificate is fetched over an unverified connection, compared with that fingerprint,
and a second connection is made that trusts this CA only and checks the controller's name. So a
machine in the middle gets to see the request for a public certificate and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ssl
from typing import Any, NamedTuple

from agent import VERSION
from agent.http1 import Answer, Client, NoAnswerError, UrlError, parse_url, pinned_context
from agent.http1 import unverified_context as _unverified
from agent.identity import Identity

CA_PATH = "/api/v1/ingest/ca"
ENROL_PATH = "/api/v1/ingest/enrol"
PREFIX = "yx1."


class EnrolError(Exception):
    """Enrolment did not come about; ``status`` is the exit status (2 input, 3 unreachable)."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


class Token(NamedTuple):
    """What an enrolment token holds."""

    url: str
    fingerprint: str
    """SHA-256 of the CA certificate's DER, 64 hex digits; "" on plain loopback http."""
    secret: str


def parse_token(text: str) -> Token:
    """Reads ``yx1.<base64url of JSON>``; raises EnrolError."""
    text = "".join(text.split())
    if not text.startswith(PREFIX):
        raise EnrolError(f"not an enrolment token: it begins with {PREFIX!r}; was it cut off?")
    encoded = text[len(PREFIX) :]
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        told = json.loads(raw)
        token = Token(told["u"], told["f"].lower().replace(":", ""), told["t"])
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise EnrolError("the enrolment token is damaged: copy the whole of it") from None
    if not (isinstance(token.url, str) and isinstance(token.secret, str) and token.secret):
        raise EnrolError("the enrolment token is damaged: copy the whole of it")
    try:
        tls = parse_url(token.url).tls
    except UrlError as error:
        raise EnrolError(f"the enrolment token's address: {error}") from None
    if tls and not (len(token.fingerprint) == 64 and token.fingerprint.isalnum()):
        raise EnrolError("the enrolment token has no CA fingerprint: ask for a new one")
    return token


def enrol(token: Token, name: str, facts: dict[str, Any], connect_s: float = 5.0) -> Identity:
    """Asks the controller to take this host in; raises EnrolError."""
    ca_pem = fetch_ca(token, connect_s) if token.fingerprint else ""
    client = Client(token.url, pinned_context(ca_pem) if ca_pem else None, connect_s=connect_s)
    request = {
        "token": token.secret,
        "name": name or facts.get("hostname", "") or "unnamed",
        "machine_id": facts.get("machine_id", ""),
        "instance_uuid": facts.get("instance_uuid", ""),
        "addresses": facts.get("addresses", []),
        "version": VERSION,
        "facts": facts,
    }
    headers = {"Content-Type": "application/json"}
    try:
        answer = client.request("POST", ENROL_PATH, headers, json.dumps(request).encode())
    except NoAnswerError as error:
        raise EnrolError(f"controller at {token.url}: {error}", 3) from None
    finally:
        client.close()
    told = _parsed(answer, token.url)
    if not (isinstance(told.get("agent"), str) and isinstance(told.get("secret"), str)):
        raise EnrolError(f"{token.url} answered without an identity: is it a Yunxun controller?")
    machine_id = str(facts.get("machine_id", ""))
    return Identity(told["agent"], told["secret"], token.url, ca_pem, machine_id)


def fetch_ca(token: Token, connect_s: float = 5.0) -> str:
    """The controller's CA certificate as PEM, proven to be the token's; raises EnrolError."""
    client = Client(token.url, _unverified(), connect_s=connect_s)
    try:
        answer = client.request("GET", CA_PATH, {})
    except NoAnswerError as error:
        raise EnrolError(f"controller at {token.url}: {error}", 3) from None
    finally:
        client.close()
    if answer.status != 200:
        raise EnrolError(f"{token.url}{CA_PATH} answered {answer.status}: no CA to check")
    try:
        der = ssl.PEM_cert_to_DER_cert(answer.body.decode("ascii").strip())
    except (ValueError, binascii.Error):
        raise EnrolError(f"{token.url}{CA_PATH} gave no certificate") from None
    found = hashlib.sha256(der).hexdigest()
    if found != token.fingerprint:
        raise EnrolError(
            f"the CA of {token.url} is not the token's (sha256 {found[:16]}…, token says"
            f" {token.fingerprint[:16]}…): wrong controller, or someone in between;"
            " the token was not sent"
        )
    # What was compared is what is pinned: the bytes are encoded anew, nothing else comes along.
    return ssl.DER_cert_to_PEM_cert(der)


def _parsed(answer: Answer, url: str) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = {}
    if not isinstance(told, dict):
        told = {}
    if 200 <= answer.status < 300:
        return told
    words = ": ".join(str(told[key]) for key in ("title", "detail") if told.get(key))
    busy = answer.status in (429, 503, 507)
    raise EnrolError(
        f"{url} refused ({answer.status}): {words or 'no reason given'}", 3 if busy else 2
    )
