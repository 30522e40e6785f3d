"""Trying mutants of one rule: its vignettes and those of the rules that build on it, on the reference engine and the rules it takes.

Judging all rules for each mutant would take hours. A trial compiles the mutated rule with the rules below it (whose conclusions it reads,
or whose blocks can withhold what it proposes) and remembers the verdict of every unchanged condition for every patient.
"""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rules.check import outcome_of, problem_of, record_of
from rules.compile import Compiled, compile_rules
from rules.engine.interface import Budget
from rules.engine.reference import ReferenceEngine
from rules.evaluate import Evaluator
from rules.facts import Record
from rules.findings import Finding
from rules.knowledge import Knowledge
from rules.load import load_rules
from rules.match import Matcher
from rules.model import BORROWING, STAGES, Leaf, Rule, Vignette
from rules.patterns import Pattern, RecordIndex, Verdict
from tools.mutate.mutants import Mutant, mutants

__all__ = ["Outcome", "Trial", "relations"]

ROOT = Path(__file__).resolve().parents[2]
Names = frozenset[str]
PATIENT = Budget(seconds=60)
"""A busy machine is no fault of a rule."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: `caught` by which vignette (or by the loader), else `seen`: a vignette in which something changed that no
    vignette states."""

    mutant: Mutant
    caught: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Compiled rules, ready to run, and the rule on trial as it is there."""

    evaluator: Evaluator
    rule: Rule


Said = tuple[Finding | None, Names]
"""A rule's finding, and what it blocked and concluded."""


@dataclass(frozen=True, slots=True)
class Case:
    """A vignette of a rule and its patient."""

    rule: str
    vignette: Vignette
    record: Record
    index: RecordIndex


