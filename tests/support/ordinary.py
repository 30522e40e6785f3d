"""Ordinary people: everyday problems, medicines, results and vaccines, and no neuromuscular disease. Seeded: a person can be made again.

Written in the shorthand of vignettes, so that they become FHIR resources with the official codes of `rules/codes`; what the rules have
no name for (a cold, a high cholesterol) carries the code that the invented patients have. Shares are rough and not epidemiology: they
only make common things common.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

__all__ = ["DAY", "Person", "ordinary_people"]

DAY = date(2026, 11, 22)
SNOMED = "snomed"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem: its share among people of these ages, and the medicines of which one is mostly taken for it."""

    share: float
    ages: tuple[int, int]
    entry: dict[str, str]
    medicines: tuple[dict[str, str], ...] = ()


def _rx(*codes: str) -> tuple[dict[str, str], ...]:
    return tuple({"system": "rxnorm", "code": code} for code in codes)


def _named(*names: str) -> tuple[dict[str, str], ...]:
    return tuple({"concept": name} for name in names)


PROBLEMS = (
    Problem(0.30, (0, 95), {"system": SNOMED, "code": "444814009"}, _named("paracetamol")),  # viral sinusitis
    Problem(0.30, (35, 95), {"concept": "hypertension"}, (*_rx("17767"), *_named("lisinopril", "ramipril", "losartan"))),
    Problem(0.25, (35, 95), {"system": SNOMED, "code": "55822004"}, _named("atorvastatin", "simvastatin")),  # hyperlipidaemia
    Problem(0.09, (25, 95), {"system": SNOMED, "code": "44054006"}, _rx("6809")),  # type 2 diabetes
    Problem(0.09, (4, 95), {"concept": "asthma"}, _rx("435")),
    Problem(0.06, (50, 95), {"concept": "copd"}, _rx("435")),
    Problem(0.12, (20, 95), {"concept": "oesophageal-reflux"}, _named("omeprazole")),
    Problem(0.08, (12, 70), {"concept": "migraine"}, _named("ibuprofen", "paracetamol", "propranolol")),
    Problem(0.06, (20, 95), {"concept": "hypothyroidism"}, _named("levothyroxine")),
    Problem(0.15, (45, 95), {"concept": "hip-knee-osteoarthritis"}, _named("ibuprofen", "naproxen", "paracetamol", "tramadol")),
    Problem(0.14, (18, 95), {"concept": "low-back-pain"}, _named("ibuprofen", "naproxen", "paracetamol", "oxycodone", "codeine")),
    Problem(0.09, (14, 95), {"concept": "depression"}, _named("sertraline", "escitalopram", "amitriptyline", "duloxetine")),
    Problem(0.07, (14, 95), {"concept": "anxiety"}, _named("sertraline", "lorazepam", "pregabalin")),
    Problem(0.04, (60, 95), {"concept": "atrial-fibrillation"}, _named("apixaban", "bisoprolol")),
    Problem(0.04, (60, 95), {"concept": "heart-failure"}, _named("furosemide", "bisoprolol", "ramipril")),
    Problem(0.03, (60, 95), {"concept": "stroke"}, _named("clopidogrel", "aspirin")),
    Problem(0.04, (35, 95), {"concept": "gout"}, _named("allopurinol", "colchicine")),
    Problem(0.07, (60, 95), {"concept": "osteoporosis"}, _named("alendronate")),
    Problem(0.06, (70, 95), {"concept": "falls"}),
    Problem(0.02, (1, 95), {"concept": "epilepsy"}, _named("levetiracetam", "valproate")),
    Problem(0.10, (14, 95), {"concept": "fatigue"}),
    Problem(0.04, (16, 95), {"concept": "cramp"}),
    Problem(0.04, (16, 95), {"concept": "myalgia"}, _named("paracetamol", "ibuprofen")),
    Problem(0.05, (40, 95), {"concept": "sleep-apnoea"}),
    Problem(0.01, (35, 95), {"system": SNOMED, "code": "254837009"}, _rx("10324")),  # breast cancer
    Problem(0.03, (55, 95), {"system": SNOMED, "code": "266569009"}),  # prostatic hyperplasia
    Problem(0.03, (60, 95), {"system": SNOMED, "code": "431857002"}),  # chronic kidney disease, stage 4
    Problem(0.05, (20, 90), {"system": "icd-10-cm", "code": "M54.2"}, _named("ibuprofen", "diazepam")),  # neck pain
)
PASSING = _named("nitrofurantoin", "ciprofloxacin", "azithromycin", "prednisone", "zopiclone")
RESULTS = (
    ("weight", "kg", 48, 115), ("height", "cm", 150, 195), ("haemoglobin", "g/dL", 11.5, 17), ("creatinine", "mg/dL", 0.6, 1.3),
    ("egfr", "mL/min/{1.73_m2}", 55, 110), ("alt", "U/L", 8, 55), ("tsh", "m[IU]/L", 0.4, 4.5), ("hba1c", "%", 4.8, 7.5),
    ("ldl-cholesterol", "mg/dL", 60, 190), ("potassium", "mmol/L", 3.5, 5.0), ("sodium", "mmol/L", 134, 146),
    ("creatine-kinase", "U/L", 40, 195), ("pain-score", "{score}", 0, 6), ("systolic-blood-pressure", "mm[Hg]", 102, 158),
    ("leukocytes", "10*3/uL", 4, 11), ("platelets", "10*3/uL", 150, 400), ("heart-rate", "/min", 52, 98), ("spo2", "%", 94, 100),
)  # fmt: skip
VACCINES = ("non-live-vaccine-influenza", "non-live-vaccine-pneumococcal", "live-vaccine-mmr", "live-vaccine-varicella")


