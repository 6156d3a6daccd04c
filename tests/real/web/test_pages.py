"""The console over plain HTTP: who gets in, what is refused, what a unit may see."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import httpx
import openpyxl
import pytest

from controller.access import users
from controller.access.tables import User
from tests.real.web.conftest import PASSWORD, Console

HTML = {"accept": "text/html"}


def _stranger(console: Console) -> httpx.Client:
    return httpx.Client(base_url=console.url, trust_env=False, headers=HTML, timeout=30)


def test_a_stranger_is_led_to_the_login_and_back(console: Console) -> None:
    with _stranger(console) as client:
        answer = client.get("/units?period=7d")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=/units%3Fperiod%3D7d"
        page = client.get(answer.headers["location"])
        assert 'name="next" value="/units?period=7d"' in page.text
        form = {"username": "ops", "password": PASSWORD, "next": "/units?period=7d"}
        assert client.post("/login", data=form).headers["location"] == "/units?period=7d"
        assert client.get("/units?period=7d").status_code == 200


def test_a_fragment_for_a_stranger_sends_the_whole_page_to_the_login(console: Console) -> None:
    with _stranger(console) as client:
        answer = client.get("/units/czj/resources", headers={"hx-request": "true"})
        assert answer.headers["hx-redirect"].startswith("/login")


def test_a_login_leads_nowhere_else(console: Console) -> None:
    with _stranger(console) as client:
        form = {"username": "ops", "password": PASSWORD, "next": "//evil.example/"}
        assert client.post("/login", data=form).headers["location"] == "/"


def test_five_wrong_passwords_lock_with_the_time_left(console: Console) -> None:
    now = datetime.now(UTC)
    with console.runtime.database.write() as session:
        users.create_user(session, "unlucky", PASSWORD, "ops", now)
    try:
        with _stranger(console) as client:
            form = {"username": "unlucky", "password": "wrong"}
            for _ in range(5):
                answer = client.post("/login", data=form)
                assert answer.status_code == 401
                assert "用户名或密码不正确" in answer.text
            locked = client.post("/login", data={**form, "password": PASSWORD})
            assert locked.status_code == 429
            assert re.search(r"请 1[45] 分钟后再试", locked.text)
    finally:
        # The address is locked too; the other tests come from it.
        with console.runtime.database.write() as session:
            for failure in session.exec(users.select(users.LoginFailure)):
                session.delete(failure)


def test_a_given_password_is_changed_before_anything_else(console: Console) -> None:
    now = datetime.now(UTC)
    with console.runtime.database.write() as session:
        users.create_user(session, "novice", PASSWORD, "ops", now)
    with _stranger(console) as client:
        answer = client.post("/login", data={"username": "novice", "password": PASSWORD})
        assert answer.headers["location"] == "/password"
        assert client.get("/units").headers["location"] == "/password"
        token = client.get("/password").text.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"csrf_token": token, "current": PASSWORD, "new": "short", "again": "short"}
        weak = client.post("/password", data=form)
        assert weak.status_code == 422
        assert "过于简单" in weak.text
        form |= {"new": "Harbour-light-7", "again": "Harbour-light-8"}
        assert "不一致" in client.post("/password", data=form).text
        done = client.post("/password", data=form | {"again": "Harbour-light-7"})
        assert done.headers["location"] == "/"
        assert client.get("/units").status_code == 200


def test_a_form_without_our_token_changes_nothing(console: Console) -> None:
    with console.client("ops") as client:
        del client.headers["x-csrf-token"]
        for path in ("/logout", "/language", "/agents/agent-czj/revoke", "/agents/tokens"):
            answer = client.post(path, data={"language": "en", "unit": "czj"})
            assert answer.status_code == 403, path
            assert "页面已过期" in answer.text
        assert client.get("/agents").status_code == 200


def test_the_language_stays_with_the_user(console: Console) -> None:
    with console.client("aud", fresh=True) as client:
        answer = client.post("/language", data={"language": "en", "next": "/units"})
        assert answer.headers["location"] == "/units"
        assert "Usage by unit" in client.get("/units").text
    with console.client("aud", fresh=True) as again:
        assert "Usage by unit" in again.get("/units").text
        again.post("/language", data={"language": "zh"})
        assert "单位用量" in again.get("/units").text


def test_signing_out_ends_the_session(console: Console) -> None:
    with console.client("ops", fresh=True) as client:
        assert client.post("/logout").headers["location"] == "/login"
        assert client.get("/units").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "/units/wjw",
        "/units/wjw/peers",
        "/units/wjw/resources",
        "/resources/vm-wjw-0",
        "/web-data/units/wjw/trend",
        "/web-data/resources/vm-wjw-0",
        "/resources?unit=wjw",
    ],
)
def test_another_units_pages_are_not_there(console: Console, path: str) -> None:
    with console.client("czj") as client:
        theirs = client.get(path)
        unknown = client.get(path.replace("wjw", "nothing"))
    assert theirs.status_code == unknown.status_code == 404
    ids = r"[0-9a-f]{16}"
    assert re.sub(ids, "", theirs.text) == re.sub(ids, "", unknown.text)
    assert "编号" in theirs.text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/units?level=all",
        "/units/czj",
        "/units/czj/peers",
        "/units/czj/resources",
        "/resources",
        "/resources?file=csv",
        "/agents",
        "/agents?file=csv",
        "/web-data/trend",
        "/web-data/units/czj/trend",
    ],
)
def test_a_units_pages_never_name_the_others(console: Console, path: str) -> None:
    with console.client("czj") as client:
        answer = client.get(path)
    assert answer.status_code == 200
    for name in ("市卫生健康委", "市教育局", "临江区", "wjw", "jyj", "ljq", "vm-wjw", "host-wjw"):
        assert name not in answer.text, name


def test_a_unit_learns_its_place_and_the_median(console: Console) -> None:
    with console.client("czj") as client:
        card = client.get("/units/czj/peers?period=7d").text
        assert "第 4 / 4 位" in card
        assert "同类单位中位数" in card
        # A unit below is not the reader's peer group's business either.
        assert client.get("/units/gkzx").status_code == 200


def test_what_a_role_may_not_is_a_page_that_says_so(console: Console) -> None:
    with console.client("czj") as client:
        answer = client.get("/system/users")
        assert answer.status_code == 403
        assert "无权进行此操作" in answer.text
        assert client.post("/agents/agent-czj/revoke").status_code == 403
    with console.client("sec") as client:
        assert client.get("/").headers["location"] == "/system/users"
        assert client.get("/units").status_code == 403


@pytest.mark.parametrize("file", ["csv", "xlsx"])
@pytest.mark.parametrize("path", ["/resources", "/agents"])
def test_every_list_exports(console: Console, path: str, file: str) -> None:
    with console.client("ops") as client:
        answer = client.get(path, params={"file": file})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'.{file}"')
    if file == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        assert sheet is not None
        rows = sheet.max_row
    else:
        rows = len(answer.text.strip().splitlines())
    assert rows >= (16 if path == "/resources" else 3)


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_the_reports_behind_a_page_export(console: Console, kind: str) -> None:
    with console.client("ops") as client:
        page = client.get("/units/czj?period=7d").text
        link = next(m for m in re.findall(r'href="(/api/v1/usage[^"]+)"', page) if kind in m)
        answer = client.get(link.replace("&amp;", "&"))
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]


def test_a_gap_of_two_hours_is_said_and_not_filled(console: Console) -> None:
    with console.client("ops") as client:
        answer = client.get("/web-data/units/czj/trend?period=7d").json()
    inside = [gap for gap in answer["gaps"] if gap[0] > answer["since"]]
    assert len(inside) == 1
    start, end = inside[0]
    # A point that has a part of its time measured is drawn: up to a point less at each end.
    assert 7_200 - 2 * answer["step"] <= end - start <= 7_200
    used = next(s for s in answer["charts"]["cpu"]["series"] if s["role"] == "used")
    values = [v for t, v in zip(answer["times"], used["values"], strict=True) if start <= t < end]
    assert set(values) <= {None}


def test_peaks_survive_the_thinning_out(console: Console) -> None:
    with console.client("ops") as client:
        answer = client.get("/web-data/resources/vm-czj-0?window=90d").json()
    lines = {s["role"]: s["values"] for s in answer["charts"]["cpu"]["series"]}
    assert max(v for v in lines["peak"] if v is not None) == pytest.approx(50, abs=0.01)
    assert max(v for v in lines["used"] if v is not None) < 31


def test_names_are_text_wherever_they_stand(console: Console) -> None:
    hostile = "<script>alert('1')</script>"
    with console.runtime.database.write() as session:
        user = session.exec(users.select(User).where(User.username == "aud")).one()
        user.display_name = hostile
        session.add(user)
    with console.client("sec") as client:
        page = client.get("/system/users").text
    assert hostile not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "path",
    [
        "/units?sort=drop&page=-1&period=custom&from=x&to=y",
        "/units?page=99999",
        "/resources?sort=nothing&page=0",
        "/resources/vm-czj-0?window=1y",
        "/agents?sort=;&state=x",
        "/units/czj/resources?sort=x&page=9",
        "/?period=custom&from=2026-02-30&to=2026-02-31",
    ],
)
def test_a_wrong_address_shows_the_page_all_the_same(console: Console, path: str) -> None:
    with console.client("ops") as client:
        assert client.get(path).status_code == 200


def test_pages_are_not_kept_and_files_are(console: Console) -> None:
    with console.client("ops") as client:
        page = client.get("/units")
        assert page.headers["cache-control"] == "no-store"
        assert "script-src" in page.headers["content-security-policy"] or (
            "default-src 'self'" in page.headers["content-security-policy"]
        )
        style = re.search(r'href="(/static/app\.css\?v=\w+)"', page.text)
        assert style is not None
        assert "immutable" in client.get(style[1]).headers["cache-control"]
        assert client.get("/static/../render.py").status_code == 404
        assert client.get("/static/%2e%2e/render.py").status_code == 404
        assert client.get("/static/vendor/nothing.js").status_code == 404
