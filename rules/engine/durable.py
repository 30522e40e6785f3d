"""The durable_rules back-end: worlds, passes and chunks around `rules.engine.ruleset`.

Negation and the unknown are settled here, between rulesets, as positive facts asserted only when they are true. Both worlds share a
session: whatever is asserted for the sure world holds in the possible one, which only adds to it. Contract: `rules.engine.interface`.
"""

from __future__ import annotations

import faulthandler
import weakref
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from threading import Lock
from time import monotonic
from typing import Literal, cast

from rules.engine.background import Background, Frame, Solved, nearest
from rules.engine.chunks import ALWAYS, Condition, Layer, Name, Step, cut, ranks
from rules.engine.interface import Budget, EngineError, Facts, Outcome, Program, ProgramError
from rules.engine.ruleset import Ruleset, Session

__all__ = ["WATCHDOG_S", "DurableEngine"]

WATCHDOG_S = 5.0
"""Seconds beyond its budget after which a run stuck inside the C core ends the process."""


class DurableEngine:
    """durable_rules, contained. Safe to share between threads: one run at a time.

    After a crash the engine refuses further runs (EngineError "poisoned"): restart the process.
    """

    name: Literal["durable"] = "durable"

    def __init__(self, program: Program, watchdog: bool = False, typical: Sequence[Facts] = ()) -> None:
        """Load the program and try out every ruleset. Raises ProgramError.

        With `watchdog`, a run stuck in the C core WATCHDOG_S beyond its budget ends the process, stack frames (no values) on stderr; only
        one engine of a process may have it. `typical` are facts as many runs have them; they make runs like them cheaper, no different."""
        program.check()
        self._ids = tuple(clause.id for clauses in program.passes for clause in clauses)
        self._layers: list[tuple[Layer, list[Ruleset]]] = []
        self._lock = Lock()
        self._watchdog = watchdog
        self._poisoned = False
        loaded: list[Ruleset] = []
        weakref.finalize(self, _delete, loaded)
        first = 0
        for clauses in program.passes:
            for rank in ranks(clauses, first, typical[0][1] if typical else frozenset()):
                layer = cut(rank)
                for chunk in layer.chunks:
                    try:
                        loaded.append(Ruleset(chunk))
                    except Exception as error:
                        clause = next(self._ids[step.clause] for step in chunk.steps if step.clause is not None)
                        raise ProgramError(f"clause {clause} or one near it: durable_rules does not load it ({error})") from error
                if layer.chunks:
                    self._layers.append((layer, loaded[-len(layer.chunks) :]))
            first += len(clauses)
        steps = (step for layer, _ in self._layers for chunk in layer.chunks for step in chunk.steps)
        self._unnamed: frozenset[Name] = frozenset({ALWAYS, *(step.head for step in steps if step.clause is None)})
        self._frames = [Frame.of(layer) for layer, _ in self._layers] if typical else []
        self._backgrounds: list[Background] = []
        for sure, possible in typical:
            self._backgrounds.append(self._settle(sure, possible))

    def _settle(self, sure: frozenset[str], possible: frozenset[str]) -> Background:
        """Solve one background; from the second on, from the nearest that is there."""
        run = _Run(sure, possible, Budget(10**6, 10**6, 60.0))
        start = nearest(self._backgrounds, sure, possible) if self._backgrounds else None
        first = self._backgrounds[0] if self._backgrounds else Background(sure, possible)
        made = Background(sure, possible, sure ^ first.sure, possible ^ first.possible)
        changed = start.differing(sure, possible) if start else set()
        for number, (layer, rulesets) in enumerate(self._layers):
            run.log = {}
            if start:
                run.differ(layer, rulesets, self._frames[number], start.layers[number], changed)
            else:
                run.solve(layer, rulesets)
            made.layers.append(Solved.of(self._frames[number], run.log, run.sure, run.possible))
        return made

    def run(self, sure: frozenset[str], possible: frozenset[str], budget: Budget) -> Outcome:
        """Chain forward. Raises EngineError (budget, deadline, crash, poisoned); ValueError when `sure` is not a subset of `possible`."""
        if not sure <= possible:
            raise ValueError("sure must be a subset of possible")
        _limit_facts(len(possible), budget)
        run = _Run(sure, possible, budget)
        if not self._lock.acquire(timeout=max(0.0, budget.seconds)):
            raise EngineError("deadline", f"waited {budget.seconds} s for other runs")
        try:
            if self._poisoned:
                raise EngineError("poisoned", "durable_rules failed in an earlier run; restart the process")
            self._solve(run, sure, possible, budget.seconds + WATCHDOG_S)
        finally:
            self._lock.release()
        held = frozenset(cast("set[str]", run.possible - self._unnamed))
        _limit_facts(len(held), budget)
        return Outcome(
            sure=frozenset(cast("set[str]", run.sure - self._unnamed)),
            possible=held,
            fired=tuple(self._ids[number] for number in sorted(run.fired)),
            fired_possible=tuple(self._ids[number] for number in sorted(run.fired_possible)),
        )

    def _solve(self, run: _Run, sure: frozenset[str], possible: frozenset[str], last_s: float) -> None:
        if self._watchdog:
            faulthandler.dump_traceback_later(last_s, exit=True)
        try:
            run.check()
            start = nearest(self._backgrounds, sure, possible) if self._backgrounds else None
            changed = start.differing(sure, possible) if start else set()
            for number, (layer, rulesets) in enumerate(self._layers):
                if start:
                    run.differ(layer, rulesets, self._frames[number], start.layers[number], changed)
                else:
                    run.solve(layer, rulesets)
                run.check()
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001  (no failure of any kind may pass as an answer)
            self._poisoned = True
            raise EngineError("crash", f"durable_rules: {type(error).__name__}", self._clauses_of(run.current)) from None
        finally:
            if self._watchdog:
                faulthandler.cancel_dump_traceback_later()

    def _clauses_of(self, ruleset: Ruleset | None) -> tuple[str, ...]:
        return tuple(self._ids[step.clause] for step in ruleset.steps.values() if step.clause is not None) if ruleset else ()


