"""A whole service around doubles, with its storage in a folder of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cds_hooks.app import Parts, create_app
from cds_hooks.fhir_client import FhirReader
from cds_hooks.settings import Settings
from cds_hooks.vocabularies.start import Vocabularies
from tests.support.asgi import Answer, Client
from tests.support.doubles import NOW, FakeFhir, FakeKnowledge


@dataclass
class Service(Client):
    """The running service and its parts."""

    app: Any
    knowledge: FakeKnowledge
    fhir: FakeFhir
    parts: Parts

    def hook(self, body: object, hook: str = "patient-view") -> Answer:
        """Call the service of a hook."""
        return self.post(f"/cds-services/neuromuscular-{hook}", body)

    def cards(self, body: object, hook: str = "patient-view") -> list[dict[str, Any]]:
        """The cards of a call that must be answered."""
        answer = self.hook(body, hook)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json()["cards"]
        return found


@contextmanager
def running(
    folder: Path,
    knowledge: FakeKnowledge | None = None,
    *,
    fhir: FhirReader | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
    vocabularies: Vocabularies = Vocabularies(),  # noqa: B008 - it never changes
    **settings: Any,  # noqa: ANN401 - any setting
) -> Iterator[Service]:
    """A service that is shut down at the end."""
    known = knowledge or FakeKnowledge()
    double = FakeFhir()
    reader = fhir or double
    app = create_app(
        Settings(**{"database_url": f"sqlite:///{folder}/nmcds.sqlite3", "secret": "a secret", **settings}),
        known,
        fhir=reader,
        clock=clock,
        vocabularies=vocabularies,
    )
    parts: Parts = app.state.parts
    try:
        yield Service(app, known, double, parts)
    finally:
        parts.writer.close()
        parts.clients.close()
        reader.close(wait=True)
        parts.database.close()
