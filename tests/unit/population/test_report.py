"""What is printed counts people and lets nobody be recognised: small numbers are hidden, and so is what would give them away."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.population.report import page
from cds_hooks.population.small_cells import SMALLEST, hidden, shown

SUMMARY: dict[str, Any] = {
    "patients": {
        "all": 1000,
        "screened": 997,
        "notScreened": 3,
        "withFindings": 40,
        "withDisease": 35,
        "withBlockedDrug": 12,
        "resources": 5,
    },
    "notScreened": {"the export has no Patient resource with this id": 3},
    "diseases": {"als": 20, "cidp": 12, "gbs": 4},
    "blockedInUse": {"<b>drug</b>": 12},
    "rules": [
        {
            "rule": "mon-x",
            "title": "Review overdue",
            "version": "1",
            "pathway": "monitoring",
            "stage": "monitoring",
            "patients": 30,
            "asks": 2,
        },
        {"rule": "safe-x", "title": "Stop", "version": "1", "pathway": "safety", "stage": "safety", "patients": 25, "asks": 0},
    ],
    "notChecked": [{"what": "lab:TPMT", "why": "not in the record", "patients": 22}, {"what": "Flag", "why": "no file", "patients": 7}],
    "unread": [],
    "types": {"exported": ["Patient"], "unknown": ["Flag"]},
    "on": "2026-11-22T12:00:00+00:00",
    "hook": "patient-view",
    "knowledge": "abcdef",
    "version": "0.1.0",
    "files": 3,
    "findings": 55,
}


def cells(html: str, title: str) -> dict[str, list[str]]:
    """The rows of one table by their first cell."""
    body = html.partition(f"<strong>{title}</strong>")[2].partition("</table>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
    return {row[0]: row[1:] for row in rows if row}


def test_small_numbers_are_hidden_and_so_is_the_one_that_would_give_them_away() -> None:
    html = page(SUMMARY, str, str)
    assert cells(html, "Diseases") == {"als": ["20"], "cidp": ["withheld"], "gbs": ["under 11"]}
    people = cells(html, "Patients")
    assert people["all"] == ["1,000"]
    assert people["screened"] == ["withheld"]
    assert people["with findings"] == people["without findings"] == ["withheld"]
    assert people["not screened: the export has no Patient resource with this id"] == ["under 11"]


def test_overdue_reviews_blocked_drugs_and_what_was_not_checked_are_counted() -> None:
    html = page(SUMMARY, str, str)
    assert cells(html, "Reviews and monitoring that are due") == {"mon-x": ["Review overdue", "withheld", "under 11"]}
    assert cells(html, "Blocked drugs in use") == {"&lt;b&gt;drug&lt;/b&gt;": ["12"]}
    assert cells(html, "All rules")["safe-x"] == ["Stop", "25", "0"]
    assert cells(html, "Not checked") == {"lab:TPMT": ["not in the record", "22"], "Flag": ["no file", "under 11"]}


def test_the_page_loads_nothing() -> None:
    html = page(SUMMARY, str, str)
    assert not re.search(r"<script|src=|href=|url\(|@import", html)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 60), max_size=8))
def test_nobody_can_work_a_hidden_number_out_from_the_total(parts: dict[str, int]) -> None:
    secret = hidden(parts)
    small = {name for name, count in parts.items() if 0 < count < SMALLEST}
    assert small <= secret
    assert (
        not secret
        or secret == {name for name, count in parts.items() if count}
        or (len(secret) > 1 and sum(parts[name] for name in secret) >= SMALLEST)
    )
    for name, count in parts.items():
        assert (shown(count, also_hidden=name in secret) == f"{count:,}") == (name not in secret)
