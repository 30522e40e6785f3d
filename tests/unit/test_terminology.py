"""Codes to concepts, names to concepts, concepts to codes; and the CSV files they come from."""

from __future__ import annotations

import csv
import re
import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from rules.calculators import CALCULATORS
from rules.code_lists import CodeListError, CodeLists, Node, Word
from rules.knowledge import Knowledge
from rules.publish.value_set import names_of
from rules.quantity import Quantity
from rules.taxonomy import Taxonomy
from rules.terminology import CONCEPT_SYSTEM, LOINC, SNOMED, Terminology
from tests.unit.extract.samples import names

CODES = Path(__file__).resolve().parents[2] / "rules" / "codes"
CM = "http://hl7.org/fhir/sid/icd-10-cm"
WHO = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"


@pytest.fixture(scope="module")
def known() -> Terminology:
    return Terminology.load(CODES)


def cc(*codings: tuple[str, str], text: str = "") -> dict[str, object]:
    return {"coding": [{"system": system, "code": code} for system, code in codings], "text": text}


# -- codes


@pytest.mark.parametrize(
    ("system", "code", "concepts"),
    [
        (SNOMED, "86044005", names("als")),
        (SNOMED, " 86044005 ", names("als")),
        ("https://snomed.info/sct/", "86044005", names("als")),
        ("urn:oid:2.16.840.1.113883.6.96", "86044005", names("als")),
        (" HTTP://SNOMED.INFO/SCT", "86044005", names("als")),
        (CM, "G12.21", names("als", "motor-neuron-disease")),
        (CM, "g1221", names("als", "motor-neuron-disease")),
        (WHO, "G12.2", names("motor-neuron-disease")),
        (WHO, "G70.0*", names("myasthenia-gravis")),
        (CM, "G70.00", names("myasthenia-gravis", "myasthenia-gravis-without-exacerbation")),
        (CM, "G70.01", names("myasthenia-gravis", "myasthenia-gravis-with-exacerbation")),
        (ATC, "h02ab07", names("prednisone")),
        (ATC, "H02AB", names()),  # only the code itself
        (CVX, "3", names("live-vaccine-mmr")),
        (CVX, "03", names("live-vaccine-mmr")),
        ("http://example.org", "86044005", names()),
        (SNOMED, "000", names()),
        (CM, "G", names()),
        (CM, "G70. 01", names("myasthenia-gravis", "myasthenia-gravis-with-exacerbation")),
        (CM, "G70.00 Myasthenia gravis", names()),  # a code with words behind it is no code
        (WHO, "G70.0-", names("myasthenia-gravis")),
        (WHO, "G70.0 A", names()),  # German certainty mark: excluded
        (WHO, "G70.0A", names()),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "G70.0", names("myasthenia-gravis")),
        ("http://snomed.info/sct/900000000000207008", "86044005", names("als")),
        ("http://snomed.info/sct/731000124108/version/20240301", "86044005", names("als")),
        ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "86044005", names("als")),
        ("http://snomed.info/scti", "86044005", names()),
        ("http://snomed.info/sct/731000124108/id/86044005", "86044005", names()),
        ("http://www.orpha.net", "ORPHA:803", names("als")),
        ("", "G70.00", names()),  # without a system a code means nothing
        (CM, "", names()),
    ],
)
def test_a_code_means_its_concepts_however_it_is_spelled(known: Terminology, system: str, code: str, concepts: frozenset[str]) -> None:
    assert known.concepts(system, code) == concepts


@pytest.mark.parametrize(
    ("system", "code", "claims", "not_claimed"),
    [
        (CM, "G71.01", "duchenne-or-becker", names("duchenne", "becker")),
        (CM, "G12.1", "sma-unspecified", names("sma-1", "sma-2", "sma-3", "sma-4")),
        (CM, "G71.11", "myotonic-dystrophy", names("myotonic-dystrophy-1", "myotonic-dystrophy-2")),
        (CM, "G70.00", "myasthenia-gravis", names("ocular-myasthenia", "generalised-myasthenia")),
        (CM, "G60.9", "polyneuropathy-any", names("hereditary-neuropathy-other")),
        (WHO, "G60.8", "polyneuropathy-any", names("hereditary-neuropathy-other")),
        (WHO, "M21.3", "focal-weakness", names("foot-drop", "hand-drop")),
        (WHO, "R25.2", "cramp", names("muscle-spasm")),
        (WHO, "C44.1", "non-melanoma-skin-cancer", names("malignancy")),
    ],
)
def test_a_wide_code_claims_only_what_it_says(known: Terminology, system: str, code: str, claims: str, not_claimed: frozenset[str]) -> None:
    found = known.concepts(system, code)
    assert claims in found
    assert not found & not_claimed


