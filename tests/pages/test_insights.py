"""Insights: sums of what was shown and answered, never a person; rules that are nearly always overridden are flagged."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from cds_hooks.app import Parts
from cds_hooks.pages.bars import plot
from cds_hooks.store.feedback import Outcome, save
from cds_hooks.store.insights import insights
from cds_hooks.store.tables import audit, card_shown, firing
from rules.knowledge import Knowledge
from tests.pages.conftest import Site, running, session_of, text_of

VIEW, SIGN = "neuromuscular-patient-view", "neuromuscular-order-sign"
RULE, OTHER = "mg-gen-first-line", "ref-pt"


def fill(parts: Parts, *, shown: int, overridden: int, reason: str | None = None, days_ago: int = 1, rule: str = RULE) -> None:
    """So many showings of one rule at one day, and so many of them overridden."""
    at = (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT12:00:00.000000Z")
    cards = [str(uuid4()) for _ in range(shown)]
    common = {"at": at, "service": VIEW, "instance": "i", "caller": "open", "patient": "hash-p", "user": "hash-u", "knowledge": "1"}
    with parts.database.begin() as connection:
        connection.execute(
            card_shown.insert(),
            [
                {**common, "uuid": one, "indicator": "info", "rules": f'[["{rule}", "1.0.0"]]', "suggestions": "[]", "fingerprint": one}
                for one in cards
            ],
        )
        connection.execute(
            firing.insert(), {"day": at[:10], "rule": rule, "version": "1.0.0", "service": VIEW, "indicator": "info", "count": shown}
        )
        connection.execute(
            audit.insert(), [{**common, "rules": "[]", "cards": 1, "suppressed": 0, "unread": '["Observation"]', "ms": 1} for _ in cards]
        )
    outcomes = [Outcome(one, "overridden", at, reason_system="x" if reason else None, reason_code=reason) for one in cards[:overridden]]
    save(parts.database, outcomes, service=VIEW, caller="open", received=datetime.now(UTC) - timedelta(days=days_ago))


def parts_of(site: Site) -> Parts:
    found: Parts = site.app.state.parts  # type: ignore[attr-defined]
    return found


def test_nothing_yet_is_said_plainly(site: Site) -> None:
    text = text_of(site.page("/insights"))
    assert "No rule spoke in this period" in text
    assert "Nothing in this period" in text


def test_showings_and_answers_are_summed_by_rule(site: Site) -> None:
    parts = parts_of(site)
    fill(parts, shown=10, overridden=4, reason="patient-declined")
    fill(parts, shown=5, overridden=1, rule=OTHER)
    found = insights(parts.database, datetime.now(UTC), 30)
    assert (found.whole.calls, found.whole.cards) == (15, 15)
    assert found.unread == {"Observation": 15}
    assert (found.rules[RULE].shown, found.rules[RULE].overridden) == (10, 4)
    assert found.rules[RULE].reasons == {"patient-declined": 4}
    assert found.rules[OTHER].reasons == {"no reason given": 1}


def test_a_period_and_a_service_narrow_the_sums(site: Site) -> None:
    parts = parts_of(site)
    fill(parts, shown=3, overridden=3, days_ago=20)
    assert insights(parts.database, datetime.now(UTC), 7).rules == {}
    assert insights(parts.database, datetime.now(UTC), 30, SIGN).whole.calls == 0
    assert insights(parts.database, datetime.now(UTC), 30, VIEW).rules[RULE].overridden == 3


@pytest.mark.parametrize(("shown", "overridden", "flagged"), [(30, 28, True), (30, 27, False), (29, 29, False), (100, 91, True)])
def test_a_rule_overridden_more_than_nine_times_in_ten_over_thirty_showings_is_flagged(
    site: Site, shown: int, overridden: int, flagged: bool
) -> None:
    fill(parts_of(site), shown=shown, overridden=overridden)
    assert ("often overridden" in site.page("/insights")) is flagged


def test_the_table_can_be_downloaded_and_no_cell_is_a_formula(site: Site) -> None:
    fill(parts_of(site), shown=2, overridden=1, reason="=HYPERLINK(1)")
    answer = site.get("/insights.csv?days=30")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["rule"], row["shown"], row["overridden"]) for row in rows] == [(RULE, "2", "1")]
    assert rows[0]["reasons"] == "'=HYPERLINK(1): 1"


def test_no_hash_of_a_person_is_on_the_page(site: Site) -> None:
    fill(parts_of(site), shown=1, overridden=1)
    for path in ("/insights", "/insights.csv"):
        assert b"hash-" not in site.get(path).body


def test_a_reason_stays_text(site: Site) -> None:
    fill(parts_of(site), shown=1, overridden=1, reason="<script>alert(1)</script>")
    assert "<script>alert" not in site.page("/insights")


def test_a_real_call_and_its_feedback_are_seen(site: Site) -> None:
    session = session_of(site.page("/?patient=mg_generalised_new"))
    answer = site.ask(session, "patient-view")
    assert answer.status == 200
    parts_of(site).writer.flush()
    card = answer.json()["cards"][0]
    sent = {"feedback": [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-26T08:00:00Z"}]}
    assert site.post(f"/cds-services/{VIEW}/feedback", sent).status == 200
    text = text_of(site.page("/insights"))
    assert "Cards overridden 1" in text
    assert card["extension"]["io.github.neuromuscular-cds.explanation"]["rules"][0]["id"] in text


def test_a_card_held_back_and_what_could_not_be_checked_are_counted_by_rule(site: Site) -> None:
    parts = parts_of(site)
    session = session_of(site.page("/?patient=mg_generalised_new"))
    first = site.ask(session, "patient-view").json()["cards"]
    card = next(one for one in first if one["indicator"] != "critical" and one.get("overrideReasons"))
    explanation = card["extension"]["io.github.neuromuscular-cds.explanation"]
    reason = {"reason": card["overrideReasons"][0], "userComment": "seen elsewhere"}
    sent = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-26T08:00:00Z", "overrideReason": reason}
    parts.writer.flush()
    assert site.post(f"/cds-services/{VIEW}/feedback", {"feedback": [sent]}).status == 200
    site.ask(session, "patient-view")
    parts.writer.flush()
    found = insights(parts.database, datetime.now(UTC), 30)
    rule = explanation["rules"][0]["id"]
    assert (found.rules[rule].shown, found.rules[rule].overridden, found.rules[rule].held) == (1, 1, 1)
    assert (found.whole.calls, found.whole.held, found.services[VIEW].overridden) == (2, 1, 1)
    gaps = {gap["what"] for one in first for gap in one["extension"]["io.github.neuromuscular-cds.explanation"].get("notChecked", ())}
    assert gaps
    assert gaps <= found.missing.keys()
    text = text_of(site.page("/insights"))
    assert f"{card['overrideReasons'][0]['display']} 1 card" in text
    assert "seen elsewhere" not in text


def test_a_rule_that_asks_is_counted_as_not_all_checked(site: Site) -> None:
    session = session_of(site.page("/?patient=neurosarcoidosis"))
    site.ask(session, "patient-view")
    parts_of(site).writer.flush()
    row = next(
        row for row in csv.DictReader(io.StringIO(site.get("/insights.csv").body.decode())) if row["rule"] == "neurosarcoid-neuropathy"
    )
    assert (row["shown"], row["not_all_checked"], row["held_back"]) == ("1", "1", "0")


def test_refused_calls_are_named_apart_from_those_that_were_answered(site: Site) -> None:
    assert site.post(f"/cds-services/{VIEW}", {"hook": "patient-view"}).status == 400
    parts_of(site).writer.flush()
    assert "Calls refused with an error 1" in text_of(site.page("/insights"))


def test_without_storage_the_page_is_an_error_and_not_zeros(tmp_path: Path, knowledge: Knowledge) -> None:
    (tmp_path / "nmcds.sqlite3").write_bytes(b"this is no database" * 100)
    with running(tmp_path, knowledge) as site:
        assert site.get("/insights").status == 503


def test_bars_are_as_high_as_their_share() -> None:
    low, high = plot("Calls", ("calls",), [("a", (1,)), ("b", (4,)), ("c", (0,))]).bars
    assert (low.height, high.height) == (30, 120)
    assert high.y == 0
    assert high.label == "b: 4 calls"
    assert plot("Calls", ("calls",), [("a", (0,))]).bars == plot("Calls", ("calls",), []).bars == ()


def test_the_parts_of_a_bar_stand_on_each_other() -> None:
    found = plot("Answers", ("accepted", "overridden"), [("a", (1, 3))])
    assert [(bar.y, bar.height, bar.part, bar.label) for bar in found.bars] == [(90, 30, 0, "a: 1 accepted"), (0, 90, 1, "a: 3 overridden")]
    assert found.most == 4
