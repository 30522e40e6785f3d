from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cds_hooks.cards import EXPLANATION
from rules.engine.interface import EngineError
from rules.findings import Because, Evaluation, Finding, Indicator, NotChecked, RuleRef, Suggestion, Withheld
from tests.support.conformance import check_response
from tests.support.doubles import COMPLETE, bundle, condition, create, finding, request, unchecked
from tests.support.service import Service


def cards(service: Service, *findings: Finding, not_checked: tuple[NotChecked, ...] = ()) -> list[dict[str, Any]]:
    service.knowledge.answer = Evaluation(findings, not_checked, relevant=True)
    answer = service.hook(request())
    assert answer.status == 200, answer.body
    body = answer.json()
    check_response(body)
    found: list[dict[str, Any]] = body["cards"]
    return found


def explanation(card: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = card["extension"][EXPLANATION]
    return found


def test_nothing_to_say_is_an_empty_array_of_cards(service: Service) -> None:
    assert service.hook(request()).body == b'{"cards":[]}'


def test_a_finding_becomes_a_card(service: Service) -> None:
    [card] = cards(service, finding("mg-x", summary="Do this", pathway="referral"))
    assert card["summary"] == "Do this"
    assert card["indicator"] == "warning"
    assert card["source"] == {
        "label": "Neuromuscular CDS",
        "url": "http://127.0.0.1:8000/rules/mg-x",
        "topic": {"system": "urn:x-neuromuscular-cds:pathway", "code": "referral", "display": "Referral pathway"},
    }
    assert card["links"] == [{"label": "Rule: Title of mg-x", "url": "http://127.0.0.1:8000/rules/mg-x", "type": "absolute"}]
    assert card["overrideReasons"] == [
        {"code": "other-indication", "system": "urn:x-neuromuscular-cds:override-reason", "display": "Other indication"}
    ]


def test_members_without_a_value_are_left_out(service: Service) -> None:
    [card] = cards(service, finding(detail=(), because=(), chain=(), evidence=(), override_reasons=()))
    assert {"suggestions", "selectionBehavior", "overrideReasons"}.isdisjoint(card)
    assert explanation(card) == {"rules": [{"id": "test-rule", "version": "1.0.0"}], "knowledge": "2026.11.0"}


def test_the_explanation_says_what_fired_why_and_what_was_not_checked(service: Service) -> None:
    [card] = cards(
        service,
        finding(
            because=(Because("diagnosis:mg", "Condition/c1", "2024-05"), Because("age")),
            not_checked=(unchecked(),),
            withheld=(Withheld("azathioprine", "aza-tpmt", "TPMT is not known"),),
        ),
        not_checked=(NotChecked("MedicationRequest", "only a part of the data came", "MedicationRequest"),),
    )
    assert explanation(card) == {
        "rules": [{"id": "test-rule", "version": "1.0.0"}],
        "because": [{"fact": "diagnosis:mg", "resource": "Condition/c1", "date": "2024-05"}, {"fact": "age"}],
        "chain": [{"rule": "test-rule", "concluded": "fires:test-rule"}],
        "notChecked": [
            {"what": "lab:TPMT", "why": "not in the record"},
            {"what": "MedicationRequest", "why": "only a part of the data came"},
        ],
        "withheld": [{"what": "azathioprine", "rule": "aza-tpmt", "why": "TPMT is not known"}],
        "evidence": [{"source": "S-TEST", "strength": "strong", "verified": "partly"}],
        "knowledge": "2026.11.0",
    }


def test_what_silent_rules_could_not_check_is_told_once_on_the_last_card(service: Service) -> None:
    gap = NotChecked("PHQ-9", "not in the record", "Observation")
    first, last = cards(service, finding("r0", indicator="critical"), finding("r1"), not_checked=(gap,))
    assert "notChecked" not in explanation(first)
    assert "PHQ-9" not in first["detail"]
    assert explanation(last)["notChecked"] == [{"what": "PHQ-9", "why": "not in the record"}]
    *_, folded = cards(service, *(finding(f"r{number}") for number in range(7)), not_checked=(gap,))
    assert explanation(folded)["notChecked"] == [{"what": "PHQ-9", "why": "not in the record"}]


def test_the_explanation_says_when_a_drug_was_recognised_by_its_name(service: Service) -> None:
    [card] = cards(service, finding(because=(Because("med:azathioprine", "MedicationRequest/m1", by_name=True), Because("age"))))
    assert explanation(card)["because"] == [
        {"fact": "med:azathioprine", "resource": "MedicationRequest/m1", "matchedBy": "name"},
        {"fact": "age"},
    ]


def test_the_detail_has_its_sections(service: Service) -> None:
    [card] = cards(
        service,
        finding(
            detail=("A line.",),
            because=(Because("diagnosis:myasthenia-gravis", "Condition/c1", "2024-05-02", by_name=True),),
            not_checked=(unchecked(),),
            withheld=(Withheld("azathioprine", "aza-tpmt", "TPMT is not known"),),
            suggestions=(create("Refer to neurology"),),
            provisional=True,
            unstated=True,
        ),
    )
    assert card["detail"].splitlines() == [
        "- A line.", "",
        "**Found**", "", "- diagnosis: myasthenia gravis, 2024-05-02 (Condition/c1), recognised by its name only", "",
        "**Proposed**", "", "- Refer to neurology", "",
        "**Not proposed**", "", "- azathioprine: TPMT is not known", "",
        "**Not checked**", "", "- lab: TPMT: not in the record", "",
        "**Evidence**", "", "- S-TEST: strong (verified: partly)", "",
        "Rests on a diagnosis that is not confirmed.",
        "Rests on a diagnosis whose record does not say whether it is confirmed: it is taken as confirmed.",
        "Not yet clinically reviewed.",
        "A proposal: the clinician decides.",
    ]  # fmt: skip


def test_a_rule_is_named_by_its_title_and_by_its_id_in_the_explanation_only(service: Service) -> None:
    service.knowledge.titles["aza-tpmt"] = "Thiopurine: TPMT missing"
    [card] = cards(
        service,
        finding(
            detail=(
                "Azathioprine waits (aza-tpmt).",
                "Start the rule “Thiopurine: TPMT missing” (aza-tpmt) first.",
                "Low-dose, X-aza-tpmt-x.",
            ),
            suggestions=(create("Azathioprine (needs aza-tpmt resolved)"),),
            withheld=(Withheld("azathioprine", "aza-tpmt", "see aza-tpmt"),),
            override_reasons=("Go to aza-tpmt",),
        ),
    )
    assert card["detail"].splitlines()[:3] == [
        "- Azathioprine waits (rule “Thiopurine: TPMT missing”).",
        "- Start the rule “Thiopurine: TPMT missing” first.",
        "- Low-dose, X-aza-tpmt-x.",
    ]
    [suggestion] = card["suggestions"]
    label = "Azathioprine (needs rule “Thiopurine: TPMT missing” resolved)"
    assert (suggestion["label"], suggestion["actions"][0]["description"]) == (label, label)
    assert card["overrideReasons"][0]["code"] == "go-to-aza-tpmt"  # what feedback of earlier versions has too
    assert card["overrideReasons"][0]["display"] == "Go to rule “Thiopurine: TPMT missing”"
    assert "aza-tpmt" not in card["detail"].replace("X-aza-tpmt-x", "")
    assert explanation(card)["withheld"] == [{"what": "azathioprine", "rule": "aza-tpmt", "why": "see aza-tpmt"}]


def test_a_reviewed_rule_does_not_say_that_it_is_not_reviewed(service: Service) -> None:
    [card] = cards(service, finding(reviewed_by="Dr A, neurology"))
    assert "reviewed" not in card["detail"]


def test_a_suggestion_creates_a_draft_about_the_patient(service: Service) -> None:
    [card] = cards(service, finding(suggestions=(create("Refer"), create("Also", recommended=True))))
    assert card["selectionBehavior"] == "any"
    first, second = card["suggestions"]
    assert "isRecommended" not in first
    assert second["isRecommended"] is True
    [action] = first["actions"]
    assert (action["type"], action["description"]) == ("create", "Refer")
    assert action["resource"]["subject"] == {"reference": "Patient/p1"}
    assert "id" not in action["resource"]


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("MedicationRequest", "subject", {"reference": "Patient/p1"}),
        ("CarePlan", "subject", {"reference": "Patient/p1"}),
        ("CommunicationRequest", "subject", {"reference": "Patient/p1"}),
        ("Task", "for", {"reference": "Patient/p1"}),
        ("Appointment", "participant", [{"actor": {"reference": "Patient/p1"}, "status": "needs-action"}]),
    ],
)
def test_each_draft_names_its_patient_in_the_element_of_its_type(service: Service, kind: str, member: str, value: object) -> None:
    [card] = cards(service, finding(suggestions=(Suggestion("x", resource={"resourceType": kind, "status": "draft"}),)))
    assert card["suggestions"][0]["actions"][0]["resource"][member] == value


