"""BGP4-MIB (RFC 4273) and OSPF-MIB (RFC 4750): peers and their state."""

from __future__ import annotations

from ..device import Peer
from ..values import integer, text
from ..walk import Column, Walker

BGP = "1.3.6.1.2.1.15.3.1"
OSPF = "1.3.6.1.2.1.14.10.1"
OSPF3 = "1.3.6.1.2.1.191.1.9.1"
BGP_STATES = {
    1: "idle",
    2: "connect",
    3: "active",
    4: "opensent",
    5: "openconfirm",
    6: "established",
}
OSPF_STATES = {
    1: "down",
    2: "attempt",
    3: "init",
    4: "twoWay",
    5: "exchangeStart",
    6: "exchange",
    7: "loading",
    8: "full",
}


async def read_peers(walker: Walker) -> list[Peer]:
    """BGP peers, OSPF and OSPFv3 neighbours."""
    bgp = await walker.columns("bgpPeerTable", {"state": f"{BGP}.2"})
    if bgp["state"]:
        more = {"router": f"{BGP}.1", "admin": f"{BGP}.3", "as": f"{BGP}.9", "up": f"{BGP}.16"}
        bgp.update(await walker.columns("bgpPeerTable", more))
    ospf = await walker.columns("ospfNbrTable", {"state": f"{OSPF}.6"})
    if ospf["state"]:
        ospf.update(await walker.columns("ospfNbrTable", {"router": f"{OSPF}.3"}))
    ospf3 = await walker.columns("ospfv3NbrTable", {"state": f"{OSPF3}.8"})
    return parse_bgp(bgp) + parse_ospf(ospf) + parse_ospf3(ospf3)


def parse_bgp(found: dict[str, Column]) -> list[Peer]:
    """The index is the peer's IPv4 address."""
    return [
        Peer(
            protocol="bgp",
            address=address,
            state=BGP_STATES.get(integer(state) or 0, "unknown"),
            remote_as=integer(found["as"].get(address)),
            router_id=text(found["router"].get(address)),
            up_s=_float(integer(found["up"].get(address))),
            admin={1: "stop", 2: "start"}.get(integer(found["admin"].get(address)) or 0, ""),
        )
        for address, state in found["state"].items()
    ]


def parse_ospf(found: dict[str, Column]) -> list[Peer]:
    """The index is the neighbour's IPv4 address and an ifIndex for unnumbered links."""
    return [
        Peer(
            protocol="ospf",
            address=".".join(index.split(".")[:4]),
            state=OSPF_STATES.get(integer(state) or 0, "unknown"),
            router_id=text(found["router"].get(index)),
        )
        for index, state in found["state"].items()
    ]


def parse_ospf3(found: dict[str, Column]) -> list[Peer]:
    """The index is ifIndex, instance and the neighbour's router id as one number."""
    peers = []
    for index, state in found["state"].items():
        last = index.rpartition(".")[2]
        router = int(last).to_bytes(4, "big") if last.isdigit() and int(last) < 1 << 32 else b""
        peers.append(
            Peer(
                protocol="ospfv3",
                address="",
                state=OSPF_STATES.get(integer(state) or 0, "unknown"),
                router_id=".".join(map(str, router)),
            )
        )
    return peers


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)
