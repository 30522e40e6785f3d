"""Choosing a back-end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rules import engine as engines
from rules.engine import build_engine
from tests.unit.engine.back_ends import Kind, clause, program, run

PROGRAM = program([clause("c", "h", "a")])


@pytest.mark.parametrize("kind", ["durable", "checked"])
def test_durable_rules_on_a_newer_python_is_refused_and_the_reference_recommended(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.engine.sys", SimpleNamespace(version_info=(3, 13, 0)))
    with pytest.raises(RuntimeError, match=r'3\.13.*choose the engine "reference"'):
        build_engine(kind, PROGRAM)


def test_the_reference_runs_on_a_newer_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.engine.sys", SimpleNamespace(version_info=(3, 13, 0)))
    assert run(build_engine("reference", PROGRAM), "a").fired == ("c",)


def test_the_package_exports_one_function() -> None:
    assert engines.__all__ == ["build_engine"]
