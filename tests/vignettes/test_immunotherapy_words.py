"""What the cards of immunotherapy say in words: a reason for each drug that is held back, a fact where it holds, no step in a question."""

from __future__ import annotations

import pytest

from rules.findings import Finding
from tests.support.spoken import about
from tests.support.spoken import on_reference as knowledge

FAILED = [
    {"concept": drug, "status": "stopped", "since": "-1200 days", "until": "-700 days", "status_reason": "ineffective"}
    for drug in ("prednisone", "azathioprine", "mycophenolate-mofetil")
]
REFRACTORY = {"diagnoses": ["generalised-myasthenia"], "medications": FAILED, "labs": [{"concept": "anti-achr", "result": "positive"}]}
CHILD = {"age": 12, "diagnoses": [{"concept": "generalised-myasthenia", "onset": "-1 years"}], "labs": REFRACTORY["labs"]}
VACCINATED = {
    "immunizations": [
        {"concept": vaccine, "when": when}
        for vaccine in ("non-live-vaccine-menacwy", "non-live-vaccine-menb")
        for when in ("-200 days", "-100 days")
    ]
}
NO_HEPATITIS = [{"concept": one, "result": "negative"} for one in ("hepatitis-b-surface-antigen", "hepatitis-b-core-antibody")]
SEPSIS = {"concept": "sepsis", "onset": "-3 days", "recorded": "-3 days"}
CRISIS = {"diagnoses": ["myasthenic-crisis"]}
MEASURED = {"labs": [{"concept": "creatinine", "value": 80, "unit": "umol/L"}, {"concept": "iga", "value": 2, "unit": "g/L"}]}
SARCOID = {"diagnoses": ["neurosarcoidosis"]}
TESTED = {"labs": [{"concept": "igra", "result": "negative"}], "reports": [{"concept": "biopsy", "when": "-60 days"}]}
BOY = {"age": 5, "diagnoses": ["duchenne"]}
LEMS = {"diagnoses": ["lambert-eaton"]}
PARAPROTEIN = {"concept": "paraprotein-immunofixation", "answer": "paraprotein-igg"}


def said(rule: str, hook: str, patient: dict[str, object]) -> Finding:
    """The finding of a rule for a short patient."""
    return about(knowledge(), hook, {"age": 50, "gender": "male", **patient})[rule]


@pytest.mark.parametrize(
    ("rule", "patient", "words", "there"),
    [
        ("mg-refractory-options", REFRACTORY, "MenB) are complete: eculizumab", True),
        ("mg-refractory-options", REFRACTORY, "MenB) are complete: ravulizumab", True),
        ("mg-refractory-options", REFRACTORY, "MenB) are complete: zilucoplan", True),
        ("mg-refractory-options", REFRACTORY | {"age": 17}, "MenB) are complete: ravulizumab", False),
        ("mg-refractory-options", REFRACTORY | VACCINATED, "MenB) are complete", False),
        ("mg-refractory-options", REFRACTORY | {"labs": []}, "MenB) are complete", False),
        ("mg-refractory-options", REFRACTORY, "until HBsAg and anti-HBc are known", True),
        ("mg-refractory-options", REFRACTORY | {"labs": NO_HEPATITIS}, "until HBsAg and anti-HBc are known", False),
        ("mg-refractory-options", REFRACTORY, "Serious infection", False),
        ("mg-refractory-options", REFRACTORY | {"diagnoses": ["generalised-myasthenia", SEPSIS]}, "Serious infection", True),
        ("mg-refractory-options", REFRACTORY | {"diagnoses": ["generalised-myasthenia", SEPSIS]}, "MenB) are complete", False),
        ("mg-refractory-options", REFRACTORY | {"labs": [{"concept": "hiv", "result": "positive"}]}, "HIV or IGRA is positive", True),
        ("mg-refractory-options", REFRACTORY, "HIV or IGRA is positive", False),
        ("mg-refractory-options", REFRACTORY | {"allergies": ["immunoglobulin-g"]}, "Immunoglobulin is held back", True),
        ("mg-refractory-options", REFRACTORY, "Immunoglobulin is held back", False),
        ("jmg-generalized", CHILD, "MenB) are complete: eculizumab", True),
        ("jmg-generalized", CHILD | VACCINATED, "MenB) are complete", False),
        ("jmg-generalized", CHILD | {"age": 5}, "MenB) are complete", False),
        ("dmd-start-glucocorticoid", BOY, "Whether the patient walks is not recorded", True),
        ("dmd-start-glucocorticoid", BOY | {"answers": ["walks-unaided"]}, "Whether the patient walks is not recorded", False),
        ("mg-crisis-urgent", CRISIS | {"age": 66}, "Aged over 65", True),
        ("mg-crisis-urgent", CRISIS | {"age": 65}, "Aged over 65", False),
        ("mg-crisis-urgent", CRISIS, "Creatinine of the last 3 months is missing: take blood and proceed", True),
        ("mg-crisis-urgent", CRISIS, "IgA was never measured: take blood and proceed", True),
        ("mg-crisis-urgent", CRISIS | MEASURED, "take blood and proceed", False),
        ("neurosarcoid-neuropathy", SARCOID, "First step", False),
        ("neurosarcoid-neuropathy", SARCOID | TESTED, "First step: glucocorticoid", True),
        ("neurosarcoid-neuropathy", SARCOID | TESTED | {"medications": FAILED[:1]}, "methotrexate is the usual next step", True),
        ("neurosarcoid-neuropathy", SARCOID | TESTED | {"medications": FAILED[:1]}, "First step", False),
        ("lems-immunotherapy-second-line", LEMS, "Azathioprine is proposed once", False),
        ("pdn-igg-iga-exclude-poems", {"diagnoses": ["cidp"], "labs": [PARAPROTEIN]}, "The light chain type is not on file", True),
    ],
)
def test_a_card_says_why_something_is_held_back_and_only_what_holds(rule: str, patient: dict[str, object], words: str, there: bool) -> None:
    assert (words in "\n".join(said(rule, "patient-view", patient).detail)) is there


