"""What means the same is answered the same: a sample of the invented patients; `make metamorphic` asks about all of them."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from fhir_fixtures import PatientFixture, patient, patients
from tests.generative.metamorphic import everyone
from tests.generative.metamorphic.findings import first, knowledge, safety, sample
from tests.generative.metamorphic.relations import HISTORIES, SAME, broken
from tests.generative.metamorphic.transforms import ORDINARY, Changed, other_units

SOME = random.Random("metamorphic").sample(sample(patients()), 20)  # noqa: S311 - the same every time


@pytest.mark.parametrize(("fixture", "hook"), SOME, ids=[f"{fixture.name}-{hook}" for fixture, hook in SOME])
def test_what_means_the_same_gets_the_same_findings(fixture: PatientFixture, hook: str) -> None:
    assert {name: problems for name in SAME if (problems := broken(name, fixture, hook))} == {}


@pytest.mark.parametrize(("fixture", "hook"), SOME, ids=[f"{fixture.name}-{hook}" for fixture, hook in SOME])
def test_a_longer_history_takes_no_safety_finding_away(fixture: PatientFixture, hook: str) -> None:
    assert {name: problems for name in HISTORIES if (problems := broken(name, fixture, hook))} == {}


def test_the_sample_has_safety_findings_to_lose() -> None:
    assert sum(bool(safety(first(fixture.name, hook))) for fixture, hook in SOME) >= 5


def test_what_is_called_ordinary_means_nothing_to_the_rules() -> None:
    terminology = knowledge().terminology
    assert [one["id"] for one in ORDINARY if terminology.coding_concepts(one["code"])] == []


def test_units_really_change() -> None:
    resources: list[dict[str, Any]] = list(patient("azathioprine_tests_done").resources)
    changed = other_units(resources, random.Random()).resources  # noqa: S311 - the same every time
    codes = {
        (str(one["valueQuantity"]["code"]), str(other["valueQuantity"]["code"]))
        for one, other in zip(resources, changed, strict=True)
        if "valueQuantity" in one
    }
    assert any(before != after for before, after in codes)


def test_a_change_that_matters_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "every resource twice"
    monkeypatch.setitem(SAME, name, lambda resources, _dice: Changed([one for one in resources if one["resourceType"] == "Patient"]))
    assert broken(name, patient("mg_crisis"), "patient-view")


def test_asking_about_everyone_names_the_relation_and_the_patient(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(everyone, "CASES", SOME[:1])
    monkeypatch.setattr(everyone, "broken", lambda name, fixture, hook: [f"{name} {fixture.name} {hook}"])
    monkeypatch.setattr(sys, "argv", ["everyone"])
    assert everyone.main() == 1
    assert f"{SOME[0][0].name} on {SOME[0][1]}" in capsys.readouterr().out