class Memo:
    """A condition that remembers its verdict for every patient of the trial (and the patient, so that no other can take its place)."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.triggers = pattern.triggers
        self.reads = pattern.reads
        self.known: dict[tuple[int, bool], tuple[Record, Verdict]] = {}

    def quiet(self, index: RecordIndex) -> Verdict:
        """As the pattern says, once."""
        return self._once(index, matched=False)

    def match(self, index: RecordIndex) -> Verdict:
        """As the pattern says, once."""
        return self._once(index, matched=True)

    def _once(self, index: RecordIndex, *, matched: bool) -> Verdict:
        key = (id(index.record), matched)
        known = self.known.get(key)
        if known is None:
            verdict = self.pattern.match(index) if matched else self.pattern.quiet(index)
            known = self.known[key] = (index.record, verdict)
        return known[1]

    def judge(self, index: RecordIndex) -> Verdict:
        """The verdict for a record, whatever it holds."""
        reached = self.triggers is None or not self.triggers.isdisjoint(index.concepts)
        return self.match(index) if reached else self.quiet(index)


def relations(knowledge: Knowledge) -> tuple[Mapping[str, Names], Mapping[str, Names]]:
    """By rule id: the rules below it and the rules that build on it, both through any number of steps."""
    direct: dict[str, set[str]] = {}
    for rule in knowledge.rules:
        direct[rule.id] = set(knowledge.compiled.below(rule)) | _blockers(rule, knowledge)
    below = {name: _closure(name, direct) for name in direct}
    above = {name: frozenset(other for other in below if name in below[other] and other != name) for name in below}
    return below, above


def _blockers(rule: Rule, knowledge: Knowledge) -> set[str]:
    """Rules whose blocks cover something that this rule proposes."""
    found: set[str] = set()
    for proposal in rule.card.proposals if rule.card else ():
        if proposal.concept is None:
            continue
        members = knowledge.terminology.expand(proposal.concept) or frozenset({proposal.concept})
        for block, covered in knowledge.compiled.blocks.items():
            if proposal.concept in covered or members <= covered or block == f"blocked:{proposal.concept}":
                found |= {one.rule.id for one in knowledge.compiled.producers[block]}
    return found - {rule.id}


def _closure(name: str, direct: Mapping[str, set[str]]) -> Names:
    waiting, found = [name], set[str]()
    while waiting:
        for other in direct.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


class Trial:
    """One rule on the bench."""

    def __init__(self, rule: Rule, knowledge: Knowledge, below: Mapping[str, Names], above: Mapping[str, Names]) -> None:
        self.rule = rule
        self.knowledge = knowledge
        self.below = below[rule.id] - {rule.id}
        self.above = above[rule.id]
        self.all = (self.below | self.above).union(*(below[name] for name in self.above)) - {rule.id}
        self.memos: dict[Leaf, Memo] = {}
        self.year = next((one.on.year for other in (rule, *knowledge.rules) for one in other.vignettes), 2026)
        own = self._cases((rule,))
        others = self._cases(tuple(one for one in knowledge.rules if one.id in self.above))
        plain = Mutant("", "", "", False, rule)
        self.alone = self._only(self._bench(plain, self.below))
        self.base = [(case, self.said(None, case)) for case in own]
        self.outputs = [(case, self._output(self.alone, case)) for case in others]
        whole = self._only(self._bench(plain, self.all)) if others else self.alone
        self.rest = {id(case): self.said(whole, case) for case in others}
        for case, said in (*self.base, *((case, self.rest[id(case)]) for case in others)):
            if problem := problem_of(case.vignette, *said):
                raise RuntimeError(f"{case.rule}: {case.vignette.name}: {problem} without any mutant; the rules taken along are too few")

    def run(self) -> Iterator[Outcome]:
        """Every mutant and what became of it."""
        for mutant in mutants(self.rule, self.knowledge):
            outcome = self.outcome(mutant)
            if outcome.caught or mutant.kind != "hook" or not self._heard_without(mutant.change.removeprefix("without ")):
                yield outcome
        for mutant in self._stages():
            outcome = self.outcome(mutant)
            if outcome.caught or not self._same_in(mutant.rule):
                yield outcome

    def _heard_without(self, hook: str) -> bool:
        """A hook that borrows the safety rules of patient-view hears such a rule unnamed, unless it only informs (`rules.speak`)."""
        rule = self.rule
        borrowed = hook in BORROWING and rule.stage == "safety" and "patient-view" in rule.hooks
        return borrowed and all(branch.indicator != "info" for branch in rule.branches if not branch.silent)

    def _same_in(self, moved: Rule | None) -> bool:
        """A rule in another stage is the same rule when it compiles there, reads the same, and does not speak or is not about safety:
        only the speaking of safety rules depends on the stage (`rules.speak`)."""
        if moved is None or moved != replace(self.rule, stage=moved.stage):
            return False
        return moved.card is None or "safety" not in {moved.stage, self.rule.stage}

    def outcome(self, mutant: Mutant) -> Outcome:
        """Try one: own vignettes first, then those above in which the rule's conclusions differ."""
        if mutant.rule is None:
            return Outcome(mutant, "the loader")
        changed = [(case, before) for case, before in self.base if self.differs(mutant, case)]
        others = [(case, before) for case, before in self.outputs if self.differs(mutant, case)]
        if not changed and not others and mutant.kind != "stage":
            return Outcome(mutant)
        bench = self._bench(mutant, self.below)
        if bench is None:
            return Outcome(mutant, "the loader")
        seen = ""
        for case, before in changed:
            after = self.said(bench, case)
            if problem_of(case.vignette, *after):
                return Outcome(mutant, case.vignette.name)
            seen = seen or (case.vignette.name if _told(before) != _told(after) else "")
        moved = [case for case, before in others if self._output(bench, case) != before]
        if moved or (others and mutant.kind == "stage"):
            whole = self._bench(mutant, self.all)
            if whole is None:
                return Outcome(mutant, "the loader")
            for case in moved:
                after = self.said(whole, case)
                if problem_of(case.vignette, *after):
                    return Outcome(mutant, f"{case.rule}: {case.vignette.name}")
                if not seen and _told(self.rest[id(case)]) != _told(after):
                    seen = f"{case.rule}: {case.vignette.name}"
        return Outcome(mutant, "", seen)

    def _stages(self) -> Iterator[Mutant]:
        """The rule file read again with each other stage."""
        path = ROOT / "rules" / "pathways" / self.rule.area / f"{self.rule.id}.toml"
        text = path.read_text(encoding="utf-8")
        line = f'\nstage = "{self.rule.stage}"\n'
        critical = self.rule.card is not None and any(branch.indicator == "critical" for branch in self.rule.branches)
        for stage in STAGES:
            if stage == self.rule.stage:
                continue
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / path.name).write_text(text.replace(line, f'\nstage = "{stage}"\n', 1), encoding="utf-8")
                knowledge = self.knowledge
                loaded = load_rules(Path(folder), knowledge.terminology, knowledge.site, frozenset(knowledge.sources))
            rule = None if loaded.problems else replace(loaded.rules[0], area=self.rule.area)
            fresh = {leaf: pattern for leaf, pattern in loaded.patterns.items() if leaf not in knowledge.patterns}
            yield Mutant("stage", "stage", f"{self.rule.stage} -> {stage}", critical, rule, fresh)

    def _cases(self, rules: Iterable[Rule]) -> list[Case]:
        found = []
        for rule in rules:
            for vignette in rule.vignettes:
                record = record_of(self.knowledge, vignette)
                found.append(Case(rule.id, vignette, record, RecordIndex(record)))
        return found

    def _memo(self, leaf: Leaf, fresh: Mapping[Leaf, Pattern], pattern: Pattern | None = None) -> Memo:
        key = Leaf(leaf.table, leaf.lifelong)
        if key not in self.memos:
            self.memos[key] = Memo(pattern or fresh.get(key) or self.knowledge.patterns[key])
        return self.memos[key]

    def differs(self, mutant: Mutant, case: Case) -> bool:
        """Can the mutant matter for this patient? A swapped condition with the same verdict cannot."""
        if not mutant.swaps:
            return True
        return any(self._memo(old, {}).judge(case.index) != self._memo(new, mutant.patterns).judge(case.index) for old, new in mutant.swaps)

    def _bench(self, mutant: Mutant, with_: Names) -> Bench | None:
        """The mutated rule and the rules it is tried with, ready to run; None when they do not compile."""
        assert mutant.rule is not None  # noqa: S101 - what the loader refuses is not tried
        rules = tuple(
            mutant.rule if one.id == self.rule.id else one for one in self.knowledge.rules if one.id in with_ or one.id == self.rule.id
        )
        compiled: Compiled = compile_rules(rules, self.knowledge.terminology)
        if compiled.problems:
            return None
        patterns = {Leaf(leaf.table, leaf.lifelong): self._memo(leaf, mutant.patterns) for leaf in compiled.leaves}
        speaking = tuple(one for one in rules if one.id == self.rule.id or one.id in self.above)
        engine = ReferenceEngine(compiled.program)
        matcher = Matcher(compiled.leaves, patterns)
        return Bench(Evaluator(speaking, compiled, matcher, self.knowledge.terminology, engine, {}, {}), mutant.rule)

    def case(self, vignette: Vignette) -> Case:
        """Another vignette of this rule. Raises ValueError for a patient that cannot be built."""
        record = record_of(self.knowledge, vignette)
        return Case(self.rule.id, vignette, record, RecordIndex(record))

    def bench(self, mutant: Mutant) -> Bench | None:
        """The mutant with the rules below it; None when it does not compile."""
        return None if mutant.rule is None else self._bench(mutant, self.below)

    def view(self, case: Case, more: Iterable[tuple[Leaf, Pattern]]) -> Hashable:
        """All that the rule, and `more` conditions, can tell one patient from another by."""
        world = self.alone.evaluator.solve(case.record, PATIENT)
        judged = tuple(self._memo(leaf, {}, pattern).judge(case.index).presence for leaf, pattern in more)
        return case.vignette.hook, frozenset(world.sure), frozenset(world.possible), judged

    def said(self, bench: Bench | None, case: Case) -> Said:
        """What the case's rule says about it, on a mutant's bench or (None) unchanged."""
        used = bench or self.alone
        rule = used.rule if case.rule == self.rule.id else self.knowledge.rule(case.rule)
        assert rule is not None  # noqa: S101 - cases are made of rules
        return outcome_of(used.evaluator, rule, used.evaluator.solve(case.record, PATIENT))

    @staticmethod
    def _only(bench: Bench | None) -> Bench:
        assert bench is not None  # noqa: S101 - the unchanged rules compile
        return bench

    def _output(self, bench: Bench, case: Case) -> tuple[Names, Names]:
        """What the rule concludes for a patient of another rule, surely and possibly."""
        world = bench.evaluator.solve(case.record, PATIENT)
        mine = {f"fires:{self.rule.id}"} | {f"fires:{self.rule.id}/{branch.id}" for branch in self.rule.branches}
        for branch in self.rule.branches:
            mine |= {f"fact:{name}" for name in branch.concludes} | {f"blocked:{name}" for name in branch.blocks}
        return frozenset(world.sure & mine), frozenset(world.possible & mine)


def _told(said: Said) -> object:
    """What of it a vignette could state."""
    finding, made = said
    if finding is None:
        return made
    proposed = tuple((one.kind, one.concept, one.label) for one in finding.suggestions)
    return made, finding.asks, finding.indicator, finding.branches, proposed, tuple(gap.what for gap in finding.not_checked)
