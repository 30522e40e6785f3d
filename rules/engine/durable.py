"""The durable_rules back-end: worlds, passes and chunks around `rules.engine.ruleset`.

Negation and the unknown are settled here, between rulesets, as positive facts asserted only when they are true. Both worlds share a
session: whatever is asserted for the sure world holds in the possible one, which only adds to it. Contract: `rules.engine.interface`.
"""

from __future__ import annotations

import faulthandler
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Lock
from time import monotonic
from typing import Literal, cast

from rules.engine.background import NOTHING, Background, Backgrounds, Bases, Listening
from rules.engine.chunks import ALWAYS, Chunk, Condition, Layer, Name, Step, cut, ranks
from rules.engine.differing import Differing
from rules.engine.interface import Budget, EngineError, Facts, Outcome, Program, ProgramError
from rules.engine.net import Net
from rules.engine.ruleset import Ruleset, Session

__all__ = ["WATCHDOG_S", "DurableEngine"]

WATCHDOG_S = 5.0
"""Seconds beyond its budget after which a run stuck inside the C core ends the process."""


class DurableEngine:
    """durable_rules, contained. Safe to share between threads: one run at a time.

    After a crash the engine refuses further runs (EngineError "poisoned"): restart the process.
    """

    name: Literal["durable"] = "durable"

    def __init__(self, program: Program, watchdog: bool = False, typical: Sequence[Facts] = (), bases: Bases | None = None) -> None:
        """Load the program and try out every ruleset. Raises ProgramError, FactsError.

        With `watchdog`, a run stuck in the C core WATCHDOG_S beyond its budget ends the process, stack frames (no values) on stderr; only
        one engine of a process may have it. `typical` are facts as many runs have them; they make runs like them cheaper, no different.
        `bases` are shared with the engine that this one is compared with."""
        program.check()
        self._ids = tuple(clause.id for clauses in program.passes for clause in clauses)
        self._lock = Lock()
        self._watchdog = watchdog
        self._poisoned = False
        self._loaded: list[Ruleset] = []
        weakref.finalize(self, _delete, self._loaded)
        layers: list[tuple[Layer, list[Ruleset]]] = []
        first, helpers = 0, count(len(self._ids))
        for clauses in program.passes:
            for rank in ranks(clauses, first, typical[0][1] if typical else frozenset()):
                layer = cut(rank)
                layers.append((layer, [self._load(chunk, helpers) for chunk in layer.chunks]))
            first += len(clauses)
        self._net = Net(layers)
        self._listening: Listening[Name] = {}
        self._backgrounds: Backgrounds[Name] = Backgrounds()
        for facts in typical or (NOTHING,):
            self._settle(facts, bases or Bases())

    def _load(self, chunk: Chunk, helpers: Iterator[int]) -> Ruleset:
        """A step has the number of its clause; a helper has one beyond all clauses."""
        try:
            self._loaded.append(Ruleset(chunk, [next(helpers) if step.clause is None else step.clause for step in chunk.steps]))
        except Exception as error:
            clause = next(self._ids[step.clause] for step in chunk.steps if step.clause is not None)
            raise ProgramError(f"clause {clause} or one near it: durable_rules does not load it ({error})") from error
        return self._loaded[-1]

    def _settle(self, facts: Facts, bases: Bases) -> None:
        """Solve for typical facts; from the second on, from the nearest that is there."""
        is_first = not self._backgrounds.all
        run = _Run(self._net, self._listening, facts, Budget(10**6, 10**6, 60.0))
        run.solve(None if is_first else self._backgrounds.nearest(*facts))
        listening = self._net.listening(run.sure, run.possible, run.fired_possible)
        if is_first:
            self._listening, listening = listening, {}
        beside = run.sure.among(self._net.unnamed), run.possible.among(self._net.unnamed)
        sure, possible = run.named()
        held = bases.whole(sure), bases.whole(possible)
        fired = bases.whole(run.fired), bases.whole(run.fired_possible)
        self._backgrounds.add(Background(facts, held, fired, listening, beside))

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        """Chain forward. Raises EngineError (budget, deadline, crash, poisoned); FactsError when `sure` is not a subset of `possible`."""
        start = self._backgrounds.nearest(sure, possible)
        run = _Run(self._net, self._listening, (sure, possible), budget)
        seconds = max(0.0, budget.left)
        if not self._lock.acquire(timeout=seconds):
            raise EngineError("deadline", f"waited {seconds:.1f} s for other runs")
        try:
            if self._poisoned:
                raise EngineError("poisoned", "durable_rules failed in an earlier run; restart the process")
            self._solve(run, start, seconds + WATCHDOG_S)
        finally:
            self._lock.release()
        named, possibly = run.named()
        run.check(len(possibly))
        return Outcome(
            sure=named,
            possible=possibly,
            numbers=run.fired,
            numbers_possible=run.fired_possible,
            ids=self._ids,
        )

    def _solve(self, run: _Run, start: tuple[Background[Name], Set[str]], last_s: float) -> None:
        if self._watchdog:
            faulthandler.dump_traceback_later(last_s, exit=True)
        try:
            run.check()
            run.solve(start)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001  (no failure of any kind may pass as an answer)
            self._poisoned = True
            raise EngineError("crash", f"durable_rules: {type(error).__name__}", self._clauses_of(run.current)) from None
        finally:
            if self._watchdog:
                faulthandler.cancel_dump_traceback_later()

    def _clauses_of(self, ruleset: Ruleset | None) -> tuple[str, ...]:
        return tuple(self._ids[number] for number in ruleset.numbers.values() if number < len(self._ids)) if ruleset else ()


