"""Network gear under load: links that are full or lossy, ports that flap, busy devices.

All hide behind a device that is silent (controller.patrol.checks.extranet.devices).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import select
from sqlmodel import col

from controller.network import gear_subjects as gear
from controller.network.devices import list_devices
from controller.network.link_usage import LinkUsage, link_usage
from controller.network.model import DeviceView
from controller.network.sensors import PART, faults
from controller.network.tables import Device, DevicePort
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check
from controller.store import statistics as st
from controller.store.rollup import closed_until
from controller.store.rollup_sql import window

MOST_NAMED = 5
LOAD = {
    "cpu": "device_cpu_pct",
    "mem": "device_mem_used_pct",
    "temperature": "device_temperature_c",
}


def busy(look: Look, check: Check) -> Found:
    """Links by P95 of use of the last hours, against contracted bandwidth or speed."""
    found = Found()
    for row, device in _links(look, check, found):
        used = max(row.in_used_pct or 0.0, row.out_used_pct or 0.0)
        if row.in_used_pct is None and row.out_used_pct is None:
            continue  # nobody knows how wide it is
        found.judged += 1
        severity = check.level(used)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.port_subject(device.code, row.port),
                    {"used_pct": round(used, 1), "line": row.line, "port": row.port,
                     "resource": device.code},
                    unit_id=device.unit_id, name=f"{device.name} {row.port}",
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def lossy(look: Look, check: Check) -> Found:
    """Links by errors and discards of the last hours."""
    found = Found()
    for row, device in _links(look, check, found):
        lost = (row.errors or 0.0) + (row.discards or 0.0)
        found.judged += 1
        severity = check.level(lost)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.port_subject(device.code, row.port),
                    {"lost": round(lost), "errors": round(row.errors or 0),
                     "discards": round(row.discards or 0), "port": row.port,
                     "resource": device.code},
                    unit_id=device.unit_id, name=f"{device.name} {row.port}",
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def flapping(look: Look, check: Check) -> Found:
    """Ports by how often their operational state changed within the last hours."""
    since = look.now - timedelta(hours=check.number("hours"))
    with look.runtime.database.read() as session:
        listed = {device.id: device for device in list_devices(session, look.scope, look.now)}
        rows = list(
            session.execute(select(DevicePort).where(col(DevicePort.gone).is_(None))).scalars()
        )
    found = Found(applies=bool(listed))
    for port in rows:
        device = listed.get(port.device_id)
        if device is None or not device.enabled:
            continue
        found.judged += 1
        changes = sum(datetime.fromisoformat(each) >= since for each in port.changes)
        severity = check.level(changes)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.port_subject(device.code, port.name),
                    {"changes": changes, "port": port.name, "hours": check.number("hours"),
                     "resource": device.code},
                    unit_id=device.unit_id, name=f"{device.name} {port.name}",
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def load(look: Look, check: Check) -> Found:
    """Devices by the nearest-rank P95 of CPU, memory or temperature of the last hours; the check's
    parameter ``figure`` says which."""
    figure = str(check.parameters["figure"])
    end = closed_until(look.now)
    start = end - int(check.number("hours") * st.HOUR_S)
    column = LOAD[figure]
    answer = look.runtime.samples.query(
        f"SELECT resource, {st.percentile(column, 0.95)} AS p95 FROM device_5m FINAL "
        f"WHERE {window('time', start, end)} AND instance = '' GROUP BY resource"
    )
    values = dict(
        zip(
            np.asarray(answer.get("resource", []), np.int64).tolist(),
            np.asarray(answer.get("p95", []), np.float64).tolist(),
            strict=True,
        )
    )
    with look.runtime.database.read() as session:
        listed = list_devices(session, look.scope, look.now)
    found = Found(applies=bool(listed))
    for device in listed:
        value = values.get(device.id, float("nan"))
        if not device.enabled or np.isnan(value):
            continue
        found.judged += 1
        severity = check.level(value)
        if severity:
            found.seen.append(
                observe(
                    check, severity, gear.device_subject(device.code),
                    {"value": round(value, 1), "hours": check.number("hours"),
                     "resource": device.code},
                    unit_id=device.unit_id, name=device.name,
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def parts(look: Look, check: Check) -> Found:
    """Fans, power supplies and sensors that failed, as the device last told: 1 a sensor that gives
    nothing or fans that all stand still, 2 a fan or power supply, 3 several of them."""
    with look.runtime.database.read() as session:
        listed = {device.id: device for device in list_devices(session, look.scope, look.now)}
        rows = session.execute(select(col(Device.id), col(Device.sensors))).all()
    found = Found(applies=bool(listed))
    for number, sensors in rows:
        device = listed.get(number)
        if device is None or not device.enabled or not sensors:
            continue
        found.judged += 1
        failed = faults(sensors)
        if not failed:
            continue
        grave = sum(each.weight == PART for each in failed)
        weight = 3 if grave > 1 else failed[0].weight
        severity = check.level(weight)
        if severity:
            names = ", ".join(each.name for each in failed[:MOST_NAMED])
            found.seen.append(
                observe(
                    check, severity, gear.device_subject(device.code),
                    {"weight": weight, "parts": names, "failed": len(failed),
                     "resource": device.code},
                    unit_id=device.unit_id, name=device.name,
                    depends_on=[gear.device_subject(device.code)],
                )
            )  # fmt: skip
    return found


def _links(look: Look, check: Check, found: Found) -> list[tuple[LinkUsage, DeviceView]]:
    """What links carried in the last hours, with their devices; those that are up and read."""
    since = look.now - timedelta(hours=check.number("hours"))
    with look.runtime.database.read() as session:
        listed = {device.code: device for device in list_devices(session, look.scope, look.now)}
    found.applies = bool(listed)
    if not listed:
        return []
    rows = link_usage(look.runtime, look.scope, since, look.now, "link")
    return [(row, listed[row.device]) for row in rows if row.device in listed]
