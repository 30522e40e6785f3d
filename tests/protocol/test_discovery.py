from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds_hooks.discovery import PATIENT_SCOPED, prefetch_key
from cds_hooks.envelope import HOOKS
from tests.support.doubles import FakeKnowledge
from tests.support.service import Service, running

TEXT_MEMBERS = ("hook", "title", "description", "id", "usageRequirements", "version")
KNOWN = {*TEXT_MEMBERS, "prefetch"}


def described(service: Service) -> dict[str, dict[str, object]]:
    return {one["id"]: one for one in service.get("/cds-services").json()["services"]}


def test_discovery_is_an_object_with_an_array_of_services(service: Service) -> None:
    answer = service.get("/cds-services")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["services"]


def test_there_is_one_service_for_each_of_the_seven_hooks(service: Service) -> None:
    assert [(one["id"], one["hook"]) for one in described(service).values()] == [(f"neuromuscular-{hook}", hook) for hook in HOOKS]
    assert len(HOOKS) == 7


@pytest.mark.parametrize("hook", HOOKS)
def test_a_service_has_the_required_members_and_nothing_empty_or_unknown(service: Service, hook: str) -> None:
    one = described(service)[f"neuromuscular-{hook}"]
    assert set(one) == KNOWN
    for member in TEXT_MEMBERS:
        value = one[member]
        assert isinstance(value, str)
        assert value.strip() == value != ""


def test_the_version_is_that_of_the_specification_as_semantic_version(service: Service) -> None:
    assert {one["version"] for one in described(service).values()} == {"2.0.1"}


def test_prefetch_templates_follow_what_the_loaded_rules_read(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(types=("Condition", "FamilyMemberHistory", "Patient"))) as service:
        assert described(service)["neuromuscular-patient-view"]["prefetch"] == {
            "patient": "Patient/{{context.patientId}}",
            "conditions": "Condition?patient={{context.patientId}}",
            "familyMemberHistories": "FamilyMemberHistory?patient={{context.patientId}}",
        }


def test_patient_and_conditions_are_asked_for_whatever_the_rules_read(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(types=())) as service:
        assert list(described(service)["neuromuscular-order-sign"]["prefetch"]) == ["patient", "conditions"]  # type: ignore[call-overload]


def test_a_type_without_a_patient_search_parameter_has_no_template(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(types=("Condition", "Medication", "Patient"))) as service:
        assert "Medication" not in str(described(service)["neuromuscular-patient-view"]["prefetch"])


def test_templates_use_reads_and_patient_searches_only(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(types=tuple(sorted(PATIENT_SCOPED)))) as service:
        templates = described(service)["neuromuscular-patient-view"]["prefetch"]
        assert isinstance(templates, dict)
        assert len(templates) == len(PATIENT_SCOPED) + 1
        for key, template in templates.items():
            assert re.fullmatch(r"[a-z][A-Za-z]+", key)
            assert re.fullmatch(r"Patient/\{\{context\.patientId\}\}|[A-Z][A-Za-z]+\?patient=\{\{context\.patientId\}\}", template)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Patient", "patient"), ("Condition", "conditions"), ("AllergyIntolerance", "allergyIntolerances"),
        ("FamilyMemberHistory", "familyMemberHistories"), ("ImagingStudy", "imagingStudies"), ("Device", "devices"),
    ],
)  # fmt: skip
def test_prefetch_keys_are_plain_plurals(kind: str, key: str) -> None:
    assert prefetch_key(kind) == key


def test_discovery_answers_get_only(service: Service) -> None:
    answer = service.post("/cds-services", {})
    assert (answer.status, answer.number) == (405, "NMCDS-108")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_the_openapi_document_describes_the_three_endpoints(service: Service) -> None:
    paths = service.get("/openapi.json").json()["paths"]
    assert {"/cds-services", "/cds-services/{service_id}", "/cds-services/{service_id}/feedback"} <= set(paths)


def test_docs_can_be_turned_off(tmp_path: Path) -> None:
    with running(tmp_path, docs=False) as service:
        assert service.get("/docs").status == 404
        assert service.get("/openapi.json").status == 404
