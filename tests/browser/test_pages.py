"""The pages beside the demo EHR in a real browser: rules, dismissed cards, leaflets, and the whole way of one card."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from fhir_fixtures import patient
from tests.browser.chromium import PHONE, Browser
from tests.browser.conftest import Running


def test_rules_are_searched_and_filtered_and_one_is_opened_with_its_vignettes(running: Running, browser: Browser) -> None:
    with browser.tab(running.url, size=PHONE) as tab:
        page = tab.open("/rules").page
        page.get_by_label("Search").fill("pyridostigmine")
        page.locator("select[name=pathway]").select_option(value="immunosuppressive")
        page.get_by_role("button", name="Show").click()
        assert "q=pyridostigmine" in page.url
        expect(page.get_by_label("Search")).to_have_value("pyridostigmine")
        expect(page.get_by_role("link", name="MAOI")).to_have_count(0)
        page.get_by_role("link", name="Adult generalized MG: first-line treatment").click()
        vignettes = page.locator("#vignettes")
        expect(vignettes).to_contain_text("as expected", timeout=20_000)  # by the script, or with the page when they were run before
        expect(vignettes).not_to_contain_text("not yet run")
        page.get_by_role("link", name="All rules").click()
        page.get_by_label("Search").fill("xyzzy")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("main")).to_contain_text("No rule has all of this")
        page.get_by_role("link", name="Show all").click()
        expect(page.get_by_role("link", name="Adult generalized MG: first-line treatment")).to_be_visible()


def test_vignettes_that_could_not_be_run_say_so_and_leave_the_link(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        tab.page.route("**/vignettes", lambda route: route.fulfill(status=503, body="busy"))
        page = tab.open("/rules/mon-vaccine").page
        expect(page.locator("#vignettes").get_by_role("status")).to_have_text("They could not be run (HTTP 503). Run them now")
        expect(page.locator("#vignettes")).to_contain_text("not yet run")
        page.unroute("**/vignettes")
        page.get_by_role("link", name="Run them now").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Vignettes:")
        expect(page.locator("#results")).to_contain_text("as expected")
        tab.troubles.clear()  # Chromium writes the failure to its console, as it should


def test_a_leaflet_is_opened(running: Running, browser: Browser) -> None:
    with browser.tab(running.url, size=PHONE) as tab:
        page = tab.open("/").page
        page.get_by_role("link", name="For patients").click()
        link = page.locator("main li a").first
        title = link.text_content() or ""
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_a_pasted_bundle_is_a_chart_with_cards_and_a_broken_one_says_why(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/").page
        page.get_by_text("Paste a FHIR bundle").click()
        page.locator("textarea[name=bundle]").fill("not json")
        page.get_by_role("button", name="Open chart").click()
        expect(page.get_by_role("alert")).to_contain_text("not valid JSON at line 1")
        tab.troubles.clear()  # the answer was 400
        tab.open("/")
        page.get_by_text("Paste a FHIR bundle").click()
        page.locator("textarea[name=bundle]").fill(json.dumps(patient("mg_crisis").bundle))
        page.get_by_role("button", name="Open chart").click()
        tab.answered("patient-view")
        expect(page.locator("#cards .card").first).to_be_visible()


def test_the_whole_way_of_a_card_from_the_patient_to_insights_and_back(running: Running, browser: Browser, pictures: Path) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/").page
        page.get_by_label("Search").fill("cmt_1a_pain")
        page.locator(".people-group li:visible a").first.click()
        tab.answered("patient-view")
        page.get_by_role("button", name="Start visit").click()
        tab.answered("encounter-start")
        page.get_by_role("button", name="Open chart again").click()
        tab.answered("patient-view")
        session = json.loads(page.locator("#session").text_content() or "")
        accepted = page.locator("article.card", has=page.locator(".accept")).first
        accepted.locator(".accept").first.click()
        expect(accepted.locator(".outcome")).to_contain_text("Accepted")
        dismissed = page.locator("article.card:not(.critical)").last
        dismissed.get_by_label("Reason").select_option(index=1)
        reason = dismissed.get_by_label("Reason").locator("option").nth(1).text_content() or ""
        rules = dismissed.get_by_role("link", name="Rule:").evaluate_all("all => all.map(one => one.getAttribute('href').split('/').pop())")
        dismissed.get_by_role("button", name="Dismiss").click()
        expect(dismissed.locator(".outcome")).to_contain_text("Dismissed. Feedback stored")
        running.parts.writer.flush()
        page.screenshot(path=pictures / "whole-way-cards.png", full_page=True)
        page.get_by_role("link", name="Insights").click()
        expect(page.get_by_role("region", name="Rules that spoke")).to_contain_text(reason)
        expect(page.get_by_role("row").filter(has_text=rules[0]).get_by_role("cell").nth(2)).not_to_have_text("0")
        page.screenshot(path=pictures / "whole-way-insights.png", full_page=True)
        page.get_by_role("link", name="Dismissed cards").click()
        page.get_by_label("Patient id").fill(session["patient"])
        page.get_by_label("User").fill(session["user"])
        page.get_by_role("button", name="Show").click()
        held = page.get_by_role("region", name="Cards held back")
        expect(held).to_contain_text(rules[0])
        assert tab.violations() == []
        page.screenshot(path=pictures / "whole-way-dismissed.png", full_page=True)
        page.get_by_role("button", name="Let it come again").first.click()
        expect(page.get_by_role("status")).to_contain_text("The card may come again. 0 held back.")
