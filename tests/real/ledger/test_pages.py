"""The ledger as the person who keeps it uses it: through its pages, on a real server."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from tests.real.web.conftest import Console

HEADS = "云主机名称,云主机ID,资源编号,vCPU,内存(GB),租户,可用区\n"


def export(console: Console) -> bytes:
    """Fifteen machines as registered but for a resize, a new name, an unknown owner and one that
    is absent; and a new one."""
    rows = []
    for unit, name in (("czj", "市财政局"), ("gkzx", "国库支付中心"), ("wjw", "市卫生健康委"),
                       ("jyj", "市教育局"), ("ljq", "临江区")):  # fmt: skip
        for each in range(3):
            cores = 16 if (unit, each) == ("wjw", 0) else 8
            label = "改名的主机" if (unit, each) == ("jyj", 0) else f"{name}-应用{each}"
            owner = "某某公司" if (unit, each) == ("jyj", 1) else name
            if (unit, each) != ("ljq", 2):
                rows.append(f"{label},,vm-{unit}-{each},{cores},16,{owner},市中心节点\n")
    rows.append("新主机,6ba7b810-9dad-41d1-80b4-00c04fd430c8,,4,8,市教育局,市中心节点\n")
    return (HEADS + "".join(rows)).encode("gb18030")


def upload(client: httpx.Client, console: Console) -> str:
    """Makes the source, sends the export; the path of the comparison."""
    form = {"code": "cloud-a", "name": "政务云 A", "site": "市中心节点"}
    assert client.post("/ledger/sources", data=form).headers["location"] == "/ledger/imports"
    today = console.runtime.now()
    sent = client.post(
        "/ledger/imports",
        data={"source": "cloud-a", "since": f"{today - timedelta(days=2):%Y-%m-%d}"},
        files={"file": ("云主机清单.csv", export(console))},
    )
    assert sent.status_code == 204, sent.text
    return sent.headers["hx-redirect"]


@pytest.fixture
def path(console: Console) -> str:
    with console.client("ops") as client:
        return upload(client, console)


def test_an_export_is_compared_confirmed_and_undone_from_the_pages(
    console: Console, path: str
) -> None:
    with console.client("ops") as client:
        page = client.get(path).text
        for word in ("单位不明", "疑似改名", "变更", "新增", "平台已无"):
            assert word in page
        assert "改名的主机" in page
        named = client.post(f"{path}/owner", data={"word": "某某公司", "unit": "jyj"})
        assert named.status_code == 303
        assert "某某公司”不是" not in client.get(path).text
        for cls in ("renamed", "changed", "new", "vanished"):
            client.post(f"{path}/decide", data={"cls": cls, "decision": "accepted"})
        since = re.findall(r'name="since" type="date" value="([\d-]+)"', client.get(path).text)[0]
        client.post(f"{path}/confirm", data={"since": since})
        assert "已确认" in client.get(path).text
        assert "改名的主机" in client.get("/resources/vm-jyj-0").text
        assert "vm-ljq-2" in client.get("/ledger/pending").text
        client.post(f"{path}/undo")
        assert "已撤销" in client.get(path).text
        assert "改名的主机" not in client.get("/resources/vm-jyj-0").text
        assert "vm-ljq-2" not in client.get("/ledger/pending").text


def test_a_file_that_is_no_table_is_refused_with_words(console: Console, path: str) -> None:
    with console.client("ops") as client:
        sent = client.post(
            "/ledger/imports",
            data={"source": "cloud-a", "since": "2026-11-01"},
            files={"file": ("x.csv", b"a,b\n1,2\n")},
        )
        assert sent.headers["hx-redirect"] == "/ledger/imports"
        assert "没有表头列出实例 ID" in client.get("/ledger/imports").text


def test_a_source_is_tried_on_a_file_and_its_columns_saved(console: Console, path: str) -> None:
    with console.client("ops") as client:
        tried = client.post(
            "/ledger/sources/cloud-a/preview",
            files={"file": ("云主机清单.csv", export(console))},
        ).text
        assert 'value="instance_uuid" selected' in tried
        assert "市财政局-应用0" in tried
        form = {
            "code": "cloud-a",
            "name": "政务云 A",
            "header": ["云主机名称", "备注"],
            "field": ["name", ""],
            "words": "unit: 某某公司 = jyj\nstate：已冻结 = gone",
            "defaults": "site = 市中心节点",
            "site": "市中心节点",
        }
        assert client.post("/ledger/sources", data=form).status_code == 303
        page = client.get("/ledger/sources/cloud-a").text
        assert "unit: 某某公司 = jyj" in page
        wrong = client.post("/ledger/sources", data=form | {"words": "colour: a = b"})
        assert wrong.headers["location"] == "/ledger/sources/cloud-a"


def test_the_reconciliation_shows_each_side_and_exports(console: Console, path: str) -> None:
    with console.client("ops") as client:
        for cls in ("renamed", "changed", "new", "vanished"):
            client.post(f"{path}/decide", data={"cls": cls, "decision": "accepted"})
        client.post(f"{path}/confirm", data={"since": f"{console.runtime.now():%Y-%m-%d}"})
        page = client.get("/ledger/reconciliation").text
        assert "台账有、平台无" in page
        assert "对账得分" in page
        file = client.get("/api/v1/ledger/reconciliation?issue=only_register&format=csv")
        assert "vm-ljq-2" in file.content.decode("utf-8-sig")
        client.post(f"{path}/undo")


def test_a_month_is_published_and_stands_beside_now(console: Console, path: str) -> None:
    with console.client("ops") as client:
        page = client.get("/ledger/months").text
        month = re.findall(r'name="month" type="month" value="([\d-]+)"', page)[0]
        done = client.post("/ledger/months", data={"month": month, "note": "月报"})
        told = client.get("/ledger/months").text
        assert done.headers["location"].startswith(f"/ledger/months/{month}?version="), told
        page = client.get(f"/ledger/months/{month}").text
        assert "与已发布的版本没有差异" in page
        assert "市财政局" in page
    with console.client("czj") as client:
        page = client.get(f"/ledger/months/{month}").text
        assert "市财政局" in page
        assert "市教育局" not in page
        assert client.get("/ledger/imports").status_code == 403
        assert client.post("/ledger/months", data={"month": month}).status_code == 403


def test_an_owner_is_corrected_and_public_support_named_from_the_resources_page(
    console: Console,
) -> None:
    page, today = "/resources/vm-wjw-2", console.runtime.now()
    since = f"{today - timedelta(days=2):%Y-%m-%d}"
    right = {"unit": "jyj", "since": since, "until": f"{today - timedelta(days=1):%Y-%m-%d}"}
    with console.client("ops") as client:
        assert "更正归属" in client.get(page).text
        for wrong, said in (
            ({"unit": "nobody", "since": since}, "未更正"),
            ({"unit": "jyj", "since": "yesterday"}, "未更正"),
            ({**right, "until": right["since"]}, "未更正"),
        ):
            client.post(f"{page}/owner", data=wrong)
            assert said in client.get(page).text
        client.post(f"{page}/owner", data=right)
        shown = client.get(page).text
        assert "已更正" in shown
        assert "市教育局" in shown
        client.post(f"{page}/owner", data=right)  # sent twice
        assert "没有改动" in client.get(page).text
        client.post(f"{page}/owner", data={**right, "unit": "wjw"})
        assert (
            "市教育局" not in client.get(page).text.split('id="holdings"')[1].split("</table>")[0]
        )

        client.post(f"{page}/share", data={"mode": "public", "since": since})
        assert "公共支撑，不参与排名" in client.get(page).text
        for path in ("/units?period=7d&sort=cpu", "/units/wjw/resources?period=7d"):
            assert "不参与排名" in client.get(path).text, path
        client.post(f"{page}/share", data={"mode": "none", "since": since})
        assert "公共支撑，不参与排名" not in client.get(page).text
        assert client.post("/resources/nobody/owner", data=right).status_code == 303
    with console.client("czj") as client:
        assert client.post(f"{page}/owner", data=right).status_code == 403
        assert (
            client.post(f"{page}/share", data={"mode": "public", "since": since}).status_code == 403
        )
        assert "更正归属" not in client.get("/resources/vm-czj-0").text


def test_a_unit_is_given_aliases_and_split_from_its_page_and_the_split_undone(
    console: Console,
) -> None:
    page = "/registers/units?unit=ljq"
    since = f"{console.runtime.now() - timedelta(days=1):%Y-%m-%d}"
    split = {"unit": "ljq", "effective": since, "parts": "ljq-1=临江一局:业务"}
    with console.client("ops") as client:
        typed = "临江、临江区政府\r\n区府"
        for _again in range(2):  # what the box shows is saved as it was
            client.post("/registers/units/ljq/aliases", data={"aliases": typed})
            kept = client.get("/api/v1/units/ljq/register").json()["aliases"]
            assert sorted(kept) == ["临江、临江区政府", "区府"]
            typed = "\r\n".join(kept)
        assert "临江、临江区政府" in client.get(page).text
        client.post("/registers/units/ljq/aliases", data={"aliases": "甲" * 201})
        assert "最多 200 个" in client.get(page).text
        assert client.get("/api/v1/units/ljq/register").json()["aliases"] == kept
        client.post("/registers/units/ljq/aliases", data={"aliases": "czj"})
        assert "“czj”是另一单位的编码" in client.get(page).text
        client.post("/registers/units/ljq/aliases", data={"aliases": ""})
        assert "临江区政府" not in client.get(page).text

        for wrong, said in (
            ({**split, "parts": "临江一局"}, "请写 编码=名称"),
            ({**split, "effective": "soon"}, "日期应如"),
            ({**split, "parts": "ljq-1=临江一局:别的系统"}, "不属于任何部分"),
        ):
            client.post("/registers/units/splits", data=wrong)
            assert said in client.get("/registers/units").text, wrong
        client.post("/registers/units/splits", data={**split, "rest": "ljq-1"})
        assert "已拆分，移交资源 3 项" in client.get("/registers/units").text
        assert "临江一局" in client.get("/resources/vm-ljq-0").text
        change = client.get("/api/v1/unit-changes", headers={"accept": "application/json"}).json()[
            "items"
        ][0]["id"]
        client.post(f"/registers/units/changes/{change}/undo")
        assert "临江一局" not in client.get("/resources/vm-ljq-0").text
    with console.client("czj") as client:
        assert client.post("/registers/units/splits", data=split).status_code == 403
        assert client.post("/registers/units/czj/aliases", data={"aliases": "x"}).status_code == 403


def test_a_resource_is_apportioned_by_shares_from_its_page(console: Console) -> None:
    page = "/resources/vm-wjw-1"
    form = {"mode": "apportioned", "since": f"{console.runtime.now() - timedelta(days=1):%Y-%m-%d}"}
    with console.client("ops") as client:
        client.post(f"{page}/share", data={**form, "parts": "市财政局 40\n市教育局 50"})
        assert "分摊比例合计 90 %" in client.get(page).text
        client.post(f"{page}/share", data={**form, "parts": "市财政局 40%\njyj=60"})
        assert "按比例分摊" in client.get(page).text
        shared = client.get("/registers/unclaimed").text
        assert "市财政局 40 %、市教育局 60 %" in shared
        client.post(f"{page}/share", data={**form, "mode": "none"})
        assert "市财政局 40 %" not in client.get("/registers/unclaimed").text


def test_a_unit_claims_takes_back_and_is_given_what_is_nobodys(console: Console) -> None:
    def press(client: httpx.Client, path: str, said: str, **form: str) -> None:
        assert client.post(path, data=form).status_code == 303
        assert said in client.get("/registers/unclaimed").text

    claim = {"resource": "vm-wjw-2", "unit": "czj", "reason": "交接漏登记"}
    as_json = {"accept": "application/json"}
    with console.client("ops") as ops, console.client("czj") as unit:
        ops.post("/api/v1/unclaimed", json={"resources": ["vm-wjw-2"]})
        press(unit, "/registers/claims", "日期应如", **claim, since="2026-13-01")
        press(unit, "/registers/claims", "认领已提交", **claim)
        press(unit, "/registers/claims", "尚未审批", **claim)
        number = unit.get("/api/v1/claims", headers=as_json).json()["items"][0]["id"]
        assert f"/registers/claims/{number}/withdraw" in unit.get("/registers/unclaimed").text
        press(unit, f"/registers/claims/{number}/withdraw", "已撤回")
        press(unit, f"/registers/claims/{number}/withdraw", "这项认领已撤回")
        odd = ops.post(f"/registers/claims/{number}/nonsense")
        assert (odd.status_code, "填写的内容不完整或有误" in odd.text) == (422, True)
        press(unit, "/registers/claims", "认领已提交", **claim)
        number = unit.get("/api/v1/claims", headers=as_json).json()["items"][0]["id"]
        assert unit.post(f"/registers/claims/{number}/approve").status_code == 403
        press(ops, f"/registers/claims/{number}/approve", "已批准")
        assert unit.get("/resources/vm-wjw-2").status_code == 200
        ops.post("/resources/vm-wjw-2/owner", data={"unit": "wjw"})
        assert unit.get("/resources/vm-wjw-2").status_code == 404
