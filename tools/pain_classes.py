"""The table patient fact x drug class of the pain pathway, made by asking the rules.

A man of 50 with painful diabetic polyneuropathy and every test on file gets one draft of each class, once as he is and once with each
fact. A cell names the rules that then say more than they say without the fact. The words are those of the specification's own table
(analgesia, "Decision order for a neuropathic-pain card").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from rules.extract import Input
from rules.facts import Origin
from rules.knowledge import Knowledge
from rules.vignette import build

__all__ = ["CLASSES", "FACTS", "Fact", "page", "spoken"]

ON = date(2026, 11, 22)
CLASSES = {
    "SNRI": "duloxetine",
    "TCA": "amitriptyline",
    "Gabapentinoid": "pregabalin",
    "Carbamazepine group": "carbamazepine",
    "NSAID": "ibuprofen",
    "Tramadol": "tramadol",
}
TESTS = [
    {"concept": "egfr", "value": 90, "unit": "mL/min/{1.73_m2}"},
    {"concept": "creatinine", "value": 80, "unit": "umol/L"},
    {"concept": "weight", "value": 80, "unit": "kg"},
    {"concept": "qtc", "value": 420, "unit": "ms"},
    {"concept": "fvc-percent-predicted", "value": 90, "unit": "%"},
    {"concept": "sodium", "value": 140, "unit": "mmol/L"},
    {"concept": "alt", "value": 20, "unit": "U/L", "high": 40},
    {"concept": "systolic-blood-pressure", "value": 125, "unit": "mm[Hg]"},
]
PATIENT: Mapping[str, object] = {
    "age": 50,
    "gender": "male",
    "diagnoses": ["painful-diabetic-neuropathy"],
    "labs": TESTS,
    "procedures": [{"concept": "ecg", "when": "-20 days"}],
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A row: what is different about the patient, and the specification's words in the order of CLASSES."""

    name: str
    changes: Mapping[str, object]
    words: tuple[str, ...]


KIDNEY = [
    {"concept": "egfr", "value": 22, "unit": "mL/min/{1.73_m2}", "when": "-1 days"},
    {"concept": "creatinine", "value": 300, "unit": "umol/L", "when": "-1 days"},
]
PREGNANT = {"age": 30, "gender": "female", "diagnoses": [{"concept": "pregnancy", "onset": "-150 days"}]}
FACTS = (
    Fact(
        "Age 65+",
        {"age": 70},
        ("check sodium, falls", "avoid (Beers)", "lower dose, no opioid pair", "sodium", "caution, avoid 75+", "last resort"),
    ),
    Fact(
        "AV block",
        {"diagnoses": ["heart-block"]},
        ("BP first", "block", "HF III-IV: avoid pregabalin", "block if AV block", "avoid in HF", "QT caution methadone"),
    ),
    Fact(
        "Heart failure",
        {"diagnoses": ["heart-failure"]},
        ("BP first", "block", "HF III-IV: avoid pregabalin", "block if AV block", "avoid in HF", "QT caution methadone"),
    ),
    Fact(
        "vs-cardiac-nmd",
        {"diagnoses": ["myotonic-dystrophy-1"]},
        ("ECG", "block (draft removed)", "breathing first", "ECG", "heart check", "breathing test first"),
    ),
    Fact("CrCl <30", {"labs": KIDNEY}, ("block duloxetine", "low dose, care", "dose band", "caution", "avoid", "reduce, specialist")),
    Fact(
        "Chronic liver disease",
        {"diagnoses": ["cirrhosis"]},
        ("block duloxetine", "care", "preferred", "care", "avoid in cirrhosis", "care"),
    ),
    Fact("Narrow angle", {"diagnoses": ["glaucoma-angle-closure"]}, ("avoid", "avoid", "ok", "care", "ok", "ok")),
    Fact("MAOI <=14 d", {"medications": ["phenelzine"]}, ("block", "block", "ok", "block", "ok", "block tramadol")),
    Fact("Bipolar", {"diagnoses": ["bipolar"]}, ("block unless psychiatry", "block unless psychiatry", "ok", "specialist", "ok", "ok")),
    Fact(
        "respRisk severe",
        {"diagnoses": ["als"], "devices": ["noninvasive-ventilation"]},
        ("ok", "care", "warning or critical", "care", "ok", "critical"),
    ),
    Fact(
        "Myasthenia",
        {"diagnoses": ["generalised-myasthenia"]},
        ("usually ok", "care", "watch", "watch", "usually ok", "breathing test first"),
    ),
    Fact("Pregnancy", PREGNANT, ("specialist", "specialist", "specialist", "avoid", "avoid from 20 wk", "specialist")),
)


def spoken(knowledge: Knowledge, drug: str, changes: Mapping[str, object]) -> dict[str, str]:
    """The pain rules that speak when `drug` is signed for this patient: rule id to level, or "asks"."""
    patient = dict(PATIENT)
    for key, value in changes.items():
        patient[key] = [*patient.get(key, ()), *value] if isinstance(value, list) else value  # type: ignore[misc]
    scene = build({**patient, "drafts": [drug]}, on=ON, hook="order-sign", terminology=knowledge.terminology)
    inputs = [Input(resource, Origin.RECORD) for resource in scene.resources] + [Input(draft, Origin.DRAFT) for draft in scene.drafts]
    as_of = datetime.combine(ON, time(12), tzinfo=UTC)
    found = knowledge.evaluate(inputs, as_of=as_of, hook="order-sign", unread={}).findings
    return {one.rule.id: "asks" if one.asks else one.indicator for one in found if one.pathway == "analgesic"}


def added(knowledge: Knowledge, drug: str, fact: Fact) -> dict[str, str]:
    """What the rules say more, or at a higher level, because of the fact."""
    before = spoken(knowledge, drug, {})
    return {rule: level for rule, level in spoken(knowledge, drug, fact.changes).items() if before.get(rule) != level}


def page() -> Iterator[str]:
    """Yield the page."""
    knowledge = Knowledge.load(engine="reference")
    yield "# Pain: drug class by patient fact\n"
    yield (
        "Made by asking the rules: a man of 50 with painful diabetic polyneuropathy and every test on file gets one drafted drug of each "
        f"class ({', '.join(CLASSES.values())}). First line of a cell: the words of the specification. Second: the rules that say more "
        "because of the fact, with their level. Without a second line: advice that no rule of the specification gives at signing.\n"
    )
    yield "| patient fact | " + " | ".join(CLASSES) + " |\n|" + " --- |" * (len(CLASSES) + 1)
    for fact in FACTS:
        cells = []
        for word, drug in zip(fact.words, CLASSES.values(), strict=True):
            more = added(knowledge, drug, fact)
            cells.append(word + "".join(f"<br>[{rule}](rules.md#{rule}) {level}" for rule, level in more.items()))
        yield f"| {fact.name} | " + " | ".join(cells) + " |"
