"""The demo EHR in a real browser: choose, fire, read, accept, dismiss."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import select

from cds_hooks.store.tables import feedback
from tests.browser.chromium import PHONE, Browser
from tests.browser.conftest import Running


def stored(running: Running) -> list[dict[str, object]]:
    with running.parts.database.begin() as connection:
        return [dict(row) for row in connection.execute(select(feedback)).mappings()]


def test_a_patient_is_chosen_a_card_is_seen_a_suggestion_accepted_and_the_feedback_stored(
    running: Running, browser: Browser, pictures: Path
) -> None:
    before = len(stored(running))
    with browser.tab(running.url) as tab:
        page = tab.open("/").page
        page.get_by_label("Search").fill("newly diagnosed generalised")
        expect(page.locator("#people-found")).to_have_text("1 patient found.")
        page.get_by_role("link", name="Okafor, Daniel").click()
        tab.answered("patient-view")
        card = page.get_by_role("article", name="Generalized MG: pyridostigmine first")
        expect(card.get_by_text("Information · Immunosuppressive pathway")).to_be_visible()
        card.get_by_role("button", name="Accept: Pyridostigmine").click()
        expect(card.locator(".outcome")).to_contain_text("Feedback stored by the service.")
        expect(page.locator("#drafts")).to_contain_text("yridostigmine")
        uuid = card.get_attribute("data-card")
        picture = page.screenshot(path=pictures / "demo.png")
    assert picture.startswith(b"\x89PNG")
    mine = [row for row in stored(running)[before:] if row["card"] == uuid]
    assert [row["outcome"] for row in mine] == ["accepted"]
    assert len(json.loads(str(mine[0]["accepted"]))) == 1


def test_a_card_is_dismissed_with_a_reason_and_a_comment(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=pdn_heart_block").page
        page.get_by_role("button", name="Sign orders").click()
        tab.answered("order-sign")
        card = page.locator("article.card", has_text="Amitriptyline").first
        card.get_by_label("Reason").select_option(index=1)
        card.get_by_label("Comment").fill("Seen by cardiology")
        card.get_by_role("button", name="Dismiss").click()
        expect(card.locator(".outcome")).to_contain_text("Dismissed. Feedback stored")
        expect(card.get_by_role("button", name="Dismiss")).to_be_disabled()
        uuid = card.get_attribute("data-card")
    mine = next(row for row in stored(running) if row["card"] == uuid)
    assert (mine["outcome"], mine["comment"]) == ("overridden", "Seen by cardiology")
    assert mine["reason_code"]


def test_an_order_from_the_list_fires_order_select_and_then_order_sign(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=mg_generalised_new").page
        page.get_by_label("Order or refer").select_option(label="ciprofloxacin")
        page.get_by_label("Route").select_option(label="by mouth")
        page.get_by_role("button", name="Select order").click()
        tab.answered("order-select")
        expect(page.locator("#drafts")).to_contain_text("ciprofloxacin, by mouth (MedicationRequest)")
        expect(page.locator("#cards .card").first).to_be_visible()
        page.get_by_role("button", name="Sign orders").click()
        tab.answered("order-sign")
        request = json.loads(page.locator("#request").text_content() or "")
        assert request["hook"] == "order-sign"
        assert len(request["context"]["draftOrders"]["entry"]) == 1
        page.get_by_role("button", name="Remove ciprofloxacin").click()
        page.get_by_role("button", name="Sign orders").click()
        expect(page.locator("#status")).to_contain_text("There is no unsigned order")


def test_every_other_hook_can_be_fired(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=mg_thymoma").page
        for button, hook in (
            ("Start visit", "encounter-start"),
            ("Discharge", "encounter-discharge"),
            ("Book", "appointment-book"),
            ("Open chart again", "patient-view"),
        ):
            page.get_by_role("button", name=button, exact=True).click()
            tab.answered(hook)
        page.get_by_label("Add a problem").select_option(index=1)
        page.get_by_role("button", name="Add", exact=True).click()
        tab.answered("problem-list-item-create")


def test_a_patient_without_the_disease_gets_no_cards_in_plain_words(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=healthy_adult").page
        expect(page.locator("#cards")).to_contain_text("No cards: looked and found nothing.")


def test_an_error_of_the_service_is_shown_as_an_error(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=healthy_adult").page
        page.route("**/cds-services/*", lambda route: route.fulfill(status=503, body="upstream is away"))
        page.get_by_role("button", name="Open chart again").click()
        expect(page.get_by_role("alert")).to_contain_text("Error (HTTP 503)")
        page.unroute("**/cds-services/*")
        page.route("**/cds-services/*", lambda route: route.abort())
        page.get_by_role("button", name="Start visit").click()
        expect(page.get_by_role("alert")).to_contain_text("Error (no connection)")
        expect(page.locator("#cards")).not_to_contain_text("looked and found nothing")
        tab.troubles.clear()  # Chromium writes both failures to its console, as it should


def test_an_error_of_the_protocol_is_shown_with_its_reason(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=healthy_adult").page
        page.route("**/cds-services/*", lambda route: route.continue_(post_data='{"hook":"patient-view"}'))
        page.get_by_role("button", name="Open chart again").click()
        expect(page.get_by_role("alert")).to_contain_text("HTTP 400")
        expect(page.get_by_role("alert")).to_contain_text("hookInstance")
        tab.troubles.clear()


def test_the_keyboard_alone_reaches_and_fires(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=als_new").page
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.get_by_role("button", name="Start visit").focus()
        page.keyboard.press("Enter")
        tab.answered("encounter-start")
        page.get_by_role("button", name="Open chart again").focus()
        page.keyboard.press("Enter")
        tab.answered("patient-view")
        page.locator("details.why summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("details.why .tree").first).to_be_visible()


def test_the_request_and_the_response_stand_beside_the_cards(running: Running, browser: Browser) -> None:
    with browser.tab(running.url) as tab:
        page = tab.open("/?patient=als_new").page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_text("Request and response").click()
        assert json.loads(page.locator("#request").text_content() or "")["hook"] == "patient-view"
        assert json.loads(page.locator("#response").text_content() or "")["cards"]
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.locator("#copied")).to_have_text("Copied: curl command.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(f"curl -s '{running.url}/cds-services/neuromuscular-patient-view'")


def test_a_phone_needs_no_sideways_scrolling(running: Running, browser: Browser) -> None:
    for path in ("/", "/?patient=mg_thymoma", "/rules", "/rules/mg-gen-first-line", "/docs", "/insights", "/suppressed"):
        with browser.tab(running.url, size=PHONE) as tab:
            assert tab.open(path).overflow() == 0, path
