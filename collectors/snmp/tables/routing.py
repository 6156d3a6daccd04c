"""BGP4-MIB (RFC 4273) and OSPF-MIB (RFC 4750): peers and their state.

BGP4-MIB knows peers by IPv4 address only. Over IPv6 they stand in tables of the vendors' own;
Arista's is read, as a recording holds it.
"""

from __future__ import annotations

from ipaddress import ip_address

from ..device import Peer
from ..values import integer, text
from ..walk import Column, Walker

BGP = "1.3.6.1.2.1.15.3.1"
OSPF = "1.3.6.1.2.1.14.10.1"
OSPF3 = "1.3.6.1.2.1.191.1.9.1"
ARISTA = "1.3.6.1.4.1.30065."
ARISTA_PEERS, ARISTA_TIMES = f"{ARISTA}4.1.1.2.1", f"{ARISTA}4.1.1.4.1"
"""aristaBgp4V2PeerTable and its table of events."""
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


async def read_peers(walker: Walker, sys_object_id: str = "") -> list[Peer]:
    """BGP peers, OSPF and OSPFv3 neighbours; ``sys_object_id`` tells whose own table to read."""
    bgp = await walker.columns("bgpPeerTable", {"state": f"{BGP}.2"})
    if bgp["state"]:
        more = {"router": f"{BGP}.1", "admin": f"{BGP}.3", "as": f"{BGP}.9", "up": f"{BGP}.16"}
        bgp.update(await walker.columns("bgpPeerTable", more))
    ospf = await walker.columns("ospfNbrTable", {"state": f"{OSPF}.6"})
    if ospf["state"]:
        ospf.update(await walker.columns("ospfNbrTable", {"router": f"{OSPF}.3"}))
    ospf3 = await walker.columns("ospfv3NbrTable", {"state": f"{OSPF3}.8"})
    peers = parse_bgp(bgp) + parse_ospf(ospf) + parse_ospf3(ospf3)
    if not sys_object_id.startswith(ARISTA):
        return peers
    known = {peer.address for peer in peers if peer.protocol == "bgp"}
    return peers + [peer for peer in await _arista(walker) if peer.address not in known]


async def _arista(walker: Walker) -> list[Peer]:
    found = await walker.columns("aristaBgp4V2PeerTable", {"state": f"{ARISTA_PEERS}.13"})
    if not found["state"]:
        return []
    more = {"as": f"{ARISTA_PEERS}.10", "admin": f"{ARISTA_PEERS}.12", "up": f"{ARISTA_TIMES}.1"}
    found.update(await walker.columns("aristaBgp4V2PeerTable", more))
    return parse_bgp_versions(found)


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


def parse_bgp_versions(found: dict[str, Column]) -> list[Peer]:
    """The index is an instance, the address's kind, its length and its octets: IPv4 and IPv6."""
    peers = []
    for index, state in found["state"].items():
        octets = index.split(".")[3:]
        try:
            # A zone, where the kind has one, comes after the address itself.
            address = ip_address(bytes(map(int, octets[: 4 if len(octets) < 16 else 16])))
        except ValueError:
            continue  # an index that is no address
        peers.append(
            Peer(
                protocol="bgp",
                address=str(address),
                state=BGP_STATES.get(integer(state) or 0, "unknown"),
                remote_as=integer(found["as"].get(index)),
                up_s=_float(integer(found["up"].get(index))),
                admin={1: "stop", 2: "start"}.get(integer(found["admin"].get(index)) or 0, ""),
            )
        )
    return peers


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
