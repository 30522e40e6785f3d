"""Proposed drafts carry a date where the rule says when, and a priority where it says how soon."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

import rules
from rules.proposals import draft_resource
from rules.terminology import Terminology
from tests.support.spoken import on_reference

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DUE = {"start": "2026-11-22", "end": "2027-01-21"}


@cache
def terminology() -> Terminology:
    """The shipped code lists."""
    return Terminology.load(Path(rules.__file__).parent / "codes")


@pytest.mark.parametrize(
    ("kind", "element", "value"), [("Appointment", "requestedPeriod", [DUE]), ("ServiceRequest", "occurrencePeriod", DUE)]
)
def test_a_due_proposal_has_its_period_and_validates(kind: str, element: str, value: object) -> None:
    template = {"resourceType": kind, "text": "review", "due": ["0 days", "60 days"]}
    draft = draft_resource(template, "Review", "Patient/p1", terminology(), NOON)
    assert draft[element] == value
    get_fhir_model_class(kind).model_validate(draft)


def test_without_due_there_is_no_period() -> None:
    draft = draft_resource({"resourceType": "Appointment", "text": "review"}, "Review", "Patient/p1", terminology(), NOON)
    assert "requestedPeriod" not in draft


@pytest.mark.parametrize("priority", ["urgent", "asap", "stat"])
def test_a_service_that_cannot_wait_says_how_soon_and_validates(priority: str) -> None:
    template = {"resourceType": "ServiceRequest", "concept": "spine-mri", "text": "emergency MRI spine", "priority": priority}
    draft = draft_resource(template, "Emergency MRI spine", "Patient/p1", terminology(), NOON)
    assert draft["priority"] == priority
    get_fhir_model_class("ServiceRequest").model_validate(draft)


def test_without_a_priority_a_service_has_none() -> None:
    assert "priority" not in draft_resource(
        {"resourceType": "ServiceRequest", "text": "review"}, "Review", "Patient/p1", terminology(), NOON
    )


def test_every_service_that_a_rule_calls_urgent_or_an_emergency_is_proposed_as_such() -> None:
    """Accepted without a priority it would be a routine order, which does not even silence the card that proposed it."""
    wrong = []
    for rule in on_reference().rules:
        for proposal in rule.card.proposals if rule.card else ():
            text = str(proposal.resource.get("text", "")).lower()
            wanted = "stat" if "emergency" in text or text.endswith(" now") else "urgent" if "urgent" in text else None
            if wanted and proposal.resource.get("resourceType") == "ServiceRequest" and proposal.resource.get("priority") != wanted:
                wrong.append((rule.id, text))
    assert wrong == []
