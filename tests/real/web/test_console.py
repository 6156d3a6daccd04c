"""The console in a browser, as its users go through it: nothing refused, nothing sticking out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.real.web.conftest import PASSWORD, Console

WIDE, PHONE = 1280, 390


@contextmanager
def _tab(browser: Browser, width: int) -> Iterator[tuple[Page, list[str]]]:
    """A page and what its console complained of: errors, warnings, refused content."""
    context = browser.new_context(viewport={"width": width, "height": 844}, locale="zh-CN")
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "requestfailed",
        # A request that the next page cut short is no complaint.
        lambda request: (
            complaints.append(f"{request.failure}: {request.url}")
            if request.failure != "net::ERR_ABORTED"
            else None
        ),
    )
    try:
        yield page, complaints
    finally:
        context.close()


def _sign_in(page: Page, console: Console, username: str, language: str) -> None:
    page.goto(f"{console.url}/login?lang={language}")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(re.compile(r"/(?!login)"))


def _settled(page: Page) -> None:
    """Everything fetched and every chart drawn, and nothing wider than the window."""
    page.wait_for_load_state("load")
    waiting = ".yx-loading, .htmx-request, [data-chart]:not([data-drawn]), [data-drawn=loading]"
    expect(page.locator(waiting)).to_have_count(0)
    wider = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wider <= 0, f"{page.url} sticks out by {wider} px"


def _no_chinese_but_names(page: Page) -> None:
    """English pages: what is Chinese are names from the registers and the switch itself."""
    text = page.locator("body").inner_text()
    for name in ("市财政局", "国库支付中心", "市卫生健康委", "市教育局", "临江区"):
        text = text.replace(name, "")
    for word in ("业务", "应用", "政务外网区", "市中心节点", "中文"):
        text = text.replace(word, "")
    assert not re.findall(r"[\u4e00-\u9fff]+", text)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_an_operator_walks_from_the_city_to_one_host(
    browser: Browser, console: Console, language: str, width: int
) -> None:
    with _tab(browser, width) as (page, complaints):
        _sign_in(page, console, "ops", language)
        expect(page.locator("html")).to_have_attribute(
            "lang", {"zh": "zh-CN", "en": "en"}[language]
        )
        _settled(page)
        assert page.locator("canvas").count() >= 2

        page.goto(f"{console.url}/units?period=7d")
        _settled(page)
        expect(page.locator("#table tbody tr")).to_have_count(4)

        page.click("#table >> text=市财政局")
        page.wait_for_url(re.compile("/units/czj"))
        page.wait_for_selector("#unit-resources tbody tr")
        _settled(page)
        # Its own three and those of the unit below it.
        expect(page.locator("#unit-resources tbody tr")).to_have_count(6)
        if language == "en":
            _no_chinese_but_names(page)

        page.click("#unit-resources >> text=市财政局-应用0")
        page.wait_for_url(re.compile("/resources/vm-czj-0"))
        _settled(page)
        expect(page.locator("canvas")).to_have_count(6)
        expect(page.locator("body")).to_contain_text("Phytium FT-2000+")
        for window in ("1h", "90d"):
            page.goto(f"{console.url}/resources/vm-czj-0?window={window}")
            _settled(page)
        if language == "en":
            _no_chinese_but_names(page)

        for path in ("/resources", "/agents", "/system/set-aside"):
            page.goto(console.url + path)
            _settled(page)
            if language == "en":
                _no_chinese_but_names(page)
        assert complaints == []


def test_a_table_sorts_filters_and_pages_without_leaving_the_page(
    browser: Browser, console: Console
) -> None:
    with _tab(browser, WIDE) as (page, complaints):
        _sign_in(page, console, "ops", "zh")
        page.goto(f"{console.url}/resources")
        _settled(page)
        page.evaluate("window.still = true")
        page.click("th >> text=名称")
        page.wait_for_url(re.compile("sort=name"))
        page.fill("#table input[name=text]", "教育")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("text="))
        expect(page.locator("#table tbody tr")).to_have_count(3)
        assert page.evaluate("window.still") is True
        page.go_back()
        page.wait_for_url(re.compile("sort=name"))
        expect(page.locator("#table tbody tr")).to_have_count(15)
        assert complaints == []


def test_an_operator_lets_a_host_in_and_out(browser: Browser, console: Console) -> None:
    with _tab(browser, WIDE) as (page, complaints):
        _sign_in(page, console, "ops", "zh")
        page.goto(f"{console.url}/agents?new=1")
        page.locator("#new-token.show").wait_for()
        page.select_option("#new-unit", "jyj")
        page.click("#new-token button[type=submit]")
        expect(page.locator("#command")).to_contain_text(re.compile(r"echo 'yx1\.[\w-]+'"))

        page.goto(f"{console.url}/agents")
        page.click("tr:has-text('host-wjw') >> button:text-is('批准')")
        expect(page.locator("[role=status]")).to_contain_text("已批准")
        page.click("tr:has-text('host-wjw') >> button:text-is('吊销')")
        page.locator("#confirm.show").wait_for()
        expect(page.locator("#confirm")).to_contain_text("host-wjw")
        page.click("#confirm button[type=submit]")
        expect(page.locator("tr:has-text('host-wjw')")).to_contain_text("已吊销")
        # Said once: a reload shows the page without it.
        page.goto(f"{console.url}/agents")
        expect(page.locator("[role=status]")).to_have_count(0)
        assert complaints == []


def test_the_menu_opens_on_a_phone(browser: Browser, console: Console) -> None:
    with _tab(browser, PHONE) as (page, complaints):
        _sign_in(page, console, "ops", "zh")
        _settled(page)
        assert not page.locator("#side a >> text=采集端").is_visible()
        page.click(".yx-menu-button")
        page.locator("#side.show").wait_for()
        page.click("#side a >> text=采集端")
        page.wait_for_url(re.compile("/agents"))
        _settled(page)
        assert complaints == []


def test_each_administrator_finds_their_own_pages(browser: Browser, console: Console) -> None:
    with _tab(browser, WIDE) as (page, complaints):
        _sign_in(page, console, "sec", "zh")
        page.wait_for_url(re.compile("/system/users"))
        _settled(page)
        page.click(".yx-tools >> text=新建用户")
        page.locator("#new-user.show").wait_for()
        assert not page.locator("[data-unit-field]").is_visible()
        page.select_option("#role", "unit")
        assert page.locator("[data-unit-field]").is_visible()
        page.fill("#username", "wang.fang")
        page.select_option("#new-unit", "wjw")
        page.click("#new-user button[type=submit]")
        assert len(page.locator("#secret").inner_text().strip()) >= 12
        page.goto(f"{console.url}/system/users")
        expect(page.locator("tr:has-text('wang.fang')")).to_contain_text("市卫生健康委")
        page.goto(f"{console.url}/system/tokens")
        _settled(page)
        assert complaints == []
    with _tab(browser, WIDE) as (page, complaints):
        _sign_in(page, console, "aud", "en")
        page.goto(f"{console.url}/system/audit?verify=1")
        _settled(page)
        expect(page.locator("[role=status]")).to_contain_text("intact")
        _no_chinese_but_names(page)
        assert complaints == []


def test_a_reader_keeps_the_columns_that_they_want(browser: Browser, console: Console) -> None:
    with _tab(browser, WIDE) as (page, complaints):
        _sign_in(page, console, "ops", "zh")
        page.goto(f"{console.url}/units?period=7d")
        _settled(page)
        heads = page.locator("#table thead th")
        before = heads.count()
        memory = page.locator("#table thead th", has_text="内存均值")
        expect(memory).to_be_visible()
        bars = page.locator("#table tbody tr:first-child td.yx-barcell")
        expect(bars.nth(1)).to_be_visible()
        page.click("#table .yx-columns summary")
        page.locator("#table .yx-columns label", has_text="内存均值").click()
        expect(memory).to_be_hidden()
        # The head stands over two cells: the bar and the figures.
        expect(bars.nth(1)).to_be_hidden()
        expect(bars.nth(0)).to_be_visible()
        page.click("#table thead >> text=资源")  # a swap of the table alone
        page.wait_for_url(re.compile("sort="))
        _settled(page)
        expect(memory).to_be_hidden()
        page.goto(f"{console.url}/units?period=7d")
        _settled(page)
        expect(memory).to_be_hidden()
        assert heads.count() == before
        page.click("#table .yx-columns summary")
        page.locator("#table .yx-columns label", has_text="内存均值").click()
        expect(memory).to_be_visible()
        assert page.evaluate("window.localStorage.getItem('yunxun.columns.units')") is None
    assert not complaints


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (PHONE, 844)])
def test_the_wall_fills_the_screen_and_says_when_it_stands_still(
    browser: Browser, console: Console, width: int, height: int
) -> None:
    with _tab(browser, width) as (page, complaints):
        page.set_viewport_size({"width": width, "height": height})
        _sign_in(page, console, "ops", "zh")
        page.clock.install()
        page.goto(f"{console.url}/wall")
        _settled(page)
        expect(page.locator("canvas")).to_have_count(2)
        taller = "document.documentElement.scrollHeight - window.innerHeight"
        assert page.evaluate(taller) <= 0
        expect(page.locator("#late")).to_be_hidden()
        with page.expect_response("**/wall"):
            page.clock.fast_forward(61_000)
        _settled(page)
        expect(page.locator("canvas")).to_have_count(2)
        assert not complaints
        page.route("**/wall", lambda route: route.abort())
        for _ in range(5):
            page.clock.fast_forward(61_000)
        expect(page.locator("#late")).to_be_visible()
        expect(page.locator("canvas")).to_have_count(2)
