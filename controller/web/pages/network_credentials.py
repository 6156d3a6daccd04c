"""凭据与轮询端: as whom devices are asked, and which agents ask them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr, ValidationError

from controller.ingest import agents
from controller.ingest.tasks_api import Roles, set_roles
from controller.network import credentials, credentials_api
from controller.network.credentials import AUTH, PRIV, CredentialView, NewCredential
from controller.network.pollers import PollerView, list_pollers
from controller.problems import Problem
from controller.web import network_words, render
from controller.web.pages.network_parts import Keeper, Trustee, not_done, refused
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

PATH = "/network/credentials"


@dataclass(frozen=True)
class Wanted:
    """What was typed into the form, without its secrets; ``why`` it was refused."""

    name: str = ""
    kind: str = "v2c"
    user: str = ""
    auth: str = "SHA-256"
    priv: str = "AES-128"
    expansion: str = "blumenthal"
    why: str = ""


@dataclass(frozen=True)
class ShownCredential:
    """A credential, how it is secured in words, and where its forms lead."""

    credential: CredentialView
    secured: str
    path: str


@dataclass(frozen=True)
class CredentialsPage(render.Context):
    """``wanted`` fills the form of a new credential; ``replaced`` names the one whose form stands
    open, "" for none; ``open_new``: the dialog of a new one does."""

    template: ClassVar[str] = "network_credentials.html"

    tabs: tuple[Area, ...]
    rows: list[ShownCredential]
    pollers: list[PollerView]
    others: list[PollerView]
    """Approved agents that do not poll."""
    may_trust: bool
    wanted: Wanted
    replaced: str
    open_new: bool
    auths: tuple[str, ...]
    privs: tuple[str, ...]


@router.get(PATH)
def credentials_page(view: Keeper) -> Response:
    asked = view.request.query_params
    return _page(view, Wanted(), asked.get("replace", ""), open_new=asked.get("new") == "1")


def _page(
    view: View, wanted: Wanted, replaced: str = "", *, open_new: bool = False, status: int = 200
) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        rows = credentials.list_credentials(session)
        found = list_pollers(session, view.scope, view.now)
    chosen = next((row for row in rows if row.name == replaced), None)
    if chosen is not None and not wanted.name:
        wanted = Wanted(
            chosen.name, chosen.kind, chosen.user, chosen.auth or "SHA-256",
            chosen.priv or "AES-128", chosen.expansion,
        )  # fmt: skip
    context = CredentialsPage(
        tabs=network_words.tabs(view),
        rows=[
            ShownCredential(row, _secured(view, row), f"{PATH}/{quote(row.name, safe='')}")
            for row in rows
        ],
        pollers=[each for each in found if each.polls],
        others=[each for each in found if not each.polls],
        may_trust=view.may("agents.trust"),
        wanted=wanted,
        replaced=chosen.name if chosen else "",
        open_new=open_new or chosen is not None,
        auths=AUTH,
        privs=PRIV,
    )
    crumbs = [Crumb(_("网络"), "/network/devices"), Crumb(_("凭据与轮询端"))]
    return view.page(context, active="network", crumbs=crumbs, status=status)


def _secured(view: View, row: CredentialView) -> str:
    _ = view.text
    if row.kind != "v3":
        return _("团体字")
    return " · ".join(each for each in (row.auth, row.priv) if each) or _("不认证、不加密")


@router.post(PATH)
def keep_credential(
    view: Keeper,
    name: Annotated[str, Form(max_length=64)],
    kind: Annotated[str, Form(max_length=4)],
    community: Annotated[str, Form(max_length=300)] = "",
    user: Annotated[str, Form(max_length=64)] = "",
    auth: Annotated[str, Form(max_length=10)] = "SHA-256",
    auth_password: Annotated[str, Form(max_length=300)] = "",
    priv: Annotated[str, Form(max_length=10)] = "AES-128",
    priv_password: Annotated[str, Form(max_length=300)] = "",
    expansion: Annotated[str, Form(max_length=12)] = "blumenthal",
    replace: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """A new credential; with ``replace`` new secrets in the place of the old ones."""
    _ = view.text
    name, user = name.strip(), user.strip()
    try:
        told = NewCredential.model_validate(
            {
                "name": name, "kind": kind, "user": user, "auth": auth, "priv": priv,
                "expansion": expansion, "community": SecretStr(community),
                "auth_password": SecretStr(auth_password),
                "priv_password": SecretStr(priv_password),
            }
        )  # fmt: skip
        if replace:
            credentials_api.put_credential(view.runtime, view.principal, name, told)
        else:
            credentials_api.post_credential(view.runtime, view.principal, told)
    except (ValidationError, Problem) as error:
        if isinstance(error, Problem) and error.status == 404:
            raise
        wanted = Wanted(name, kind, user, auth, priv, expansion, refused(view, error))
        return _page(view, wanted, name if replace else "", open_new=True, status=422)
    done = _("已更换，轮询端随即改用新口令。") if replace else _("已加密保存，口令今后不再显示。")
    return render.go(PATH, Flash("good", done))


@router.post(PATH + "/{name}/remove")
def remove_credential(name: str, view: Keeper) -> RedirectResponse:
    try:
        credentials_api.delete_credential(view.runtime, view.principal, name)
    except Problem as problem:
        if problem.status == 404:
            raise
        return render.go(PATH, not_done(view, problem))
    return render.go(PATH, Flash("good", view.text("凭据已删除。")))


@router.post("/network/credentials-rotation")
def rotate_key(view: Keeper) -> RedirectResponse:
    """Seals every secret anew with a new key."""
    try:
        done = credentials_api.rotate(view.runtime, view.principal)
    except Problem as problem:
        return render.go(PATH, not_done(view, problem))
    text = view.text(
        "已用新密钥 {key} 重新加密 {n} 个凭据；请备份密钥文件。", key=done.key, n=done.credentials
    )
    return render.go(PATH, Flash("good", text))


@router.post("/network/pollers")
def trust_poller(view: Trustee, agent: Annotated[str, Form(max_length=32)]) -> RedirectResponse:
    """Gives an agent the role poller: from now on it is handed credentials of gear."""
    return _trust(view, agent, trusted=True)


@router.post("/network/pollers/{agent}/remove")
def distrust_poller(agent: str, view: Trustee) -> RedirectResponse:
    return _trust(view, agent, trusted=False)


def _trust(view: View, agent: str, *, trusted: bool) -> RedirectResponse:
    _ = view.text
    with view.runtime.database.read() as session:
        before = set(agents.get_agent(session, view.scope, agent, view.now).roles)
    wanted = before | {"poller"} if trusted else before - {"poller"}
    try:
        set_roles(view.runtime, view.scope, view.principal, agent, Roles(roles=sorted(wanted)))
    except Problem as problem:
        return render.go(PATH, not_done(view, problem))
    done = (
        _("已设为轮询端，登记的设备将在一分钟内分配给它。")
        if trusted
        else _("已取消轮询角色，它的设备将转给其他轮询端。")
    )
    return render.go(PATH, Flash("good", done))
