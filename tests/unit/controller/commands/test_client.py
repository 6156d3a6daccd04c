"""What a command says when something is wrong: one line, and the right exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, StreamingResponse

from controller import errors
from controller.commands.client import BAD_INPUT, UNREACHABLE, Api, CommandError, open_api
from controller.problems import Problem
from tests.serving import serving


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    errors.install(app)

    @app.get("/status/{status}")
    def fail(status: int) -> None:
        raise Problem(status, "a title", "what\nand where")

    @app.get("/rows")
    def rows(page: int, size: int) -> dict[str, Any]:
        return {"items": list(range(450))[(page - 1) * size : page * size], "total": 450}

    @app.get("/html")
    def html() -> PlainTextResponse:
        return PlainTextResponse("<html>")

    @app.post("/upload")
    async def upload(request: Request) -> StreamingResponse:
        size = 0
        async for piece in request.stream():
            size += len(piece)

        async def lines() -> Any:
            yield json.dumps({"progress": 1}) + "\n\n"
            yield json.dumps({"outcome": size, "name": request.query_params["name"]}) + "\n"

        return StreamingResponse(lines())

    with serving(app) as url:
        yield url


@pytest.fixture
def api(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("YUNXUN_TOKEN", "yxt_x")
    with open_api(url) as api:
        yield api


@pytest.mark.parametrize(
    ("status", "expected"), [(401, 2), (403, 2), (404, 2), (422, 2), (429, 2), (500, 3), (503, 3)]
)
def test_a_problem_becomes_one_line(api: Api, status: int, expected: int) -> None:
    with pytest.raises(CommandError) as caught:
        api.get(f"/status/{status}")
    assert caught.value.status == expected
    assert "\n" not in str(caught.value)
    assert f"GET /status/{status}: {status} a title: what and where" in str(caught.value)
    assert caught.value.problem["title"] == "a title"
    assert ("YUNXUN_TOKEN" in str(caught.value)) is (status == 401)


def test_an_answer_that_is_no_json_asks_for_the_address(api: Api) -> None:
    with pytest.raises(CommandError, match="is this the controller's address"):
        api.get("/html")


def test_nobody_there_is_exit_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUNXUN_TOKEN", "yxt_x")
    with (
        pytest.raises(CommandError, match="unreachable") as caught,
        open_api("http://127.0.0.1:9") as api,
    ):
        api.get("/x")
    assert caught.value.status == UNREACHABLE


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:8090"])
def test_without_an_address_it_says_what_to_give(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUNXUN_TOKEN", "yxt_x")
    with pytest.raises(CommandError, match="--url") as caught, open_api(url):
        pass
    assert caught.value.status == BAD_INPUT


def test_every_page_of_a_list_is_fetched(api: Api) -> None:
    assert list(api.items("/rows")) == list(range(450))


def test_a_file_is_streamed_and_its_progress_told(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "样本.csv"
    file.write_bytes(b"x" * 700_000)
    told: list[tuple[int, int]] = []
    lines = list(api.stream_file("/upload", file, progress=lambda *sent: told.append(sent)))
    assert lines == [{"progress": 1}, {"outcome": 700_000, "name": "样本.csv"}]
    assert told[-1] == (700_000, 700_000)
    assert len(told) == 3


def test_a_file_that_is_not_there_is_named(api: Api, tmp_path: Path) -> None:
    for send in (api.post_file, lambda *a: list(api.stream_file(*a))):
        with pytest.raises(CommandError, match=r"nothing\.csv: cannot be read"):
            send("/upload", tmp_path / "nothing.csv")


def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused_at_once(
    api: Api, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for odd in (tmp_path, pipe):
        with pytest.raises(CommandError, match="is not a file"):
            api.post_file("/upload", odd)


def test_the_token_goes_to_the_given_address_only(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect elsewhere must not carry it along."""
    monkeypatch.setenv("YUNXUN_TOKEN", "yxt_x")
    with open_api(url) as api:
        assert api._client.follow_redirects is False
        assert isinstance(api._client, httpx.Client)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["admin", "token"], "Missing option '--data'"),
        (["serve", "--port", "x"], "Invalid value for '--port'"),
        (["serve", "--config", "/nowhere.toml"], "/nowhere.toml: cannot be read"),
        (["doctor"], "which controller?"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[4],
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("yunxun: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
