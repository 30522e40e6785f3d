"""Leaflets: plain words, reachable from a card, safe and printable pages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import rules
from cds_hooks.pages.leaflets import FOLDER
from fhir_fixtures import patient
from fhir_fixtures.requests_for import request_for
from tests.pages.conftest import Site
from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}


def grade(text: str) -> float:
    """Flesch-Kincaid grade: years of school a reader needs, from words per sentence and syllables per word."""
    plain = re.sub(r"[#*_-]", " ", text)
    sentences = [one for one in re.split(r"[.!?\n]+", plain) if one.split()]
    words = re.findall(r"[A-Za-zé]+", plain)
    syllables = sum(max(1, len(re.findall(r"[aeiouyé]+", re.sub(r"e$", "", word.lower())))) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


@pytest.mark.parametrize("name", TEXTS)
def test_a_reader_of_twelve_understands_it(name: str) -> None:
    assert grade(TEXTS[name]) <= 7


@pytest.mark.parametrize("name", TEXTS)
def test_each_has_a_page(site: Site, name: str) -> None:
    answer = site.get(f"/leaflets/{name}")
    assert answer.status == 200
    assert TEXTS[name].partition("\n")[0].removeprefix("# ") in answer.body.decode()
    assert f'href="/leaflets/{name}"' in site.get("/leaflets").body.decode()


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fsettings", "motor-neuron-diseases.md"])
def test_an_unknown_leaflet_is_not_found(site: Site, name: str) -> None:
    assert site.get(f"/leaflets/{name}").status == 404


def test_a_card_links_to_the_leaflet_of_the_disease(site: Site) -> None:
    who = patient("als_new")
    answer = site.post("/cds-services/neuromuscular-patient-view", request_for("patient-view", who.name, who.record, ()))
    links = [link["url"] for card in answer.json()["cards"] for link in card.get("links", ())]
    assert [link.rpartition("/")[2] for link in links if "/leaflets/" in link] == ["motor-neuron-diseases"]


def test_every_leaflet_is_linked_by_some_rule() -> None:
    files = (path.read_text(encoding="utf-8") for path in (Path(rules.__file__).parent / "pathways").rglob("*.toml"))
    assert {name for text in files for name in re.findall(r'^page = "([^"]+)"', text, re.MULTILINE)} == set(TEXTS)


def test_whoever_is_told_of_any_neuromuscular_disease_gets_the_leaflet_of_its_group() -> None:
    words = knowledge().terminology
    rule = knowledge().rule("edu-education")
    assert rule is not None
    example = rule.vignettes[0]
    groups = {
        "motor-neuron-diseases": words.expand("motor-neuron-disease"),
        "neuropathies": words.expand("hereditary-neuropathy") | words.expand("immune-neuropathy"),
        "neuromuscular-junction-diseases": words.expand("neuromuscular-junction-disorder"),
        "muscle-diseases": words.expand("myopathy"),
    }
    told: dict[str, set[str]] = {}
    for name in sorted(words.expand("vs-nmd")):
        if words.codings(name):
            finding = said(
                knowledge(), rule, replace(example, patient={**example.patient, "diagnoses": [{"concept": name, "onset": "-30 days"}]})
            )
            told[name] = set(finding.leaflets if finding is not None else ())
    assert {name for name, pages in told.items() if not pages} == set()
    assert {name for name, pages in told.items() if not pages >= {page for page, members in groups.items() if name in members}} == set()
    assert len(told) > 40
