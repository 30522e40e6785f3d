"""The contained driver: what durable_rules does wrong on its own cannot reach a patient, and every failure is loud."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from rules.engine.interface import Budget, EngineError, ProgramError
from tests.unit.engine.back_ends import AMPLE, HAS_DURABLE, NEEDS_DURABLE, clause, program, run

if HAS_DURABLE:
    import durable_rules_engine as core

    from rules.engine.checked import CheckedEngine
    from rules.engine.durable import DurableEngine
    from rules.engine.reference import ReferenceEngine

pytestmark = pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = program([clause("c", "h", "a b"), clause("d", "i", "h")], [clause("e", "j", "i", unless="x")])
TWINS = ("patient-504ca141", "patient-75c95318")


class Core:
    """The C core with one function replaced."""

    def __init__(self, **replaced: object) -> None:
        self._replaced = replaced

    def __getattr__(self, name: str) -> object:
        return self._replaced.get(name, getattr(core, name))


def replace_core(monkeypatch: pytest.MonkeyPatch, **replaced: object) -> None:
    monkeypatch.setattr("rules.engine.ruleset.core", Core(**replaced))


def fnv1(text: str) -> int:
    """The hash by which durable_rules finds a session."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


def test_durable_rules_mixes_two_sessions_whose_names_collide() -> None:
    one, other = TWINS
    assert one != other
    assert fnv1(one) == fnv1(other)
    rule = {"all": [{"m0": {"p": "condition"}}, {"m1": {"p": "drug"}}]}
    handle = core.create_ruleset("twins", json.dumps({"$boot": {"all": [{"m": {"boot": 1}}]}, "mixed": rule}))
    _, state = core.assert_fact(handle, json.dumps({"boot": 1, "id": "boot", "sid": one}))
    core.start_action_for_state(handle, state)
    core.complete_and_start_action(handle, state)
    core.assert_fact(handle, json.dumps({"p": "condition", "id": "1", "sid": one}))
    core.assert_fact(handle, json.dumps({"p": "drug", "id": "2", "sid": other}))
    reply = core.start_action_for_state(handle, state)
    assert "mixed" in reply[1]
    core.complete_and_start_action(handle, state)
    core.delete_state(handle, one)
    core.delete_ruleset(handle)


def test_two_patients_whose_names_collide_stay_apart() -> None:
    one, other = TWINS
    engine = DurableEngine(program([clause("mixed", "leak", f"{one} {other}"), clause("c", "one", one), clause("d", "other", other)]))
    for _ in range(3):
        assert run(engine, one).fired == ("c",)
        assert run(engine, other).fired == ("d",)
    assert run(engine, f"{one} {other}").fired == ("mixed", "c", "d")


