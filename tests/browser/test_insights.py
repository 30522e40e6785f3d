"""From a card to the figures: what a user accepts and dismisses in the demo EHR is seen in insights."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chromium import Browser
from tests.browser.conftest import Running


def test_an_accepted_and_a_dismissed_card_are_seen_in_insights(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=mg_crisis").page
        cards = page.locator("article.card")
        cards.nth(0).locator(".accept").first.click()
        expect(cards.nth(0).locator(".outcome")).to_contain_text("Accepted")
        expect(cards.nth(0).locator(".accept").nth(1)).to_be_enabled()  # the card allows any number of its suggestions
        dismissed = cards.nth(1)
        dismissed.get_by_label("Reason").select_option(index=1)
        reason = dismissed.get_by_label("Reason").locator("option").nth(1).text_content() or ""
        dismissed.get_by_role("button", name="Dismiss").click()
        expect(dismissed.locator(".outcome")).to_contain_text("Dismissed")
        running.parts.writer.flush()
        page.get_by_role("link", name="Insights").click()
        row = page.get_by_role("row").filter(has_text="em-mg-crisis")
        expect(row.get_by_role("cell").nth(1)).not_to_have_text("0")
        expect(page.get_by_role("region", name="Rules that spoke")).to_contain_text(reason)
        assert tab.violations() == []
