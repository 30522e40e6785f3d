from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_hooks.store.feedback import Outcome, save
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import audit
from cds_hooks.suppression import Whose
from rules import site
from rules.dismissal import Period, periods
from rules.findings import Because, Evaluation, Indicator, RuleRef
from rules.load import load_dismissal, load_rules, load_sources
from rules.terminology import Terminology
from tests.support.conformance import check_response
from tests.support.doubles import NOW, FakeKnowledge, finding, request, unchecked
from tests.support.service import Service, running

CODES = Path(site.__file__).parent / "codes"
PATHWAYS = CODES.parent / "pathways"
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


def dismiss(
    service: Service,
    outcome: str = "overridden",
    reason: str = "",
    at: datetime | None = None,
    **changes: Any,  # noqa: ANN401 - any JSON member
) -> None:
    [card] = service.cards(request(**changes))
    service.parts.writer.flush()
    more: dict[str, Any] = {"acceptedSuggestions": [{"id": card["uuid"]}]} if outcome == "accepted" else {}
    if reason:
        more = {"overrideReason": {"reason": {"code": reason, "system": "urn:x-neuromuscular-cds:override-reason"}}}
    report = {"card": card["uuid"], "outcome": outcome, "outcomeTimestamp": moment(at or service.parts.suppression.clock()), **more}
    assert service.post(FEEDBACK, {"feedback": [report]}).status == 200


def test_by_default_a_dismissed_card_stays_away_for_90_days(tmp_path: Path, store_url: str) -> None:
    clock = Clock()
    with running(tmp_path, database_url=store_url, knowledge=knowledge(), clock=clock) as service:
        dismiss(service)
        clock.now += timedelta(days=89)
        assert shown(service) == 0
        clock.now += timedelta(days=2)
        assert shown(service) == 1


def test_with_0_days_a_dismissed_card_comes_again(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge(), suppression_days=0) as service:
        dismiss(service)
        assert shown(service) == 1