@dataclass(frozen=True, slots=True)
class Person:
    """One of them: a number to find them again, and the patient in the words of a vignette."""

    number: int
    patient: dict[str, object]


def ordinary_people(size: int, seed: int) -> Iterator[Person]:
    """`size` people; the same seed gives the same people."""
    for number in range(size):
        yield Person(number, _patient(random.Random(f"{seed}/{number}")))  # noqa: S311 - invented people, to be had again


def _patient(chance: random.Random) -> dict[str, object]:
    age = chance.randint(1, 94)
    patient: dict[str, object] = {"age": age, "gender": chance.choice(("female", "male"))}
    diagnoses: list[dict[str, str]] = []
    medications: list[dict[str, str]] = []
    for problem in PROBLEMS:
        if problem.ages[0] <= age <= problem.ages[1] and chance.random() < problem.share:
            over = chance.random() < 0.25
            diagnoses.append({**problem.entry, "recorded": _past(chance), **({"clinical": "resolved"} if over else {})})
            if problem.medicines and not over and chance.random() < 0.7:
                medications.append({**chance.choice(problem.medicines), "since": _past(chance)})
    if chance.random() < 0.05:
        medications.append({**chance.choice(PASSING), "since": "-3 days", "until": "+4 days"})
    taken = {one.get("concept", one.get("code", "")): one for one in medications}  # two problems, one medicine
    patient["diagnoses"], patient["medications"] = diagnoses, list(taken.values())
    patient["labs"] = [
        {"concept": concept, "value": round(chance.uniform(low, high), 1), "unit": unit, "when": _past(chance), **_range(concept, chance)}
        for concept, unit, low, high in RESULTS
        if age >= 18 and chance.random() < 0.45
    ]
    patient["immunizations"] = [{"concept": one, "when": _past(chance)} for one in VACCINES if chance.random() < 0.35]
    if age >= 60 and chance.random() < 0.3:
        patient["procedures"] = [{"concept": "ecg", "when": _past(chance)}]
    return patient


def _range(concept: str, chance: random.Random) -> dict[str, float]:
    """Laboratories mostly send the upper limit of normal of an enzyme; one in ten leaves it out."""
    return {"high": 200 if concept == "creatine-kinase" else 56} if concept in ("creatine-kinase", "alt") and chance.random() < 0.9 else {}


def _past(chance: random.Random) -> str:
    return f"-{chance.randint(5, 1400)} days"