class _Run:
    """One evaluation: what holds in each world and what fired so far."""

    def __init__(self, sure: frozenset[str], possible: frozenset[str], budget: Budget) -> None:
        self.log: dict[Step, bool] | None = None
        self.sure: set[Name] = {*sure, ALWAYS}
        self.possible: set[Name] = {*possible, ALWAYS}
        self.fired: set[int] = set()
        self.fired_possible: set[int] = set()
        self.current: Ruleset | None = None
        self._budget = budget
        self._deadline = monotonic() + budget.seconds

    def check(self) -> None:
        if len(self.fired_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", f"not done after {self._budget.seconds} s")

    def differ(self, layer: Layer, rulesets: list[Ruleset], frame: Frame, solved: Solved, changed: set[Name]) -> None:
        """Solve what `changed` reaches, take the rest as it was in the background; then `changed` is what differs after this layer."""
        steps, heads = frame.reach(changed)
        if not steps and self.log is None:
            self.sure |= solved.concluded[0]
            self.possible |= solved.concluded[1]
            self.fired |= solved.clauses[0]
            self.fired_possible |= solved.clauses[1]
            return
        for number, sure in solved.fired:
            if number not in steps:
                self._fire(frame.steps[number], sure=sure)
        asked: dict[int, dict[Condition, None]] = {}
        for number in steps:
            step = frame.steps[number]
            if self._could_fire(step, heads):
                asked.setdefault(frame.home[number], {}).update(dict.fromkeys(step.conditions))
        self.solve(layer, rulesets, asked)
        for head in heads:
            same = (head in self.sure) == (head in solved.sure) and (head in self.possible) == (head in solved.possible)
            (changed.discard if same else changed.add)(head)

    def _could_fire(self, step: Step, heads: set[Name]) -> bool:
        """No reason known that it does not: what it needs is possible or may become so in this layer, what it forbids is not sure."""
        for kind, name in step.conditions:
            if kind == "+":
                if name not in self.possible and name not in heads:
                    return False
            elif name in self.sure or (kind == "?" and name not in self.possible):
                return False
        return True

    def solve(self, layer: Layer, rulesets: list[Ruleset], chunks: Mapping[int, Iterable[Condition]] | None = None) -> None:
        """Open every chunk that could fire, producers first; again when it reads what a later one concluded.

        With `chunks`, only those, each with the facts for these conditions; the steps that would need others are not in question."""
        wanted = {*layer.always, *self._woken(layer, self.possible)} if chunks is None else chunks.keys()
        queue = list(wanted)
        heapify(queue)
        done: set[int] = set()
        while queue:
            index = heappop(queue)
            done.add(index)
            news = self._open(rulesets[index], rulesets[index].facts if chunks is None else chunks[index])
            again = {reader for name in news for reader in layer.readers.get(name, ()) if reader in done}
            for other in {*self._woken(layer, news), *again}.difference(queue, (index,)):
                if chunks is None or other in chunks:
                    heappush(queue, other)

    def _woken(self, layer: Layer, names: set[Name]) -> set[int]:
        """Chunks with a step whose two watched propositions are possible, one of them in `names`."""
        watchers = layer.watchers
        return {chunk for name in watchers.keys() & names for other, chunk in watchers[name] if other is None or other in self.possible}

    def _open(self, ruleset: Ruleset, asked: Iterable[Condition]) -> set[Name]:
        """Run one ruleset, the sure world until it is quiet, then what the possible one adds. Returns what became sure or possible."""
        self.current = ruleset
        now, later = self._sorted(asked)
        facts, given = ruleset.facts, {name for kind, name in now if kind == "+"}
        news: set[Name] = set()
        with ruleset.session() as session:
            for condition in now:
                session.give(facts[condition])
            self._drain(ruleset, session, given, news, sure=True)
            more = False
            for condition in later:
                kind, name = condition
                if kind == "+":
                    if name in given or name not in self.possible:
                        continue
                    given.add(name)
                session.give(facts[condition])
                more = True
            if more:
                self._drain(ruleset, session, given, news, sure=False)
        return news

    def _sorted(self, asked: Iterable[Condition]) -> tuple[list[Condition], list[Condition]]:
        """The conditions that are true in both worlds, and those that may be so in the possible one alone."""
        sure, possible = self.sure, self.possible
        now: list[Condition] = []
        later: list[Condition] = []
        for condition in asked:
            kind, name = condition
            if kind == "+":
                (now if name in sure else later).append(condition)
            elif name not in possible:
                if kind == "!":
                    now.append(condition)
            elif name not in sure:
                (now if kind == "?" else later).append(condition)
        return now, later

    def _fire(self, step: Step, *, sure: bool) -> bool:
        """Note that a step fired; is its head new in that world?"""
        if self.log is not None:
            self.log[step] = self.log.get(step, False) or sure
        if step.clause is not None:
            self.fired_possible.add(step.clause)
            if sure:
                self.fired.add(step.clause)
        world = self.sure if sure else self.possible
        if step.head in world:
            return False
        world.add(step.head)
        self.possible.add(step.head)
        return True

    def _drain(self, ruleset: Ruleset, session: Session, given: set[Name], news: set[Name], sure: bool) -> None:
        for step in session.fired():
            head = step.head
            if self._fire(step, sure=sure):
                news.add(head)
            fact = ruleset.facts.get(("+", head))
            if fact is not None and head not in given:
                given.add(head)
                session.give(fact)
            self.check()


def _limit_facts(count: int, budget: Budget) -> None:
    if count > budget.facts:
        raise EngineError("budget", f"more than {budget.facts} facts")


def _delete(rulesets: list[Ruleset]) -> None:
    for ruleset in rulesets:
        ruleset.delete()
