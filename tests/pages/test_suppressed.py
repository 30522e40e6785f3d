"""The page of dismissed cards: on the real rules, from the answer that held one back to the button that lets it through."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from rules.knowledge import Knowledge
from tests.pages.conftest import Site, running, session_of, text_of
from tests.support.asgi import Answer

FORM = {"content-type": "application/x-www-form-urlencoded"}


def post(site: Site, **values: str) -> Answer:
    return site.send("POST", "/suppressed/page", urlencode(values).encode(), FORM)


@pytest.fixture
def who(site: Site) -> dict[str, str]:
    """The patient and user of a demo chart with one dismissed card."""
    session = session_of(site.page("/?patient=cmt_1a_pain"))
    cards = site.ask(session, "patient-view").json()["cards"]
    site.app.state.parts.writer.flush()  # type: ignore[attr-defined]
    card = next(one for one in cards if one["indicator"] != "critical")
    report = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2020-01-01T00:00:00Z"}
    report["outcomeTimestamp"] = site.app.state.parts.suppression.clock().isoformat()  # type: ignore[attr-defined]
    assert site.post(f"/cds-services/{session['services']['patient-view']['id']}/feedback", {"feedback": [report]}).status == 200
    answer = site.ask(session, "patient-view")
    told = site.post("/demo/cards", {"request": asked(session), "status": 200, "answer": answer.json()})
    assert "held back" in text_of(told.body.decode())
    assert "looked and found nothing" not in told.body.decode()
    return {"patientId": session["patient"], "userId": session["user"]}


def asked(session: dict[str, object]) -> dict[str, object]:
    context = {"userId": session["user"], "patientId": session["patient"]}
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": session["prefetch"],
    }


def test_the_page_shows_what_was_held_back_and_lets_it_through(site: Site, who: dict[str, str]) -> None:
    site.app.state.parts.writer.flush()  # type: ignore[attr-defined]
    page = post(site, **who).body.decode()
    assert "1 held back." in text_of(page)
    assert "1 time" in text_of(page)
    found = re.search(r'name="card" value="([0-9a-f]{64})"', page)
    assert found is not None
    after = text_of(post(site, **who, card=found[1]).body.decode())
    assert "The card may come again. 0 held back." in after


def test_the_empty_page_asks_for_patient_and_user(site: Site) -> None:
    page = site.page("/suppressed")
    assert 'name="patientId"' in page
    assert "held back." not in text_of(page).replace("nothing is held back.", "")


def test_ids_are_not_repeated_when_they_cannot_be_read(site: Site) -> None:
    answer = post(site, patientId="CANARY <b>", userId="x")
    assert answer.status == 400
    assert "CANARY" not in answer.body.decode()


def test_another_site_cannot_post_the_form(site: Site) -> None:
    answer = site.send("POST", "/suppressed/page", b"patientId=p1&userId=u", {**FORM, "sec-fetch-site": "cross-site"})
    assert answer.number == "NMCDS-104"


def test_the_page_is_not_answered_under_a_foreign_host_name(site: Site) -> None:
    assert site.get("/suppressed", {"host": "evil.example"}).number == "NMCDS-109"
    assert site.send("POST", "/suppressed/page", b"", {**FORM, "host": "evil.example"}).number == "NMCDS-109"


def test_without_storage_the_page_says_so(tmp_path: Path, knowledge: Knowledge) -> None:
    with running(tmp_path / "missing", knowledge) as site:
        answer = post(site, patientId="p1", userId="Practitioner/1")
        assert answer.status == 503
        assert "Storage is not available" in answer.body.decode()


def test_json_is_json(site: Site) -> None:
    answer = site.post("/suppressed", {"patientId": "p1", "userId": "Practitioner/1"})
    assert json.loads(answer.body) == {"suppressed": []}