def test_a_proposed_appointment_names_its_patient_once(service: Service) -> None:
    me = {"actor": {"reference": "Patient/p1"}, "status": "needs-action"}
    team = {"actor": {"display": "Neuromuscular clinic"}, "status": "needs-action"}
    drafts = ([me], [me, team], [team])
    for draft, expected in zip(drafts, ([me], [me, team], [team, me]), strict=True):
        resource = {"resourceType": "Appointment", "status": "proposed", "participant": draft}
        [card] = cards(service, finding(suggestions=(Suggestion("x", resource=resource),)))
        assert card["suggestions"][0]["actions"][0]["resource"]["participant"] == expected


def test_a_suggestion_to_remove_an_order_names_it_by_relative_reference(service: Service) -> None:
    [card] = cards(service, finding(suggestions=(Suggestion("Remove it", kind="delete", target="MedicationRequest/m1"),)))
    assert card["suggestions"][0]["actions"] == [{"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/m1"}]


def test_a_suggestion_to_remove_an_order_that_has_no_id_has_no_action(service: Service) -> None:
    [card] = cards(service, finding(suggestions=(Suggestion("Remove it", kind="delete"),)))
    assert card["suggestions"][0].keys() == {"label", "uuid"}


def test_a_suggestion_to_change_an_order_holds_the_whole_order(service: Service) -> None:
    changed = {"resourceType": "MedicationRequest", "id": "m1", "status": "draft", "subject": {"reference": "Patient/p1"}}
    [card] = cards(service, finding(suggestions=(Suggestion("Change it", kind="update", target="MedicationRequest/m1", resource=changed),)))
    assert card["suggestions"][0]["actions"] == [{"type": "update", "description": "Change it", "resource": changed}]


