"""A page is read in time that grows with its length, whatever it holds, and lets others work."""

from __future__ import annotations

import asyncio
import time

import pytest

from collectors.ipv6.page import PIECE, Page, difference, read_page

HOSTILE = {
    "unclosed tags": "<a ",
    "unclosed quotes": '<a x="',
    "comments in comments": "<!--<",
    "declarations": "<!",
    "marked sections": "<![if",
    "instructions": "<?",
    "references": "&#",
    "ends": "</",
    "angles": "<",
    "open elements": "<div>",
    "wrong ends": "<i></b>",
    "spaces": "<a" + " " * 50,
    "tables": "<table><tr><td>",
}


def read(text: str, content_type: str = "text/html; charset=utf-8") -> Page:
    return asyncio.run(read_page(text.encode(), content_type, "http://a.test/"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markup_is_read_in_a_moment(name: str) -> None:
    piece = HOSTILE[name]
    began = time.process_time()
    read(piece * ((1 << 20) // len(piece)))
    assert time.process_time() - began < 5, "a page of 1 MB"


def test_others_work_while_a_long_page_is_read() -> None:
    async def watch() -> tuple[float, int]:
        page = asyncio.create_task(
            read_page(b"<p>on and on</p>" * (1 << 17), "text/html", "http://a.test/")
        )
        longest, turns, before = 0.0, 0, time.thread_time()
        while not page.done():
            await asyncio.sleep(0)
            longest, before = max(longest, time.thread_time() - before), time.thread_time()
            turns += 1
        return longest, turns

    longest, turns = asyncio.run(watch())
    assert longest < 0.5
    assert turns >= (2 << 20) // PIECE


def test_a_text_that_is_read_in_pieces_stays_whole() -> None:
    words = [f"word{n}" for n in range(20_000)]
    page = read(f"<p>{' '.join(words)}</p>")
    assert [each for each in page.tokens if not each.startswith("<")] == words
    assert difference(page, read(f"<p>{'  '.join(words)}</p>")) == 0


def test_links_parts_and_text_are_told_apart() -> None:
    page = read(
        "<base href='/in/'><a href='one#top'>一</a><A HREF=two>二</A><a href=one>again</a>"
        "<a href='javascript:x()'>no</a><a href='http://[broken'>no</a><a href='mailto:a@b'>no</a>"
        "<img src=//cdn.test/x.png><link rel=Stylesheet href=/s.css>"
        "<script src=s.js>var quiet = '<a href=/never>';</script>"
    )
    assert page.links == ["http://a.test/in/one", "http://a.test/in/two"]
    assert page.parts == ["http://cdn.test/x.png", "http://a.test/s.css", "http://a.test/in/s.js"]
    assert "一" in page.tokens
    assert "quiet" not in page.tokens


def test_a_base_that_is_no_address_changes_nothing() -> None:
    assert read("<base href='http://[x'><a href=/a>a</a>").links == ["http://a.test/a"]


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", "<p>你好</p>".encode("gb18030")])
def test_what_is_no_page_is_read_as_far_as_it_goes(body: bytes) -> None:
    page = asyncio.run(read_page(body, "", "http://a.test/"))
    assert page.links == []
    assert ("你好" in page.tokens) is (len(body) > 3)
