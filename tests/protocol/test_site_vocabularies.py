"""Subtypes and products over HTTP: silent with our own lists, answered with an index of the site's releases."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.vocabularies.build import build, quiet
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists
from fhir_fixtures import patient
from rules.knowledge import Knowledge
from rules.terminology import RXNORM, SNOMED
from tests.support.releases import REPLACED_BY, write_rf2, write_rrf
from tests.support.service import running

MG, SUBTYPE, RETIRED = 91637004, 990000000001, 990000000002
CIPROFLOXACIN, PART, DRUG, BRANDED, TABLET = 2551, 99000001, 99000002, 99000003, 99000004


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of small releases that have the codes of our lists and a few below them."""
    folder = tmp_path_factory.mktemp("site")
    seeds = Seeds.of(packaged_lists())
    ours = [seed.code for seed in seeds.snomed]
    write_rf2(
        folder / "rf2", {**dict.fromkeys(ours, True), SUBTYPE: True, RETIRED: False}, [(SUBTYPE, MG)], [(RETIRED, SUBTYPE, REPLACED_BY)]
    )
    names = {seed.code: ("IN", "an ingredient") for seed in seeds.rxnorm}
    names |= {PART: ("SCDC", "ciprofloxacin 500 MG"), DRUG: ("SCD", "ciprofloxacin 500 MG Oral Tablet")}
    names |= {BRANDED: ("SBD", "the same [Brand]"), TABLET: ("DF", "Oral Tablet")}
    relations = [
        (PART, "has_ingredient", CIPROFLOXACIN),
        (DRUG, "consists_of", PART),
        (DRUG, "has_dose_form", TABLET),
        (BRANDED, "tradename_of", DRUG),
    ]
    write_rrf(folder / "rrf", names, relations)
    build(folder / "codes.sqlite3", seeds, snomed=[folder / "rf2"], rxnorm_folder=folder / "rrf", icd=None, step=quiet)
    return folder / "codes.sqlite3"


def request(condition: int, drug: int) -> Any:  # noqa: ANN401 - any JSON
    """order-sign for a patient with one diagnosis and one draft order, each with one code."""
    body = patient("mg_antibiotics").request("order-sign")

    def coded(value: object) -> object:
        if isinstance(value, list):
            return [coded(one) for one in value if not isinstance(one, dict) or "medicationReference" not in one.get("resource", ())]
        if not isinstance(value, dict):
            return value
        if value.get("resourceType") == "Condition":
            return {**value, "code": {"coding": [{"system": SNOMED, "code": str(condition)}]}}
        if value.get("resourceType") == "MedicationRequest" and value.get("status") == "draft":
            return {**value, "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": str(drug)}]}}
        return {name: coded(one) for name, one in value.items()}

    return coded(body)


def rules_of(answer: Any) -> set[str]:  # noqa: ANN401 - any JSON
    return {rule["id"] for card in answer["cards"] for rule in card["extension"]["io.github.neuromuscular-cds.explanation"]["rules"]}


def test_our_own_lists_do_not_know_a_subtype_or_a_product(tmp_path: Path) -> None:
    with running(tmp_path, Knowledge.load(engine="reference")) as service:  # type: ignore[arg-type]
        path = "/cds-services/neuromuscular-order-sign"
        assert "dd-mg-avoid" in rules_of(service.post(path, request(MG, CIPROFLOXACIN)).json())
        for condition, drug in ((SUBTYPE, CIPROFLOXACIN), (RETIRED, CIPROFLOXACIN), (MG, DRUG), (MG, BRANDED)):
            assert "dd-mg-avoid" not in rules_of(service.post(path, request(condition, drug)).json())


@pytest.fixture(scope="module")
def served(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """The port of `nmcds serve` with the index, and what it said at its start."""
    folder = tmp_path_factory.mktemp("served")
    environ = {**os.environ, "NMCDS_CODES_FILE": str(index), "NMCDS_DATABASE_URL": f"sqlite:///{folder}/nmcds.sqlite3", "COLUMNS": "200"}
    command = [sys.executable, "-m", "cds_hooks", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env={**environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "Ctrl+C" not in said and (line := process.stdout.readline()):
                said += line
            found = re.search(r"Discovery +http://127\.0\.0\.1:(\d+)/", said)
            assert found, said
            yield int(found[1]), said
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("condition", "drug"), [(SUBTYPE, CIPROFLOXACIN), (RETIRED, CIPROFLOXACIN), (MG, DRUG), (MG, BRANDED), (SUBTYPE, BRANDED)]
)
def test_with_the_index_they_get_the_card(served: tuple[int, str], condition: int, drug: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served[0], timeout=20)
    body = json.dumps(request(condition, drug))
    connection.request("POST", "/cds-services/neuromuscular-order-sign", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    assert answer.status == 200
    assert "dd-mg-avoid" in rules_of(json.loads(found))


def test_the_service_says_at_its_start_which_releases_it_has(served: tuple[int, str]) -> None:
    said = served[1]
    assert '"event": "vocabulary", "kind": "file", "system": "http://snomed.info/sct", "release": "INT_20260701"' in said
    assert "Vocabulary  http://snomed.info/sct INT_20260701 from RF2" in said
