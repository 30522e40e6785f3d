"""POST /suppressed and /suppressed/lift: what a user dismissed for a patient can be seen and let through again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.findings import Evaluation
from tests.support.doubles import FakeKnowledge, finding, request
from tests.support.service import Service, running

FEEDBACK = "/cds-services/neuromuscular-patient-view/feedback"
WHO = {"patientId": "p1", "userId": "Practitioner/CANARY-dr"}


@pytest.fixture
def dismissed(tmp_path: Path) -> Iterator[Service]:
    """A service with one dismissed card that was held back twice."""
    with running(tmp_path, FakeKnowledge(Evaluation((finding(),), (), relevant=True))) as service:
        [card] = service.cards(request())
        service.parts.writer.flush()
        reason = {"reason": {"code": "other-indication", "system": "urn:x-neuromuscular-cds:override-reason"}}
        report = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-22T09:30:00Z", "overrideReason": reason}
        assert service.post(FEEDBACK, {"feedback": [report]}).status == 200
        for _ in range(2):
            assert service.cards(request()) == []
        service.parts.writer.flush()
        yield service


def entries(service: Service, **changes: str) -> list[dict[str, Any]]:
    answer = service.post("/suppressed", {**WHO, **changes})
    assert answer.status == 200
    found: list[dict[str, Any]] = answer.json()["suppressed"]
    return found


def test_what_is_held_back_is_told_with_rule_reason_and_how_often(dismissed: Service) -> None:
    [entry] = entries(dismissed)
    assert len(entry.pop("card")) == 64
    assert entry == {
        "rules": [{"id": "test-rule", "version": "1.0.0"}],
        "indicator": "warning",
        "dismissed": "2026-11-22T09:30:00.000000Z",
        "until": "2027-02-20T09:30:00.000000Z",
        "heldBack": 2,
        "lastHeldBack": "2026-11-22T09:30:00.000000Z",
        "reason": {"code": "other-indication", "system": "urn:x-neuromuscular-cds:override-reason"},
    }
    assert entries(dismissed, patientId="Patient/p1") != []


def test_another_patient_or_user_has_nothing(dismissed: Service) -> None:
    assert entries(dismissed, patientId="p2") == []
    assert entries(dismissed, userId="Practitioner/other") == []


def test_what_is_let_through_comes_again_and_is_not_listed(dismissed: Service) -> None:
    [entry] = entries(dismissed)
    lifted = dismissed.post("/suppressed/lift", {**WHO, "card": entry["card"]})
    assert (lifted.status, lifted.json()) == (200, {"lifted": True})
    assert len(dismissed.cards(request())) == 1
    assert entries(dismissed) == []
    assert dismissed.post("/suppressed/lift", {**WHO, "card": entry["card"]}).number == "NMCDS-107"


@pytest.mark.parametrize("body", [{}, [], {"patientId": "p1"}, {**WHO, "patientId": "a b"}, {**WHO, "userId": ""}])
def test_a_wrong_body_is_refused(dismissed: Service, body: object) -> None:
    assert dismissed.post("/suppressed", body).number == "NMCDS-104"


def test_letting_through_needs_the_id_of_an_entry(dismissed: Service) -> None:
    assert dismissed.post("/suppressed/lift", {**WHO, "card": "x"}).number == "NMCDS-104"
    assert dismissed.post("/suppressed/lift", {**WHO, "card": "0" * 64}).number == "NMCDS-107"


def test_who_may_not_call_learns_nothing(dismissed: Service) -> None:
    for path in ("/suppressed", "/suppressed/lift"):
        assert dismissed.post(path, WHO, {"host": "evil.example"}).number == "NMCDS-109"


def test_without_storage_it_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "missing") as service:
        assert service.post("/suppressed", WHO).number == "NMCDS-202"
