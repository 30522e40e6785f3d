"""Every ready-made request with a canary in every text, id and token, and with every single leaf broken: nothing comes out but cards.

The real rules answer. Looked at, besides what the tripwire of the suite looks at: the log at its lowest level, the database file, the
exported audit, file names, and values that cannot carry a word (a birth date, a measured number) by their own unusual digits.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_hooks.app import Parts, create_app
from cds_hooks.audit_event import audit_event
from cds_hooks.observe import configure_logs
from cds_hooks.settings import Settings
from cds_hooks.store.audit import between
from fhir_fixtures import odd_requests, patients, request_body, request_names
from rules.knowledge import Knowledge
from tests.support.asgi import JSON, Answer, Client
from tests.support.doubles import FakeFhir
from tests.support.tripwire import CANARY, leaks_in_files

BIRTH = "1931-03-17"
NUMBER = "73.19173"
SECRETS = (CANARY, BIRTH, NUMBER)
STRUCTURE = frozenset(("resourceType", "hook", "hookInstance", "system", "code", "status", "intent", "use", "unit", "mode", "relation"))
IDS = frozenset(("id", "reference", "fullUrl", "patientId", "encounterId", "userId"))
FHIR = {
    "fhirServer": f"https://{CANARY}.example/fhir",
    "fhirAuthorization": {"access_token": f"{CANARY}-token", "subject": f"{CANARY}-app"},
}


@dataclass
class Watched(Client):
    """The service and its log."""

    parts: Parts
    log: io.StringIO
    folder: Path

    def call(self, body: bytes, service: str) -> Answer:
        answer = self.send("POST", f"/cds-services/{service}", body, JSON)
        if answer.status != 200:
            assert not [secret for secret in SECRETS if secret in answer.body.decode() + str(dict(answer.headers))]
        return answer

    def leaks(self) -> list[str]:
        """Where a secret stands."""
        self.parts.writer.flush()
        events = b"\n".join(orjson.dumps(audit_event(row)) for row in between(self.parts.database))
        assert events
        places = {"log": self.log.getvalue(), "metrics": self.parts.metrics.render().decode(), "audit": events.decode()}
        places |= {path.name: path.read_bytes().decode("latin-1") for path in self.folder.iterdir()}
        found = [f"{secret} in {place}" for place, text in places.items() for secret in SECRETS if secret in text]
        return found + leaks_in_files(self.folder)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.load(engine="reference")


@pytest.fixture
def service(tmp_path: Path, knowledge: Knowledge) -> Iterator[Watched]:
    stream = io.StringIO()
    handler = configure_logs("debug", stream)
    fhir = FakeFhir()
    folder = tmp_path / "storage"
    folder.mkdir()
    settings = Settings.load({"NMCDS_DATABASE_URL": f"sqlite:///{folder}/nmcds.sqlite3", "NMCDS_SECRET": "a secret"})
    app = create_app(settings, knowledge, fhir=fhir)
    parts: Parts = app.state.parts
    yield Watched(app, parts, stream, folder)
    parts.writer.close()
    fhir.pool.shutdown()
    parts.database.close()
    handler.close()
    logging.getLogger("cds_hooks").handlers.clear()


def planted(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """The same value with a canary in every text and id, so that references still fit together."""
    if isinstance(value, dict):
        return {name: planted(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [planted(one, key) for one in value]
    if key == "birthDate":
        return BIRTH
    if key == "value" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(NUMBER)
    if not isinstance(value, str) or key in STRUCTURE or value[:4].isdigit():
        return value
    if key in IDS or key == "selections":
        head, slash, last = value.rpartition("/")
        return f"{head}{slash}{CANARY}-{last}"
    return f"{value} {CANARY} Jane Roe"


def ready_made() -> list[dict[str, Any]]:
    found = [json.loads(request_body(name)) for name in request_names()]
    return found + [fixture.request(next(iter(fixture.hooks))) for fixture in patients()]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - any JSON value
    """The path of every value that is not a table or list."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield from leaves(one, (*path, name))
    if not isinstance(value, dict | list):
        yield path


def changed(body: dict[str, Any], path: tuple[str | int, ...], change: Callable[[Any], Any]) -> bytes:
    copy: Any = orjson.loads(orjson.dumps(body))
    place = copy
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = change(place[path[-1]])
    return orjson.dumps(copy)


def test_no_text_id_or_token_of_an_answered_call_comes_out(service: Watched) -> None:
    cards = 0
    for body in ready_made():
        sent = orjson.dumps({**planted(body), **FHIR})
        answer = service.call(sent, f"neuromuscular-{body['hook']}")
        assert answer.status == 200, answer.body
        cards += len(answer.json()["cards"])
    assert cards > 50
    assert service.log.getvalue().count('"call"') == len(ready_made())
    assert service.leaks() == []


def test_nothing_of_a_request_that_is_broken_at_any_one_place_comes_out(service: Watched) -> None:
    """A call for each kind of leaf (its last two names): another text in its place, or a table, which is the wrong type everywhere."""
    statuses: set[int] = set()
    tried: set[tuple[str, ...]] = set()
    for name in ("patient-view", "order-select", "appointment-book"):
        body = {**planted(json.loads(request_body(name))), **FHIR}
        kinds = {tuple([one for one in path if isinstance(one, str)][-2:]): path for path in leaves(body)}
        kinds = {kind: path for kind, path in kinds.items() if kind not in tried}
        tried.update(kinds)
        for number, path in enumerate(kinds.values()):
            change: Callable[[Any], Any] = (lambda _: f"{CANARY} <b>") if number % 2 else (lambda old: {CANARY: old})
            statuses.add(service.call(changed(body, path, change), f"neuromuscular-{name}").status)
    assert statuses == {200, 400, 412}
    assert service.leaks() == []


def test_nothing_of_the_odd_requests_comes_out(service: Watched) -> None:
    for odd in odd_requests():
        try:
            body = json.dumps(planted(json.loads(odd.body))).encode()
        except (ValueError, RecursionError):
            body = odd.body + CANARY.encode()
        service.call(body, odd.service)
    service.call(b'{"' + CANARY.encode() + b'":1,"' + CANARY.encode() + b'":2}', "neuromuscular-patient-view")
    assert service.leaks() == []
