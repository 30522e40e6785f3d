"""For every patient, the population run and the HTTP call with everything in its prefetch give the same findings on the same cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_fixtures import Resource, patients
from fhir_fixtures.population import population
from rules.knowledge import Knowledge
from tests.population.support import KEYS, Screen, export, over_http, table

ALL = patients()
BROKEN = b'{"resourceType":"Condition","id":"x","subject":{"reference":"Patient/als-new"},"code":\n{"resourceType":"Condition","id":\n\n7\n'


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_invented_and_generated_patient_gets_the_findings_of_the_call_over_http(tmp_path: Path, screen: Screen) -> None:
    people: dict[str, tuple[Resource, ...]] = {one.patient_id: one.record for one in ALL}
    people |= {one.id: one.resources for one in population(100, 11)}
    source = export(tmp_path / "export", (resource for record in people.values() for resource in record), files=3)
    code, _, summary = screen(source, tmp_path / "out", "--types", "all", "--parts", "2")
    assert code == 0
    assert summary["patients"]["screened"] == summary["patients"]["all"] == len(people)
    found: dict[str, list[dict[str, Any]]] = {KEYS.patient(one): [] for one in people}
    for row in table(tmp_path / "out", "findings"):
        found[row.pop("patient")].append(row)
    expected = over_http(tmp_path, people, ALL[0].as_of, Knowledge.load())
    assert sum(map(len, expected.values())) > 400
    for name, patient in ((one, KEYS.patient(one)) for one in people):
        assert found[patient] == expected[patient], name
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.json"))
    assert "syn-11-" not in written
    assert not [name for name in people if f"/{name}" in written], "an id of a resource or patient is in the output"
