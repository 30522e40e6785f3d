"""axe-core finds nothing, in light and in dark, wide and narrow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.chromium import PHONE, WIDE, Browser
from tests.browser.conftest import Running

CHARTS = ("/?patient=mg_generalised_new", "/?patient=mg_crisis", "/?patient=healthy_adult")
COLOURS = ("color-contrast", "link-in-text-block")
LEAFLETS = ("/leaflets", "/leaflets/muscle-diseases")
RULES = ("/rules/mg-gen-first-line", "/rules/em-mg-crisis", "/rules/mg-gen-first-line/vignettes", "/rules/no-such-rule")
PATHS = ("/", "/no-such-page", *CHARTS, "/rules", "/rules?q=xyzzy", *RULES, "/docs", "/insights", "/suppressed", *LEAFLETS)


def named(path: str) -> str:
    """The name of a page's picture."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "start"


@pytest.mark.parametrize("size", [WIDE, PHONE])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(running: Running, browser: Browser, pictures: Path, path: str, size: tuple[int, int]) -> None:
    """In the dark nothing but the colours changes, so of the rules only those about colours are asked again."""
    name = f"{named(path)}-{'wide' if size == WIDE else 'phone'}"
    with browser.tab(running.url, size=size) as tab:
        tab.open(path)
        tab.page.wait_for_load_state("networkidle")  # a rule page loads its vignettes
        tab.page.screenshot(path=pictures / f"{name}-light.png", full_page=True)
        tab.troubles = [one for one in tab.troubles if "404" not in one]  # Chromium notes the page that is meant to be missing
        tab.page.emulate_media(color_scheme="dark")
        tab.page.screenshot(path=pictures / f"{name}-dark.png", full_page=True)
        tab.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert tab.violations(*COLOURS) == []
        tab.page.emulate_media(color_scheme="light")
        assert tab.violations() == []
        assert tab.overflow() <= 0


def test_axe_would_find_words_that_cannot_be_told_from_their_ground_in_the_dark(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/docs").page
        page.emulate_media(color_scheme="dark")
        page.evaluate("document.querySelector('main').style.color = getComputedStyle(document.body).backgroundColor")
        assert {one.partition(" ")[0] for one in tab.violations(*COLOURS)} == {"color-contrast"}


def test_axe_would_find_a_picture_without_words(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/rules").page
        page.evaluate("document.querySelector('main').append(document.createElement('img'))")
        assert [one.partition(" ")[0] for one in tab.violations()] == ["image-alt"]


def test_a_printed_chart_has_its_cards_and_nothing_to_press(running: Running, browser: Browser, pictures: Path) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=mg_crisis").page
        page.emulate_media(media="print")
        assert page.locator("article.card h3").first.is_visible()
        assert page.locator("button:visible, select:visible, input:visible").count() == 0
        page.screenshot(path=pictures / "chart-printed.png", full_page=True)


def test_a_printed_leaflet_is_its_text_alone_in_black_on_white(running: Running, browser: Browser, pictures: Path) -> None:
    with browser.tab(running.url, scheme="dark") as tab:
        page = tab.open("/leaflets/muscle-diseases").page
        assert page.locator(".top nav").is_visible()
        page.emulate_media(media="print")
        assert page.locator("main h1").is_visible()
        assert page.locator("main h2").count() > 2
        assert page.locator("nav:visible, button:visible").count() == 0
        looks = "one => [getComputedStyle(one).color, getComputedStyle(document.body).backgroundColor]"
        assert page.locator("main p").first.evaluate(looks) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        page.screenshot(path=pictures / "leaflet-printed.png", full_page=True)


def test_on_a_phone_the_figures_of_a_rule_keep_their_names(running: Running, browser: Browser) -> None:
    with browser.tab(running.url, size=PHONE) as tab:
        tab.open("/?patient=mg_crisis")
        running.parts.writer.flush()
        cell = tab.open("/insights").page.get_by_role("region", name="Rules that spoke").locator("td").first
        assert "Shown" in cell.evaluate("one => getComputedStyle(one, '::before').content")


def test_a_printed_rule_page_has_its_codes_open_and_folds_them_again(running: Running, browser: Browser) -> None:
    folded = "document.querySelectorAll('details:not([open])').length"
    with browser.tab(running.url) as tab:
        page = tab.open("/rules/mg-gen-first-line").page
        before = page.evaluate(folded)
        assert before > 0
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(folded) == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(folded) == before
        assert page.is_visible("#print")