def test_wrist_or_foot_drop_is_new_weakness_whichever_it_is(known: Terminology) -> None:
    assert known.concepts(WHO, "M21.3") & known.expand("new-weakness")


def test_another_coding_of_the_same_condition_decides(known: Terminology) -> None:
    found = known.coding_concepts(cc((CM, "G71.01"), (SNOMED, "76670001")))
    assert names("duchenne", "duchenne-or-becker") <= found
    assert "becker" not in found


@pytest.mark.parametrize(
    ("code", "text", "decides"),
    [
        ("G71.01", "Duchenne muscular dystrophy", "duchenne"),
        ("G71.01", "Muscular dystrophy, Duchenne", "duchenne"),
        ("G71.01", "Duchenne muscular dystrophy (HCC)", "duchenne"),
        ("G7101", "BECKER MUSCULAR DYSTROPHY", "becker"),
        ("G71.11", "Steinert's disease", "myotonic-dystrophy-1"),
        ("G71.11", "Myotonic dystrophy type 2", "myotonic-dystrophy-2"),
        ("G12.1", "Spinal muscular atrophy, type III", "sma-3"),
        ("G71.09", "Congenital muscular dystrophy", "congenital-muscular-dystrophy"),
    ],
)
def test_the_text_beside_an_ambiguous_code_decides(known: Terminology, code: str, text: str, decides: str) -> None:
    assert not known.coding_concepts(cc((CM, code))) & known.expand(decides)
    assert known.coding_concepts(cc((CM, code), text=text)) & known.expand(decides)


def test_the_immunotherapy_specification_asks_for_more_than_text(known: Terminology) -> None:
    assert not known.coding_concepts(cc((CM, "G71.01"), text="Duchenne muscular dystrophy")) & known.expand("VS-DMD")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("G71.01", "Duchenne or Becker muscular dystrophy"),
        ("G71.01", "not Duchenne muscular dystrophy"),
        ("G71.01", "Family history of Duchenne muscular dystrophy"),
        ("G71.01", "Duchenne muscular dystrophy " + "x" * 100),
        ("G71.02", "Duchenne muscular dystrophy"),
        ("Z82.0", "Duchenne muscular dystrophy"),
    ],
)
def test_no_other_text_decides(known: Terminology, code: str, text: str) -> None:
    assert known.coding_concepts(cc((CM, code), text=text)) == known.coding_concepts(cc((CM, code)))


def test_a_text_that_contradicts_a_coding_decides_nothing(known: Terminology) -> None:
    told = cc((CM, "G71.01"), (SNOMED, "387732009"), text="Duchenne muscular dystrophy")
    assert known.coding_concepts(told) == names("duchenne-or-becker", "muscular-dystrophy-any")


@pytest.mark.parametrize(
    ("codings", "claims", "dropped"),
    [
        (((SNOMED, "76670001"), (SNOMED, "387732009")), "duchenne-or-becker", names("duchenne", "becker")),
        (((CM, "G71.01"), (SNOMED, "76670001"), (SNOMED, "387732009")), "duchenne-or-becker", names("duchenne", "becker")),
        (((SNOMED, "128212001"), (CM, "G12.1"), (SNOMED, "54280009")), "sma", names("sma-2", "sma-3")),
        (((SNOMED, "230684008"), (SNOMED, "230686005")), "myasthenia-gravis", names("ocular-myasthenia", "generalised-myasthenia")),
        (((SNOMED, "40956001"), (SNOMED, "128209004")), "immune-neuropathy", names("gbs", "cidp")),
    ],
)
def test_codings_that_disagree_claim_only_what_stands_above_them(
    known: Terminology, codings: tuple[tuple[str, str], ...], claims: str, dropped: frozenset[str]
) -> None:
    for order in (codings, codings[::-1]):
        found = known.coding_concepts(cc(*order))
        assert claims in found
        assert not found & dropped
        assert known.agreed(cc(*order))[1] == dropped


