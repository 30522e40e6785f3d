"""The demo EHR over HTTP: charts, pasted bundles, drafts and shown answers."""

from __future__ import annotations

import json

import pytest

from cds_hooks.pages.graph import HEIGHT, WIDTH, graph
from cds_hooks.pages.people import OTHERS, SILENT, groups
from cds_hooks.pages.why import WhyNode
from fhir_fixtures import PatientFixture, patient, patients
from rules.knowledge import Knowledge
from tests.pages.conftest import Site, session_of, text_of

EVERYBODY = patients()
each_patient = pytest.mark.parametrize("fixture", EVERYBODY, ids=lambda one: one.name)
NO_CARDS = "No cards: looked and found nothing."


def test_the_first_page_lists_every_invented_patient(site: Site) -> None:
    page = site.page("/")
    for fixture in EVERYBODY:
        assert f'href="/?patient={fixture.name}"' in page
        assert " ".join(fixture.who.split()) in text_of(page)


def test_patients_are_grouped_by_disease_and_those_without_one_come_last(site: Site) -> None:
    page = site.page("/")
    place = {name: page.rindex(f'patient={name}"') for name in ("mg_crisis", "als_new", "healthy_adult")}
    assert place["mg_crisis"] < place["healthy_adult"]
    assert page.rindex(f"<h3>{SILENT}</h3>") < place["healthy_adult"]
    assert "<h3>Neuromuscular junction disorders</h3>" in page


@each_patient
def test_each_patient_opens_and_the_service_speaks_when_the_fixture_promises_it(one_site: Site, fixture: PatientFixture) -> None:
    session = session_of(one_site.page(f"/?patient={fixture.name}"))
    answer = one_site.ask(session, "patient-view")
    assert answer.status == 200
    promise = fixture.hooks.get("patient-view")
    if promise is not None:
        assert bool(answer.json()["cards"]) is not promise.silent


def test_a_chart_shows_problems_medicines_results_and_the_day_moved_to_today(site: Site) -> None:
    page = text_of(site.page("/?patient=pdn_heart_block"))
    for said in (
        "Johansson, Lars",
        "61 years · male",
        "Second-degree atrioventricular block",
        "Metformin",
        "Body weight 88 kg",
        "Timeline",
    ):
        assert said in page
    session = session_of(site.page("/?patient=pdn_heart_block"))
    assert [one["resourceType"] for one in session["drafts"]] == ["MedicationRequest"]


def test_a_request_of_the_page_holds_what_discovery_asks_for_and_no_more(site: Site) -> None:
    asked = {one["hook"]: set(one["prefetch"]) for one in site.get("/cds-services").json()["services"]}
    session = session_of(site.page("/?patient=als_new"))
    assert {hook: set(one["keys"]) for hook, one in session["services"].items()} == asked
    assert set().union(*asked.values()) == set(session["prefetch"])


def test_an_unknown_patient_is_not_found_and_the_list_is_still_there(site: Site) -> None:
    answer = site.get("/?patient=nobody")
    assert answer.status == 404
    assert "There is no invented patient of that name" in answer.body.decode()
    assert "patient=als_new" in answer.body.decode()


def test_a_pasted_bundle_opens_as_a_chart(site: Site) -> None:
    answer = site.paste(json.dumps(patient("mg_musk").bundle))
    assert answer.status == 200
    session = session_of(answer.body.decode())
    assert session["patient"] == patient("mg_musk").patient_id
    assert len(session["drafts"]) == 1
    assert site.ask(session, "patient-view").status == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "not valid JSON at line 1"),
        ('{"resourceType":"Bundle","type":"collection"}', "found 0 Patient resources, expected one"),
        ('{"resourceType":"Bundle","entry":7}', "expected an array"),
        ("[]", "expected an object"),
        ("", "not valid JSON"),
    ],
)
def test_a_bundle_that_cannot_be_read_is_named_with_the_reason(site: Site, text: str, said: str) -> None:
    answer = site.paste(text)
    assert answer.status == 400
    assert said in text_of(answer.body.decode())


def test_another_site_cannot_paste_a_bundle(site: Site) -> None:
    assert site.paste("{}", {"sec-fetch-site": "cross-site"}).number == "NMCDS-104"


def test_a_pasted_bundle_without_ids_gets_them_where_a_hook_needs_them(site: Site) -> None:
    order = {"resourceType": "MedicationRequest", "status": "draft", "intent": "order", "subject": {"reference": "Patient/p"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in ({"resourceType": "Patient"}, order)]}
    session = session_of(site.paste(json.dumps(bundle)).body.decode())
    assert (session["patient"], session["drafts"][0]["id"]) == ("pasted", "pasted-1")


def test_a_draft_order_carries_the_official_code_the_patient_and_the_route(site: Site) -> None:
    order = site.get("/demo/draft?kind=MedicationRequest&concept=prednisone&route=oral&patient=p1").json()
    assert order["medicationCodeableConcept"]["coding"][0]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert (order["status"], order["intent"], order["subject"]) == ("draft", "order", {"reference": "Patient/p1"})
    assert order["dosageInstruction"][0]["route"]["coding"][0]["code"] == "26643006"