def test_a_suggestion_without_a_resource_is_advice_without_an_action(service: Service) -> None:
    [card] = cards(service, finding(suggestions=(Suggestion("Talk about it"),)))
    assert set(card["suggestions"][0]) == {"label", "uuid"}


def test_a_long_summary_is_cut_at_a_word_below_140_characters(service: Service) -> None:
    [card] = cards(service, finding(summary="word " * 60))
    assert card["summary"].endswith("word…")
    assert len(card["summary"]) < 140


def test_cards_come_critical_first_then_in_rule_order(service: Service) -> None:
    levels: list[Indicator] = ["info", "warning", "critical", "warning"]
    found = cards(service, *(finding(f"r{number}", indicator=level) for number, level in enumerate(levels)))
    assert [card["summary"][-2:] for card in found] == ["r2", "r1", "r3", "r0"]


def test_of_one_level_safety_and_treatment_come_before_education(service: Service) -> None:
    pathways = ("education", "monitoring", "referral", "safety", "immunosuppressive")
    found = cards(service, *(finding(f"r{number}", indicator="info", pathway=name) for number, name in enumerate(pathways)))
    assert [card["summary"][-2:] for card in found] == ["r3", "r4", "r2", "r1", "r0"]


def test_of_one_level_an_emergency_comes_first_and_never_before_a_higher_level(service: Service) -> None:
    found = cards(
        service,
        finding("drug", indicator="critical", pathway="safety"),
        finding("crisis", indicator="critical", pathway="referral", emergency=True),
        finding("asked", indicator="critical", pathway="safety", emergency=True, asks=True),
        finding("walking", indicator="warning", pathway="immunosuppressive", emergency=True),
    )
    assert [explanation(card)["rules"][0]["id"] for card in found] == ["crisis", "drug", "asked", "walking"]


def test_findings_of_one_family_become_one_card_that_names_every_rule(service: Service) -> None:
    [card] = cards(
        service,
        finding("r1", family="f", indicator="info", suggestions=(create("A"),)),
        finding("r2", family="f", indicator="critical", suggestions=(create("B"),)),
    )
    assert (card["indicator"], card["summary"]) == ("critical", "Summary of r2 (+1 more)")
    assert [rule["id"] for rule in explanation(card)["rules"]] == ["r2", "r1"]
    assert [one["label"] for one in card["suggestions"]] == ["B", "A"]
    assert [link["url"].rpartition("/")[2] for link in card["links"]] == ["r2", "r1"]