@pytest.mark.parametrize(
    "codings",
    [
        ((CM, "G71.01"), (SNOMED, "76670001")),  # a disease and its parent
        ((CM, "G70.00"), (SNOMED, "230684008")),
        ((SNOMED, "76670001"), (SNOMED, "240131006")),  # Duchenne and rhabdomyolysis: different trees
        ((SNOMED, "76670001"), ("http://example.org", "x")),
        ((SNOMED, "76670001"), (SNOMED, "76670001")),
        ((CM, "E11.42"),),
    ],
)
def test_other_codings_agree(known: Terminology, codings: tuple[tuple[str, str], ...]) -> None:
    assert known.agreed(cc(*codings))[1] == names()
    assert known.coding_concepts(cc(*codings)) == names().union(*(known.concepts(*coding) for coding in codings))


def test_what_the_user_picked_decides_nothing(known: Terminology) -> None:
    codings = cc((SNOMED, "76670001"), (SNOMED, "387732009"))
    picked = {"coding": [{**coding, "userSelected": number == 0} for number, coding in enumerate(codings["coding"])]}  # type: ignore[arg-type, var-annotated]
    assert known.coding_concepts(picked) == known.coding_concepts(codings)


def test_every_system_is_known_by_each_of_its_spellings(known: Terminology) -> None:
    with (CODES / "systems.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            alias = row["alias"]
            spellings = {alias, alias.upper(), f" {alias} ", alias + "/", alias + "|2026", alias.replace("http://", "https://")}
            assert {known.system(text) for text in spellings} == {row["system"]}, alias


@pytest.mark.parametrize("code", ["Z82.0", "Z82.69", "Z80.3", "Z84.81", "Z03.89", "Z13.858", "Z87.39", "Z31.430"])
def test_family_history_exclusion_and_screening_are_never_a_disease(known: Terminology, code: str) -> None:
    diseases = known.expand("neuromuscular-disorder") | known.expand("vs-nmd") | known.expand("VS-MALIGNANCY") | names("stroke")
    assert not known.concepts(CM, code) & diseases
    assert not known.concepts(WHO, code) & diseases


def test_no_listed_code_is_about_relatives_suspicion_or_screening() -> None:
    for row in CodeLists.read(CODES).rows:
        if re.search(r"family history|suspected|ruled out|screening for|no known", row.display, re.IGNORECASE):
            assert row.concept == "family-history-neuromuscular", row


def test_text_never_makes_a_concept(known: Terminology) -> None:
    assert known.coding_concepts({"text": "Myasthenia gravis"}) == names()
    assert known.coding_concepts(cc((SNOMED, "86044005"), (SNOMED, "000"), text="Myasthenia gravis")) == names("als")
    assert known.coding_concepts({"coding": [{"display": "Amyotrophic lateral sclerosis", "system": SNOMED}]}) == names()


@pytest.mark.parametrize(
    "strange", [None, 5, [], "x", {}, {"coding": 5}, {"coding": [None, 5, {"system": 1, "code": "x"}, {"system": SNOMED}]}]
)
def test_a_strange_codeable_concept_means_nothing(known: Terminology, strange: object) -> None:
    assert (known.coding_concepts(strange), known.answers(strange), known.route(strange), known.product_route(strange)) == (
        names(),
        names(),
        None,
        None,
    )


def test_memory_rows_are_known_by_name_and_never_matched(known: Terminology) -> None:
    rows = [row for row in CodeLists.read(CODES).rows if not row.trusted]
    assert len(rows) == known.memory_rows == 23
    for row in rows:
        assert known.knows(row.concept)
        assert row.concept not in known.concepts(row.system, row.code)
        assert {"system": row.system, "code": row.code, "display": row.display} not in known.codings(row.concept)


# -- our own code system and the site's map


@pytest.mark.parametrize("name", ["als", "VS-MG", "snri", "neuropathy", "fatigable-weakness", "planning-pregnancy", "IgG"])
def test_every_name_is_a_code_of_our_own_system(known: Terminology, name: str) -> None:
    assert known.concepts(CONCEPT_SYSTEM, name) == {name}
    assert known.concepts(CONCEPT_SYSTEM + "/", name) == {name}
    assert name in known.expand(name)


def test_our_own_system_has_no_other_codes(known: Terminology) -> None:
    assert known.concepts(CONCEPT_SYSTEM, "ALS") == names()


def test_a_site_map_adds_local_codes() -> None:
    site = Terminology.load(CODES, [Word("urn:oid:1.2.3", "MIP", "mip", ""), Word(CM, "G12.21", "kennedy-disease", "")])
    assert site.concepts("urn:oid:1.2.3", "MIP") == names("mip")
    assert "kennedy-disease" not in site.concepts(CM, "G12.21")  # a second disease leaves only what both are
    assert "motor-neuron-disease" in site.concepts(CM, "G12.21")


# -- names


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("sma", names("sma-1", "sma-4", "sma-unspecified", "sma-presymptomatic"), names("sma-non-5q", "kennedy-disease")),
        ("neuropathy", names("gbs", "charcot-marie-tooth-1a", "diabetic-polyneuropathy"), names("als")),
        ("VS-NMJ", names("VS-MG", "ocular-myasthenia", "lambert-eaton"), names("botulism")),
        ("heparin", names("enoxaparin", "heparin"), names("warfarin")),
        ("vs-serotonergic", names("duloxetine", "linezolid", "sumatriptan"), names("gabapentin")),
        ("muscle-weakness", names("muscle-weakness"), names("fatigue", "myalgia")),
        ("symptom", names("ptosis", "fasciculation"), names("diplopia")),
        ("thymoma-myasthenia", names("thymoma-myasthenia"), names("thymoma")),
        ("musk-myasthenia", names("musk-myasthenia"), names("anti-musk")),
        ("als", names("als", "als-sod1"), names("motor-neuron-disease")),
    ],
)
def test_a_name_stands_for_its_members(known: Terminology, name: str, inside: frozenset[str], outside: frozenset[str]) -> None:
    found = known.expand(name)
    assert inside <= found
    assert not found & outside


