"""The HTML report in headless Chromium: it is drawn, can be clicked, zoomed and tabbed through, and fetches nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neuro as nr
from tests.report.html_runs import bill, crossbar, fitted, large_recording, placement, recording, write_run

pytest.importorskip("plotly")
webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
)

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and its driver are not installed"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for seed in range(2):
        config, metrics = {"seed": seed, "trials": 9}, {f"metric{k:02d}": float(seed + k) for k in range(20)}
        write_run(folder / "runs" / f"run{seed}", config=config, metrics=metrics)
    results = large_recording(), recording(), bill(), placement(), crossbar(), fitted()
    return {
        "one": nr.html_report(folder / "one.html", *results, title="One run"),
        "many": nr.html_report(folder / "many.html", folder / "runs"),
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_argument("about:blank")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Callable[..., Any]:
    def open_page(name: str, *, width: int = 1280, dark: bool = False) -> Any:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for log in ("browser", "performance"):
            browser.get_log(log)  # what the page before has left
        browser.get(pages[name].as_uri())
        return browser

    return open_page


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is true."""
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not become true in a minute")


def all_drawn(browser: Any) -> bool:
    """Scrolls to the first chart that is not drawn, since charts are drawn as they come into view."""
    return browser.execute_script(
        "const left = [...document.querySelectorAll('.chart')].find(c => !c.closest('[hidden]') && !c.dataset.ready);"
        "if (left) left.scrollIntoView({behavior: 'instant', block: 'center'}); return !left;"
    )


def inside(browser: Any) -> int:
    """Spikes in view, as the page says."""
    return int(browser.execute_script("return document.querySelector('.count').dataset.inside || -1"))


def painted(browser: Any) -> int:
    """Pixels of the raster that are not see-through."""
    return browser.execute_script(
        "const c = document.querySelector('.chart .spikes');"
        "const data = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);"
        "return data.reduce((count, pixel) => count + (pixel !== 0), 0);"
    )


def expected_pixels(browser: Any) -> int:
    """Pixels under squares of two pixels around the spikes in view."""
    width, height, (left, right), (low, high) = browser.execute_script(
        "const {xaxis: x, yaxis: y} = document.querySelector('.chart')._fullLayout;"
        "return [Math.round(x._length), Math.round(y._length), x.range, y.range];"
    )
    spikes = large_recording().spikes["cells"]
    column = np.floor((spikes.times - left) * (width / (right - left))).astype(int)
    row = np.floor((high - spikes.ids) * (height / (high - low))).astype(int)
    found = np.zeros((height + 2, width + 2), bool)
    for down in range(2):
        for across in range(2):
            inner = (column + across >= 0) & (column + across < width) & (row + down >= 0) & (row + down < height)
            found[row[inner] + down, column[inner] + across] = True
    return int(found.sum())


def click(browser: Any, selector: str) -> None:
    element = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    element.click()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["one", "many"])
def test_a_page_is_drawn_in_its_width_without_errors_or_requests(opened: Any, name: str, width: int) -> None:
    browser = opened(name, width=width)
    until(lambda: all_drawn(browser))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "chrome:"))] == []


def test_a_raster_draws_100_000_points_and_zooms_by_buttons_and_by_a_box(opened: Any) -> None:
    browser = opened("one")
    until(lambda: inside(browser) == 100_000)
    drawn = "return document.querySelector('.chart')._fullData.filter(t => t.mode === 'markers').map(t => t._length)"
    assert browser.execute_script(drawn) == [100_000]
    assert painted(browser) == expected_pixels(browser)
    click(browser, "[data-move=in]")
    half = until(lambda: inside(browser) if inside(browser) < 100_000 else 0)
    assert half == pytest.approx(50_000, rel=0.05)
    assert painted(browser) == expected_pixels(browser)
    click(browser, "[data-move=right]")
    until(lambda: inside(browser) != half)
    click(browser, "[data-move=reset]")
    until(lambda: inside(browser) == 100_000)
    # A box from the middle: a quarter of the width, all of the height that it has.
    area = browser.find_element("css selector", ".chart .nsewdrag")
    actions = ActionChains(browser).move_to_element(area).click_and_hold()
    actions.move_by_offset(area.size["width"] // 4, 0).release().perform()
    assert until(lambda: inside(browser) if inside(browser) < 100_000 else 0) == pytest.approx(25_000, rel=0.1)


def test_every_control_can_be_reached_and_used_by_the_keyboard(opened: Any) -> None:
    browser = opened("one")
    until(lambda: all_drawn(browser))
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('button, select, summary, input, a')].filter(e => e.checkVisibility())"
        ".map((e, k) => (e.dataset.k = k, String(k)))"
    )
    browser.execute_script("window.scrollTo(0, 0); document.activeElement.blur()")
    reached = set()
    for _ in range(len(wanted) + 20):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.execute_script("return document.activeElement.dataset.k"))
    assert set(wanted) <= reached
    browser.execute_script("document.querySelector('[data-move=in]').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    until(lambda: 0 < inside(browser) < 100_000)


def test_tabs_follow_clicks_and_arrow_keys(opened: Any) -> None:
    browser = opened("many")
    shown = "return [...document.querySelectorAll('[role=tabpanel]')].map(p => !p.hidden)"
    assert browser.execute_script(shown) == [True, False, False]
    click(browser, "#tab1")
    assert browser.execute_script(shown) == [False, True, False]
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script(shown) == [False, False, True]
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.execute_script(shown) == [True, False, False]
    until(lambda: all_drawn(browser))


def test_colours_follow_the_system_and_the_button(opened: Any) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = opened("many").execute_script(ground)
    browser = opened("many", dark=True)
    until(lambda: all_drawn(browser))
    dark = browser.execute_script(ground)
    text = browser.execute_script("return document.querySelector('.chart')._fullLayout.font.color")
    assert dark != light
    click(browser, "#theme")
    assert browser.execute_script(ground) == light
    until(lambda: browser.execute_script("return document.querySelector('.chart')._fullLayout.font.color") != text)


def test_a_choice_changes_what_a_map_shows(opened: Any) -> None:
    browser = opened("one")
    until(lambda: all_drawn(browser))
    cells = "return document.querySelector('[data-kind=crossbar]')._fullData[0].z[0][0]"
    assert browser.execute_script(cells) == pytest.approx(90.0)
    options = browser.find_elements("css selector", "[data-kind=crossbar]")
    browser.execute_script(
        "const s = arguments[0].parentElement.querySelector('select'); s.value = 2;"
        "s.dispatchEvent(new Event('change'))", options[0],
    )  # fmt: skip
    until(lambda: browser.execute_script(cells) == pytest.approx(0.0))


def test_tables_are_sorted_and_filtered(opened: Any) -> None:
    browser = opened("many")
    click(browser, "#tab1")
    words = (
        "return [...document.querySelectorAll('#panel1 [aria-label=Words] tbody tr')].map(r => r.cells[0].innerText)"
    )
    assert browser.execute_script(words) == ["b", "a"]
    click(browser, "#panel1 section[aria-label=Words] th button")
    assert browser.execute_script(words) == ["a", "b"]
    browser.find_element("css selector", "#panel1 input[type=search]").send_keys("metric07")
    rows = "[...document.querySelectorAll('#panel1 section[aria-label=Metrics] tbody tr')]"
    assert browser.execute_script(f"return {rows}.filter(row => !row.hidden).length") == 1
