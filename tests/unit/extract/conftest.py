"""Extraction in one call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from rules.extract import Input, extract
from rules.facts import Origin, Record
from rules.terminology import Terminology

Read: TypeAlias = Callable[..., Record]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return Terminology.load(Path(__file__).resolve().parents[3] / "rules" / "codes")


@pytest.fixture
def read(terminology: Terminology) -> Read:
    """`read(resource, ..., drafts=[...], planned=[...], unread={...})` -> Record at noon of 25 November 2026."""

    def call(
        *resources: object, drafts: tuple[object, ...] = (), planned: tuple[object, ...] = (), unread: dict[str, str] | None = None
    ) -> Record:
        inputs = [resource if isinstance(resource, Input) else Input(resource) for resource in resources]
        inputs += [Input(resource, Origin.DRAFT) for resource in drafts] + [Input(resource, Origin.PLANNED) for resource in planned]
        return extract(inputs, terminology=terminology, as_of=NOW, hook="patient-view", unread=unread or {})

    return call