def test_an_unknown_name_comes_with_suggestions(known: Terminology) -> None:
    with pytest.raises(KeyError, match=r'"myastenia-gravis" is not a concept.*did you mean myasthenia-gravis'):
        known.expand("myastenia-gravis")
    with pytest.raises(KeyError, match=r"word of the vocabulary\"?'?$"):
        known.expand("§§§")
    assert not known.knows("myastenia-gravis")


def test_names_without_a_proven_code_are_listed(known: Terminology) -> None:
    open_names = known.unresolved()
    assert names("mip", "fatigable-weakness", "VS-AB-LRP4", "anti-musk") <= set(open_names)
    assert not names("als", "VS-MG", "creatinine", "neuropathy") & set(open_names)
    assert list(open_names) == sorted(open_names)


def test_value_set_members_all_exist(known: Terminology) -> None:
    for member in CodeLists.read(CODES).members:
        assert not member.concept or known.knows(member.concept), member


def test_circular_value_sets_end(tmp_path: Path) -> None:
    shutil.copytree(CODES, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "value-sets.csv").open("a", encoding="utf-8") as stream:
        stream.write("a,value-set,b,\nb,value-set,a,\nb,condition,als,\n")
    circular = Terminology.load(tmp_path)
    assert circular.expand("a") == circular.expand("b") == names("a", "b", "als")


def test_ancestors_are_named_nearest_first(known: Terminology) -> None:
    assert known.ancestors("duchenne") == ("duchenne-or-becker", "muscular-dystrophy-any", "myopathy", "neuromuscular-disorder")
    assert known.ancestors("miller-fisher")[:2] == ("gbs", "immune-neuropathy")
    assert known.ancestors("hypertension") == ()


