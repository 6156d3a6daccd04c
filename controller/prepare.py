"""What must be right before a controller serves: schema, first user, certificate, self-check.

``python -m controller.prepare --config FILE`` is run once by the supervisor, so that the
supervisor itself stays small; the outcome is one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from controller import schema
from controller.access import audit, users
from controller.access.passwords import WeakPassword
from controller.access.principal import local_principal
from controller.folder import free_space
from controller.runtime import Runtime, utc_now
from controller.settings import Settings, SettingsError, load
from controller.store import ddl, groups, migrate
from controller.store.relational import Database, connect
from controller.store.samples import Samples, SamplesError, SamplesUnavailable

SAMPLES_SECONDS = 60.0
"""How long the sample store may take to come up (a large folder is read at its start)."""

CONSOLE_ASSETS = Path(__file__).parent / "web" / "static" / "vendor"
"""Built from the npm lock file by `make assets`; part of the wheel."""

SANE_CLOCK = datetime(2025, 1, 1, tzinfo=UTC)


class PrepareError(Exception):
    """The controller cannot start; the text says why and what to do."""


@dataclass
class Prepared:
    """``notes`` are warnings of the self-check; ``admin_password`` is shown once."""

    admin_password: str | None = None
    certificate: str = ""
    key: str = ""
    ca: str = ""
    fingerprint: str = ""
    notes: list[str] = field(default_factory=list)


def open_runtime(settings: Settings) -> Runtime:
    """The stores of ``settings``, not connected yet; the caller closes them."""
    # Foreign keys reach across capabilities: every table must be known before the first query.
    schema.metadata()
    return Runtime(
        settings, Database(connect(settings.relational_url)), Samples.from_settings(settings)
    )


def close_runtime(runtime: Runtime) -> None:
    runtime.samples.close()
    runtime.database.close()


def prepare(runtime: Runtime, admin_password: str = "", *, tls: bool) -> Prepared:
    """Bring both schemas up to date and check what can be checked. Raises PrepareError."""
    done = Prepared(notes=check_folder(runtime.settings, runtime.now()))
    prepare_database(runtime)
    with runtime.database.write() as session:
        try:
            done.admin_password = users.ensure_admin(session, admin_password, runtime.now())
        except WeakPassword as error:
            raise PrepareError(f"YUNXUN_ADMIN_PASSWORD: {error}") from None
    if tls:
        # Loads the crypto library: only where there is TLS.
        from controller.ingest import authority  # noqa: PLC0415

        material = authority.ensure_authority(runtime.settings)
        done.certificate, done.key = str(material.certificate), str(material.key)
        done.ca = str(runtime.settings.data.resolve() / "tls" / "ca.pem")
        done.fingerprint = material.fingerprint
    prepare_samples(runtime)
    return done


def prepare_database(runtime: Runtime) -> None:
    """Migrate the relational database. Raises PrepareError."""
    try:
        migrate.upgrade(runtime.database.engine)
    except migrate.NewerSchema as error:
        raise PrepareError(f"{runtime.settings.data}: {error}") from None
    except SQLAlchemyError as error:
        where = runtime.database.engine.url.render_as_string(hide_password=True)
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise PrepareError(f"database {where}: {cause}; check database_url") from None


def prepare_samples(runtime: Runtime) -> None:
    """Wait for the sample store and bring its tables up to date. Raises PrepareError."""
    deadline = time.monotonic() + SAMPLES_SECONDS
    while True:
        try:
            ddl.ensure(
                runtime.samples, runtime.settings, groups.create_statements(runtime.settings)
            )
            return
        except SamplesUnavailable as error:
            if time.monotonic() > deadline:
                raise PrepareError(
                    f"sample store: no answer in {SAMPLES_SECONDS:.0f} s: {error}"
                ) from None
            time.sleep(0.1)
        except SamplesError as error:
            raise PrepareError(f"sample store: {error}; check samples.url") from None


def check_folder(settings: Settings, now: datetime) -> list[str]:
    """What may go wrong soon: disk, clock, versions. One sentence each."""
    notes = []
    free, percent = free_space(settings.data)
    limits = settings.ingest
    if free < limits.min_free_mb << 20 and percent < limits.min_free_percent:
        notes.append(
            f"disk: {free >> 20} MB ({percent:.0f} %) free in {settings.data}: batches are refused "
            f"below {limits.min_free_mb} MB and {limits.min_free_percent:.0f} %"
        )
    if now < SANE_CLOCK:
        notes.append(f"clock: it says {now:%Y-%m-%d}, which is past; set it before agents send")
    if not (CONSOLE_ASSETS / "echarts.js").is_file():
        notes.append("console: its scripts and styles are not built; run 'make assets' first")
    return notes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m controller.prepare")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args(arguments)
    # The password comes through stdin: neither arguments nor a file ever hold it.
    admin_password = sys.stdin.readline().rstrip("\n")
    try:
        settings = load(options.config, {})
        runtime = open_runtime(settings)
        try:
            done = prepare(runtime, admin_password, tls=options.tls)
            with runtime.database.write() as session:
                audit.record(
                    session, local_principal(utc_now(), "system"), "serve.start", "controller"
                )
        finally:
            close_runtime(runtime)
    except (PrepareError, SettingsError) as error:
        print(json.dumps({"error": str(error)}))  # noqa: T201
        return 2
    print(json.dumps(asdict(done)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