def test_referrals_problems_and_appointments_can_be_written_too(site: Site) -> None:
    for kind, concept in (("ServiceRequest", "referral-neurology"), ("Condition", "als"), ("Appointment", "cardiology")):
        assert site.get(f"/demo/draft?kind={kind}&concept={concept}&patient=p1").json()["resourceType"] == kind


@pytest.mark.parametrize("asked", ["kind=Patient&concept=prednisone", "kind=MedicationRequest&concept=als", "kind=MedicationRequest", ""])
def test_what_is_not_on_the_lists_cannot_be_written(site: Site, asked: str) -> None:
    assert site.get(f"/demo/draft?{asked}").number == "NMCDS-107"


def shown(site: Site, name: str, hook: str = "patient-view") -> str:
    session = session_of(site.page(f"/?patient={name}"))
    answer = site.ask(session, hook)
    service = session["services"][hook]
    context = {"userId": "Practitioner/1", "patientId": session["patient"], "encounterId": "e1"}
    request = {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context}
    request["prefetch"] = {key: session["prefetch"][key] for key in service["keys"]}
    part = site.post("/demo/cards", {"request": request, "status": answer.status, "answer": answer.json()})
    assert part.status == 200, part.body
    return part.body.decode()


def test_a_card_is_shown_with_its_level_suggestions_reasons_links_and_why(site: Site) -> None:
    part = shown(site, "mg_generalised_new")
    said = text_of(part)
    for text in (
        "Information · Immunosuppressive pathway",
        "Accept: Pyridostigmine",
        "none given",
        "Why this card",
        "Source: Neuromuscular CDS",
    ):
        assert text in said
    assert 'href="/rules/mg-gen-first-line"' in part
    assert "<svg" in part
    assert "Condition/mg-generalised-new-c1" in said


def test_an_empty_answer_says_that_it_looked(site: Site) -> None:
    assert NO_CARDS in text_of(shown(site, "healthy_adult"))


def test_an_error_is_shown_as_an_error_and_never_as_no_cards(site: Site) -> None:
    request = {"hook": "patient-view"}
    refused = site.post("/cds-services/neuromuscular-patient-view", request)
    assert refused.status == 400
    part = site.post("/demo/cards", {"request": request, "status": 400, "answer": refused.json()}).body.decode()
    assert 'role="alert"' in part
    assert "HTTP 400" in part
    assert NO_CARDS not in part


def test_cards_come_even_when_the_request_beside_them_was_none(site: Site) -> None:
    body = {"request": {"hook": "patient-view"}, "status": 200, "answer": {"cards": []}}
    assert site.post("/demo/cards", body).number == "NMCDS-104"
    assert site.post("/demo/cards", {"request": {"hook": "none"}, "status": 200, "answer": {}}).number == "NMCDS-106"
    assert site.post("/demo/cards", []).number == "NMCDS-104"


def test_a_patient_stands_in_the_group_of_the_disease_or_of_what_is_said_instead(knowledge: Knowledge) -> None:
    found = {one.name: group.label for group in groups(patients(), knowledge.terminology) for one in group.people}
    assert found["mg_crisis"] == "Neuromuscular junction disorders"
    assert found["fatigable_ptosis"] == "Symptom-only entry (no disease asserted)"
    assert found["healthy_adult"] == SILENT
    assert found["cord_compression"] == OTHERS  # she gets an emergency card, so nobody may read that she gets none


def test_a_fact_that_two_rules_read_stands_once_in_the_picture_with_a_line_to_each() -> None:
    fact, other = WhyNode("fact", "diagnosis: myasthenia", "Condition/1"), WhyNode("fact", "medicine: prednisone", "MedicationRequest/1")
    lower = WhyNode("rule", "Generalised", "concludes generalised", after=(fact,))
    found = graph([WhyNode("rule", "First line", "fires", after=(fact, lower)), WhyNode("rule", "Bone", "fires", after=(other,))], "A card")
    assert found is not None
    assert sorted(box.lines[0] for box in found.boxes) == [
        "A card", "Bone", "First line", "Generalised", "diagnosis: myasthenia", "medicine: prednisone"
    ]  # fmt: skip
    assert len(found.lines) == 6
    assert all(line.x1 < line.x2 for line in found.lines)
    assert all(box.x + WIDTH <= found.width and box.y + HEIGHT <= found.height for box in found.boxes)
    assert len({(box.x, box.y) for box in found.boxes}) == 6


def test_a_chain_too_large_to_draw_is_told_as_a_list_only() -> None:
    assert graph([], "A card") is None
    assert graph([WhyNode("rule", "r", "", after=tuple(WhyNode("fact", str(one), "") for one in range(60)))], "A card") is None


def test_the_why_says_the_measured_value(site: Site) -> None:
    assert "result: Forced vital capacity (volume) 1.11 L (" in text_of(shown(site, "mg_crisis"))