def test_the_forms_of_one_drug_are_one_drug(known: Terminology) -> None:
    assert known.drug_of("mycophenolic-acid") == known.drug_of("mycophenolate-mofetil") == "mycophenolate-mofetil"
    assert known.drug_of("azathioprine") == "azathioprine"
    assert known.drug_of("VS-NSIS") == "VS-NSIS"


def test_what_is_wider_than_a_disease_stands_above_it_and_never_beside_it(known: Terminology) -> None:
    wider = known.wider(known.expand("VS-MMN"))
    assert wider == {"immune-neuropathy", "neuropathy", "polyneuropathy-any", "neuromuscular-disorder"}
    assert {"myopathy-unspecified", "myositis-unspecified"} <= known.wider(["inclusion-body-myositis"])
    assert known.wider(["muscle-weakness", "hypertension", "VS-MMN"]) == frozenset()  # signs, and what the tree does not hold


def test_undecided_siblings_claim_their_nearest_common_ancestor() -> None:
    tree = Taxonomy(
        [
            Node("root", "", "", ()),
            Node("a", "root", "", ()),
            Node("a1", "a", "", ("x",)),
            Node("a2", "a", "", ("y",)),
            Node("b", "", "", ()),
        ]
    )
    assert tree.narrowed(names("x", "y")) == names("a")
    assert tree.narrowed(names("x", "y", "other")) == names("a", "other")
    assert tree.narrowed(names("a", "x")) == names("a", "x")
    assert tree.narrowed(names("x", "b")) == names()


def test_a_circle_in_the_tree_ends() -> None:
    tree = Taxonomy([Node("a", "b", "", ()), Node("b", "a", "", ())])
    assert tree.line("a") == ("a", "b")


# -- concepts to codes


@pytest.mark.parametrize(
    ("concept", "system", "code"),
    [
        ("als", SNOMED, "86044005"),
        ("prednisone", "http://www.nlm.nih.gov/research/umls/rxnorm", "8640"),
        ("vamorolone", ATC, "H02AB18"),  # its RxNorm code is a product
        ("creatinine", LOINC, "2160-0"),
        ("live-vaccine-mmr", CVX, "03"),
        ("referral-neurology", SNOMED, "308474002"),
        ("cidp", SNOMED, "128209004"),
    ],
)
def test_the_best_coding_is_an_official_one(known: Terminology, concept: str, system: str, code: str) -> None:
    found = known.coding(concept)
    assert found is not None
    assert (found["system"], found["code"]) == (system, code)
    assert found["display"]


def test_the_best_coding_means_the_concept_again(known: Terminology) -> None:
    for name in known.names():
        for coding in known.codings(name):
            assert name in known.concepts(coding["system"], coding["code"])


def test_a_concept_without_a_proven_code_has_no_coding_but_our_own(known: Terminology) -> None:
    assert known.coding("anti-musk") is None
    assert known.own_coding("anti-musk") == {"system": CONCEPT_SYSTEM, "code": "anti-musk", "display": "MuSK antibody"}


def test_labels_and_kinds(known: Terminology) -> None:
    assert known.label("als") == "Amyotrophic lateral sclerosis"
    assert known.label("nothing-of-the-kind") == "nothing-of-the-kind"
    kinds = {
        name: known.kind(name) for name in ("als", "prednisone", "snri", "creatinine", "ecg", "frail", "neurology", "mip", "VS-NMJ", "x")
    }
    assert kinds == {
        "als": "condition",
        "prednisone": "medication",
        "snri": "medication",
        "creatinine": "observation",
        "ecg": "procedure",
        "frail": "question",
        "neurology": "specialty",
        "mip": "observation",
        "VS-NMJ": "condition",
        "x": None,
    }
    assert [known.is_collection(name) for name in ("VS-MG", "snri", "heparin", "mip", "als")] == [True, True, False, False, False]


# -- answers, routes, units


