"""What pages let in and out: policy, escaping, files, callers."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cds_hooks.pages import mount
from cds_hooks.pages.markdown_html import to_html
from cds_hooks.pages.page import POLICY
from rules.knowledge import Knowledge
from tests.pages.conftest import Site, running
from tests.support.service import running as double

PATHS = ("/", "/?patient=mg_crisis", "/rules", "/rules/mg-gen-first-line", "/rules/none", "/docs", "/insights")
HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)>"\' onload=alert(1) x="{{7*7}}'
ELSEWHERE = ("http:", "https:", "//", "data:", "javascript:")


class Reader(HTMLParser):
    """Collects what a browser would run or load, and where links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.run: list[str] = []
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.run += [name for name in found if name.startswith("on") or name == "style"]
        if tag == "script" and "src" not in found and found.get("type") != "application/json":
            self.run.append("inline script")
        self.loaded += [found[name] for name in ("src", "srcset", "data") if name in found]
        self.loaded += [found["href"]] if tag == "link" else []
        self.links += [found["href"]] if tag == "a" and "href" in found else []


@pytest.mark.parametrize("path", PATHS)
def test_each_page_has_the_strict_policy_and_loads_its_own_files_only(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    reader = Reader(answer.body.decode())
    assert reader.run == []
    assert [one for one in reader.loaded if one.startswith(ELSEWHERE)] == []
    for name in reader.loaded:
        assert site.get(name).status == 200


def test_the_policy_allows_no_inline_code_and_no_other_host() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "default-src 'none'" in POLICY


def test_hostile_text_of_a_bundle_stays_text(site: Site) -> None:
    coded = {"coding": [{"system": HOSTILE, "code": HOSTILE, "display": HOSTILE}], "text": HOSTILE}
    who = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": HOSTILE, "given": [HOSTILE]}],
        "gender": HOSTILE,
        "birthDate": HOSTILE,
    }
    others: list[dict[str, object]] = [
        {"resourceType": "Condition", "id": HOSTILE, "code": coded, "clinicalStatus": coded, "onsetDateTime": HOSTILE},
        {"resourceType": "MedicationRequest", "status": HOSTILE, "medicationCodeableConcept": coded, "authoredOn": HOSTILE},
        {"resourceType": "Observation", "id": "o", "code": coded, "valueString": HOSTILE, "interpretation": [coded], "issued": HOSTILE},
        {"resourceType": "MedicationRequest", "status": "draft", "medicationCodeableConcept": coded},
        {"resourceType": "FamilyMemberHistory", "relationship": coded, "condition": [{"code": coded}]},
        {"resourceType": "Procedure", "code": 7, "performedPeriod": {"start": HOSTILE, "end": HOSTILE}},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (who, *others)]}
    answer = site.paste(json.dumps(bundle))
    assert answer.status == 200
    page = answer.body.decode()
    reader = Reader(page)
    assert reader.run == []
    assert "img" not in reader.tags
    assert "<script>alert" not in page
    assert "{{7*7}}" in page


def test_hostile_cards_stay_text(site: Site) -> None:
    card: dict[str, object] = {
        "uuid": HOSTILE,
        "summary": HOSTILE,
        "detail": f"[go](javascript:alert(1)) ![x](https://evil.example/x.png) {HOSTILE}\n\n<iframe src=x></iframe>",
        "indicator": HOSTILE,
        "source": {"label": HOSTILE, "url": "javascript:alert(1)", "topic": {"display": HOSTILE}},
        "links": [{"label": HOSTILE, "url": "data:text/html,x"}],
        "suggestions": [{"label": HOSTILE, "uuid": HOSTILE, "actions": [{"type": HOSTILE, "resourceId": HOSTILE}]}, 7],
        "overrideReasons": [{"display": HOSTILE}],
        "extension": {"io.github.neuromuscular-cds.explanation": {"notChecked": [{"what": HOSTILE, "why": HOSTILE}], "rules": 7}},
    }
    context = {"userId": "Practitioner/1", "patientId": "p1"}
    prefetch = {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None}
    request = {"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context, "prefetch": prefetch}
    answer = site.post("/demo/cards", {"request": request, "status": 200, "answer": {"cards": [card, {}, 7]}})
    assert answer.status == 200
    reader = Reader(answer.body.decode())
    assert reader.run == []
    assert {"img", "iframe", "script"} & reader.tags == set()
    assert set(reader.links) == {"#", "https://evil.example/x.png"}  # a picture becomes a link, which only a click follows


@pytest.mark.parametrize(
    "path", ["/rules?q=%3Cscript%3Ealert(1)%3C/script%3E", "/rules?stage=%22%3E%3Cscript%3E", "/rules/%3Cscript%3Ealert"]
)
def test_hostile_addresses_stay_text(site: Site, path: str) -> None:
    page = site.send("GET", path.replace("%3C", "<").replace("%3E", ">").replace("%22", '"')).body.decode()
    assert "<script>alert" not in page
    assert Reader(page).run == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>\n"),
        ("<b>raw</b>", "<p>&lt;b&gt;raw&lt;/b&gt;</p>\n"),
        ("[x](vbscript:y)", "<p>[x](vbscript:y)</p>\n"),
        ("[x](https://a.example)", '<p><a href="https://a.example" rel="noopener noreferrer">x</a></p>\n'),
        ("![x](https://a.example/p.png)", '<p>!<a href="https://a.example/p.png" rel="noopener noreferrer">x</a></p>\n'),
    ],
)
def test_markdown_becomes_safe_html(text: str, html: str) -> None:
    assert to_html(text) == html


def test_files_have_their_type_and_are_revalidated(site: Site) -> None:
    answer = site.get("/static/demo.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    again = site.get("/static/demo.js", {"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert site.get("/static/nothing.js").status == 404
    assert site.get("/static/page.py").status == 404


def test_the_demo_is_not_answered_under_a_foreign_host_name(site: Site) -> None:
    for path in ("/", "/demo/draft?kind=Condition&concept=als"):
        assert site.get(path, {"host": "evil.example"}).number == "NMCDS-109"
    assert site.post("/demo/cards", {}, {"host": "evil.example"}).number == "NMCDS-109"


def test_a_form_cannot_post_cards(site: Site) -> None:
    assert site.send("POST", "/demo/cards", b"x=1", {"content-type": "application/x-www-form-urlencoded"}).number == "NMCDS-102"


def test_the_endpoint_page_is_ours_and_can_be_switched_off(site: Site, tmp_path: Path, knowledge: Knowledge) -> None:
    page = site.page("/docs")
    assert "/cds-services/{service_id}/feedback" in page
    assert "cdn" not in page
    with running(tmp_path, knowledge, docs=False) as off:
        assert off.get("/docs").status == 404


def test_pages_need_real_knowledge(tmp_path: Path) -> None:
    with double(tmp_path) as service, pytest.raises(TypeError):
        mount(service.app)
