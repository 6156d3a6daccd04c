"""Numbers and dates that a database cannot hold, with the engines' own refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from controller import errors
from controller.inventory.tables import Unit
from controller.problems import NotFound
from controller.schema import metadata
from controller.store.relational import Database, connect
from tests.serving import serving

LARGE = 2**63


@pytest.fixture(params=["sqlite", "postgresql"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    """An application of four routes on a database of its own."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database()
    database = Database(connect(url))
    metadata().create_all(database.engine)
    app = FastAPI()
    errors.install(app)

    @app.get("/units/{number}")
    def read(number: int) -> None:
        with Session(database.engine) as session:
            if session.get(Unit, number) is None:
                raise NotFound("unit", str(number))

    @app.get("/units")
    def page(start: int) -> list[Unit]:
        with Session(database.engine) as session:
            return list(session.exec(select(Unit).offset(start)))

    @app.post("/units")
    def write(number: int) -> None:
        with database.write() as session:
            session.add(Unit(id=number, code="A", created=datetime.now(UTC)))

    @app.post("/dates")
    def write_date() -> None:
        first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=8)))
        with database.write() as session:
            session.add(Unit(id=1, code="A", created=first))

    @app.get("/bugs")
    def bug() -> None:
        with Session(database.engine) as session:
            session.exec(select(Unit).where(Unit.created == datetime(2026, 1, 1))).all()

    with serving(app) as url, httpx.Client(base_url=url, trust_env=False) as caller:
        yield caller
    database.close()


def test_nothing_has_a_number_of_more_bits_than_a_key(client: httpx.Client) -> None:
    for number in (LARGE, -LARGE - 1, 2**200):
        answer = client.get(f"/units/{number}")
        assert answer.status_code == 404
        assert answer.json()["title"] == "not found"


def test_a_number_that_cannot_be_kept_or_counted_to_is_refused(client: httpx.Client) -> None:
    for answer in (
        client.get("/units", params={"start": LARGE}),
        client.post("/units", params={"number": LARGE}),
        client.post("/dates"),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["title"] == "number out of range"


def test_other_mistakes_in_a_statement_stay_ours(client: httpx.Client) -> None:
    assert client.get("/bugs").status_code == 500
