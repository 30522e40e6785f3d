from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_hooks.store.tables import audit
from rules.findings import Because, Evaluation, Indicator, RuleRef
from tests.support.doubles import NOW, FakeKnowledge, finding, request
from tests.support.service import Service, running

FEEDBACK = "/cds-services/neuromuscular-patient-view/feedback"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def knowledge(indicator: Indicator = "warning", **changes: Any) -> FakeKnowledge:  # noqa: ANN401 - any JSON member
    return FakeKnowledge(Evaluation((finding(indicator=indicator, **changes),), (), relevant=True))


def shown(service: Service, **changes: Any) -> int:  # noqa: ANN401 - any JSON member
    found = len(service.cards(request(**changes)))
    service.parts.writer.flush()
    return found


def dismiss(service: Service, outcome: str = "overridden", **changes: Any) -> None:  # noqa: ANN401 - any JSON member
    [card] = service.cards(request(**changes))
    service.parts.writer.flush()
    more = {"acceptedSuggestions": [{"id": card["uuid"]}]} if outcome == "accepted" else {}
    report = {"card": card["uuid"], "outcome": outcome, "outcomeTimestamp": "2026-11-22T10:00:00Z", **more}
    assert service.post(FEEDBACK, {"feedback": [report]}).status == 200


def test_by_default_a_dismissed_card_comes_again(tmp_path: Path) -> None:
    with running(tmp_path, knowledge()) as service:
        dismiss(service)
        assert shown(service) == 1


def test_with_the_setting_a_dismissed_card_stays_away_until_its_days_are_over(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, knowledge(), clock=clock, suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 0
        clock.now += timedelta(days=29)
        assert shown(service) == 0
        clock.now += timedelta(days=2)
        assert shown(service) == 1


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    with running(tmp_path, knowledge(), suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 0
        assert "nmcds_suppressed_cards_total 1.0" in service.get("/metrics").body.decode()
        with service.parts.database.reading() as connection:
            assert list(connection.execute(select(audit.c.suppressed).order_by(audit.c.id)).scalars()) == [0, 1]


def test_a_critical_card_always_comes(tmp_path: Path) -> None:
    with running(tmp_path, knowledge("critical"), suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 1


def test_another_user_still_sees_it(tmp_path: Path) -> None:
    with running(tmp_path, knowledge(), suppression_days=30) as service:
        dismiss(service)
        assert shown(service, context={"userId": "Practitioner/other"}) == 1


def test_an_accepted_card_comes_again(tmp_path: Path) -> None:
    with running(tmp_path, knowledge(), suppression_days=30) as service:
        dismiss(service, "accepted")
        assert shown(service) == 1


@pytest.mark.parametrize(
    "changed",
    [
        knowledge(rule=RuleRef("test-rule", "1.0.1")),
        knowledge(because=(Because("diagnosis:some-disease", "Condition/c1", "2025-01-01"),)),
        knowledge(because=(Because("diagnosis:some-disease", "Condition/c1", "2024-05-02"), Because("lab:x"))),
        knowledge("info"),
    ],
)
def test_a_new_version_urgency_or_fact_makes_it_another_card(tmp_path: Path, changed: FakeKnowledge) -> None:
    with running(tmp_path, knowledge(), suppression_days=30) as service:
        dismiss(service)
        service.knowledge.answer = changed.answer
        assert shown(service) == 1


def test_without_storage_every_card_comes(tmp_path: Path) -> None:
    with running(tmp_path / "missing", knowledge(), suppression_days=30) as service:
        assert shown(service) == 1


def test_another_patient_is_not_affected(tmp_path: Path) -> None:
    with running(tmp_path, knowledge(), suppression_days=30) as service:
        dismiss(service)
        prefetch = {"patient": {"resourceType": "Patient", "id": "p2"}, "conditions": None}
        assert shown(service, context={"patientId": "p2"}, prefetch=prefetch) == 1
