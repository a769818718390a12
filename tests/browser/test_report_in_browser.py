"""The report in a real browser: it sorts, changes its theme, fits every width, and needs no network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sk_warmstart import WarmStartClassifier, WarmStartComparator
from sk_warmstart.comparison import DataIncremental

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (the extra 'test' has it)")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium here (Debian: apt install chromium)"),
    pytest.mark.skipif(DRIVER is None, reason="no chromedriver here (Debian: apt install chromium-driver)"),
]
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_iris(return_X_y=True)
    policies = {"cold": "cold", "warm": "warm", "a_start_with_quite_a_long_name_for_a_table": "shrink_perturb"}
    comparator = WarmStartComparator(
        WarmStartClassifier(max_epochs=6), policies, DataIncremental(3), n_repeats=3, refit=None, random_state=0
    )
    return comparator.fit(X, y).report(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    # With the paths of both, selenium looks for nothing and downloads nothing.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def page(browser: Any, report: Path) -> Any:
    """The report, freshly opened, in a light theme and a wide window."""
    resize(browser, 1200)
    prefer(browser, "light")
    for log in ("browser", "performance"):
        browser.get_log(log)  # what the tests before left
    browser.get(report.as_uri())
    return browser


def resize(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(browser: Any, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def column(page: Any, table: int, nth: int) -> list[str]:
    """What a column is sorted by, from the top."""
    script = """
        const rows = [...document.querySelectorAll("table")[arguments[0]].tBodies[0].rows];
        return rows.map((row) => row.cells[arguments[1]].dataset.value ?? row.cells[arguments[1]].textContent);"""
    return page.execute_script(script, table, nth)


def sorter(page: Any, table: int, nth: int) -> Any:
    rows = page.find_elements("tag name", "table")[table].find_elements("css selector", "thead tr:last-child")
    return rows[-1].find_elements("tag name", "button")[nth]


def numbers(keys: list[str]) -> list[float]:
    return [float(key) if key else np.nan for key in keys]


def place(page: Any, label: str) -> int:
    """Number of the table in the box with this label."""
    script = "return [...document.querySelectorAll('.scroll:has(table)')].map((box) => box.ariaLabel)"
    return page.execute_script(script).index(label)


def background(page: Any) -> str:
    return page.execute_script("return getComputedStyle(document.body).backgroundColor")


def test_the_page_has_its_title(page: Any) -> None:
    assert page.title == "Warm-start comparison: accuracy"


def test_a_click_on_a_header_sorts_by_number_and_a_second_one_the_other_way(page: Any) -> None:
    table, score = place(page, "Gain over cold"), 2
    before = numbers(column(page, table, score))
    assert len(set(before)) > 1
    seen = []
    for state, expected in [("ascending", sorted(before)), ("descending", sorted(before)[::-1]), (None, before)]:
        sorter(page, table, score).click()
        assert numbers(column(page, table, score)) == expected
        header = sorter(page, table, score).find_element("xpath", "..")
        assert header.get_attribute("aria-sort") == state
        seen.append(column(page, table, 0))
    assert seen[0] == seen[1][::-1] != seen[1]  # whole rows move


def test_numbers_are_not_sorted_as_words_and_missing_ones_stay_last(page: Any) -> None:
    page.execute_script("""
        const column = document.querySelectorAll("table")[0].tBodies[0].rows;
        ["10", "", "9"].forEach((key, i) => { column[i].cells[3].dataset.value = key; });""")
    for expected in (["9", "10", ""], ["10", "9", ""]):
        sorter(page, 0, 3).click()
        assert column(page, 0, 3) == expected


def test_words_are_sorted_and_the_keyboard_does_it_too(page: Any) -> None:
    arms = column(page, 0, 0)
    button = sorter(page, 0, 0)
    page.execute_script("arguments[0].focus()", button)
    button.send_keys("\ue007")  # Enter
    assert column(page, 0, 0) == sorted(arms) != arms


def test_every_table_can_be_sorted(page: Any) -> None:
    tables = page.find_elements("tag name", "table")
    assert len(tables) > 5
    for number in range(len(tables)):
        sorter(page, number, 0).click()
        header = sorter(page, number, 0).find_element("xpath", "..")
        assert header.get_attribute("aria-sort") == "ascending"


def test_the_theme_follows_the_system_until_it_is_switched(page: Any) -> None:
    button = page.find_element("id", "theme")
    light = background(page)
    button.click()
    dark = background(page)
    assert (dark != light, button.text) == (True, "Theme: dark")
    button.click()
    assert (background(page), button.text) == (light, "Theme: light")
    prefer(page, "dark")
    assert background(page) == light
    button.click()
    assert (background(page), button.text) == (dark, "Theme: auto")


def test_print_is_light_and_has_no_buttons(page: Any) -> None:
    page.find_element("id", "theme").click()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert background(page) == "rgb(255, 255, 255)"
        assert not page.find_element("id", "theme").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_never_scrolls_sideways(page: Any, width: int) -> None:
    resize(page, width)
    root = "document.documentElement"
    window, visible, whole = page.execute_script(
        f"return [innerWidth, {root}.clientWidth, {root}.scrollWidth]"  # the second without the scroll bar
    )
    assert window == width
    assert whole == visible


def test_there_are_no_errors_and_no_requests(page: Any) -> None:
    page.find_element("id", "theme").click()
    sorter(page, 0, 0).click()
    assert [entry["message"] for entry in page.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert asked == [page.current_url]  # the file itself
    assert page.current_url.startswith("file://")


def test_an_image_from_the_network_would_be_refused(page: Any) -> None:
    """The check above could see a request: the policy of the page stops it, and the log tells."""
    page.execute_script("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


def test_without_scripts_the_tables_are_there(page: Any, report: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(report.as_uri())
        assert not page.find_element("id", "theme").is_displayed()
        assert page.find_element("css selector", "tbody tr").is_displayed()
        assert page.find_elements("css selector", "thead button") == []
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