def test_nothing_of_a_patient_enters_the_c_core(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def assert_fact(handle: int, fact: str) -> object:
        given.append(fact)
        return core.assert_fact(handle, fact)

    replace_core(monkeypatch, assert_fact=assert_fact)
    engine = DurableEngine(program([clause("secret-clause", "secret-head", "secret-fact", unless="secret-other")]))
    assert run(engine, "secret-fact secret-name").fired == ("secret-clause",)
    assert "secret" not in "".join(given)
    assert {json.loads(fact)["sid"] for fact in given} == {"1"}
    assert {json.loads(fact)["id"] for fact in given} == {"f1", "f2"}
    assert set("".join(given)) <= set('{}":,idsbootcf0123456789')


def test_a_session_is_gone_after_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    handles = record_handles(monkeypatch)
    engine = DurableEngine(PROGRAM)
    run(engine, "a b", "x")
    for budget in (Budget(firings=0), Budget(seconds=0.0)):
        with pytest.raises(EngineError):
            run(engine, "a b", "", budget)
    assert len(handles) == 3
    for handle in handles:
        with pytest.raises(core.error, match="309"):
            core.get_state(handle, "1")


def record_handles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The handles of the rulesets created from now on."""
    handles: list[int] = []

    def create_ruleset(name: str, rules: str) -> int:
        handle: int = core.create_ruleset(name, rules)
        handles.append(handle)
        return handle

    replace_core(monkeypatch, create_ruleset=create_ruleset)
    return handles


def test_sessions_without_an_action_are_deleted_without_a_crash() -> None:
    engine = DurableEngine(program([clause("c", "h", "a b x"), clause("d", "i", unless="z")]))
    for _ in range(2000):
        assert run(engine, "a b z").fired == ()


def test_a_chunk_that_cannot_fire_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DurableEngine(PROGRAM)
    given: list[str] = []

    def assert_fact(handle: int, fact: str) -> object:
        given.append(fact)
        return core.assert_fact(handle, fact)

    replace_core(monkeypatch, assert_fact=assert_fact)
    assert run(engine, "b x y").fired == ()
    assert given == []
    assert run(engine, "a b").fired == ("c", "d", "e")
    assert given


def test_a_budget_crossed_inside_a_session_leaves_the_engine_usable() -> None:
    engine = DurableEngine(PROGRAM)
    for _ in range(50):
        with pytest.raises(EngineError, match="more than 1 firings"):
            run(engine, "a b", "", Budget(firings=1))
        assert run(engine, "a b").fired == ("c", "d", "e")


def test_a_deadline_passed_inside_a_session_leaves_the_engine_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DurableEngine(PROGRAM)

    def slow(handle: int, fact: str) -> object:
        sleep(0.05)
        return core.assert_fact(handle, fact)

    with monkeypatch.context() as patch:
        replace_core(patch, assert_fact=slow)
        with pytest.raises(EngineError) as caught:
            run(engine, "a b", "", Budget(seconds=0.02))
    assert caught.value.kind == "deadline"
    assert run(engine, "a b").fired == ("c", "d", "e")


def test_a_deadline_is_looked_at_in_the_middle_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DurableEngine(program([clause(f"c{n}", f"h{n}", "a") for n in range(8)]))
    firings: list[None] = []

    def slow(handle: int, state: int) -> object:
        firings.append(None)
        sleep(0.01)
        return core.complete_and_start_action(handle, state)

    replace_core(monkeypatch, complete_and_start_action=slow)
    with pytest.raises(EngineError) as caught:
        run(engine, "a", "", Budget(seconds=0.015))
    assert caught.value.kind == "deadline"
    assert len(firings) < 8


def test_a_run_that_waits_for_another_keeps_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DurableEngine(PROGRAM)
    inside, leave = threading.Event(), threading.Event()

    def blocked(handle: int, fact: str) -> object:
        inside.set()
        leave.wait(30)
        return core.assert_fact(handle, fact)

    replace_core(monkeypatch, assert_fact=blocked)
    other = threading.Thread(target=run, args=(engine, "a b"))
    other.start()
    try:
        assert inside.wait(30)
        started = monotonic()
        with pytest.raises(EngineError, match="waited") as caught:
            run(engine, "a b", "", Budget(seconds=0.05))
        assert caught.value.kind == "deadline"
        assert monotonic() - started < 5
    finally:
        leave.set()
        other.join(30)


def test_engines_of_one_process_do_not_disturb_each_other() -> None:
    engines = [DurableEngine(program([clause(f"c{n}", f"h{n}", "a")])) for n in range(20)]
    for n, engine in enumerate(engines):
        assert run(engine, "a").fired == (f"c{n}",)


def test_a_dropped_engine_frees_its_rulesets(monkeypatch: pytest.MonkeyPatch) -> None:
    handles = record_handles(monkeypatch)
    engine = DurableEngine(PROGRAM)
    run(engine, "a b")
    del engine
    gc.collect()
    assert len(handles) == 3
    for handle in handles:
        with pytest.raises(core.error, match="111"):
            core.assert_fact(handle, '{"boot":1,"id":"boot","sid":"1"}')


def error_of_the_core(*_: object) -> object:
    raise core.error("secret-fact")


def lie(name: str, answer: object) -> Callable[..., object]:
    """Call the C core, so that its memory stays in order, and return something else."""

    def call(*args: object) -> object:
        getattr(core, name)(*args)
        return answer

    return call


FAILURES: dict[str, dict[str, Any]] = {
    "an exception in assert_fact": {"assert_fact": error_of_the_core},
    "an exception in delete_state": {"delete_state": error_of_the_core},
    "an exception in an action": {"complete_and_start_action": error_of_the_core},
    "a refused fact": {"assert_fact": lambda *_: (2, 1)},
    "a boot that fires nothing": {"start_action_for_state": lambda *_: None},
    "a firing without facts": {"complete_and_start_action": lie("complete_and_start_action", '{"r0":{}}')},
    "an unknown rule": {"start_action_for_state": lie("start_action_for_state", ("", '{"r99":{}}'))},
    "a message of another form": {"start_action_for_state": lie("start_action_for_state", ("", "secret-fact"))},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_crash_is_reported_and_poisons_the_engine(failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CheckedEngine(ReferenceEngine(PROGRAM), DurableEngine(PROGRAM))
    with monkeypatch.context() as patch:
        replace_core(patch, **FAILURES[failure])
        with pytest.raises(EngineError) as caught:
            run(engine, "a b")
    assert caught.value.kind == "crash"
    assert caught.value.clauses == ("c",)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(EngineError) as poisoned:
        run(engine, "a b")
    assert poisoned.value.kind == "poisoned"


def test_a_core_that_overlooks_a_fact_is_found_by_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CheckedEngine(ReferenceEngine(PROGRAM), DurableEngine(PROGRAM))
    replace_core(monkeypatch, assert_fact=lambda handle, fact: core.assert_fact(handle, re.sub('"c([0-9]+)":1', '"d\\1":1', fact)))
    with pytest.raises(EngineError) as caught:
        run(engine, "a b")
    assert (caught.value.kind, caught.value.clauses) == ("difference", ("c", "d", "e"))


@pytest.mark.parametrize(
    "broken",
    [
        {"create_ruleset": error_of_the_core},
        {"assert_fact": lambda handle, fact: core.assert_fact(handle, fact.replace('"c1":1', '"c1":0'))},
        {"start_action_for_state": lie("start_action_for_state", ("", '{"r0":{}}'))},
    ],
)
def test_rulesets_that_do_not_work_are_refused_at_start_up(broken: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    replace_core(monkeypatch, **broken)
    with pytest.raises(ProgramError, match="clause c or one near it"):
        DurableEngine(PROGRAM)


WATCHED = """
import time
from rules.engine import durable, ruleset
from tests.unit.engine.back_ends import clause, program, run
engine = durable.DurableEngine(program([clause("c", "h", "secret-fact")]), watchdog=True)
print(run(engine, "secret-fact").fired, flush=True)
durable.WATCHDOG_S = 0.2
class Stuck:
    def __getattr__(self, name):
        return lambda *_: time.sleep(60)
ruleset.core = Stuck()
run(engine, "secret-fact", "", durable.Budget(seconds=0.1))
"""


def test_the_watchdog_ends_a_process_stuck_in_the_c_core_without_showing_data() -> None:
    started = monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert ended.stdout == "('c',)\n"
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "ruleset.py" in ended.stderr
    assert "secret" not in ended.stderr
    assert monotonic() - started < 40


def test_the_watchdog_is_called_off_after_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda seconds, **options: calls.append(f"{seconds} {options}"))
    monkeypatch.setattr("faulthandler.cancel_dump_traceback_later", lambda: calls.append("off"))
    run(DurableEngine(PROGRAM), "a b")
    assert calls == []
    engine = DurableEngine(PROGRAM, watchdog=True)
    run(engine, "a b", "", AMPLE)
    with pytest.raises(EngineError):
        run(engine, "a b", "", Budget(firings=0))
    assert calls == ["65.0 {'exit': True}", "off", "6.0 {'exit': True}", "off"]
