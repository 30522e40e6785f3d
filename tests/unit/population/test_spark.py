"""A missing or old Java is named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.population import spark
from cds_hooks.population.spark import java_problem


def java(folder: Path, says: str) -> dict[str, str]:
    """An environment whose JAVA_HOME has a java that says this."""
    program = folder / "bin" / "java"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n", encoding="utf-8")
    program.chmod(0o755)
    return {"JAVA_HOME": str(folder)}


def test_a_java_that_is_new_enough_is_no_problem(tmp_path: Path) -> None:
    assert java_problem(java(tmp_path, 'openjdk version "17.0.15" 2025-04-15')) is None
    assert java_problem(java(tmp_path, 'openjdk version "21" 2023-09-19')) is None


def test_an_old_a_missing_and_a_strange_java_are_named(tmp_path: Path) -> None:
    assert "is Java 8, expected 17 or newer" in str(java_problem(java(tmp_path, 'java version "1.8.0_412"')))
    assert "is Java 11, expected 17 or newer" in str(java_problem(java(tmp_path, 'openjdk version "11.0.2"')))
    assert "does not say which version" in str(java_problem(java(tmp_path, "hello")))
    assert "no program bin/java" in str(java_problem({"JAVA_HOME": str(tmp_path / "nowhere")}))
    assert "no Java found on the PATH" in str(java_problem({"PATH": str(tmp_path)}))


def test_what_is_missing_comes_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark", None)
    problem = spark.missing()
    assert problem is not None
    assert problem[0] == "pyspark is not installed"
    assert "setup-population" in problem[1]
