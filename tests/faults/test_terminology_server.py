"""A terminology server is asked once, at start; whatever it does, either all that it said is used, or nothing and the service says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.errors import SettingsError
from cds_hooks.fhir_client import FhirClient
from cds_hooks.settings import Settings
from cds_hooks.vocabularies import expand, index, start
from cds_hooks.vocabularies.build import build, quiet
from cds_hooks.vocabularies.expand import TerminologyServer
from cds_hooks.vocabularies.rows import VocabularyError
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists
from cds_hooks.vocabularies.start import Vocabularies, load_vocabularies
from tests.support.releases import seed, write_rrf
from tests.support.service import running
from tests.support.terminology_server import SNOMED, VERSION, Terminology, terminology_server

MG, ALS, SUBTYPE = 91637004, 86044005, 990000000000
KNOWN = {MG: [MG, SUBTYPE], ALS: [ALS]}
NEWER = VERSION.replace("20260701", "20260801")
Expansion = dict[str, Any]


@pytest.fixture(autouse=True)
def few_codes(monkeypatch: pytest.MonkeyPatch) -> Seeds:
    """Our lists have two SNOMED CT codes with subtypes: a start asks for these only."""
    lists = packaged_lists()
    few = replace(lists, rows=tuple(row for row in lists.rows if row.code in (str(MG), str(ALS), "8640")), wide=())
    monkeypatch.setattr(start, "packaged_lists", lambda: few)
    return Seeds.of(few)


def asked(server: Terminology, *codes: int, pinned: str = "") -> dict[int, set[str]]:
    """What the server says about a few codes of ours, each a concept of its own number."""
    settings = Settings(terminology_server=server.url)
    client = FhirClient(settings)
    try:
        ours = [seed(code, str(code)) for code in codes]
        version, rows, _ = TerminologyServer(client, server.url, pinned).expand(ours)
    finally:
        client.close()
    assert version == server.version
    return {row.code: set(row.near) for row in rows}


def started(server: Terminology, folder: Path, **more: str) -> Vocabularies:
    """What the service has after its start."""
    return load_vocabularies(
        Settings.load(
            {"NMCDS_TERMINOLOGY_SERVER": server.url, "NMCDS_TERMINOLOGY_CACHE": str(folder / "cache.sqlite3"), **more},
        )
    )


def codes(found: Vocabularies) -> set[int]:
    return {row.code for row in found.rows()}


def test_expansions_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "PAGE", 3)
    many = list(range(100, 108))
    with terminology_server({100: many, 200: []}) as server:
        assert asked(server, 100) == {code: {"100"} for code in many}
        assert [query["offset"] for query in server.asked] == ["0", "3", "6"]
        assert all("Authorization" not in headers for headers in server.headers)


def test_the_nearest_of_our_codes_is_found_as_with_files() -> None:
    with terminology_server({1: [1, 2, 3], 2: [2, 3]}) as server:
        assert asked(server, 1, 2) == {1: {"1"}, 2: {"2"}, 3: {"2"}}


def test_a_code_that_stands_for_itself_is_asked_for_only_below_another() -> None:
    ours = [seed(1, "any"), seed(2, "named", below=False), seed(9, "elsewhere", below=False)]
    with terminology_server({1: [1, 2, 3], 2: [2, 3]}) as server:
        client = FhirClient(Settings())
        _, rows, _ = TerminologyServer(client, server.url).expand(ours)
        client.close()
        assert {row.code: (set(row.near), set(row.far)) for row in rows} == {1: ({"any"}, set()), 2: (set(), {"any"}), 3: (set(), {"any"})}
        assert [query["url"].rpartition("/")[2] for query in server.asked] == ["1", "2"]


def test_the_pinned_version_is_asked_for_and_another_is_refused() -> None:
    with terminology_server({1: [1]}) as server:
        asked(server, 1, pinned=VERSION)
        assert server.asked[0]["system-version"] == f"{SNOMED}|{VERSION}"
        with pytest.raises(VocabularyError, match=r"found version .*20260701, expected .*20260801"):
            asked(server, 1, pinned=NEWER)


def _without(name: str) -> Callable[[int, Expansion], Expansion]:
    return lambda _code, expansion: {key: value for key, value in expansion.items() if key != name}


def _with(**more: object) -> Callable[[int, Expansion], Expansion]:
    return lambda _code, expansion: {**expansion, **more}


def _other_version(code: int, expansion: Expansion) -> Expansion:
    return expansion if code == MG else {**expansion, "parameter": [{"name": "version", "valueUri": f"{SNOMED}|{NEWER}"}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("parameter"), "found no version of SNOMED CT"),
        (_other_version, "found the versions"),
        (_with(total=5), "found 2 codes, expected 5"),
        (_with(total=1), "found 2 codes, expected 1"),
        (_with(contains=[{"system": "http://loinc.org", "code": "1"}]), "no SNOMED CT code"),
        (_with(contains=[{"system": SNOMED, "code": "x"}]), "no SNOMED CT code"),
        (
            _with(extension=[{"url": "http://hl7.org/fhir/StructureDefinition/valueset-toocostly", "valueBoolean": True}]),
            "left something out",
        ),
        (lambda _code, _expansion: "no object", "found no ValueSet with an expansion"),
    ],
)
def test_an_expansion_that_is_not_whole_and_of_one_version_is_refused(change: Callable[[int, Expansion], Any], words: str) -> None:
    with terminology_server(KNOWN, change=change) as server, pytest.raises(VocabularyError, match=words):
        asked(server, MG, ALS)


def test_a_server_that_knows_none_of_our_codes_is_no_terminology_server() -> None:
    with terminology_server({}) as server, pytest.raises(VocabularyError, match="found no code of ours"):
        asked(server, MG, ALS)


def test_a_server_that_takes_too_long_as_a_whole_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "TOTAL_S", 0.0)
    with terminology_server(KNOWN) as server, pytest.raises(VocabularyError, match="did not answer in time"):
        asked(server, MG, ALS)


def test_entries_that_are_nested_count_and_abstract_or_inactive_ones_do_not() -> None:
    nested = {
        "system": SNOMED,
        "code": "5",
        "abstract": True,
        "contains": [{"system": SNOMED, "code": "6"}, {"system": SNOMED, "code": "7", "inactive": True}],
    }
    with terminology_server({1: [1]}, change=_with(contains=[nested], total=1)) as server:
        assert asked(server, 1) == {6: {"1"}}


def test_a_server_that_is_not_this_machine_and_not_encrypted_is_refused_by_the_settings() -> None:
    for url in ("http://terminology.example.org/fhir", "https://user@terminology.example.org", "ftp://127.0.0.1/fhir"):
        with pytest.raises(SettingsError, match="NMCDS_TERMINOLOGY_SERVER: expected an https URL"):
            Settings.load({"NMCDS_TERMINOLOGY_SERVER": url})
    with pytest.raises(SettingsError, match="NMCDS_TERMINOLOGY_CACHE: expected the path of a file in an existing folder"):
        Settings.load({"NMCDS_TERMINOLOGY_CACHE": "/nowhere/at/all.sqlite3"})


def test_a_caller_cannot_name_the_terminology_server_as_its_own() -> None:
    client = FhirClient(Settings(host="10.0.0.1", terminology_server="https://terminology.example.org/fhir"))
    with pytest.raises(Exception, match="not one that this service may call"):
        client.check("https://terminology.example.org/fhir", (), "token")
    client.close()


# -- at start


def test_the_service_asks_at_start_and_keeps_the_answer_for_the_next_one(tmp_path: Path) -> None:
    with terminology_server(KNOWN) as server:
        first = started(server, tmp_path)
        assert codes(first) == {MG, ALS, SUBTYPE}
        (release,) = first.releases
        assert (release.version, release.source, release.codes) == (VERSION, server.url, 3)
        count = len(server.asked)
        assert count == 2  # one for each code with subtypes
        assert codes(started(server, tmp_path)) == {MG, ALS, SUBTYPE}
        assert len(server.asked) == count + 1  # only which version it has now
        assert codes(started(server, tmp_path, NMCDS_TERMINOLOGY_VERSION=VERSION)) == {MG, ALS, SUBTYPE}
        assert len(server.asked) == count + 1  # pinned and on disk: nothing to ask


def test_a_new_version_at_the_server_is_read_anew(tmp_path: Path) -> None:
    with terminology_server(dict(KNOWN)) as server:
        started(server, tmp_path)
        server.version, server.below = NEWER, {MG: [MG]}
        found = started(server, tmp_path)
        assert codes(found) == {MG}
        assert found.releases[0].version == NEWER


@pytest.mark.parametrize("status", [500, 404, 401, 302])
def test_a_server_that_fails_leaves_what_it_said_before_in_use(tmp_path: Path, status: int) -> None:
    with terminology_server(KNOWN) as server:
        started(server, tmp_path)
        server.status = status
        found = started(server, tmp_path)
    assert codes(found) == {MG, ALS, SUBTYPE}
    assert not found.problems
    assert "what the server said before is used" in found.notes[0]


def test_a_server_that_fails_at_the_first_start_makes_the_service_not_ready_but_not_silent(tmp_path: Path) -> None:
    with terminology_server(KNOWN, status=503) as server:
        found = started(server, tmp_path)
    assert not codes(found)
    (problem,) = found.problems
    assert "subtypes of SNOMED CT codes are not recognised" in problem
    with running(tmp_path) as well:
        assert well.get("/readyz").status == 200
    with running(tmp_path, vocabularies=found) as service:
        answer = service.get("/readyz")
        assert answer.status == 503
        assert b"subtypes of SNOMED CT codes are not recognised" in answer.body
        assert service.get("/healthz").status == 200


def test_a_server_of_another_version_than_the_pinned_one_is_not_used(tmp_path: Path) -> None:
    with terminology_server(KNOWN) as server:
        assert started(server, tmp_path, NMCDS_TERMINOLOGY_VERSION=NEWER).problems
        started(server, tmp_path)
        server.version = NEWER
        kept = started(server, tmp_path, NMCDS_TERMINOLOGY_VERSION=VERSION)
        assert [one.version for one in kept.releases] == [VERSION]  # from disk
        gone = started(server, tmp_path, NMCDS_TERMINOLOGY_VERSION=VERSION + "9")
        assert gone.problems
        assert not gone.paths


def test_an_answer_of_another_server_or_for_other_lists_is_not_used(tmp_path: Path) -> None:
    with terminology_server(KNOWN) as server, terminology_server({MG: [MG]}) as other:
        started(server, tmp_path)
        assert codes(started(other, tmp_path)) == {MG}
        cache = tmp_path / "cache.sqlite3"
        index.write(cache, index.Header("another digest", "tool", "now", index.header(cache).releases), [], [])
        assert codes(started(other, tmp_path)) == {MG}


def test_the_commands_use_what_is_on_disk_and_ask_nobody(tmp_path: Path) -> None:
    with terminology_server(KNOWN) as server:
        settings = Settings(terminology_server=server.url, terminology_cache=tmp_path / "cache.sqlite3")
        assert not load_vocabularies(settings, ask=False).paths
        assert not server.asked
        started(server, tmp_path)
        count = len(server.asked)
        assert codes(load_vocabularies(settings, ask=False)) == {MG, ALS, SUBTYPE}
        assert len(server.asked) == count


def test_files_for_rxnorm_and_a_server_for_snomed_ct_go_together_and_two_sources_of_snomed_ct_do_not(
    tmp_path: Path, few_codes: Seeds
) -> None:
    write_rrf(tmp_path / "rrf", {8640: ("IN", "prednisone")}, [])
    both = {"snomed": (), "rxnorm_folder": tmp_path / "rrf", "icd": None, "step": quiet}
    build(tmp_path / "codes.sqlite3", few_codes, **both)  # type: ignore[arg-type]
    with terminology_server(KNOWN) as server:
        assert codes(started(server, tmp_path, NMCDS_CODES_FILE=str(tmp_path / "codes.sqlite3"))) == {8640, MG, ALS, SUBTYPE}
        started(server, tmp_path)
        with pytest.raises(SettingsError, match="expected only one of them"):
            started(server, tmp_path, NMCDS_CODES_FILE=str(tmp_path / "cache.sqlite3"))
