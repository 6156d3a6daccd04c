"""The controller itself: rollups, jobs, disk, stores, certificates. Of the whole city only."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from sqlalchemy import select

from controller.folder import free_space
from controller.patrol.look import Found, Look, observe
from controller.patrol.plans import Check
from controller.store import maintenance, rollup
from controller.store.samples import SamplesError
from controller.store.tables import JobRun

KIND = "controller"


def certificates(look: Look, check: Check) -> Found:
    """The controller's TLS certificate and those of its own small CA."""
    settings = look.runtime.settings
    paths = [Path(settings.tls.certificate)] if settings.tls.certificate else []
    paths += sorted((settings.data / "tls").glob("*.pem"))
    found = Found(applies=look.whole)
    for path in paths if look.whole else []:
        content = path.read_bytes()
        if b"BEGIN CERTIFICATE" not in content:
            continue
        certificate = x509.load_pem_x509_certificate(content)
        found.judged += 1
        expires = certificate.not_valid_after_utc
        days = (expires - look.now).total_seconds() / 86_400
        severity = check.level(days)
        if severity:
            found.seen.append(
                observe(
                    check,
                    severity,
                    ("certificate", path.name),
                    {
                        "days_left": round(days, 1),
                        "expires": f"{expires:%Y-%m-%d}",
                        "subject": certificate.subject.rfc4514_string(),
                    },
                    name=path.name,
                )
            )
    found.applies = found.judged > 0
    return found


def rollups(look: Look, check: Check) -> Found:
    """How far the live rollups are behind, and what waits to be computed again."""
    found = Found(applies=look.whole)
    for each in rollup.pending(look.runtime) if look.whole else []:
        found.judged += 1
        live = 0.0 if each.live_until is None else look.minutes_since(each.live_until)
        oldest = 0.0 if each.oldest_mark is None else look.minutes_since(each.oldest_mark) / 60
        # A mark waits its turn; one that waits for hours is a queue that does not get shorter.
        severity = check.level(max(live, oldest * 60 / 6))
        if severity:
            found.seen.append(
                observe(
                    check,
                    severity,
                    (KIND, f"rollup {each.table}"),
                    {
                        "lag_min": round(live, 1),
                        "dirty_days": each.dirty_days,
                        "oldest_h": round(oldest, 1),
                    },
                    name=each.table,
                )
            )
    return found


def jobs(look: Look, check: Check) -> Found:
    """The worker's jobs that failed the last times."""
    found = Found(applies=look.whole)
    if not look.whole:
        return found
    with look.runtime.database.read() as session:
        runs = session.scalars(select(JobRun)).all()
    found.judged = len(runs)
    for run in runs:
        severity = check.level(run.failures) if run.failures else None
        if severity:
            evidence = {"failures": run.failures, "job": run.name, "error": run.error[:200]}
            found.seen.append(observe(check, severity, (KIND, f"job {run.name}"), evidence))
    return found


def disk(look: Look, check: Check) -> Found:
    """Room for the data, here and at the sample store."""
    found = Found(applies=look.whole)
    if not look.whole:
        return found
    free, percent = free_space(look.runtime.settings.data)
    places = [("data", str(look.runtime.settings.data), free, percent)]
    if look.runtime.settings.samples.url:
        places += [
            (each.path, each.path, each.free_bytes, each.free_percent)
            for each in maintenance.disks(look.runtime.samples, look.runtime.settings)
        ]
    for name, path, bytes_, share in places:
        found.judged += 1
        severity = check.level(share)
        if severity:
            evidence = {
                "free_pct": round(share, 1),
                "free_gib": round(bytes_ / 2**30, 1),
                "path": path,
            }
            found.seen.append(observe(check, severity, (KIND, f"disk {name}"), evidence))
    return found


def stores(look: Look, check: Check) -> Found:
    """Whether the sample store answers, and holds all of its parts."""
    found = Found(applies=look.whole, judged=1)
    if not look.whole:
        return found
    severity = check.level(1) or "major"
    try:
        parts = maintenance.detached_parts(look.runtime.samples, look.runtime.settings)
    except SamplesError as error:
        what = (str(error).splitlines() or ["?"])[0][:200]
        found.seen.append(
            observe(check, severity, (KIND, "samples"), {"problems": 1, "what": what})
        )
        return found
    if parts:
        first = parts[0]
        what = f"{len(parts)} × {first.table} {first.part}: {first.reason}"
        evidence = {"problems": len(parts), "what": what}
        found.seen.append(observe(check, severity, (KIND, "samples"), evidence))
    return found