def test_what_two_rules_of_a_card_propose_in_the_same_words_stands_once(service: Service) -> None:
    [card] = cards(
        service,
        finding("r1", family="f", suggestions=(create("Vitamin D"), create("DXA"))),
        finding("r2", family="f", suggestions=(create("vitamin D", recommended=True), create("Eye check"))),
    )
    assert [(one["label"], one.get("isRecommended", False)) for one in card["suggestions"]] == [
        ("Vitamin D", True),
        ("DXA", False),
        ("Eye check", False),
    ]


def test_a_finding_joins_the_card_of_the_first_named_rule_that_speaks(service: Service) -> None:
    found = cards(
        service,
        finding("host", indicator="warning"),
        finding("other", indicator="info"),
        finding("guest", indicator="info", joins=("absent", "host", "other")),
    )
    assert [[rule["id"] for rule in explanation(card)["rules"]] for card in found] == [["host", "guest"], ["other"]]


def test_a_joined_finding_may_yield_its_level(service: Service) -> None:
    host, guest = finding("host", indicator="info"), finding("guest", indicator="critical", joins=("host",))
    [raised] = cards(service, host, guest)
    [kept] = cards(service, host, replace(guest, yields=True))
    assert (raised["indicator"], kept["indicator"]) == ("critical", "info")


def test_of_equal_findings_one_that_yields_speaks_after_its_host(service: Service) -> None:
    guest, host = finding("guest", indicator="critical", joins=("host",)), finding("host", indicator="critical")
    [card] = cards(service, replace(guest, yields=True), host)
    assert card["summary"] == "Summary of host (+1 more)"
    assert [rule["id"] for rule in explanation(card)["rules"]] == ["host", "guest"]
    [emergency] = cards(service, guest, host)
    assert emergency["summary"] == "Summary of guest (+1 more)"


def _drug(label: str) -> Suggestion:
    """A proposal of duloxetine under some label."""
    code = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "72625", "display": "duloxetine"}], "text": label}
    return Suggestion(label, resource={"resourceType": "MedicationRequest", "medicationCodeableConcept": code}, concept="duloxetine")


def test_a_card_proposes_one_drug_once_whatever_its_findings_call_it(service: Service) -> None:
    [card] = cards(
        service,
        finding("r1", family="f", suggestions=(_drug("SNRI (duloxetine)"), create("A"))),
        finding("r2", family="f", suggestions=(_drug("Duloxetine"), create("A"), create("B"))),
    )
    assert [one["label"] for one in card["suggestions"]] == ["SNRI (duloxetine)", "A", "B"]


def test_a_card_does_not_propose_what_one_of_its_rules_withholds(service: Service) -> None:
    held = (Withheld("duloxetine", "r2", "liver tests missing"), Withheld("nortriptyline", "r3", "heart block"))
    proposes, holds = finding("r1", family="f", suggestions=(_drug("SNRI"), create("A"))), finding("r2", family="f", withheld=held)
    for pair in ((proposes, holds), (holds, proposes)):
        [card] = cards(service, *pair)
        assert [one["label"] for one in card["suggestions"]] == ["A"]
        assert [one["what"] for one in explanation(card)["withheld"]] == ["duloxetine", "nortriptyline"]
    apart = cards(service, replace(proposes, family=None), replace(holds, family=None))
    assert [one["label"] for one in apart[0]["suggestions"]] == ["SNRI", "A"]


def test_of_equal_warnings_on_one_card_an_emergency_speaks_first_and_then_what_rests_on_a_symptom(service: Service) -> None:
    yearly = finding("yearly", family="heart", suggestions=(create("Cardiology"),))
    today = replace(finding("today", family="heart"), because=(Because("finding:palpitations", "Condition/c1"),))
    [card] = cards(service, yearly, today)
    assert card["summary"] == "Summary of today (+1 more)"
    [card] = cards(service, yearly, today, replace(finding("now", family="heart"), emergency=True))
    assert card["summary"] == "Summary of now (+2 more)"
    [card] = cards(service, *(replace(one, indicator="info") for one in (yearly, today)))
    assert card["summary"] == "Summary of yearly (+1 more)"


