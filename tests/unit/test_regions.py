"""Where a site is decides which labels and authorisations count. A short patient cannot say so: as it comes a site is in the US."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rules.knowledge import Knowledge
from rules.site import Site
from tests.support.spoken import about

At = Callable[[str], Knowledge]

WALKS = {"findings": [{"concept": "non-ambulant", "present": False}]}
DMD = {"age": 8, "gender": "male", "diagnoses": ["duchenne"], "genes": [{"gene": "DMD", "significance": "pathogenic"}]}
AMENABLE = {**DMD, "labs": [{"concept": "exon-skipping-amenable", "result": "positive"}]}
BLOOD = {
    **DMD,
    "labs": [
        {"concept": "platelets", "value": 200, "unit": "10*9/L"},
        {"concept": "triglycerides", "value": 100, "unit": "mg/dL"},
    ],
}
STEROID = {"medications": ["prednisone"]}
ALS = {
    "age": 55,
    "gender": "male",
    "diagnoses": [{"concept": "als", "onset": "-300 days"}],
    "labs": [{"concept": "fvc-percent-predicted", "value": 80, "unit": "%"}],
}
LEMS = {"age": 50, "gender": "female", "findings": ["muscle-weakness"]}
WEAK, WITH_ASTHMA, WITH_LONG_QT = ({**LEMS, "diagnoses": ["lambert-eaton", *more]} for more in ([], ["asthma"], ["long-qt"]))


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> At:
    """The knowledge of a site in a region, loaded once."""
    loaded: dict[str, Knowledge] = {}

    def known(region: str) -> Knowledge:
        if region not in loaded:
            file = tmp_path_factory.mktemp("region") / "site.toml"
            file.write_text(f'[thresholds.site]\nregion = "{region}"\n')
            loaded[region] = Knowledge.load(engine="reference", site=Site.load(file))
        return loaded[region]

    return known


@pytest.mark.parametrize(
    ("rule", "patient", "where"),
    [
        ("dmt-dmd-gene", {**DMD, **WALKS}, {"US"}),
        ("dmt-dmd-gene", DMD, {"US"}),
        ("dmt-dmd-exon", AMENABLE, {"US"}),
        ("dmt-als-edaravone", ALS, {"US", "JP"}),
        ("dmt-dmd-givinostat", {**BLOOD, **WALKS, **STEROID}, {"US", "EU"}),
        ("dmt-dmd-givinostat", {**BLOOD, **WALKS}, {"US"}),
        ("dmt-dmd-givinostat", {**BLOOD, **STEROID, "findings": ["non-ambulant"]}, {"US"}),
        ("dmt-lems-amifampridine", WEAK, {"US", "EU"}),
        ("dmt-lems-amifampridine", WITH_ASTHMA, {"US"}),
        ("dmt-lems-amifampridine", WITH_LONG_QT, {"US"}),
    ],
)
def test_a_therapy_is_spoken_of_where_its_label_allows_it(at: At, rule: str, patient: dict[str, object], where: set[str]) -> None:
    asked = {"US", "EU"} | where
    assert {region for region in asked if rule in about(at(region), "patient-view", patient)} == where


def test_a_drafted_gene_therapy_is_spoken_of_anywhere(at: At) -> None:
    assert "dmt-dmd-gene" in about(at("EU"), "order-sign", {**DMD, **WALKS, "drafts": ["delandistrogene"]})
