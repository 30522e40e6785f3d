"""What an export may hold besides good data, and a run that is stopped: everything is reported, nothing is dropped or done twice."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cds_hooks import cli
from cds_hooks.population.job import Job
from fhir_fixtures import patient as fixture
from tests.population.support import KEYS, SECRET, Screen, export, table
from tests.support.bulk_server import bulk_server
from tests.support.doubles import bundle, condition, order, patient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
MG = {"coding": [{"system": "http://snomed.info/sct", "code": "230686005"}]}
WEIGHT = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}


def person(name: str, **more: object) -> list[dict[str, Any]]:
    """A patient with myasthenia."""
    return [patient(name, **more), condition(f"{name}-c", f"Patient/{name}", code=MG)]


def weight(number: int, of: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"w{number}", "status": "final", "subject": {"reference": of}, "code": WEIGHT}


def test_whatever_an_export_holds_is_screened_or_reported(tmp_path: Path, screen: Screen) -> None:
    medication = {
        "resourceType": "Medication",
        "id": "pred",
        "code": {"coding": [{"system": "http://www.whocc.no/atc", "code": "H02AB07"}]},
    }
    by_name = {"status": "active", "medicationReference": {"reference": "https://ehr.example.org/r4/Medication/pred"}}
    resources = [
        *person("plain"),
        *person("taker"),
        order("t-m", "https://ehr.example.org/r4/Patient/taker", **by_name),
        medication,
        *person("nameless"),
        order("n-m", "Patient/nameless", status="active", medicationReference={"reference": "Medication/none"}),
        *person("crowded"),
        *(weight(number, "Patient/crowded") for number in range(3000)),
        *person("two"),
        patient("two", birthDate="1999-09-09"),
        *person("damaged"),
        *person("odd id!"),
        condition("lost", "Patient/nobody", code=MG),
        condition("whose", None),
        {"resourceType": "Organization", "id": "o1"},
    ]
    broken = b'{"resourceType":"MedicationRequest","subject":{"reference":"Patient/damaged"},\n\n{"resourceType":"MedicationRequest",\n7'
    source = export(tmp_path / "export", resources, extra={"MedicationRequest": broken})
    inner = [patient(""), condition("b-c", "urn:uuid:in-a-bundle", code=MG)]
    del inner[0]["id"]
    names = ("urn:uuid:in-a-bundle", "urn:uuid:c")
    entries = [{"fullUrl": name, "resource": one} for name, one in zip(names, inner, strict=True)]
    (source / "one person [1].json").write_text(json.dumps(bundle(entry=entries), indent=2))
    (source / "notes.txt").write_text("hello")
    code, _, summary = screen(source, tmp_path / "out")

    assert code == 1
    people = {row["patient"]: row for row in table(tmp_path / "out", "patients")}
    told = {name: people[KEYS.patient(name)] for name in ("plain", "taker", "nameless", "crowded", "damaged", "in-a-bundle")}
    assert len(people) == 9
    assert all(row["screened"] and row["findings"] for row in told.values())
    assert all("myasthenia" in "".join(row["diseases"]) for row in told.values())
    assert told["crowded"]["resources"] == 3002
    reasons = {name: {one["type"]: one["why"] for one in row["unread"]} for name, row in told.items()}
    assert reasons["plain"]["Procedure"] == "the export has no file of this type"
    assert "MedicationRequest" not in reasons["plain"]
    assert "MedicationRequest" not in reasons["taker"]
    assert reasons["nameless"]["MedicationRequest"] == "a medication is named only by a reference that could not be read"
    assert reasons["damaged"]["MedicationRequest"] == "a line of the export could not be read"
    assert any(
        "med:prednisone" in json.dumps(row) for row in table(tmp_path / "out", "findings") if row["patient"] == KEYS.patient("taker")
    )
    unscreened = {name: people[KEYS.patient(name)]["problem"] for name in ("two", "odd id!", "nobody")}
    assert unscreened == {
        "two": "two Patient resources with this id have different birth dates or genders",
        "odd id!": "expected a FHIR id: 1 to 256 letters, digits and . _ ~ - (not . first)",
        "nobody": "the export has no Patient resource with this id",
    }
    lines = (source / "MedicationRequest.0.ndjson").read_bytes().split(b"\n")
    first = next(number for number, line in enumerate(lines, 1) if b"damaged" in line)
    problems = table(tmp_path / "out", "problems")
    assert [(one["file"], one["line"]) for one in problems] == [("MedicationRequest.0.ndjson", first + add) for add in (0, 2, 3)]
    assert problems[0]["patient"] == KEYS.patient("damaged")
    assert "reason" in problems[1]
    assert summary["ofNobody"] == {"Condition": 2}  # "odd id!" is no id, so its Condition names nobody
    assert summary["notUsed"] == {"Organization": 1}
    assert summary["filesNotRead"] == ["notes.txt"]
    assert summary["patients"]["notScreened"] == 3
    for path in ((tmp_path / "out"), *(tmp_path / "out").rglob("*")):
        assert not path.stat().st_mode & 0o077, f"others may read {path.name}"


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [fixture(name) for name in ("als_new", "mg_crisis", "imnm_on_statin", "healthy_adult")]
    source = export(tmp_path / "export", [one for found in people for one in found.record])
    done: list[int] = []
    screen_part = Job._screen  # noqa: SLF001 - to stop in its middle

    def stopping(self: Job, part: int, *rest: Any) -> None:  # noqa: ANN401 - as the real one
        if part == 1 and not done.count(1):
            done.append(1)
            raise OSError("the disk is full")
        screen_part(self, part, *rest)
        done.append(part)

    monkeypatch.setattr(Job, "_screen", stopping)
    code, said, _ = screen(source, tmp_path / "out", "--parts", "3")
    assert code == 4
    assert "kept in" in "".join(said.splitlines())
    assert done == [0, 1]
    assert not (tmp_path / "out").exists()
    code, said, _ = screen(source, tmp_path / "out", "--parts", "2")
    assert code == 2
    assert "number of parts" in " ".join(said.split())
    code, _, summary = screen(source, tmp_path / "out", "--parts", "3")
    assert code == 0
    assert done == [0, 1, 1, 2]
    assert not (tmp_path / "out.unfinished").exists()
    assert summary["patients"]["screened"] == 4
    assert summary["blockedInUse"] == {"atorvastatin": 1}
    code, said, _ = screen(source, tmp_path / "out")
    assert code == 2
    assert "exists" in " ".join(said.split())
    screen(source, tmp_path / "whole", "--parts", "1")
    for name in ("findings", "patients", "rules"):
        assert sorted(map(json.dumps, table(tmp_path / "out", name))) == sorted(map(json.dumps, table(tmp_path / "whole", name)))


def test_a_file_that_is_cut_off_stops_the_run_and_is_named(tmp_path: Path, screen: Screen) -> None:
    source = export(tmp_path / "export", person("p1"), files=1)
    packed = gzip.compress(b"".join(json.dumps(weight(number, "Patient/p1")).encode() + b"\n" for number in range(20_000)))
    (source / "Observation.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    code, said, _ = screen(source, tmp_path / "out")
    assert code == 4
    assert "Observation.ndjson.gz" in "".join(said.split())
    assert not (tmp_path / "out").exists()


def test_an_export_from_a_server_is_screened_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = fixture("als_new")
    resources: dict[str, list[dict[str, Any]]] = {"Patient": [], "Condition": []}
    for one in found.record:
        resources.setdefault(str(one["resourceType"]), []).append(one)
    monkeypatch.setenv("NMCDS_SECRET", SECRET)
    with bulk_server() as server:
        server.resources = resources
        command = ["nmcds", "export-from", server.url("open-errors"), "--out", str(tmp_path / "export"), "--screen", str(tmp_path / "out")]
        monkeypatch.setattr("sys.argv", [*command, "--on", "2026-11-22"])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    assert stopped.value.code == 1  # the server reported errors, so types without a file are not known to be empty
    (row,) = table(tmp_path / "out", "patients")
    assert row["screened"]
    assert {one["type"] for one in row["unread"]} >= {"Flag", "Device"}
    assert row["diseases"] == ["als"]
    assert len(table(tmp_path / "out", "findings")) == row["findings"] > 0
    assert [one["reason"] for one in table(tmp_path / "out", "problems")] == ["the exporting server reported an error"]
