from __future__ import annotations

import pytest

from tests.pages.conftest import Site, text_of

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nothing", "/rules/a/b", "/leaflets/nothing"])
def test_a_browser_gets_a_page_with_links_for_an_address_that_is_not_there(site: Site, path: str) -> None:
    answer = site.send("GET", path, headers=BROWSER)
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (404, "text/html; charset=utf-8", "Accept")
    page = answer.body.decode()
    assert "No such page" in text_of(page)
    assert 'href="/rules"' in page
    assert path not in page


@pytest.mark.parametrize("path", ["/nothing", "/leaflets/nothing", "/cds-services/x/y/z", "/fhir/Nothing/x"])
def test_a_program_gets_an_operation_outcome(site: Site, path: str) -> None:
    answer = site.get(path)
    assert (answer.status, answer.headers["content-type"], answer.number) == (404, "application/fhir+json", "NMCDS-107")


@pytest.mark.parametrize("path", ["/cds-services/nothing/x/y", "/fhir/Nothing/x", "/static/nothing.css"])
def test_an_address_for_programs_answers_a_browser_too_as_it_answers_them(site: Site, path: str) -> None:
    answer = site.send("GET", path, headers=BROWSER)
    assert (answer.status, answer.number) == (404, "NMCDS-107")
