"""The register of devices, sealed credentials, what pollers are given, and what they tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import Session, col, select

from collectors.records import Document
from controller.access.scope import CITY, Scope
from controller.ingest.downlink import Downlink, orders_of
from controller.ingest.tables import Agent
from controller.ingest.tasks import get_task
from controller.inventory.tables import Holding, Resource, Site
from controller.inventory.units import find_unit
from controller.network import assign, credentials, device_edit, discovery, intake, upkeep
from controller.network.credentials import NewCredential, sealer_of
from controller.network.device_edit import DeviceChange, NewDevice
from controller.network.device_import import DEVICES
from controller.network.devices import device_detail, find_device, list_devices
from controller.network.tables import (
    Device,
    DevicePoller,
    DevicePort,
    DeviceProposal,
    ScanRange,
)
from controller.problems import NotFound, Problem
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.relational import Database
from controller.store.samples import Samples

from .conftest import NOW, load

CANARY = "canary-7d20f1"
FILE = """名称,管理地址,单位,站点,网络区,角色,共用,SNMP凭据,轮询间隔
核心一,10.1.0.1,市数据局,主中心,公用网络区,核心,是,core,30
临江汇聚,fd00::2,临江区,临江分中心,公用网络区,汇聚,否,core,
云山接入,10.1.0.1,ysx,云山分中心,专用网络区,接入,,core,
"""


@pytest.fixture
def runtime(town: Database, tmp_path: Path) -> Runtime:
    settings = Settings(data=tmp_path, samples={"url": "http://127.0.0.1:1"})
    return Runtime(settings, town, Samples.from_settings(settings), lambda: NOW)


@pytest.fixture
def gear(runtime: Runtime) -> Runtime:
    """Three devices and a credential."""
    with runtime.database.write() as session:
        told = NewCredential(name="core", community=CANARY)
        credentials.keep(session, sealer_of(runtime.settings), told, "ops", NOW, replace=False)
    outcome = load(runtime.database, DEVICES, FILE)
    assert (outcome.created, outcome.errors) == (3, [])
    return runtime


def add_poller(database: Database, name: str, site: str, *, seen: datetime = NOW) -> str:
    with database.write() as session:
        unit = find_unit(session, CITY, "sjj", NOW)
        place = session.exec(select(Site).where(Site.name == site)).first()
        resource = Resource(code=f"host-{name}", name=name, created=NOW)
        session.add(resource)
        session.flush()
        session.add(
            Holding(
                resource_id=resource.id or 0, since=NOW - timedelta(days=9), unit_id=unit.id,
                site_id=place.id if place else None,
            )
        )  # fmt: skip
        session.add(
            Agent(
                id=name, name=name, secret_hash="0" * 64, state="active", unit_id=unit.id,
                resource_id=resource.id, enrolled=NOW, roles="poller", last_seen=seen,
            )
        )  # fmt: skip
    return name


def test_a_file_of_devices_becomes_resources_with_dated_owners(gear: Runtime) -> None:
    with gear.database.read() as session:
        found = {each.name: each for each in list_devices(session, CITY, NOW)}
        resources = session.exec(select(Resource).where(Resource.kind == "device")).all()
    core, far = found["核心一"], found["云山接入"]
    assert (core.unit_name, core.site, core.role, core.shared) == (
        "市数据局", "主中心", "core", True,
    )  # fmt: skip
    assert (core.interval_s, core.credential, core.state) == (30, "core", "new")
    assert found["临江汇聚"].address == "fd00::2"
    # The same private address in two networks is two devices.
    assert (core.address, core.network) == ("10.1.0.1", "公用网络区")
    assert (far.address, far.network) == ("10.1.0.1", "专用网络区")
    assert len(resources) == 3


def test_the_same_file_again_changes_nothing(gear: Runtime) -> None:
    again = load(gear.database, DEVICES, FILE)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("甲,10.1.0.300,市数据局,,,,,core,", "is no IPv4 or IPv6 address"),
        ("甲,10.9.0.1,市数据局,,,,,nothing,", "no credential 'nothing'"),
        ("甲,10.9.0.1,无此单位,,,,,core,", "no unit"),
        ("甲,,市数据局,,,,,core,", "the address is missing"),
        ("甲,10.9.0.1,市数据局,,,,,core,5", "not a whole number of 10 to 3600"),
    ],
)
def test_a_bad_row_is_named_and_nothing_imported(gear: Runtime, row: str, says: str) -> None:
    outcome = load(gear.database, DEVICES, FILE.splitlines()[0] + "\n" + row + "\n")
    assert not outcome.imported
    assert says in outcome.errors[0].message
    assert outcome.errors[0].message_zh != outcome.errors[0].message


def test_another_units_device_is_not_there(gear: Runtime) -> None:
    with gear.database.read() as session:
        scope = Scope(frozenset({find_unit(session, CITY, "ysx", NOW).id}))
        (own,) = list_devices(session, scope, NOW)
        core = next(d.code for d in list_devices(session, CITY, NOW) if d.name == "核心一")
        assert own.name == "云山接入"
        with pytest.raises(NotFound):
            find_device(session, scope, core, NOW)


def test_a_device_that_is_added_changed_and_removed(gear: Runtime) -> None:
    with gear.database.write() as session:
        code = device_edit.add(
            session,
            NewDevice(address="[fd00::9]", name="防火墙", unit="市数据局", credential="core"),
            NOW,
        )
        with pytest.raises(Problem, match="already"):
            device_edit.add(session, NewDevice(address="fd00::9", unit="市数据局"), NOW)
        told = DeviceChange(role="firewall", interval_s=300, enabled=False)
        device_edit.change(session, CITY, code, told, NOW)
    later = NOW + timedelta(days=1)
    with gear.database.write() as session:
        view = find_device(session, CITY, code, NOW)
        assert (view.role, view.interval_s, view.enabled) == ("firewall", 300, False)
        device_edit.remove(session, CITY, code, later)
    with gear.database.write() as session:
        after = later + timedelta(minutes=1)
        with pytest.raises(NotFound):
            find_device(session, CITY, code, after)
        # The address is free again.
        device_edit.add(session, NewDevice(address="fd00::9", unit="市数据局"), after)


# ---- credentials


def _file(runtime: Runtime) -> bytes:
    url = runtime.database.engine.url
    return Path(str(url.database)).read_bytes() if url.get_backend_name() == "sqlite" else b""


def test_a_credential_is_sealed_rotated_and_never_shown(gear: Runtime) -> None:
    with gear.database.write() as session:
        before = credentials.find(session, "core").community
        key, count = credentials.rotate(session, gear.settings)
    with gear.database.read() as session:
        row = credentials.find(session, "core")
        (view,) = credentials.list_credentials(session)
        assert credentials.opened(sealer_of(gear.settings), row)["community"] == CANARY
        assert row.community != before
    assert (view.key, count, view.devices) == (key, 1, 3)
    assert CANARY not in view.model_dump_json()
    assert CANARY.encode() not in _file(gear)


def test_a_credential_in_use_is_not_removed(gear: Runtime) -> None:
    with gear.database.write() as session, pytest.raises(Problem, match="3 devices"):
        credentials.remove(session, "core")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "v2c"},
        {"kind": "v3"},
        {"kind": "v3", "user": "u", "auth_password": "short7!"},
        {"kind": "v3", "user": "u", "priv_password": CANARY},
        {"kind": "v3", "user": "u", "auth": "MD4", "auth_password": CANARY},
        {"kind": "v2c", "community": CANARY * 30},
    ],
)
def test_a_wrong_credential_is_refused_without_repeating_its_secret(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        NewCredential.model_validate({"name": "x", **wrong})
    assert CANARY not in str(caught.value)


def test_a_v3_credential_comes_out_as_it_went_in(gear: Runtime) -> None:
    told = NewCredential(
        name="v3", kind="v3", user="ops", auth="SHA-512", auth_password="auth-word-1",
        priv="AES-256", priv_password="priv-word-1", expansion="cisco",
    )  # fmt: skip
    sealer = sealer_of(gear.settings)
    with gear.database.write() as session:
        row = credentials.keep(session, sealer, told, "ops", NOW, replace=False)
        assert credentials.opened(sealer, row) == {
            "version": "v3", "user": "ops", "auth": "SHA-512", "auth_password": "auth-word-1",
            "priv": "AES-256", "priv_password": "priv-word-1", "expansion": "cisco",
        }  # fmt: skip


# ---- assignments


def test_a_poller_is_given_its_sites_devices_with_their_credential(gear: Runtime) -> None:
    add_poller(gear.database, "p-main", "主中心")
    add_poller(gear.database, "p-ljq", "临江分中心")
    assert assign.balance(gear) == 3
    down = Downlink((assign.SNMP_ASSIGNMENT,))
    orders = orders_of(gear, down, "p-ljq", frozenset(), NOW)
    devices = [each for a in orders.assignments for each in a["body"]["devices"]]
    assert "fd00::2" in [each["address"] for each in devices]
    (secret,) = orders.assignments[0]["body"]["credentials"].values()
    assert secret == {"version": "v2c", "community": CANARY}
    assert orders.version != ""
    assert assign.balance(gear) == 0


def test_a_dead_pollers_devices_move_and_both_are_known_to_have_polled(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "主中心")
    assign.balance(gear)
    with gear.database.read() as session:
        core = next(d.id for d in list_devices(session, CITY, NOW) if d.name == "核心一")
        assert session.get_one(Device, core).poller_id == "p1"
    add_poller(gear.database, "p2", "主中心", seen=NOW + timedelta(seconds=60))
    assert assign.balance(gear) >= 1
    with gear.database.read() as session:
        assert session.get_one(Device, core).poller_id == "p2"
        rows = session.exec(select(DevicePoller).where(DevicePoller.device_id == core)).all()
        known = assign.devices_of_agents(session, NOW)
        later = assign.devices_of_agents(session, NOW + timedelta(days=8))
        code = find_code(session, core)
    assert [(row.agent_id, row.until is None) for row in rows] == [("p1", False), ("p2", True)]
    assert known["p1"][code].resource == known["p2"][code].resource == core
    at = int(NOW.timestamp() * 1000)
    assert [until for _, until in known["p1"][code].spans] == [at]
    ((since, until),) = known["p2"][code].spans
    assert since <= at < until
    # A week on nothing that the former poller still has is taken; the device stays known to be
    # none of its own, so that its rows are set aside and do not stop the others.
    assert later["p1"][code].spans == ()
    assert len(later["p2"][code].spans) == 1


def find_code(session: Session, number: int) -> str:
    return session.get_one(Resource, number).code


def test_a_former_poller_says_nothing_more_of_a_device(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "主中心")
    assign.balance(gear)
    add_poller(gear.database, "p2", "主中心", seen=NOW + timedelta(seconds=60))
    assign.balance(gear)
    with gear.database.write() as session:
        code = _core(session)
        tell(session, "p2", "device_facts", NOW, device=code, poll=POLL)
        # From its spool, of the time when it did poll it: no news, and no mistake.
        before = NOW - timedelta(seconds=30)
        tell(session, "p1", "device_state", before, device=code, up=False, error="x", ports=[])
        tell(session, "p1", "device_facts", before, device=code, poll={"system": {"name": "old"}})
        for kind, more in (
            ("device_state", {"up": False, "error": "x", "ports": []}),
            ("device_facts", {"poll": {"system": {"name": "forged"}}}),
        ):
            with pytest.raises(ValueError, match="another agent polls now"):
                tell(session, "p1", kind, NOW + timedelta(minutes=1), device=code, **more)
    with gear.database.read() as session:
        found = find_device(session, CITY, code, NOW)
    assert (found.state, found.error, found.sys_name) == ("up", "", "core-1")


# ---- what pollers tell

POLL: dict[str, Any] = {
    "system": {"name": "core-1", "descr": "VRP", "vendor": "Huawei", "profile": "huawei",
               "sys_object_id": "1.3.6.1.4.1.2011.2.23", "uptime_s": 3600.0},
    "ports": [
        {"if_index": 1, "instance": "port:GE1/0/1", "if_name": "GE1/0/1", "if_alias": "至临江",
         "speed_bit_s": 10**10, "oper_status": "up", "admin_status": "up", "mtu": 1500,
         "phys_address": "00e0fc000001"},
        {"if_index": 2, "instance": "port:GE1/0/2", "if_name": "GE1/0/2", "oper_status": "down",
         "admin_status": "up"},
    ],
    "inventory": [{"index": 1, "kind": "chassis", "model": "S12708", "serial": "2102350",
                   "software": "V200R019"}],
    "ip_addresses": [{"if_index": 1, "address": "10.9.1.1", "prefix_length": 30}],
    "neighbours": [{"local_port": "GE1/0/1", "if_index": 1, "remote_chassis": "aa", "remote_port":
                    "XE1", "remote_name": "x", "remote_addresses": ["fd00::2"]}],
    "peers": [{"protocol": "bgp", "address": "10.9.1.2", "state": "established",
               "remote_as": 65001}],
    "sensors": [{"name": "CPU", "unit": "celsius", "value": 41.0, "status": "ok"}],
    "partial": [], "routes": 12, "ipv6_forwarding": True,
}  # fmt: skip


def tell(session: Session, agent: str, kind: str, at: datetime, **body: Any) -> None:
    take = intake.take_facts if kind == "device_facts" else intake.take_state
    row = session.get_one(Agent, agent)
    take(session, row, Document(kind, int(at.timestamp() * 1000), body), at)


def _core(session: Session) -> str:
    return next(d.code for d in list_devices(session, CITY, NOW) if d.name == "核心一")


def test_facts_fill_the_device_its_ports_and_neighbours(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    assign.balance(gear)
    with gear.database.write() as session:
        code = _core(session)
        tell(session, "p1", "device_facts", NOW, device=code, poll=POLL)
    with gear.database.read() as session:
        found = device_detail(session, CITY, code, NOW)
        own = Scope(frozenset({find_unit(session, CITY, "sjj", NOW).id}))
        (heard,) = device_detail(session, own, code, NOW).neighbours
    assert (found.state, found.vendor, found.model, found.serial, found.software) == (
        "up", "Huawei", "S12708", "2102350", "V200R019",
    )  # fmt: skip
    assert (found.ports, found.ports_up) == (2, 1)
    assert [port.instance for port in found.port_list] == ["port:GE1/0/1", "port:GE1/0/2"]
    (neighbour,) = found.neighbours
    # Matched by its address within the same network.
    assert (neighbour.instance, neighbour.remote_code) == ("port:GE1/0/1", "临江汇聚")
    # Which device of another unit it is, its owner is not told.
    assert (heard.remote_name, heard.remote_code) == ("x", "")
    assert [peer.state for peer in found.peers] == ["established"]
    assert found.booted == NOW - timedelta(hours=1)


def test_one_address_in_two_vrfs_does_not_cost_the_whole_poll(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    assign.balance(gear)
    peer = {"protocol": "bgp", "address": "fe80::1", "state": "established"}
    poll = POLL | {"peers": [peer, peer | {"state": "idle"}]}
    with gear.database.write() as session:
        code = _core(session)
        for at in (NOW, NOW + timedelta(hours=1)):
            tell(session, "p1", "device_facts", at, device=code, poll=poll)
    with gear.database.read() as session:
        found = device_detail(session, CITY, code, NOW)
    assert [(each.address, each.state) for each in found.peers] == [("fe80::1", "established")]


def test_a_unit_is_not_told_as_whom_and_by_whom_its_gear_is_asked(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    assign.balance(gear)
    with gear.database.read() as session:
        own = Scope(frozenset({find_unit(session, CITY, "sjj", NOW).id}))
        code = _core(session)
        told = device_detail(session, own, code, NOW)
        whole = device_detail(session, CITY, code, NOW)
    assert (told.name, told.credential, told.poller) == ("核心一", "", "")
    assert (whole.credential, whole.poller) == ("core", "p1")


def test_sensors_are_told_with_a_state_too_and_old_ones_do_not_come_back(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    assign.balance(gear)
    fan = {"name": "FAN 1", "unit": "rpm", "value": 0, "status": "ok"}
    at = NOW + timedelta(minutes=5)
    with gear.database.write() as session:
        code = _core(session)
        tell(session, "p1", "device_facts", NOW, device=code, poll=POLL)
        tell(session, "p1", "device_state", at, device=code, up=True, error="", ports=[],
             sensors=[fan, "junk"])  # fmt: skip
        tell(session, "p1", "device_facts", NOW + timedelta(minutes=1), device=code, poll=POLL)
        partial = {**POLL, "sensors": [], "partial": ["entPhySensorTable"]}
        tell(session, "p1", "device_facts", at + timedelta(hours=1), device=code, poll=partial)
    with gear.database.read() as session:
        assert device_detail(session, CITY, code, at).sensors == [fan]


def test_states_are_dated_flaps_counted_and_a_port_that_vanishes_is_gone(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    assign.balance(gear)
    at = NOW
    with gear.database.write() as session:
        code = _core(session)
        tell(session, "p1", "device_facts", at, device=code, poll=POLL)
        for minute, oper in enumerate(("down", "up", "down"), 1):
            at = NOW + timedelta(minutes=minute)
            tell(session, "p1", "device_state", at, device=code, up=True, error="",
                 ports=[["port:GE1/0/1", oper, "up"]])  # fmt: skip
        tell(session, "p1", "device_state", at, device=code, up=False, error="silent", ports=[])
        old = NOW - timedelta(minutes=5)
        tell(session, "p1", "device_state", old, device=code, up=True, error="", ports=[])
    with gear.database.write() as session:
        found = device_detail(session, CITY, code, at)
        port = found.port_list[0]
        assert (port.oper, port.changes, port.oper_since) == ("down", 3, at)
        assert (found.state, found.state_since, found.error) == ("down", at, "silent")
        fewer = {**POLL, "ports": POLL["ports"][:1]}
        tell(session, "p1", "device_facts", at + timedelta(hours=1), device=code, poll=fewer)
    with gear.database.read() as session:
        found = device_detail(session, CITY, code, at)
    assert (found.state, [port.gone is None for port in found.port_list]) == ("up", [True, False])


def test_an_agent_that_never_polled_a_device_says_nothing_of_it(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "主中心")
    with gear.database.write() as session, pytest.raises(ValueError, match="never polled"):
        tell(session, "p1", "device_facts", NOW, device=_core(session), poll=POLL)


def test_what_is_long_over_is_forgotten_and_what_is_not_stays(
    gear: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_poller(gear.database, "p1", "主中心")
    assign.balance(gear)
    monkeypatch.setattr(upkeep, "MOST_GONE", 2)
    with gear.database.write() as session:
        core = session.exec(select(Device.id).order_by(col(Device.id))).first() or 0
        for days, agent in ((100, "p1"), (10, "p1")):
            session.add(
                DevicePoller(device_id=core, agent_id=agent, since=NOW - timedelta(days=200),
                             until=NOW - timedelta(days=days))
            )  # fmt: skip
        for number, days in enumerate((500, 30, 20, 10)):
            session.add(
                DevicePort(device_id=core, instance=f"port:veth{number}", if_index=number,
                           seen=NOW, gone=NOW - timedelta(days=days))
            )  # fmt: skip
        session.add(DevicePort(device_id=core, instance="port:eth0", if_index=9, seen=NOW))
        session.flush()
        assert upkeep.purge(session, NOW) == 3
        left = session.exec(select(DevicePort.instance).order_by(DevicePort.instance)).all()
        assert left == ["port:eth0", "port:veth2", "port:veth3"]
        ended = session.exec(select(DevicePoller).where(col(DevicePoller.until).is_not(None))).all()
        assert [NOW - row.until for row in ended if row.until] == [timedelta(days=10)]


# ---- discovery


def test_only_a_registered_range_is_scanned_and_only_in_its_time(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    with gear.database.write() as session:
        agent = session.get_one(Agent, "p1")
        with pytest.raises(Problem, match="no range that is registered"):
            discovery.begin(session, agent, "10.1.0.0/24", "", ["core"], "ops", NOW)
        session.add(
            ScanRange(cidr="10.1.0.0/16", since=NOW, until=NOW + timedelta(hours=2), created=NOW)
        )
        session.flush()
        late = NOW + timedelta(hours=3)
        with pytest.raises(Problem, match="may be scanned from"):
            discovery.begin(session, agent, "10.1.0.0/24", "", ["core"], "ops", late)
        with pytest.raises(Problem, match="no range that is registered"):
            discovery.begin(session, agent, "10.1.0.0/24", "vpn-1", ["core"], "ops", NOW)
        task = discovery.begin(session, agent, "10.1.0.0/24", "", ["core"], "ops", NOW)
        assert CANARY not in str(task.body)
        number = task.id or 0
    down = Downlink((), (discovery.SCAN_TASK,))
    (given,) = orders_of(gear, down, "p1", frozenset(), NOW).tasks
    assert given["body"]["credentials"]["core"]["community"] == CANARY
    with gear.database.write() as session:
        view = get_task(session, CITY, number)
        assert CANARY not in view.model_dump_json()


def test_what_a_scan_finds_is_proposed_once_and_known_devices_are_not(gear: Runtime) -> None:
    add_poller(gear.database, "p1", "")
    with gear.database.write() as session:
        session.add(
            ScanRange(cidr="10.1.0.0/16", network="公用网络区", since=NOW,
                      until=NOW + timedelta(hours=2), created=NOW)
        )  # fmt: skip
        session.flush()
        agent = session.get_one(Agent, "p1")
        task = discovery.begin(session, agent, "10.1.0.0/30", "公用网络区", ["core"], "ops", NOW)
        found = [{"address": a, "port": 161, "credential": "core", "sys_name": f"sw-{a}"}
                 for a in ("10.1.0.1", "10.1.0.2")]  # fmt: skip
        task.result = {"found": [*found, "junk", {"address": 5}]}
        discovery.finished(session, task, NOW)
        discovery.finished(session, task, NOW)
        rows = session.exec(select(DeviceProposal).order_by(col(DeviceProposal.address))).all()
        assert [(row.address, row.sys_name, row.state) for row in rows] == [
            ("10.1.0.2", "sw-10.1.0.2", "open")
        ]


def test_only_what_was_asked_for_is_proposed(gear: Runtime) -> None:
    """A poller that lies, or is broken, cannot put addresses into the register's way."""
    add_poller(gear.database, "p1", "")
    with gear.database.write() as session:
        session.add(
            ScanRange(cidr="10.9.0.0/16", since=NOW, until=NOW + timedelta(hours=2), created=NOW)
        )
        session.flush()
        agent = session.get_one(Agent, "p1")
        task = discovery.begin(session, agent, "10.9.1.0/29", "", ["core"], "ops", NOW)
        strange = [
            {"address": "10.9.1.9", "port": 161},  # in what is registered, not in what was asked
            {"address": "192.0.2.1", "port": 161},
            {"address": "fd00::1", "port": 161},
            {"address": "10.9.1.3", "port": 22},
            {"address": "10.9.1.0/29", "port": 161},
        ]
        good = [
            {"address": "10.9.1.1", "port": 161, "credential": "core"},
            {"address": "10.9.1.2", "port": 161, "credential": "not-asked", "sys_name": "a\x00b"},
        ]
        task.result = {"found": [*strange, *good]}
        discovery.finished(session, task, NOW)
        rows = session.exec(select(DeviceProposal).order_by(col(DeviceProposal.address))).all()
        assert [(row.address, row.sys_name, row.credential_id is None) for row in rows] == [
            ("10.9.1.1", "", False), ("10.9.1.2", "a b", True),
        ]  # fmt: skip
        assert task.error.startswith("5 answers outside the range")
