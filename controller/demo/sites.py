"""Three websites of the demo with different readiness for IPv6, and their name server.

``python -m controller.demo.sites PORT``: web on 127.0.0.1 and [::1] at PORT, names on both at
PORT + 1. One site is ready, one has an old host without an AAAA in its links, one has no AAAA.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from controller.demo.site_names import MIXED, OLD, READY

LOCAL4, LOCAL6 = "127.0.0.1", "::1"
WORDS = "政务公开 通知公告 办事指南 互动交流 数据开放 政策解读 "


def zone() -> dict[tuple[str, str], list[str]]:
    """(name, type) to its records."""
    names: dict[tuple[str, str], list[str]] = {("demo.test", "NS"): ["ns.demo.test."]}
    names["demo.test", "SOA"] = ["ns.demo.test. root.demo.test. 1 60 60 60 60"]
    for host in (READY, MIXED, "ns.demo.test"):
        names[host, "A"], names[host, "AAAA"] = [LOCAL4], [LOCAL6]
    for host in (OLD, f"old.{MIXED}"):
        names[host, "A"] = [LOCAL4]
    return names


def page(host: str, port: int, path: str) -> bytes:
    """A page with links one level down."""
    links = "".join(f'<li><a href="{path.rstrip("/")}/{n}">{n}</a></li>' for n in range(4))
    if path == "/" and host == MIXED:
        links += "".join(
            f'<li><a href="http://old.{MIXED}:{port}/{n}">旧系统 {n}</a></li>' for n in range(3)
        )
        links += f'<img src="http://old.{MIXED}:{port}/logo.png" alt="">'
    deep = path.count("/") > 2
    body = f"<h1>{host}</h1><p>{WORDS * 20}</p><ul>{'' if deep else links}</ul>"
    return f'<!doctype html><html lang="zh"><body>{body}</body></html>'.encode()


class NameServer(asyncio.DatagramProtocol):
    """Answers for the demo's zone with authority."""

    def __init__(self) -> None:
        self.zone = zone()
        self.names = {name for name, _ in self.zone}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            question = dns.message.from_wire(data)
            asked = question.question[0]
        except (ValueError, IndexError):
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA | dns.flags.RA
        name, kind = str(asked.name).rstrip(".").lower(), dns.rdatatype.to_text(asked.rdtype)
        values = self.zone.get((name, kind))
        if values:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
        elif name not in self.names:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


async def serve(port: int) -> None:
    """Until cancelled."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            hosts = [line[5:].strip() for line in head if line.lower().startswith("host:")]
            host = hosts[0].rpartition(":")[0] if hosts else ""
            body = page(host, port, head[0].split(" ")[1])
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            await writer.drain()
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    servers = []
    for address in (LOCAL4, LOCAL6):
        servers.append(await asyncio.start_server(answer, address, port))
        await loop.create_datagram_endpoint(NameServer, local_addr=(address, port + 1))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
