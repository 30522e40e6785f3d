"""A synthetic population of any size: the invented patients with new ids among ordinary people, as a FHIR Bulk Data export.

The same seed and size give the same bytes. Nothing is kept in memory: people are written one by one, each type into its own files.
Ordinary people have problems, medicines and results whose codes stand in the invented patients.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO, cast

from fhir_fixtures import PatientFixture, Resource, patients

__all__ = ["ordinary", "person", "population", "write_population"]

DAY = date(2026, 11, 22)
AFFECTED = 0.02  # share of people who are a copy of an invented patient: far more than in life, so that small runs have all of them
LINES = 50_000  # resources in one file
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

PROBLEMS = (
    (SNOMED, "444814009", "Viral sinusitis", 0.35), (SNOMED, "55822004", "Hyperlipidemia", 0.20),
    (SNOMED, "59621000", "Essential hypertension", 0.25),
    (SNOMED, "195967001", "Asthma", 0.09),
    (SNOMED, "235595009", "Gastroesophageal reflux disease", 0.12), (SNOMED, "37796009", "Migraine", 0.10),
    (SNOMED, "40930008", "Hypothyroidism", 0.05), (SNOMED, "44054006", "Diabetes mellitus type 2", 0.08),
    (SNOMED, "239873007", "Osteoarthritis of knee", 0.10), (SNOMED, "279039007", "Low back pain", 0.12),
    (SNOMED, "35489007", "Depressive disorder", 0.08), (SNOMED, "254837009", "Malignant neoplasm of breast", 0.01),
)  # fmt: skip
MEDICINES = (
    (RXNORM, "6809", "metformin", 0.08), (RXNORM, "435", "albuterol", 0.07), (RXNORM, "17767", "amlodipine", 0.12),
    (RXNORM, "29046", "lisinopril", 0.12), (RXNORM, "83367", "atorvastatin", 0.12), (RXNORM, "5640", "ibuprofen", 0.08),
)  # fmt: skip
RESULTS = (
    ("29463-7", "Body weight", "kg", 50, 110), ("8302-2", "Body height", "cm", 150, 195), ("2160-0", "Creatinine", "mg/dL", 0.6, 1.2),
    ("1742-6", "Alanine aminotransferase", "U/L", 8, 45), ("718-7", "Hemoglobin", "g/dL", 12, 17),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """One member of the population; `template` names the invented patient it is a copy of, None for an ordinary person."""

    id: str
    template: str | None
    resources: tuple[Resource, ...]


def population(size: int, seed: int) -> Iterator[Person]:
    """`size` people; among them each invented patient at least once when there is room."""
    templates = patients()
    for number in range(size):
        yield person(number, seed, templates)


def person(number: int, seed: int, templates: tuple[PatientFixture, ...]) -> Person:
    """Member `number`, whatever the size: anyone can make it again alone."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - invented data, to be had again
    every = round(1 / AFFECTED)
    identifier = f"syn-{seed}-{number:09d}"
    if number % every == every - 1:
        template = templates[number // every % len(templates)]
        return Person(identifier, template.name, tuple(renamed(one, template.patient_id, identifier) for one in template.record))
    return Person(identifier, None, tuple(ordinary(identifier, chance)))


def renamed(resource: Resource, old: str, new: str) -> Resource:
    """The resource with every id of the invented patient's changed to the new patient's, references included."""
    text = json.dumps(resource).replace(f"{old}-", f"{new}-").replace(f'"{old}"', f'"{new}"').replace(f'Patient/{old}"', f'Patient/{new}"')
    value: Resource = json.loads(text)
    own = str(value["id"])
    return (
        value if own == new or own.startswith(f"{new}-") or value["resourceType"] == "Medication" else {**value, "id": f"{new}-{own}"[:64]}
    )


def ordinary(identifier: str, chance: random.Random) -> Iterator[Resource]:
    """A person with everyday problems and no neuromuscular disease."""
    about = {"reference": f"Patient/{identifier}"}
    born = DAY - timedelta(days=chance.randint(0, 95 * 365))
    yield {"resourceType": "Patient", "id": identifier, "gender": chance.choice(("female", "male")), "birthDate": born.isoformat()}
    for number, (system, code, text, share) in enumerate(PROBLEMS):
        if chance.random() < share:
            yield {
                "resourceType": "Condition", "id": f"{identifier}-c{number}", "subject": about,
                "clinicalStatus": _status("condition-clinical", chance.choice(("active", "resolved"))),
                "verificationStatus": _status("condition-ver-status", "confirmed"),
                "code": {"coding": [{"system": system, "code": code}], "text": text}, "recordedDate": _day(chance),
            }  # fmt: skip
    for number, (system, code, text, share) in enumerate(MEDICINES):
        if chance.random() < share:
            yield {
                "resourceType": "MedicationRequest", "id": f"{identifier}-m{number}", "subject": about, "status": "active",
                "intent": "order",
                "medicationCodeableConcept": {"coding": [{"system": system, "code": code}], "text": text}, "authoredOn": _day(chance),
            }  # fmt: skip
    for visit in range(chance.randint(1, 4)):
        day = _day(chance)
        yield {
            "resourceType": "Encounter", "id": f"{identifier}-e{visit}", "subject": about, "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [{"coding": [{"system": SNOMED, "code": "185349003"}]}], "period": {"start": day, "end": day},
        }  # fmt: skip
        for number, (code, text, unit, low, high) in enumerate(RESULTS):
            yield {
                "resourceType": "Observation", "id": f"{identifier}-o{visit}{number}", "subject": about, "status": "final",
                "code": {"coding": [{"system": LOINC, "code": code, "display": text}]}, "effectiveDateTime": day,
                "valueQuantity": {
                    "value": round(chance.uniform(low, high), 1), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
                },
            }  # fmt: skip


def write_population(folder: Path, size: int, seed: int) -> Iterator[int]:
    """Write `<Type>.<number>.ndjson.gz` files; yields the number of people written so far.

    Raises FileExistsError for a folder with files."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    with ExitStack() as files:
        writers: dict[str, _Writer] = {}
        shared: set[str] = set()  # ids of Medications that are written already
        for number, one in enumerate(population(size, seed), 1):
            for resource in one.resources:
                kind = str(resource["resourceType"])
                if kind == "Medication":
                    if str(resource["id"]) in shared:
                        continue
                    shared.add(str(resource["id"]))
                if kind not in writers:
                    writers[kind] = files.enter_context(_Writer(folder, kind))
                writers[kind].write(resource)
            yield number


class _Writer:
    """The files of one type; a new one is begun when one is full."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder, kind
        self._file: IO[bytes] | None = None
        self._lines = self._number = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, resource: Resource) -> None:
        if self._file is None or self._lines == LINES:
            self.__exit__()
            self._number, self._lines = self._number + 1, 0
            path = self._folder / f"{self._kind}.{self._number:05d}.ndjson.gz"
            self._file = cast("IO[bytes]", gzip.GzipFile(path, "wb", compresslevel=1, mtime=0))
        self._lines += 1
        self._file.write(json.dumps(resource, separators=(",", ":")).encode() + b"\n")


def _status(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _day(chance: random.Random) -> str:
    return (DAY - timedelta(days=chance.randint(1, 3 * 365))).isoformat()
