"""What durable_rules is given: six functions are called, with rulesets and facts of one small form, whatever the program says."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.engine.chunks import PROPERTIES
from tests.unit.engine.back_ends import HAS_DURABLE, NEEDS_DURABLE, clause, program, run

if HAS_DURABLE:
    import durable_rules_engine as core

    from rules.engine.durable import DurableEngine

ROOT = Path(__file__).parents[3]
FUNCTIONS = {"assert_fact", "complete_and_start_action", "create_ruleset", "delete_ruleset", "delete_state", "start_action_for_state"}
CONDITION = re.compile(r"c\d{1,3}")
WIDE = program(
    [clause(f"c{n}", f"h{n}", " ".join(f"p{n}-{m}" for m in range(30)), unless="x y", open_="z") for n in range(100)],
    [clause(f"d{n}", f"i{n}", f"h{n} popular", unless=f"h{n + 1}") for n in range(99)],
    [clause(f"e{n}", "one", "popular") for n in range(600)],
)


def sources() -> Iterator[tuple[Path, ast.AST]]:
    for folder in ("rules", "cds_hooks"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_one_file_knows_the_c_core_and_calls_six_functions_of_it() -> None:
    used: dict[str, set[str]] = {}
    for path, tree in sources():
        names = {one.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        names |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert "durable" not in names, f"{path}: its host has timers, shared sessions and swallowed errors"
        if "durable_rules_engine" in names:
            taken = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "core"]
            used[path.relative_to(ROOT).as_posix()] = set(taken)
    assert used == {"rules/engine/ruleset.py": FUNCTIONS}


@pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)
def test_rulesets_are_small_and_have_conditions_of_one_form_and_no_negation(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(core, name)

        def create_ruleset(self, name: str, rules: str) -> object:
            made.append(json.loads(rules))
            return core.create_ruleset(name, rules)

    monkeypatch.setattr("rules.engine.ruleset.core", Watched())
    DurableEngine(WIDE)
    assert len(made) >= 40
    for rules in made:
        assert rules.pop("$boot") == {"all": [{"m": {"boot": 1}}]}
        assert 1 <= len(rules) <= 64
        for rule in rules.values():
            assert list(rule) == ["all"]
            [pattern] = rule["all"]
            assert list(pattern) == ["m"]
            assert list(pattern["m"]) == ["$and"]
            assert 1 <= len(pattern["m"]["$and"]) <= 30
            for test in pattern["m"]["$and"]:
                [(name, value)] = test.items()
                assert CONDITION.fullmatch(name)
                assert value == 1


@pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)
def test_facts_come_one_by_one_each_once_in_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, str]] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(core, name)

        def assert_fact(self, handle: int, fact: str) -> object:
            if '"boot"' not in fact:
                given.append((handle, fact))
            return core.assert_fact(handle, fact)

    engine = DurableEngine(WIDE)
    monkeypatch.setattr("rules.engine.ruleset.core", Watched())
    run(engine, " ".join(f"p{n}-{m}" for n in range(100) for m in range(30)) + " popular", "z")
    assert given
    assert len(given) == len(set(given)), "a fact that came twice would be refused as already seen"
    for _, fact in given:
        found = json.loads(fact)
        assert re.fullmatch(r"f\d", found.pop("id"))
        assert found.pop("sid") == "1"
        assert all(CONDITION.fullmatch(name) and value == 1 for name, value in found.items())
        assert 1 <= len(found) <= 250


def test_no_two_names_of_a_fact_have_the_hash_by_which_the_core_tells_them_apart() -> None:
    names = [*(f"c{place}" for place in range(PROPERTIES)), "id", "sid", "boot"]

    def fnv1(name: str) -> int:
        found = 2166136261
        for byte in name.encode():
            found = found * 16777619 % 2**32 ^ byte
        return found

    assert len({fnv1(name) for name in names}) == len(names)