@pytest.mark.parametrize(
    ("system", "code", "answer"),
    [
        (SNOMED, "10828004", "positive"),
        (SNOMED, "260415000", "negative"),
        (LOINC, "LA9657-3", "poor-metaboliser"),
        (LOINC, "LA26683-5", "not-pregnant"),
        ("http://hl7.org/fhir/v2/0078", "POS", "positive"),
        ("http://www.genenames.org/geneId", "HGNC:2928", "DMD"),
    ],
)
def test_coded_answers_become_words(known: Terminology, system: str, code: str, answer: str) -> None:
    assert known.answers(cc((system, code))) == {answer}
    assert known.answers({"system": system, "code": code}) == {answer}
    assert known.answer_coding(answer) is not None


def test_written_answers_are_matched_whole(known: Terminology) -> None:
    assert [known.answer_word(text) for text in ("Positive", " NOT DETECTED ", "non-reactive", "not positive", "x" * 50)] == [
        "positive",
        "negative",
        "negative",
        None,
        None,
    ]
    assert known.answer_coding("no-such-answer") is None


def test_routes_become_words_and_contradiction_none(known: Terminology) -> None:
    assert known.route(cc((SNOMED, "47625008"))) == "iv"
    assert known.route(cc((SNOMED, "47625008"), ("http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration", "IV"))) == "iv"
    assert known.route(cc((SNOMED, "47625008"), (SNOMED, "26643006"))) is None
    assert known.route(cc((SNOMED, "86044005"))) is None
    coding = known.route_coding("oral")
    assert coding is not None
    assert known.route({"coding": [coding]}) == "oral"


@pytest.mark.parametrize(
    ("codeable", "named", "route"),
    [
        (cc((ATC, "S01ED01")), False, "eye"),
        (cc((ATC, "d04ab01")), False, "topical"),
        (cc((ATC, "H02AB07")), False, None),
        (cc((ATC, "S01ED01"), (ATC, "D04AB01")), False, None),
        (cc(text="Prednisolone eye drops 1%"), True, "eye"),
        (cc(text="Prednisolone eye drops 1%"), False, None),
        (cc(text="Prednisolone"), True, None),
        (cc(text="Unpatched"), True, None),
        (cc(text="diclofenac 1 % gel"), True, "topical"),
        (cc(text="ibuprofen 200 mg liquid gel"), True, "oral"),
        (cc(text="ibuprofen 200 mg gel capsule"), True, "oral"),
        (cc(text="timolol 0.5 % ophthalmic gel forming solution"), True, "eye"),
        (cc(text="diazepam 10 mg rectal gel"), True, "rectal"),
        (cc(text="estradiol 0.06 % gel"), True, "other"),
    ],
)
def test_a_product_may_say_its_route(known: Terminology, codeable: dict[str, object], named: bool, route: str | None) -> None:
    assert known.product_route(codeable, named=named) == route


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("predniSONE 20 MG Oral Tablet", names("prednisone")),
        ("acetaminophen 325 MG / hydrocodone bitartrate 5 MG", names("acetaminophen", "hydrocodone")),
        ("Penicillin V", names()),
        ("prednisonelike", names()),
    ],
)
def test_a_drug_is_recognised_by_its_whole_name(known: Terminology, text: str, drugs: frozenset[str]) -> None:
    assert known.drugs_named([{"text": text}, None]) == drugs
    assert known.drugs_named([{"coding": [{"display": text}, 5]}]) == drugs


def test_unit_spellings_are_listed(known: Terminology) -> None:
    texts = ("mmHg", "Years", "ML/MIN/1.73M2", "MG", "KG", "micromol/L", "THOUSAND/UL", "furlong", "x" * 50)
    assert [known.unit_alias(text) for text in texts] == [
        "mm[Hg]",
        "a",
        "mL/min/{1.73_m2}",
        "mg",
        "kg",
        "umol/L",
        "10*3/uL",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("ucum", "texts"),
    [
        ("10*3/uL", ("Thousand/uL", "K/cumm", "10^3/\N{MICRO SIGN}L", "10^3/\N{GREEK SMALL LETTER MU}L", "x10(3)/mcL")),
        ("10*9/L", ("x10*9/L", "x 10^9/L")),
        ("/uL", ("/\N{MICRO SIGN}L", "/mcL")),
        ("mL/min/{1.73_m2}", ("mL/min/1.73", "mL/min/1.73 sq m", "ml/min/1.73m*2")),
    ],
)
def test_counts_and_filtration_rates_are_read_as_laboratories_write_them(known: Terminology, ucum: str, texts: tuple[str, ...]) -> None:
    assert [known.unit_alias(text) for text in texts] == [ucum] * len(texts)


