"""How every command reaches the controller: its HTTP API, by address or on a data folder.

@app.command("list")
def list_agents(url: Url = "", data: Data = None, ca: Ca = None) -> None:
    with open_api(url, data, ca) as api:
        for agent in api.get("/api/v1/agents"): ...
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx
import typer

from controller.commands.language import chinese

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="YUNXUN_URL",
        help="Address of the controller; its API token is read from YUNXUN_TOKEN.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Work on this data folder instead, through its server or, if none runs, without one.",
        show_default=False,
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="YUNXUN_CA",
        help="PEM file of the CA that signed the controller's certificate.",
        show_default=False,
    ),
]

PROBLEMS, BAD_INPUT, UNREACHABLE = 1, 2, 3
"""Exit statuses; 0 is fine."""

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0
PAGE_SIZE = 200
CHUNK = 256 * 1024

Progress = Callable[[int, int], None]
"""(bytes sent, bytes in all)"""


class CommandError(Exception):
    """Ends the command: ``str(error)`` is the one line for stderr, ``status`` the exit status.

    ``problem`` is the controller's problem document where it answered with one, else empty.
    """

    def __init__(
        self, text: str, status: int = BAD_INPUT, problem: dict[str, Any] | None = None
    ) -> None:
        super().__init__(" ".join(text.split()))
        self.status = status
        self.problem = problem or {}


class Api:
    """The controller's HTTP API. Every method raises CommandError."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return str(self._client.base_url).rstrip("/")

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer; ``params`` that are None are left out."""
        return _json(self._send("GET", path, params=params))

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """Every item of a paged list, page by page."""
        page, seen = 1, 0
        while True:
            answer = self.get(path, page=page, size=PAGE_SIZE, **params)
            yield from answer["items"]
            seen += len(answer["items"])
            if not answer["items"] or seen >= answer["total"]:
                return
            page += 1

    def get_bytes(self, path: str, **params: Any) -> bytes:
        """The answer as it came (CSV, XLSX, …)."""
        return self._send("GET", path, params=params).content

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        return _json(self._send("POST", path, params=params, json=body))

    def put(self, path: str, body: Any = None, **params: Any) -> Any:
        return _json(self._send("PUT", path, params=params, json=body))

    def patch(self, path: str, body: Any = None, **params: Any) -> Any:
        return _json(self._send("PATCH", path, params=params, json=body))

    def delete(self, path: str, **params: Any) -> Any:
        return _json(self._send("DELETE", path, params=params))

    def post_file(self, path: str, file: Path, params: dict[str, Any] | None = None) -> Any:
        """``file`` as the form field "file"; the JSON answer."""
        with _opened(file) as content:
            return _json(
                self._send("POST", path, params=params or {}, files={"file": (file.name, content)})
            )

    def stream_file(
        self,
        path: str,
        file: Path,
        params: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> Iterator[dict[str, Any]]:
        """``file`` as the body, piece by piece; each line of the NDJSON answer as it comes.

        The file's name goes along as the parameter ``name``.
        """
        with _opened(file) as content:
            size = file.stat().st_size
            try:
                with self._client.stream(
                    "POST",
                    path,
                    params=_given({"name": file.name, **(params or {})}),
                    content=_chunks(content, size, progress),
                    headers={
                        "content-length": str(size),
                        "content-type": "application/octet-stream",
                    },
                    timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
                ) as response:
                    if response.is_error:
                        response.read()
                        raise _refused(response)
                    for line in response.iter_lines():
                        if line.strip():
                            yield json.loads(line)
            except httpx.HTTPError as error:
                raise _unreachable(self.url, error) from None

    def _send(
        self, method: str, path: str, *, params: dict[str, Any], **more: Any
    ) -> httpx.Response:
        try:
            response = self._client.request(method, path, params=_given(params), **more)
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from None
        if response.is_error:
            raise _refused(response)
        return response


@contextmanager
def open_api(
    url: str = "", data: Path | None = None, ca: Path | None = None, *, create: bool = False
) -> Iterator[Api]:
    """The API at ``url``, or on the data folder. Raises CommandError.

    ``create``: a command that fills registers may begin a new folder; to others a folder without
    data is a mistyped one.

    On a folder that a server holds it is that server's API, else the same API run in this
    process; either way with all rights, because whoever can write the folder has them anyway.
    """
    if data is not None:
        from controller import local  # noqa: PLC0415 - a remote command need not load the server

        try:
            with local.open_folder(data, create=create) as address:
                authority = ca or address.ca
                with _client(address.url, address.token, authority) as client:
                    yield Api(client)
        except local.LocalError as error:
            raise CommandError(str(error)) from None
        return
    if not url:
        raise CommandError(
            "which controller? give --url (or YUNXUN_URL) with YUNXUN_TOKEN, or --data DIR"
        )
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"--url {url}: must begin with http:// or https://")
    token = os.environ.get("YUNXUN_TOKEN", "").strip()
    if not token:
        raise CommandError(
            "YUNXUN_TOKEN is not set; 'yunxun admin token --data DIR --role ROLE' makes one"
        )
    with _client(url, token, ca) as client:
        yield Api(client)


def _client(url: str, token: str, ca: Path | None) -> httpx.Client:
    verify: ssl.SSLContext | bool = True
    if ca is not None and url.startswith("https://"):
        try:
            verify = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise CommandError(f"--ca {ca}: {error}; give a PEM file") from None
    return httpx.Client(
        base_url=url,
        headers={"authorization": f"Bearer {token}"},
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        verify=verify,
        trust_env=not url.startswith(("http://127.0.0.1:", "http://[::1]:")),
    )


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _json(response: httpx.Response) -> Any:
    if response.status_code == 204 or not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise CommandError(
            f"{response.url}: answered no JSON; is this the controller's address?", UNREACHABLE
        ) from None


def told(problem: dict[str, Any]) -> str:
    """Title and detail of a problem document, in the language of the answers where it has it."""
    detail = (problem.get("detail_zh") if chinese() else "") or problem.get("detail", "")
    return f"{problem['title']}: {detail}".removesuffix(": ")


def _refused(response: httpx.Response) -> CommandError:
    """A problem document as one line; exit status 3 where the other side is at fault."""
    problem: dict[str, Any] = {}
    try:
        problem = dict(response.json())
        text = told(problem)
        errors = problem.get("errors") or []
    except (ValueError, KeyError, TypeError):
        text, errors = response.reason_phrase or "refused", []
    if len(errors) > 3:
        text += f" (and {len(errors) - 3} more)"
    hint = ""
    if response.status_code == 401:
        hint = "; check YUNXUN_TOKEN"
    elif response.status_code == 404 and not response.headers.get("content-type", "").startswith(
        "application/problem"
    ):
        hint = "; is this the controller's address?"
    where = f"{response.request.method} {response.request.url.path}"
    status = UNREACHABLE if response.status_code >= 500 else BAD_INPUT
    return CommandError(f"{where}: {response.status_code} {text}{hint}", status, problem)


def _unreachable(url: str, error: httpx.HTTPError) -> CommandError:
    cause = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        hint = "its certificate is not trusted; give its CA with --ca FILE (<data>/tls/ca.pem)"
    elif isinstance(error, httpx.TimeoutException):
        hint = "no answer in time"
    else:
        hint = "is the controller running there?"
    return CommandError(f"{url}: unreachable: {cause}; {hint}", UNREACHABLE)


def check_file(file: Path) -> None:
    """Raises CommandError where ``file`` cannot be sent; a pipe would be waited for in vain."""
    if file.exists() and not file.is_file():
        raise CommandError(f"{file}: is not a file; save it to one first")
    try:
        file.open("rb").close()
    except OSError as error:
        raise CommandError(f"{file}: cannot be read: {error.strerror}") from None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    check_file(file)
    with file.open("rb") as content:
        yield content


def _chunks(content: BinaryIO, size: int, progress: Progress | None) -> Iterator[bytes]:
    sent = 0
    while chunk := content.read(CHUNK):
        yield chunk
        sent += len(chunk)
        if progress is not None:
            progress(sent, size)
