"""A review that will soon be due is proposed with a date where a site says how long before; as it comes nothing is due soon."""

from __future__ import annotations

import pytest

from rules.findings import Finding
from rules.knowledge import Knowledge
from rules.site import Site
from tests.support.spoken import about, on_reference

SITE = """
[thresholds.review]
soon_als = "78 days"
soon_half_year = "169 days"
soon_year = "351 days"
"""
SMA, CMT = {"age": 30, "diagnoses": ["sma-3"]}, {"age": 50, "diagnoses": ["charcot-marie-tooth"]}
ALS = {"age": 50, "diagnoses": ["als"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """The knowledge of a site that plans a review two weeks before it is due."""
    file = tmp_path_factory.mktemp("due-soon") / "site.toml"
    file.write_text(SITE)
    return Knowledge.load(engine="reference", site=Site.load(file))


def heard(known: Knowledge, patient: dict[str, object], days: int) -> Finding | None:
    seen = [{"concept": "neuromuscular", "when": f"-{days} days"}]
    return about(known, "patient-view", {"gender": "male", **patient, "encounters": seen}).get("mon-review-overdue")


@pytest.mark.parametrize(("patient", "soon", "overdue"), [(ALS, 79, 123), (SMA, 170, 214), (CMT, 352, 396)])
def test_a_site_that_plans_ahead_is_told_before_the_review_is_overdue(
    site: Knowledge, patient: dict[str, object], soon: int, overdue: int
) -> None:
    assert heard(site, patient, soon - 1) is None
    for days in (soon, overdue - 1):
        finding = heard(site, patient, days)
        assert finding is not None
        assert (finding.summary, finding.indicator) == ("Neuromuscular review will soon be due", "info")
        [proposed] = finding.suggestions
        assert proposed.resource is not None
        assert proposed.resource["resourceType"] == "Appointment"
        assert proposed.resource["requestedPeriod"] == [{"start": "2026-11-22", "end": "2027-01-21"}]
        assert heard(on_reference(), patient, days) is None
    finding = heard(site, patient, overdue)
    assert finding is not None
    assert finding.summary == "Neuromuscular review is overdue"


def test_a_booked_visit_silences_it(site: Knowledge) -> None:
    booked = {**CMT, "appointments": [{"concept": "neuromuscular", "when": "+30 days", "status": "booked"}]}
    assert heard(site, booked, 360) is None
