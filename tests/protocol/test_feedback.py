from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_hooks.store.tables import card_shown, feedback
from rules.findings import Evaluation
from tests.support.doubles import FakeKnowledge, create, finding, request
from tests.support.service import Service, running

URL = "/cds-services/neuromuscular-patient-view/feedback"
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUGGESTION = "e56e1945-20b3-4393-8503-a1a20fd73152"


def accepted(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON member
    body = {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": SUGGESTION}], "outcomeTimestamp": "2026-11-22T10:05:31Z"}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def overridden(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON member
    return {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:05:31Z", **changes}


def rows(service: Service) -> list[dict[str, Any]]:
    with service.parts.database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(select(feedback).order_by(feedback.c.outcome_at))]  # noqa: SLF001 - its public name


def test_an_accepted_suggestion_is_stored(service: Service) -> None:
    answer = service.post(URL, {"feedback": [accepted()]})
    assert (answer.status, answer.json()) == (200, {"received": 1})
    [row] = rows(service)
    assert (row["card"], row["outcome"], row["accepted"], row["caller"]) == (CARD, "accepted", f'["{SUGGESTION}"]', "open")
    assert (row["service"], row["outcome_at"]) == ("neuromuscular-patient-view", "2026-11-22T10:05:31.000000Z")


def test_an_override_with_a_coded_reason_and_a_comment_is_stored(service: Service) -> None:
    reason = {"reason": {"code": "d7ecf885", "system": "https://example.com/reasons"}, "userComment": "A comment by the clinician."}
    assert service.post(URL, {"feedback": [overridden(overrideReason=reason)]}).status == 200
    [row] = rows(service)
    assert (row["reason_code"], row["reason_system"], row["comment"]) == (
        "d7ecf885",
        "https://example.com/reasons",
        "A comment by the clinician.",
    )


def test_an_override_without_a_reason_is_stored(service: Service) -> None:
    assert service.post(URL, {"feedback": [overridden()]}).status == 200
    assert rows(service)[0]["reason_code"] is None


def test_an_override_with_a_comment_only_is_stored(service: Service) -> None:
    assert service.post(URL, {"feedback": [overridden(overrideReason={"userComment": "x"})]}).status == 200


def test_many_reports_in_one_request_are_stored(service: Service) -> None:
    several = [accepted(), overridden(card=SUGGESTION), overridden(outcomeTimestamp="2026-11-22T11:00:00+01:00")]
    assert service.post(URL, {"feedback": several}).json() == {"received": 3}
    assert len(rows(service)) == 3
    assert rows(service)[0]["outcome_at"] == "2026-11-22T10:00:00.000000Z"


def test_an_empty_array_is_accepted(service: Service) -> None:
    assert service.post(URL, {"feedback": []}).json() == {"received": 0}


def test_the_same_report_twice_is_stored_once(service: Service) -> None:
    for _ in range(3):
        assert service.post(URL, {"feedback": [accepted(), accepted()]}).status == 200
    assert service.post(URL, {"feedback": [accepted(card=CARD.upper())]}).status == 200
    assert len(rows(service)) == 1


def test_a_later_action_on_the_same_card_is_another_report(service: Service) -> None:
    service.post(URL, {"feedback": [overridden()]})
    service.post(URL, {"feedback": [overridden(outcomeTimestamp="2026-11-22T10:05:32Z")]})
    assert len(rows(service)) == 2


def test_feedback_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.post(URL, {"feedback": [accepted()]})
    with running(tmp_path) as service:
        assert len(rows(service)) == 1


def test_feedback_for_an_unknown_service_is_404(service: Service) -> None:
    answer = service.post("/cds-services/nothing/feedback", {"feedback": [accepted()]})
    assert (answer.status, answer.number) == (404, "NMCDS-106")


def test_feedback_on_a_card_that_is_not_known_is_kept(service: Service) -> None:
    assert service.post(URL, {"feedback": [accepted(card="00000000-0000-4000-8000-000000000000")]}).status == 200


@pytest.mark.parametrize(
    ("report", "path"),
    [
        (accepted(card=None), "feedback[0].card"),
        (accepted(card="1"), "feedback[0].card"),
        (accepted(outcome=None), "feedback[0].outcome"),
        (accepted(outcome="ignored"), "feedback[0].outcome"),
        (accepted(acceptedSuggestions=None), "feedback[0].acceptedSuggestions"),
        (accepted(acceptedSuggestions=[]), "feedback[0].acceptedSuggestions"),
        (accepted(acceptedSuggestions=[SUGGESTION]), "feedback[0].acceptedSuggestions[0]"),
        (accepted(acceptedSuggestions=[{"id": 1}]), "feedback[0].acceptedSuggestions[0].id"),
        (accepted(outcomeTimestamp=None), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-11-22"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-11-22T10:05:31"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-02-30T10:05:31Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="0001-01-01T00:00:00+10:00"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-11-22T10:05:60Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2016-12-30T23:59:60Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="9999-12-31T23:59:60Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-11-22T10:05:61Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp="2026-11-22T10:05:31.Z"), "feedback[0].outcomeTimestamp"),
        (accepted(outcomeTimestamp=1764000000), "feedback[0].outcomeTimestamp"),
        (overridden(overrideReason={}), "feedback[0].overrideReason"),
        (overridden(overrideReason="x"), "feedback[0].overrideReason"),
        (overridden(overrideReason={"reason": {"system": "s"}}), "feedback[0].overrideReason.reason.code"),
        (overridden(overrideReason={"reason": {"code": "c"}}), "feedback[0].overrideReason.reason.system"),
        (overridden(overrideReason={"userComment": 1}), "feedback[0].overrideReason.userComment"),
        (overridden(overrideReason={"userComment": "a\x00b"}), "feedback[0].overrideReason.userComment"),
        (overridden(overrideReason={"userComment": "x" * 20_001}), "feedback[0].overrideReason.userComment"),
        ("x", "feedback[0]"),
    ],
)
def test_wrong_feedback_is_refused_with_its_place_and_nothing_is_stored(service: Service, report: object, path: str) -> None:
    answer = service.post(URL, {"feedback": [report, accepted()]})
    assert (answer.status, answer.number, answer.paths) == (400, "NMCDS-104", [path])
    assert rows(service) == []


@pytest.mark.parametrize("body", [[], {}, {"feedback": None}, {"feedback": {}}, [accepted()], accepted()])
def test_a_body_without_the_array_is_refused(service: Service, body: object) -> None:
    assert service.post(URL, body).number == "NMCDS-104"


@pytest.mark.parametrize(
    "stamp", ["2026-11-22T10:05:31.123456789Z", "2026-11-22t10:05:31z", "2026-11-22T10:05:31.5-05:00", "2026-11-22T10:05:31.50Z"]
)
def test_every_form_of_rfc_3339_is_accepted(service: Service, stamp: str) -> None:
    assert service.post(URL, {"feedback": [accepted(outcomeTimestamp=stamp)]}).status == 200


@pytest.mark.parametrize(
    ("stamp", "stored"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"),
        ("2016-12-31T18:59:60.25-05:00", "2016-12-31T23:59:59.250000Z"),
        ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59.000000Z"),
        ("2026-11-22T10:05:31.12345678901234567890Z", "2026-11-22T10:05:31.123456Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
    ],
)
def test_a_leap_second_and_a_long_fraction_are_stored_as_the_moment_that_they_are(service: Service, stamp: str, stored: str) -> None:
    assert service.post(URL, {"feedback": [accepted(outcomeTimestamp=stamp)]}).status == 200
    assert [row["outcome_at"] for row in rows(service)] == [stored]


def test_a_refused_report_is_told_what_it_should_look_like(service: Service) -> None:
    answer = service.post(URL, {"feedback": [accepted(outcome="ignored", outcomeTimestamp="2026-02-30T00:00:00Z", card="1")]})
    assert sorted(issue["diagnostics"] for issue in answer.json()["issue"]) == [
        "feedback[0].card: expected a UUID, such as 4a74b1d0-4fee-4d18-b76f-7f3bd361e4bc",
        "feedback[0].outcome: expected accepted or overridden",
        "feedback[0].outcomeTimestamp: expected an RFC 3339 date and time, such as 1985-04-12T23:20:50.52Z",
    ]


def test_feedback_can_be_counted_for_the_rules_that_spoke(tmp_path: Path) -> None:
    knowledge = FakeKnowledge(Evaluation((finding("mg-x", suggestions=(create(),)),), (), relevant=True))
    with running(tmp_path, knowledge) as service:
        [card] = service.cards(request())
        service.parts.writer.flush()
        uuid = card["suggestions"][0]["uuid"]
        service.post(URL, {"feedback": [accepted(card=card["uuid"], acceptedSuggestions=[{"id": uuid}])]})
        query = select(card_shown.c.rules, card_shown.c.suggestions, feedback.c.accepted).join(
            feedback, feedback.c.card == card_shown.c.uuid
        )
        with service.parts.database.reading() as connection:
            [found] = connection.execute(query).all()
        assert tuple(found) == ('[["mg-x", "1.0.0"]]', f'["{uuid}"]', f'["{uuid}"]')


def test_feedback_is_not_acknowledged_when_it_cannot_be_stored(tmp_path: Path) -> None:
    with running(tmp_path / "missing") as service:
        answer = service.post(URL, {"feedback": [accepted()]})
        assert (answer.status, answer.number, answer.headers["retry-after"]) == (503, "NMCDS-202", "5")
        assert service.get("/readyz").status == 503
        assert service.hook(request()).status == 200
        (tmp_path / "missing").mkdir()
        assert service.get("/readyz").status == 200
        assert service.post(URL, {"feedback": [accepted()]}).status == 200