def test_a_task_that_asks_for_less_than_another_on_the_card_is_left_out(service: Service) -> None:
    less, more = (Suggestion(f"Obtain or record: {', '.join(sorted(of))}", obtains=frozenset(of)) for of in ({"ECG"}, {"ECG", "eGFR"}))
    [card] = cards(service, finding("r1", family="f", suggestions=(less,)), finding("r2", family="f", suggestions=(more,)))
    assert [one["label"] for one in card["suggestions"]] == ["Obtain or record: ECG, eGFR"]
    apart = cards(service, finding("r1", suggestions=(less,)), finding("r2", suggestions=(more,)))
    assert [[one["label"] for one in card["suggestions"]] for card in apart] == [["Obtain or record: ECG"], ["Obtain or record: ECG, eGFR"]]


def test_without_its_host_a_finding_has_a_card_of_its_own(service: Service) -> None:
    asking = finding("host", asks=True, indicator="info")
    found = cards(service, asking, finding("guest", indicator="critical", joins=("host",), yields=True))
    assert [card["indicator"] for card in found] == ["critical", "info"]


def test_all_questions_become_one_card(service: Service) -> None:
    asked = [finding(f"r{number}", asks=True, indicator="info", family=f"f{number}") for number in range(3)]
    [card] = cards(service, *asked)
    assert card["summary"] == "3 questions whose answers decide: Summary of r0"
    assert [rule["id"] for rule in explanation(card)["rules"]] == ["r0", "r1", "r2"]


def test_more_cards_than_five_are_folded_into_one_that_names_them(service: Service) -> None:
    found = cards(service, *(finding(f"r{number}") for number in range(7)))
    assert len(found) == 5
    assert found[-1]["summary"] == "3 more recommendations for this patient"
    assert [rule["id"] for rule in explanation(found[-1])["rules"]] == ["r4", "r5", "r6"]
    for name in ("r4", "r5", "r6"):
        assert f"Summary of {name}" in found[-1]["detail"]


def test_the_card_that_names_the_rest_names_every_rule_of_a_family(service: Service) -> None:
    shown = [finding(f"r{number}") for number in range(5)]
    vaccine = finding("vaccine", family="care", indicator="info")
    found = cards(
        service, *shown, vaccine, finding("teach", family="care"), replace(finding("again", family="care"), summary="Summary of teach")
    )
    assert found[-1]["summary"] == "3 more recommendations for this patient"
    for name in ("r4", "teach", "vaccine"):
        assert found[-1]["detail"].count(f"Summary of {name}") == 1
    assert "- **info**: Summary of vaccine" in found[-1]["detail"]


def test_what_was_found_today_is_not_folded_behind_what_every_patient_of_the_disease_gets(service: Service) -> None:
    disease = (Because("diagnosis:oculopharyngeal", "Condition/c1"),)
    swallow = (*disease, Because("finding:dysphagia", "Condition/c2"))
    found = cards(service, *(finding(f"r{number}", because=disease) for number in range(6)), finding("swallow", because=swallow))
    assert found[0]["summary"] == "Summary of swallow"
    assert [rule["id"] for rule in explanation(found[-1])["rules"]] == ["r3", "r4", "r5"]


def test_exactly_five_cards_are_not_folded(service: Service) -> None:
    assert [card["summary"] for card in cards(service, *(finding(f"r{number}") for number in range(5)))][-1] == "Summary of r4"


def test_an_evaluation_may_ask_for_fewer_cards(service: Service) -> None:
    service.knowledge.answer = Evaluation(tuple(finding(f"r{number}") for number in range(4)), (), relevant=True, at_most=3)
    found = service.cards(request())
    assert [card["summary"] for card in found] == ["Summary of r0", "Summary of r1", "2 more recommendations for this patient"]
    service.knowledge.answer = Evaluation(tuple(finding(f"r{number}") for number in range(3)), (), relevant=True, at_most=3)
    assert len(service.cards(request())) == 3


def test_critical_cards_are_never_folded_away(service: Service) -> None:
    found = cards(service, *(finding(f"c{number}", indicator="critical") for number in range(8)), finding("w1"))
    assert [card["indicator"] for card in found] == ["critical"] * 8 + ["warning"]
    assert found[-1]["summary"] == "1 more recommendation for this patient"