def test_grams_a_litre_stay_what_they_are(known: Terminology) -> None:
    assert known.unit_alias("g/L") is None


WEIGHTS = {"C": "12.011", "H": "1.008", "N": "14.007", "O": "15.999", "Co": "58.933", "P": "30.974", "Ca": "40.078", "Mg": "24.305"}


def test_molar_masses_follow_from_the_formula() -> None:
    with (CODES / "unit-bridges.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["from_unit"] == "mol/L"]
    assert len(rows) == 11
    for row in rows:
        atoms = re.findall(r"([A-Z][a-z]?)(\d*)", row["source"].split(",")[0])
        mass = sum(Decimal(WEIGHTS[element]) * int(count or 1) for element, count in atoms)
        assert Decimal(row["factor"]) == mass, row["concept"]


def test_bridges_are_those_of_the_concept(known: Terminology) -> None:
    vitamin_d = Quantity(Decimal(20), "ng/mL", bridges=known.bridges(names("vitamin-d", "als"))).convert("nmol/L")
    assert vitamin_d is not None
    assert round(vitamin_d.value, 1) == Decimal("49.9")
    assert known.bridges(names("als")) == ()
    assert {bridge.factor for bridge in known.bridges(names("potassium"))} == {Fraction(1)}


# -- files


def test_all_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    shutil.copytree(CODES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "systems.csv").unlink()
    (tmp_path / "procedures.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    for name, line in {
        "services.csv": "x,X,http://snomed.info/sct,1,X,sometimes,me,verified",
        "answers.csv": "http://snomed.info/sct,1,positive,X,",
        "unit-aliases.csv": "furlong,[fur]",
        "unit-bridges.csv": "creatinine,mol/L,g/L,heavy,0,me",
        "scales.csv": "dn4,none,10,me\nphq9,27,0,me",
        "value-sets.csv": "too,few",
    }.items():
        with (tmp_path / name).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    with pytest.raises(CodeListError) as caught:
        CodeLists.read(tmp_path)
    problems = str(caught.value).splitlines()
    assert [problem.split(":")[0] for problem in problems] == [
        "procedures.csv",
        "services.csv",
        "value-sets.csv",
        "systems.csv",
        "answers.csv",
        "unit-aliases.csv",
        "unit-bridges.csv",
        "scales.csv",
        "scales.csv",
    ]


def test_every_row_added_here_names_its_source() -> None:
    for name in ("answers.csv", "routes.csv", "product-routes.csv", "wide-codes.csv", "systems.csv", "unit-bridges.csv", "scales.csv"):
        with (CODES / name).open(encoding="utf-8") as stream:
            assert all(row["source"] for row in csv.DictReader(stream)), name


def test_no_code_is_given_two_meanings() -> None:
    for name in ("answers.csv", "routes.csv", "wide-codes.csv"):
        with (CODES / name).open(encoding="utf-8") as stream:
            keys = [(row["system"], row["code"]) for row in csv.DictReader(stream)]
        assert len(keys) == len(set(keys)), name


# -- labels


def test_every_label_of_the_list_names_something_that_a_rule_may_write(known: Terminology) -> None:
    unknown = [name for name in CodeLists.read(CODES).labels if not known.knows(name) and name not in CALCULATORS]
    assert unknown == []


def test_no_name_of_a_rule_is_its_own_label_in_shouted_or_shortened_form(known: Terminology) -> None:
    knowledge = Knowledge.load(engine="reference")
    read = {name for rule in knowledge.rules for name in names_of(rule)} | CALCULATORS.keys()
    assert [name for name in sorted(read) if name.lower().startswith("vs-") and known.label(name).lower().startswith("vs-")] == []
    assert [name for name in CALCULATORS if known.label(name) == name] == []
    assert known.label("VS-MG") == "myasthenia gravis"
