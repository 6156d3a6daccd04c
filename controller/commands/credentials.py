"""``yunxun device credential``: as whom devices are asked. Secrets come from a file or a prompt."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.lines import known_form
from controller.commands.terminal import plain, show

app = typer.Typer(help="SNMP credentials, sealed at rest.", no_args_is_help=True)

SECRETS = ("community", "auth_password", "priv_password")
PREFIX = "YUNXUN_SNMP_"

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as core-v3.")]
Secrets = Annotated[
    Path | None,
    typer.Option("--secrets", help="TOML file with community, auth_password, priv_password."),
]
Kind = Annotated[str, typer.Option("--kind", help="v1, v2c or v3; default: v3 with --user.")]
User = Annotated[str, typer.Option("--user", help="SNMPv3 user.")]
Auth = Annotated[str, typer.Option("--auth", help="SHA-1 SHA-224 SHA-256 SHA-384 SHA-512")]
Priv = Annotated[str, typer.Option("--priv", help="AES-128 AES-192 AES-256")]
Expansion = Annotated[
    str, typer.Option("--key-expansion", help="blumenthal, or cisco for Cisco and H3C gear")
]


@app.command("add")
def add(
    name: Name,
    kind: Kind = "",
    user: User = "",
    auth: Auth = "SHA-256",
    priv: Priv = "AES-128",
    expansion: Expansion = "blumenthal",
    secrets: Secrets = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Store a credential. Secrets are read from --secrets, from YUNXUN_SNMP_COMMUNITY,
    YUNXUN_SNMP_AUTH_PASSWORD, YUNXUN_SNMP_PRIV_PASSWORD, or asked for; never from the command line.

    Example: yunxun device credential add core --secrets core.toml
    """
    body = _body(name, kind, user, auth, priv, expansion, secrets)
    with open_api(url, data, ca) as api:
        api.post("/api/v1/network/credentials", body)
    print(f"{name}: stored, sealed")


@app.command("change")
def change(
    name: Name,
    kind: Kind = "",
    user: User = "",
    auth: Auth = "SHA-256",
    priv: Priv = "AES-128",
    expansion: Expansion = "blumenthal",
    secrets: Secrets = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Put new secrets in the place of the old ones; pollers get them within a minute.

    Example: yunxun device credential change core --secrets core.toml
    """
    body = _body(name, kind, user, auth, priv, expansion, secrets)
    with open_api(url, data, ca) as api:
        api.put(f"/api/v1/network/credentials/{name}", body)
    print(f"{name}: changed")


@app.command("list")
def list_credentials(
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
) -> None:
    """All credentials, without their secrets.

    Example: yunxun device credential list
    """
    with open_api(url, data, ca) as api:
        found = api.get("/api/v1/network/credentials")["items"]
    if not known_form(form):
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("name", "kind", "user", "auth", "priv", "devices", "key", "changed", "by"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            plain(each["name"]), each["kind"], plain(each["user"]), each["auth"], each["priv"],
            str(each["devices"]), each["key"], each["changed"][:16], plain(each["by"]),
        )  # fmt: skip
    show(table)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Forget a credential that no device is asked with.

    Example: yunxun device credential remove core --yes
    """
    if not yes and not typer.confirm(f"forget credential {name}?"):
        raise CommandError("nothing was removed")
    with open_api(url, data, ca) as api:
        api.delete(f"/api/v1/network/credentials/{name}")
    print(f"removed: {name}")


@app.command("rotate")
def rotate(url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Seal every secret anew with a new key. The old key stays in the key file for backups of the
    database made before; take its line out once there are none.

    Example: yunxun device credential rotate
    """
    with open_api(url, data, ca) as api:
        done = api.post("/api/v1/network/credentials-rotation")
    print(f"{done['credentials']} credentials sealed with key {done['key']}")


def _body(
    name: str, kind: str, user: str, auth: str, priv: str, expansion: str, secrets: Path | None
) -> dict[str, Any]:
    kind = kind or ("v3" if user else "v2c")
    told = {key: os.environ.get(PREFIX + key.upper(), "") for key in SECRETS}
    if secrets is not None:
        told |= read_secrets(secrets)
    if kind == "v3":
        wanted = {"user": user, "auth": auth, "priv": priv, "expansion": expansion}
        if not told["auth_password"]:
            told["auth_password"] = _ask("authentication password (empty: none)")
            if told["auth_password"]:
                told["priv_password"] = _ask("encryption password (empty: none)")
        return {"name": name, "kind": kind, **wanted} | {
            key: told[key] for key in ("auth_password", "priv_password") if told[key]
        }
    return {"name": name, "kind": kind, "community": told["community"] or _ask("community")}


def _ask(what: str) -> str:
    return str(typer.prompt(what, hide_input=True, default="", show_default=False))


def read_secrets(path: Path) -> dict[str, str]:
    """The secrets in a TOML file. Raises CommandError, never with a secret in it."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise CommandError(f"{path}: not TOML") from None
    unknown = sorted(set(told) - set(SECRETS))
    if unknown:
        raise CommandError(f"{path}: unknown {', '.join(unknown)}; known: {', '.join(SECRETS)}")
    return {key: str(value) for key, value in told.items()}
