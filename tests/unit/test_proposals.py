"""Proposed drafts carry a date where the rule says when."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

import rules
from rules.proposals import draft_resource
from rules.terminology import Terminology

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
