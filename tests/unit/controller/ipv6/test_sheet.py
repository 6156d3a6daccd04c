"""Lists of sites as offices keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.ipv6.sheet import read_site_file
from controller.problems import Problem


def test_chinese_headers_and_bare_names_are_read(tmp_path: Path) -> None:
    file = tmp_path / "网站.csv"
    file.write_bytes("编码,网站名称,网址,主办单位\nw1,门户,www.example.cn,环保局\n".encode("gbk"))
    assert read_site_file(file) == [
        {"code": "w1", "name": "门户", "url": "http://www.example.cn/", "unit": "环保局"}
    ]


def test_an_empty_cell_is_named_by_row_and_column(tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("code,name,url,unit\nw1,x,http://a.cn/,HB\nw2,y,http://b.cn/,\n", "utf-8")
    with pytest.raises(Problem) as refused:
        read_site_file(file)
    assert "row 3 unit" in (refused.value.detail or "")