def test_with_the_setting_a_dismissed_card_stays_away_until_its_days_are_over(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, knowledge=knowledge(), clock=clock, suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 0
        clock.now += timedelta(days=29)
        assert shown(service) == 0
        clock.now += timedelta(days=2)
        assert shown(service) == 1


def test_what_is_left_out_is_counted(tmp_path: Path, store_url: str) -> None:
    with running(tmp_path, database_url=store_url, knowledge=knowledge(), suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 0
        assert "nmcds_suppressed_cards_total 1.0" in service.get("/metrics").body.decode()
        with service.parts.database.reading() as connection:
            assert list(connection.execute(select(audit.c.suppressed).order_by(audit.c.id)).scalars()) == [0, 1]


def test_a_critical_card_always_comes(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge("critical"), suppression_days=30) as service:
        dismiss(service)
        assert shown(service) == 1


def test_another_user_still_sees_it(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge(), suppression_days=30) as service:
        dismiss(service)
        assert shown(service, context={"userId": "Practitioner/other"}) == 1


def test_an_accepted_card_comes_again(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge(), suppression_days=30) as service:
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
    with running(tmp_path, knowledge=knowledge(), suppression_days=30) as service:
        dismiss(service)
        service.knowledge.answer = changed.answer
        assert shown(service) == 1


def test_without_storage_every_card_comes(tmp_path: Path) -> None:
    with running(tmp_path / "missing", knowledge(), suppression_days=30) as service:
        assert shown(service) == 1


def test_another_patient_is_not_affected(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge(), suppression_days=30) as service:
        dismiss(service)
        prefetch = {"patient": {"resourceType": "Patient", "id": "p2"}, "conditions": None}
        assert shown(service, context={"patientId": "p2"}, prefetch=prefetch) == 1


def test_the_period_of_a_rule_counts_before_the_setting_and_only_for_its_reasons(tmp_path: Path, store_url: str) -> None:
    clock = Clock()
    double = knowledge()
    double.waits = {"test-rule": (Period(180, ("Other indication",)),)}
    with running(tmp_path, database_url=store_url, knowledge=double, clock=clock) as service:
        dismiss(service)
        clock.now += timedelta(days=91)
        assert shown(service) == 1  # no reason was given: the setting counts
        dismiss(service, reason="other-indication")
        clock.now += timedelta(days=179)
        assert shown(service) == 0
        clock.now += timedelta(days=2)
        assert shown(service) == 1


def test_a_rule_may_say_never(tmp_path: Path) -> None:
    double = knowledge()
    double.waits = {"test-rule": (Period(0),)}
    with running(tmp_path, knowledge=double) as service:
        dismiss(service)
        assert shown(service) == 1


def test_a_card_of_two_rules_waits_for_the_shorter_period(tmp_path: Path) -> None:
    clock = Clock()
    both = (finding("one", family="f"), finding("two", family="f"))
    double = FakeKnowledge(Evaluation(both, (), relevant=True), waits={"one": (Period(10),)})
    with running(tmp_path, knowledge=double, clock=clock) as service:
        dismiss(service)
        clock.now += timedelta(days=9)
        assert shown(service) == 0
        clock.now += timedelta(days=2)
        assert shown(service) == 1


def test_the_last_word_counts_accepted_after_dismissed_comes_again(tmp_path: Path, store_url: str) -> None:
    clock = Clock()
    with running(tmp_path, database_url=store_url, knowledge=knowledge(), clock=clock) as service:
        [card] = service.cards(request())
        service.parts.writer.flush()
        for outcome in ("overridden", "accepted"):
            clock.now += timedelta(hours=1)
            accepted = [{"id": card["uuid"]}]
            report = {"card": card["uuid"], "outcome": outcome, "acceptedSuggestions": accepted, "outcomeTimestamp": moment(clock.now)}
            assert service.post(FEEDBACK, {"feedback": [report]}).status == 200
            assert shown(service) == (outcome == "accepted")


def test_a_clock_that_is_wrong_makes_no_card_stay_away_longer(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, knowledge=knowledge(), clock=clock, suppression_days=30) as service:
        dismiss(service, at=clock.now + timedelta(days=300))
        clock.now += timedelta(days=31)
        assert shown(service) == 1


def test_the_same_ids_of_another_calling_system_are_other_people(tmp_path: Path, store_url: str) -> None:
    with running(tmp_path, database_url=store_url, knowledge=knowledge()) as service:
        dismiss(service)
        suppression = service.parts.suppression
        assert len(suppression.in_force(Whose("open", "p1", "Practitioner/CANARY-dr")).held) == 1
        assert suppression.in_force(Whose("another", "p1", "Practitioner/CANARY-dr")).held == {}


def test_feedback_of_another_calling_system_dismisses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, knowledge=knowledge()) as service:
        [card] = service.cards(request())
        service.parts.writer.flush()
        outcome = Outcome(card["uuid"], "overridden", moment(NOW))
        save(service.parts.database, [outcome], service="neuromuscular-patient-view", caller="another", received=NOW)
        assert shown(service) == 1


def test_the_answer_says_to_programs_that_something_was_held_back(tmp_path: Path) -> None:
    with running(tmp_path, knowledge()) as service:
        dismiss(service)
        answer = service.hook(request()).json()
        assert answer == {"cards": [], "extension": {"io.github.neuromuscular-cds.suppressed": {"cards": 1}}}
        check_response(answer)
        service.knowledge.answer = Evaluation((), (), relevant=False)
        assert service.hook(request()).json() == {"cards": []}


def gaps(card: dict[str, Any]) -> list[str]:
    explanation = card["extension"]["io.github.neuromuscular-cds.explanation"]
    return [one["what"] for one in explanation.get("notChecked", [])]


def test_what_could_not_be_checked_stays_when_the_card_that_told_it_goes(tmp_path: Path) -> None:
    several = tuple(finding(f"rule-{number}") for number in range(3))
    with running(tmp_path, FakeKnowledge(Evaluation(several, (unchecked("lab:x"),), relevant=True))) as service:
        cards = service.cards(request())
        service.parts.writer.flush()
        assert [gaps(card) for card in cards] == [[], [], ["lab:x"]]
        report = {"card": cards[-1]["uuid"], "outcome": "overridden", "outcomeTimestamp": moment(NOW)}
        service.post(FEEDBACK, {"feedback": [report]})
        assert [gaps(card) for card in service.cards(request())] == [[], ["lab:x"]]


def test_a_gap_that_no_dismissed_card_had_told_brings_the_last_card_back(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(Evaluation((finding(),), (unchecked("lab:x"),), relevant=True))) as service:
        dismiss(service)
        assert shown(service) == 0  # card and gap were seen and dismissed together
        service.knowledge.answer = Evaluation((finding(),), (unchecked("lab:x"), unchecked("MedicationRequest")), relevant=True)
        assert [gaps(card) for card in service.cards(request())] == [["lab:x", "MedicationRequest"]]


def test_a_list_of_what_did_not_fit_can_be_dismissed_too_and_its_gaps_move(tmp_path: Path) -> None:
    several = tuple(finding(f"rule-{number}") for number in range(4))
    with running(tmp_path, FakeKnowledge(Evaluation(several, (unchecked("lab:x"),), relevant=True)), max_cards=3) as service:
        *_, listed = service.cards(request())
        service.parts.writer.flush()
        report = {"card": listed["uuid"], "outcome": "overridden", "outcomeTimestamp": moment(NOW)}
        service.post(FEEDBACK, {"feedback": [report]})
        answer = service.hook(request()).json()
        assert [gaps(card) for card in answer["cards"]] == [[], ["lab:x"]]
        assert answer["extension"]["io.github.neuromuscular-cds.suppressed"] == {"cards": 2}


def test_hashes_are_stored_not_names(tmp_path: Path) -> None:
    who = {"patientId": "CANARY-patient", "userId": "Practitioner/CANARY-user"}
    prefetch = {"patient": {"resourceType": "Patient", "id": "CANARY-patient"}, "conditions": None}
    with running(tmp_path, knowledge(because=(Because("diagnosis:some-disease", "Condition/CANARY", "2024-05-02"),))) as service:
        dismiss(service, context=who, prefetch=prefetch)
        assert shown(service, context=who, prefetch=prefetch) == 0
    assert not [path for path in tmp_path.iterdir() if b"CANARY" in path.read_bytes()]


def test_the_periods_of_the_rules_fit_rules_that_exist_and_reasons_that_they_offer() -> None:
    every = load_rules(PATHWAYS, Terminology.load(CODES), site.Site.load(), frozenset(load_sources(CODES))).rules
    found, problems = periods(load_dismissal(), every)
    assert problems == ()
    offered = {rule.id: set(rule.card.override_reasons) if rule.card else set() for rule in every}
    assert found["sys-refuted-or-family-only"][0] == Period(365)
    assert [name for name in ("analg-snri-bp-bleed-sodium",) if not set(found[name][0].reasons) <= offered[name]] == []
    assert found["em-rhabdo"][0] == Period(0)