def test_the_base_url_of_the_settings_stands_in_every_link(service: Service) -> None:
    [card] = cards(service, finding())
    assert all(link["url"].startswith("http://127.0.0.1:8000/") for link in card["links"])


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://evil.example/a.png)",
    "http://evil.example", "www.evil.example", "**bold** _under_ `code` ~~gone~~", "| a | b |\n|---|---|\n| 1 | 2 |",
    "# heading", "- list", "1. list", "> quote", "line\n\n# next", "\x00\x07\u202ereversed\u2066", "&lt;b&gt;", "\\<b>",
    "<!-- x -->", "[a]: http://evil",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_a_record_cannot_become_markup(service: Service, text: str) -> None:
    [card] = cards(
        service,
        finding(
            detail=("D",),
            because=(Because(f"diagnosis:{text}", f"Condition/{text}", text),),
            not_checked=(NotChecked(text, text),),
            withheld=(Withheld(text, "r", text),),
        ),
    )
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").parse(card["detail"])
    inline = [child.type for token in tokens for child in token.children or []]
    assert not {"html_inline", "link_open", "image", "em_open", "code_inline", "s_open"} & set(inline)
    assert not {"html_block", "table_open", "heading_open", "blockquote_open", "ordered_list_open", "fence", "code_block", "hr"} & {
        token.type for token in tokens
    }
    assert "http://" not in card["detail"].lower()
    assert "www." not in card["detail"].lower()
    assert not any(char in card["detail"] + card["summary"] for char in "\x00\x07\u202e\u2066")
    strong = [child.content for token in tokens for child in token.children or [] if child.type == "strong_open"]
    assert len(strong) == 4


@pytest.mark.parametrize("kind", ["budget", "deadline", "crash", "difference", "poisoned"])
def test_an_engine_error_is_a_visible_card_and_never_an_empty_answer(service: Service, kind: str) -> None:
    service.knowledge.answer = EngineError(kind, "text of the error", ("clause-1",))
    body = service.hook(request()).json()
    check_response(body)
    [card] = body["cards"]
    assert card["indicator"] == "warning"
    assert "could not check" in card["summary"]
    assert "text of the error" not in json.dumps(body)
    assert f'nmcds_engine_errors_total{{kind="{kind}"}} 1.0' in service.get("/metrics").body.decode()


def test_any_other_failure_of_the_rules_is_a_visible_card_too(service: Service) -> None:
    service.knowledge.answer = KeyError("Jane Doe")
    body = service.hook(request()).json()
    assert "could not check" in body["cards"][0]["summary"]
    assert "Jane" not in json.dumps(body)


def test_a_poisoned_engine_takes_readiness_down(service: Service) -> None:
    assert service.get("/readyz").status == 200
    service.knowledge.answer = EngineError("poisoned", "x")
    service.hook(request())
    answer = service.get("/readyz")
    assert (answer.status, answer.number) == (503, "NMCDS-203")


def test_every_card_of_two_calls_has_a_uuid_of_its_own(service: Service) -> None:
    service.knowledge.answer = Evaluation((finding(),), (), relevant=True)
    assert service.cards(request())[0]["uuid"] != service.cards(request())[0]["uuid"]


def test_a_large_call_is_answered_as_a_small_one(service: Service) -> None:
    many = bundle(*(condition(f"c{number}") for number in range(300)))
    service.knowledge.answer = lambda seen: Evaluation((finding(summary=f"{len(seen)} resources"),), (), relevant=True)
    assert service.cards(request(prefetch={**request()["prefetch"], "conditions": many}))[0]["summary"] == "301 resources"


def test_rule_versions_differ_in_a_merged_card(service: Service) -> None:
    [card] = cards(service, finding("a", family="f", rule=RuleRef("a", "1.0.0")), finding("b", family="f", rule=RuleRef("b", "2.1.0")))
    assert explanation(card)["rules"] == [{"id": "a", "version": "1.0.0"}, {"id": "b", "version": "2.1.0"}]


def test_what_several_rules_of_a_card_propose_in_the_same_words_is_proposed_once(service: Service) -> None:
    def proposing(name: str, *suggestions: Suggestion) -> Finding:
        return finding(name, family="one-family", suggestions=suggestions)

    draft = {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal"}
    one = proposing(
        "rule-a", Suggestion("Vitamin D", resource=draft, concept="vitamin-d"), Suggestion("Calcium", resource=draft, concept="calcium")
    )
    two = proposing("rule-b", Suggestion("vitamin D", resource=draft, concept="vitamin-d", recommended=True))
    service.knowledge.answer = Evaluation((one, two), (), relevant=True)
    [card] = service.cards(request(prefetch=COMPLETE))
    assert [(told["label"], told.get("isRecommended")) for told in card["suggestions"]] == [("Vitamin D", True), ("Calcium", None)]