@pytest.mark.parametrize(
    ("rule", "hook", "patient", "title"),
    [
        ("neurosarcoid-neuropathy", "patient-view", SARCOID | {"labs": TESTED["labs"]}, "is a biopsy on file?"),
        ("neurosarcoid-neuropathy", "patient-view", SARCOID | {"reports": TESTED["reports"]}, "is a tuberculosis test"),
        ("neurosarcoid-neuropathy", "patient-view", SARCOID, "are a biopsy and a tuberculosis test"),
        ("pre-is-vaccine-vzv", "order-select", {"drafts": ["rituximab"]}, "vaccines up to date and check varicella immunity"),
        (
            "mg-nonsteroidal-is",
            "patient-view",
            {"diagnoses": ["generalised-myasthenia"], "medications": FAILED[:2]},
            "other than azathioprine, which failed",
        ),
        (
            "ivig-iga-anaphylaxis",
            "order-sign",
            {"drafts": ["immunoglobulin-g"], "allergies": [{"concept": "immunoglobulin-g", "severity": "severe"}]},
            "Past severe reaction to immunoglobulin",
        ),
        ("ivig-iga-anaphylaxis", "order-sign", {"drafts": ["immunoglobulin-g"], "allergies": ["immunoglobulin-g"]}, "how severe was it?"),
    ],
)
def test_a_title_names_what_holds_for_this_patient(rule: str, hook: str, patient: dict[str, object], title: str) -> None:
    assert title in said(rule, hook, patient).summary


@pytest.mark.parametrize(
    ("rule", "hook", "patient"),
    [
        ("teratogen-wocbp", "order-sign", {"gender": "unknown", "drafts": ["methotrexate"]}),
        ("pjp-prophylaxis", "order-select", {"drafts": ["prednisone"]}),
        ("is-active-infection-block", "order-sign", {"diagnoses": [SEPSIS], "drafts": ["prednisone"]}),
        (
            "ddi-aza-xanthine-oxidase",
            "order-sign",
            {"drafts": ["allopurinol"], "medications": [{"concept": "azathioprine", "status": "unknown"}]},
        ),
    ],
)
def test_what_is_not_known_is_a_question(rule: str, hook: str, patient: dict[str, object]) -> None:
    found = said(rule, hook, patient)
    assert found.asks
    assert "?" in found.summary
