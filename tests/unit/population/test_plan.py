"""What an export was made of, as its manifest, its file names and the user say."""

from __future__ import annotations

import pytest

from cds_hooks.population.plan import exported_by_manifest, exported_by_name, source_of
from cds_hooks.population.storage import File


def file(name: str) -> File:
    return File(f"file:/x/{name}", name, 1, 1)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("Patient.ndjson", "lines"),
        ("a/b/1.Patient.NDJSON.gz", "lines"),
        ("x.jsonl", "lines"),
        ("person.json", "document"),
        ("person.json.gz", "document"),
        ("manifest.json", "manifest"),
        ("notes.txt", "other"),
        ("Patient.ndjson.part", "other"),
    ],
)
def test_a_file_is_read_by_its_name(name: str, source: str) -> None:
    assert source_of(file(name)) == source


def test_a_file_name_that_speaks_of_a_type_says_that_it_was_exported() -> None:
    names = ["2.Observation-0001.ndjson.gz", "Patients.ndjson", "Condition.json", "old/Procedure.ndjson"]
    assert exported_by_name(map(file, names)) == {"Observation", "Procedure"}


def test_a_type_that_was_asked_for_and_has_no_file_was_looked_for_unless_the_server_had_errors() -> None:
    manifest = {"request": "https://x/Patient/$export?_type=Patient,Flag%2CGoal", "output": [{"type": "Patient", "url": "x"}], "error": []}
    assert exported_by_manifest(manifest) == {"Patient", "Flag", "Goal"}
    assert exported_by_manifest({**manifest, "error": [{"type": "OperationOutcome", "url": "y"}]}) == {"Patient"}
    assert exported_by_manifest({**manifest, "request": "https://x/Patient/$export"}) == {"Patient"}
    assert exported_by_manifest([]) == exported_by_manifest({"output": 7}) == frozenset()
