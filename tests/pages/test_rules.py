"""The list of rules and the page of each."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

import pytest
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.pages.page import Pages
from cds_hooks.pages.rule_links import linked
from cds_hooks.pages.rule_page import RulePage
from rules.check import VignetteResult
from rules.history import Past
from rules.knowledge import Knowledge
from rules.model import Rule
from tests.pages.conftest import Site, running, text_of

ATTRIBUTES = (
    "Bibliographic citation", "Developer", "Funding source", "Release and revision dates", "Use of race", "Use of ethnicity",
    "Use of language", "Use of sexual orientation", "Use of gender identity", "Use of sex", "Use of date of birth",
    "Use of social determinants of health", "Use of health status assessments",
)  # fmt: skip


def test_every_rule_is_on_the_list_and_has_a_page(site: Site, knowledge: Knowledge) -> None:
    listed = site.page("/rules")
    for rule in knowledge.every:
        assert f'href="/rules/{rule.id}"' in listed
        page = text_of(site.page(f"/rules/{rule.id}"))
        assert rule.id in page
        assert f"version {rule.version}" in page
        assert f"Vignettes ({len(rule.vignettes)})" in page


def test_a_rule_page_says_when_it_fires_what_it_proposes_and_what_it_rests_on(site: Site) -> None:
    page = text_of(site.page("/rules/mg-gen-first-line"))
    for said in (
        "It fires when all of these hold",
        "It does not fire when one of these holds",
        "Pyridostigmine",
        "Strength:",
        "Next review",
        "Not yet clinically reviewed",
        "S-MG2020",
        "When data are missing",
    ):
        assert said in page


def test_vignettes_are_run_when_asked_for_and_then_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = text_of(site.page("/rules/mg-gen-first-line"))
    assert "Run them now" in before
    assert "not yet run" in before
    ran = text_of(site.page("/rules/mg-gen-first-line/vignettes"))
    while "Run the next ones" in ran:
        assert "not yet run" in ran
        known = ran.count("as expected")
        ran = text_of(site.page("/rules/mg-gen-first-line/vignettes"))
        assert ran.count("as expected") > known
    assert "as expected" in ran
    assert "not yet run" not in ran
    assert "differs" not in ran
    monkeypatch.setattr("cds_hooks.pages.rule_page.run_vignettes", None)
    assert text_of(site.page("/rules/mg-gen-first-line/vignettes")) == ran
    after = text_of(site.page("/rules/mg-gen-first-line"))
    assert "as expected" in after
    assert "Run them now" not in after
    assert site.get("/rules/no-such-rule/vignettes").status == 404


def test_a_vignette_that_differs_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_knowledge: Knowledge, rules: tuple[Rule, ...]) -> list[VignetteResult]:
        return [VignetteResult(rules[0].id, one.name, "found <silent>") for one in rules[0].vignettes]

    monkeypatch.setattr("cds_hooks.pages.rule_page.run_vignettes", wrong)
    assert "differs found <silent>" in text_of(site.page("/rules/mg-gen-first-line/vignettes"))


def test_a_rule_that_does_not_speak_runs_no_vignettes(site: Site, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "rules", tuple(rule for rule in knowledge.rules if rule.id != "mg-gen-first-line"))
    monkeypatch.setattr("cds_hooks.pages.rule_page.run_vignettes", None)
    for path in ("/rules/mg-gen-first-line", "/rules/mg-gen-first-line/vignettes"):
        page = text_of(site.page(path))
        assert "not run: the rule does not speak here" in page
        assert "Run them now" not in page


def test_many_who_ask_at_once_run_the_vignettes_once(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def slow(_knowledge: Knowledge, rules: tuple[Rule, ...]) -> list[VignetteResult]:
        ran.append(rules[0].id)
        sleep(0.05)
        return [VignetteResult(rules[0].id, one.name, "") for one in rules[0].vignettes]

    monkeypatch.setattr("cds_hooks.pages.rule_page.run_vignettes", slow)
    page = RulePage(knowledge, Pages({"version": "1", "base_url": "", "docs": False}), lambda: datetime.now(UTC), {})
    asked = [Request({"type": "http", "path_params": {"rule_id": "mg-gen-first-line"}}) for _ in range(5)]

    async def all_at_once() -> list[Response]:
        return await asyncio.gather(*(page.vignettes(one) for one in asked))

    assert [answer.status_code for answer in asyncio.run(all_at_once())] == [200] * 5
    assert ran == ["mg-gen-first-line"]


def test_a_rule_page_lists_the_codes_that_make_it_speak(site: Site) -> None:
    page = site.page("/rules/mg-gen-first-line")
    assert "<code>http://snomed.info/sct</code>" in page
    assert "<code>http://hl7.org/fhir/sid/icd-10-cm</code>" in page


def test_a_rule_page_tells_the_thirteen_source_attributes(site: Site) -> None:
    page = site.page("/rules/mg-gen-first-line")
    told = page[page.index('<dl class="attributes">') :]
    assert [name for name in ATTRIBUTES if f"<dt>{name}</dt>" in told] == list(ATTRIBUTES)
    assert told.count("<dt>") == 13
    assert "Used: age, from Patient.birthDate, by mg-crisis-urgent, mg-gen-first-line" in text_of(told)


def test_sex_and_age_behind_a_calculated_value_are_told(site: Site) -> None:
    assert "recorded sex (Patient.gender)" in text_of(site.page("/rules/analg-gabapentin-renal"))


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("q=pyridostigmine", "mg-gen-first-line", "analg-maoi"),
        ("q=MAOI", "analg-maoi", "mg-gen-first-line"),
        ("stage=derive", "mg-generalized", "analg-maoi"),
        ("pathway=referral", "ref-als-mdt", "mg-gen-first-line"),
        ("indicator=critical", "mg-crisis-urgent", "mg-gen-first-line"),
        ("indicator=none", "mg-generalized", "analg-maoi"),
        ("status=active&q=mg", "mg-gen-first-line", "analg-maoi"),
    ],
)
def test_search_and_filters_narrow_the_list(site: Site, query: str, there: str, gone: str) -> None:
    page = site.page(f"/rules?{query}")
    assert f'href="/rules/{there}"' in page
    assert f'href="/rules/{gone}"' not in page


def test_a_search_without_a_find_says_so(site: Site) -> None:
    assert "No rule has all of this" in site.page("/rules?q=xyzzy")


def test_an_unknown_rule_is_not_found_and_near_names_are_offered(site: Site) -> None:
    answer = site.get("/rules/mg-gen-firstline")
    assert answer.status == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/rules/mg-gen-first-line"' in answer.body.decode()
    assert site.get("/rules/zzzz").status == 404


def test_a_rule_page_leads_to_its_neighbours_in_the_chain(site: Site) -> None:
    chain = "Its place in the chain"
    below, above = site.page("/rules/mg-gen-first-line"), site.page("/rules/mg-generalized")
    assert 'href="/rules/mg-generalized"' in below[below.index(chain) :]
    assert 'href="/rules/mg-gen-first-line"' in above[above.index(chain) :]


def test_a_search_finds_rules_by_the_codes_and_names_that_they_read(site: Site) -> None:
    found = site.page("/rules?q=G70.00")
    assert 'href="/rules/mg-gen-first-line"' in found
    assert 'href="/rules/ref-als-mdt"' not in found
    assert 'href="/rules/ddi-aza-xanthine-oxidase"' in site.page("/rules?q=febuxostat")


def test_a_rule_page_tells_the_version_history_newest_first(tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "mg-gen-first-line"
    lines = (
        Past(rule, "1.0.0", "0.1.0", "Nine <b>words</b>."),
        Past(rule, "1.10.0", "0.3.0", "Newest."),
        Past(rule, "1.9.0", "0.2.0", "Before."),
    )
    monkeypatch.setattr("cds_hooks.pages.rule_history.parse", lambda _text: lines)
    with running(tmp_path, knowledge) as site:
        page = site.page(f"/rules/{rule}")
        told = page[page.index("Version history") :]
        assert told.index("Newest.") < told.index("Before.") < told.index("Nine &lt;b&gt;words")
        assert "without a line in the changelog" in text_of(told)  # the rule is at 1.0.0, the newest line at 1.10.0
        unchanged = next(one.id for one in knowledge.rules if one.card and one.version == "1.0.0" and one.id != rule)
        assert "Version 1.0.0, the first" in text_of(site.page(f"/rules/{unchanged}"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("mg-gen-first-line", "Population: age 18 or older; pregnancy: “MG and pregnancy” replaces."),
        ("mg-ocular-immunosuppression", "Population: age 18 or older (children: “Juvenile ocular MG”)."),
    ],
)
def test_whom_a_rule_is_for_is_told_in_words(site: Site, rule: str, said: str) -> None:
    assert said in text_of(site.page(f"/rules/{rule}"))


def test_a_rule_page_can_be_printed_whole(site: Site) -> None:
    assert '<script type="module" src="/static/print.js">' in site.page("/rules/mg-gen-first-line")
    assert "beforeprint" in site.get("/static/print.js").body.decode()


def test_ways_to_fire_and_stages_are_told_in_words(site: Site) -> None:
    page = text_of(site.page("/rules/mg-gen-first-line"))
    assert "It fires when all of these hold way 2 of 3" in page
    assert "ways 1 and 3: it asks a question and proposes no drug" in page
    assert "(MedicationRequest draft, no dose), way 2 only" in page
    assert "Immunosuppressive pathway · proposes" in page
    listed = text_of(site.page("/rules"))
    assert "What it does any concludes facts (52)" in listed
    for told in (page, listed):
        assert not re.search(r"\bbranch|stage (derive|safety|pathway|monitoring)", told)


def test_the_codes_used_stand_under_their_title_not_their_name(site: Site) -> None:
    page = site.page("/rules/mg-gen-first-line")
    headings = re.findall(r"<summary>(.*?)</summary>", page)
    assert any(one.startswith("myasthenia gravis (") for one in headings)
    assert not any("VS-" in one for one in headings)
    assert "In rule files: <code>VS-MG</code>" in page


def test_a_rule_that_the_card_names_is_a_link_with_its_title(site: Site) -> None:
    assert '<a href="/rules/mg-nonsteroidal-is" title="' in site.page("/rules/mg-gen-first-line")
    assert linked("<b> see a-b, not b-c", {"a-b": 'A "B"'}) == '&lt;b&gt; see <a href="/rules/a-b" title="A &#34;B&#34;">a-b</a>, not b-c'


def test_no_card_text_sends_a_clinician_to_a_file(knowledge: Knowledge) -> None:
    texts = [(rule.id, text) for rule in knowledge.every if rule.card for text in (rule.card.summary, *rule.card.detail)]
    assert [one for one in texts if re.search(r"\.(md|csv|toml)\b", one[1])] == []
