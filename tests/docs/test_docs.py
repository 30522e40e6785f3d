"""The documentation is true: links lead somewhere, names exist, generated pages are fresh, examples can be read."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from cds_hooks.jwt_auth import LEEWAY_S
from cds_hooks.registry import CLIENT, load_registry
from cds_hooks.settings import Settings
from rules.site import Site
from tests.support.tokens import ES, write_registry
from tools import docs

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "fhir_fixtures/**/*.md", "tests/*.md", "rules/**/*.md", "bench/**/*.md")
    for path in ROOT.glob(pattern)
)
HOW_TO_REGISTER = ROOT / "docs" / "how-to" / "register-a-client.md"
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def examples(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page make, as code hosts spell them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_each_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.relative_to(ROOT)}: link to {target}: no such file"
        assert not anchor or anchor in anchors(file), f"{page.relative_to(ROOT)}: link to {target}: no such heading"


@each_page
def test_each_setting_a_page_names_exists(page: Path) -> None:
    known = {variable for variable, _, _ in Settings.describe()}
    named = set(re.findall(r"\bNMCDS_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - known <= {"NMCDS_BODY_LIMIT_BYTES"}


@each_page
def test_each_make_target_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for named in re.findall(r"`?\bmake ([a-z][a-z-]*)(?=`|\s*$)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert named in targets or named.startswith("test-"), f"{page.relative_to(ROOT)}: make {named}"


def test_each_test_that_the_security_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named - written == set()


@each_page
def test_each_toml_and_json_example_can_be_read(page: Path) -> None:
    for example in examples(page, "toml"):
        tomllib.loads(example)
    for example in examples(page, "json"):
        json.loads(example)


@each_page
def test_each_file_named_in_a_command_is_there(page: Path) -> None:
    for example in examples(page, "sh"):
        for name in re.findall(r"\b(?:fhir_fixtures|docs|rules|tests)/[\w./-]+", example):
            assert (ROOT / name).exists(), f"{page.relative_to(ROOT)}: {name}"


def test_the_examples_of_a_site_file_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    whole, ahead = examples(ROOT / "docs/how-to/site-settings.md", "toml")
    file.write_text(whole, encoding="utf-8")
    site = Site.load(file)
    assert site.off == {"mg-pregnancy"}
    assert site.thresholds["validity.hepatitis"] == "6 months"
    file.write_text(ahead, encoding="utf-8")
    assert Site.load(file).thresholds["review.soon_year"] == "351 days"


def test_the_examples_of_a_client_registry_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_text(ES.pem, encoding="utf-8")
    inline, pinned = (load_registry(write_registry(tmp_path, example)) for example in examples(HOW_TO_REGISTER, "toml"))
    assert [(key.kid, key.algorithm) for key in inline[0].keys] == [("2026-1", "ES384")]
    assert pinned[0].jwks is not None


def test_the_page_about_clients_tells_every_key_and_every_limit_as_it_is() -> None:
    page = HOW_TO_REGISTER.read_text(encoding="utf-8")
    assert [name for name in CLIENT if f"`{name}`" not in page and f"client.{name}]" not in page] == []
    assert f"{LEEWAY_S} seconds of difference" in page
    assert "`max_lifetime_s` | longest lifetime of a token | 300 |" in page
    assert "600, 16" in page


@pytest.mark.parametrize("name", ["settings.md", "errors.md", "rules.md", "conditions.md"])
def test_each_generated_page_is_what_would_be_generated_now(name: str) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == docs.page(name), "run `make docs`"


def test_every_page_of_docs_can_be_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for kind in ("tutorial", "how-to", "reference", "explanation"):
        for page in (ROOT / "docs" / kind).glob("*.md"):
            assert f"{kind}/{page.name}" in index, page.name