class _Run:
    """One evaluation: what holds in each world and which steps fired so far, as they differ from a typical patient."""

    def __init__(self, net: Net, listening: Listening[Name], facts: Facts, budget: Budget) -> None:
        self.sure: Differing[Name] = Differing(frozenset())
        self.possible: Differing[Name] = Differing(frozenset())
        self.fired: Differing[int] = Differing(frozenset())
        self.fired_possible: Differing[int] = Differing(frozenset())
        self.current: Ruleset | None = None
        self._net = net
        self._listening: tuple[Listening[Name], ...] = (listening,)
        self._facts: tuple[Differing[Name], Differing[Name]] = Differing.of(facts[0]), Differing.of(facts[1])
        self._budget = budget
        self._deadline = budget.ends
        self._waiting: dict[int, set[int]] = {}

    def named(self) -> tuple[Differing[str], Differing[str]]:
        """Leave what has a name in the program; what of that is sure, and what is possible."""
        self.sure.drop(self._net.unnamed)
        self.possible.drop(self._net.unnamed)
        self.fired.drop(self._net.helpers)
        self.fired_possible.drop(self._net.helpers)
        return cast("Differing[str]", self.sure), cast("Differing[str]", self.possible)

    def check(self, facts: int | None = None) -> None:
        """Stop at the limits of the budget; those of facts and firings are for what holds in the end."""
        if facts is not None and facts > self._budget.facts:
            raise EngineError("budget", f"more than {self._budget.facts} facts")
        if facts is not None and len(self.fired_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", "not done in its time")

    def solve(self, start: tuple[Background[Name], Set[str]] | None) -> None:
        """Work out layer by layer what is other than in a background, given with the facts that differ; all of it without one."""
        if start is None:
            self.sure, self.possible = (Differing(frozenset({*facts, ALWAYS})) for facts in self._facts)
            self._waiting = {layer: set(steps) for layer, steps in enumerate(self._net.members)}
        else:
            self._begin(*start)
        for number, (layer, rulesets) in enumerate(self._net.layers):
            steps = self._waiting.get(number)
            if steps:
                self._settle(number, layer, rulesets, steps)
                self.check()

    def _begin(self, start: Background[Name], differing: Set[str]) -> None:
        """Take over what holds in `start`, with these facts in place of its own; what a step concluded stays."""
        self.sure, self.possible = Differing(start.held[0], start.beside[0]), Differing(start.held[1], start.beside[1])
        self.fired, self.fired_possible = Differing(start.fired[0]), Differing(start.fired[1])
        self._listening += (start.listening,)
        for world, facts in ((self.sure, self._facts[0]), (self.possible, self._facts[1])):
            world.decide(differing, facts.among(differing))
        for name in differing & self._net.makers.keys():
            self._conclude(name)
        for name in differing:
            self._wake(name, -1)

    def _conclude(self, name: Name) -> None:
        """A name holds when a step that fired concludes it."""
        for maker in self._net.makers.get(name, ()):
            if maker in self.fired:
                self.sure.put(name, True)
            if maker in self.fired_possible:
                self.possible.put(name, True)

    def _wake(self, name: Name, layer: int) -> None:
        """The steps of later layers that listen to `name` are in question."""
        for listening in self._listening:
            for at in listening.get(name, ()):
                number = self._net.layer[at]
                if number > layer:
                    self._waiting.setdefault(number, set()).add(at)

    def _settle(self, number: int, layer: Layer, rulesets: list[Ruleset], steps: set[int]) -> None:
        """Take back what these steps concluded and let durable_rules conclude it again; wake those that read what changed."""
        heads = self._reach(number, steps)
        before = self.sure.among(heads), self.possible.among(heads)
        self.fired.drop(steps)
        self.fired_possible.drop(steps)
        for world, facts in ((self.sure, self._facts[0]), (self.possible, self._facts[1])):
            world.decide(heads, facts.among(heads))
        for head in heads & self._net.shared:
            self._conclude(head)
        asked: dict[int, dict[Condition, None]] = {}
        for at in steps:
            step = self._net.steps[at]
            if self._could_fire(step, heads):
                asked.setdefault(self._net.home[at], {}).update(dict.fromkeys(step.conditions))
        self._chain(layer, rulesets, asked)
        for head in (before[0] ^ self.sure.among(heads)) | (before[1] ^ self.possible.among(heads)):
            self._wake(head, number)

    def _reach(self, number: int, steps: set[int]) -> set[Name]:
        """Add the steps of the same layer that read what `steps` may conclude. Returns the heads of all of them."""
        heads = {self._net.heads[at] for at in steps}
        chained = self._net.chained[number]
        queue = list(heads & chained.keys())
        while queue:
            more = set(chained[queue.pop()]) - steps
            steps |= more
            found = {self._net.heads[at] for at in more} - heads
            heads |= found
            queue.extend(found & chained.keys())
        return heads

    def _could_fire(self, step: Step, heads: set[Name]) -> bool:
        """No reason known that it does not: what it needs is possible or may become so in this layer, what it forbids is not sure."""
        sure, surely, possible, possibly = self.sure.base, self.sure.changed, self.possible.base, self.possible.changed
        for kind, name in step.conditions:
            may = (name in possible) is not (name in possibly)
            if kind == "+":
                if not may and name not in heads:
                    return False
            elif (name in sure) is not (name in surely) or (kind == "?" and not may):
                return False
        return True

    def _chain(self, layer: Layer, rulesets: list[Ruleset], asked: Mapping[int, Iterable[Condition]]) -> None:
        """Open these chunks, producers first, each with the facts for its conditions; again when it reads what a later one concluded."""
        queue = list(asked)
        heapify(queue)
        done: set[int] = set()
        while queue:
            index = heappop(queue)
            done.add(index)
            news = self._open(rulesets[index], asked[index])
            for other in {reader for name in news for reader in layer.readers.get(name, ()) if reader in done}.difference(queue, (index,)):
                heappush(queue, other)

    def _open(self, ruleset: Ruleset, asked: Iterable[Condition]) -> set[Name]:
        """Run one ruleset, the sure world until it is quiet, then what the possible one adds. Returns what became sure or possible."""
        self.current = ruleset
        now, later = self._sorted(asked)
        said = dict.fromkeys(now)
        news: set[Name] = set()
        with ruleset.session() as session:
            if said:
                self._drain(ruleset, session, said, news, sure=True)
            known = len(said)
            said.update(dict.fromkeys([one for one in later if one[0] != "+" or one[1] in self.possible]))
            if len(said) > known:
                self._drain(ruleset, session, said, news, sure=False)
        return news

    def _sorted(self, asked: Iterable[Condition]) -> tuple[list[Condition], list[Condition]]:
        """The conditions that are true in both worlds, and those that may be so in the possible one alone."""
        sure, surely, possible, possibly = self.sure.base, self.sure.changed, self.possible.base, self.possible.changed
        now: list[Condition] = []
        later: list[Condition] = []
        for condition in asked:
            kind, name = condition
            is_sure = (name in sure) is not (name in surely)
            if kind == "+":
                (now if is_sure else later).append(condition)
            elif (name in possible) is (name in possibly):
                if kind == "!":
                    now.append(condition)
            elif not is_sure:
                (now if kind == "?" else later).append(condition)
        return now, later

    def _drain(self, ruleset: Ruleset, session: Session, said: dict[Condition, None], news: set[Name], sure: bool) -> None:
        """Say what holds and note what fires. A conclusion that the ruleset reads holds too: say all again, until there is none."""
        fired, world = (self.fired, self.sure) if sure else (self.fired_possible, self.possible)
        known = -1
        while len(said) > known:
            known = len(said)
            session.give(map(ruleset.says.__getitem__, said))
            for number in session.fired():
                head = self._net.heads[number]
                fired.put(number, True)
                self.fired_possible.put(number, True)
                if world.put(head, True):
                    self.possible.put(head, True)
                    news.add(head)
                if ("+", head) in ruleset.says:
                    said["+", head] = None
                self.check()


def _delete(rulesets: list[Ruleset]) -> None:
    for ruleset in rulesets:
        ruleset.delete()
