"""With a client registry nothing is open but liveness, readiness and the pages that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.routing import Route

from cds_hooks import pages
from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge
from tests.support.asgi import Client
from tests.support.tokens import BASE, write_registry

OPEN = {"/healthz", "/readyz"}
GUARDED = {"/cds-services", "/cds-services/{service_id}", "/cds-services/{service_id}/feedback", "/suppressed", "/suppressed/lift"}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.load(engine="reference")


@contextmanager
def serving(folder: Path, knowledge: Knowledge, *public: str) -> Iterator[Client]:
    """A service with a registry and all its pages, as `nmcds serve` builds it."""
    settings = Settings(
        database_url=f"sqlite:///{folder}/x.sqlite3", registry_file=write_registry(folder), base_url=BASE, public_pages=public
    )
    app = create_app(settings, knowledge, extend=pages.mount)
    yield Client(app)
    app.state.parts.clients.close()
    app.state.parts.database.close()


def paths(client: Client) -> set[str]:
    return {route.path for route in client.app.routes if isinstance(route, Route)}  # type: ignore[attr-defined]


def test_without_a_token_there_is_nothing_but_liveness_and_readiness(tmp_path: Path, knowledge: Knowledge) -> None:
    with serving(tmp_path, knowledge) as client:
        assert paths(client) == OPEN | GUARDED
        for path in paths(client):
            for method in ("GET", "POST", "HEAD"):
                answer = client.send(method, path.replace("{service_id}", "neuromuscular-patient-view"), headers={"content-type": "a/b"})
                assert answer.status in ({200, 405} if path in OPEN else {401, 405}), (method, path)
        for path in ("/", "/demo/cards", "/rules", "/rules/mg-crisis-urgent", "/docs", "/openapi.json", "/metrics", "/static/page.css"):
            assert client.get(path).status == 404


@pytest.mark.parametrize(
    ("page", "served"),
    [
        ("rules", {"/rules", "/rules/{rule_id}", "/rules/{rule_id}/vignettes", "/leaflets", "/leaflets/{name}", "/static/{name}"}),
        ("docs", {"/docs", "/openapi.json", "/static/{name}"}),
        ("fhir", {"/fhir/metadata", "/fhir/{kind}", "/fhir/{kind}/{id}"}),
        ("metrics", {"/metrics"}),
    ],
)
def test_a_page_that_the_settings_name_is_served(tmp_path: Path, knowledge: Knowledge, page: str, served: set[str]) -> None:
    with serving(tmp_path, knowledge, page) as client:
        assert paths(client) == OPEN | GUARDED | served
        assert all(client.get(path).status == 200 for path in served if "{" not in path)


def test_without_a_registry_everything_is_there(tmp_path: Path, knowledge: Knowledge) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/x.sqlite3"), knowledge, extend=pages.mount)
    assert {"/", "/rules", "/metrics", "/docs", "/openapi.json", *OPEN, *GUARDED} <= paths(Client(app))
    app.state.parts.database.close()
