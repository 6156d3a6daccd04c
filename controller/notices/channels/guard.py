"""Whom a webhook may reach: https only, no private addresses unless allowed, resolved once.

The address that was checked is the address that is connected to (with the name kept for SNI and
Host); resolving again would let a name point elsewhere the second time. Redirects are refused.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

NEVER = tuple(
    map(ip_network, ("169.254.0.0/16", "fe80::/10", "100.100.100.200/32", "fd00:ec2::/32"))
)
"""Link-local, and where clouds keep their metadata: not even an allow-list opens these."""

NAT64 = ip_network("64:ff9b::/96")
MOST_ANSWER = 64 * 1024


class Forbidden(Exception):
    """The target may not be reached; the text says which rule forbids it."""


@dataclass(frozen=True)
class Target:
    """A checked target: ``address`` is what is connected to."""

    host: str
    port: int
    path: str
    address: str


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    retry_after: str


def resolve(host: str, port: int) -> list[str]:
    """Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def check(url: str, allow: Iterable[str] = (), resolve: Resolve = resolve) -> Target:
    """The target of ``url``, resolved once. Raises Forbidden, OSError (no such name)."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Forbidden("only https:// targets are allowed")
    if parts.username or parts.password:
        raise Forbidden("a target has no user and password in its address")
    try:
        port = parts.port or 443
    except ValueError:
        raise Forbidden("the target's port is no port") from None
    networks = [ip_network(each, strict=False) for each in allow]
    addresses = resolve(parts.hostname, port)
    if not addresses:
        raise OSError(f"{parts.hostname} has no address")
    for text in addresses:
        # One bad address among good ones is how a rebinding name looks: refuse it as a whole.
        address = plain(text)
        if any(address.version == n.version and address in n for n in NEVER):
            raise Forbidden(f"{address} is link-local or a cloud's metadata service")
        allowed = any(address.version == n.version and address in n for n in networks)
        if not allowed and (not address.is_global or address.is_multicast):
            raise Forbidden(f"{address} is not a public address; allow its network in the settings")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, port, path, addresses[0])


def plain(text: str) -> Address:
    """The address that is really meant: IPv4 out of mapped and NAT64 forms, no zone."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class _Pinned(http.client.HTTPSConnection):
    """Connects to the checked address and speaks to the name."""

    def __init__(self, target: Target, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout, context=context)
        self._target = target
        self._tls = context

    def connect(self) -> None:
        raw = socket.create_connection((self._target.address, self._target.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(raw, server_hostname=self._target.host)
        except BaseException:
            raw.close()
            raise


def post(
    target: Target, body: bytes, headers: dict[str, str], timeout: float, ca: str = ""
) -> Reply:
    """One POST; a redirect is answered as it came. Raises OSError, http.client.HTTPException."""
    context = ssl.create_default_context(cafile=ca or None)
    connection = _Pinned(target, context, timeout)
    try:
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(MOST_ANSWER), answer.getheader("Retry-After", ""))
    finally:
        connection.close()
