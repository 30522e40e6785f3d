"""From rules to clauses: negation is pushed down to single conditions, each stage is one pass, helper clauses carry alternatives."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rules.engine.interface import Clause, Program
from rules.model import STAGES, All, Any_, AtLeast, Branch, Derived, Leaf, Node, Not, Rule, nodes_of
from rules.terminology import Terminology

__all__ = ["Compiled", "Producer", "compile_rules", "inclusion", "negated"]

Literal = tuple[str, str]  # ("when" | "unless" | "open", proposition)
WHEN, UNLESS, OPEN = "when", "unless", "open"
ANSWERS, EXCLUSIONS, MAIN = range(3)
"""The passes of a stage: what `is` says of lower stages; exclusions, which read lower stages alone; all that concludes."""


def inclusion(rule: Rule, branch: Branch) -> str:
    """The proposition "the include of this branch holds"."""
    return f"inc:{rule.id}/{branch.id}"


def negated(node: Node) -> Node:
    """The three-valued negation with `Not` only on single conditions (Kleene logic keeps De Morgan)."""
    match node:
        case Not(part):
            return part
        case All(parts):
            return Any_(tuple(negated(part) for part in parts))
        case Any_(parts):
            return All(tuple(negated(part) for part in parts))
        case AtLeast(count, parts):
            return AtLeast(len(parts) - count + 1, tuple(negated(part) for part in parts))
        case _:
            return Not(node)


@dataclass(frozen=True, slots=True)
class Producer:
    """A branch that can conclude a proposition."""

    rule: Rule
    branch: Branch


@dataclass(frozen=True, slots=True)
class Compiled:
    """The program, the proposition of every condition, and who concludes what."""

    program: Program
    leaves: Mapping[Leaf, str]
    producers: Mapping[str, tuple[Producer, ...]]
    blocks: Mapping[str, frozenset[str]]
    whens: Mapping[Node, str]
    exclusions: Mapping[tuple[str, str], tuple[str, ...]]
    """By rule and branch: the propositions "this exclusion holds", in the order of `Branch.unless`."""
    problems: tuple[str, ...]

    def below(self, rule: Rule) -> frozenset[str]:
        """The ids of the rules whose conclusions the conditions of `rule` read."""
        names = {f"{node.kind}:{node.name}" for node in nodes_of(rule) if isinstance(node, Derived)}
        return frozenset(producer.rule.id for name in names for producer in self.producers.get(name, ()))


@dataclass(slots=True)
class _Compiler:
    stage_of: dict[str, int]
    leaves: dict[Leaf, str] = field(default_factory=dict)
    passes: dict[tuple[int, int], list[Clause]] = field(default_factory=dict)
    groups: dict[tuple[int, int, frozenset[Node]], str] = field(default_factory=dict)
    excluded: dict[tuple[int, Node], str] = field(default_factory=dict)
    exclusions: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    whens: dict[Node, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    counter: Iterable[int] = field(default_factory=itertools.count)
    owner: str = ""

    def emit(self, stage: int, head: str, literals: Iterable[Literal], part: int = MAIN) -> None:
        body: dict[str, list[str]] = {WHEN: [], UNLESS: [], OPEN: []}
        for kind, name in dict.fromkeys(literals):
            body[kind].append(name)
        number = next(iter(self.counter))
        clauses = self.passes.setdefault((stage, part), [])
        clauses.append(Clause(f"{self.owner}#{number}", head, tuple(body[WHEN]), tuple(body[UNLESS]), tuple(body[OPEN])))

    def literals(self, node: Node, stage: int, place: int = MAIN) -> list[Literal]:
        match node:
            case All(parts):
                return [literal for part in parts for literal in self.literals(part, stage, place)]
            case Any_(parts):
                return self.alternatives(parts, stage, place)
            case AtLeast(count, parts):
                return self.alternatives(tuple(All(chosen) for chosen in itertools.combinations(parts, count)), stage, place)
            case Leaf():
                return [(WHEN, self.leaf(node))]
            case Derived():
                return self.derived(node, stage, place, positive=True)
            case Not(Leaf() as leaf):
                return [(UNLESS, self.leaf(leaf))]
            case Not(Derived() as derived):
                return self.derived(derived, stage, place, positive=False)
            case _:
                return self.literals(negated(node.part), stage, place)

    def leaf(self, leaf: Leaf) -> str:
        return self.leaves.setdefault(leaf, f"p{len(self.leaves)}")

    def alternatives(self, parts: tuple[Node, ...], stage: int, place: int) -> list[Literal]:
        if len(parts) == 1:
            return self.literals(parts[0], stage, place)
        key = (stage, place, frozenset(parts))
        if key not in self.groups:  # rules often share a group
            head = self.groups[key] = f"any:{self.owner}/{next(iter(self.counter))}"
            for part in parts:
                self.emit(stage, head, self.literals(part, stage, place), place)
        return [(WHEN, self.groups[key])]

    def derived(self, node: Derived, stage: int, place: int, *, positive: bool) -> list[Literal]:
        name = f"{node.kind}:{node.name}"
        made_in = self.stage_of.get(name)
        if made_in is None:
            if node.kind != "blocked":
                self.problems.append(f"{self.owner}: {name}: no rule concludes it")
            made_in = -1
        lower = bool(node.answers) or not positive or place == EXCLUSIONS
        if made_in > stage or (lower and made_in == stage):
            limit = "a lower stage" if lower else "its own or a lower stage"
            self.problems.append(f"{self.owner}: {name}: is concluded in stage {STAGES[made_in]}, expected {limit} than {STAGES[stage]}")
            return []
        if not node.answers:
            return [(WHEN if positive else UNLESS, name)]
        chosen = node.answers if positive else frozenset({"present", "absent", "unknown"}) - node.answers
        if chosen == {"unknown"}:
            return [(OPEN, name)]
        if chosen == {"present", "absent", "unknown"}:
            return []
        unsure = f"open:{name}@{stage}"  # one head per stage: what a lower stage negates must not be concluded again above it
        self.emit(stage, unsure, [(OPEN, name)], ANSWERS)
        if chosen == {"present", "absent"}:
            return [(UNLESS, unsure)]
        if chosen == {"present"}:
            return [(WHEN, name), (UNLESS, unsure)]
        if chosen == {"absent"}:
            return [(UNLESS, name), (UNLESS, unsure)]
        head = f"{'-'.join(sorted(chosen))}:{name}@{stage}"
        self.emit(stage, head, [(OPEN, name)], ANSWERS)
        self.emit(stage, head, [(WHEN if "present" in chosen else UNLESS, name)], ANSWERS)
        return [(WHEN, head)]

    def exclusion(self, node: Node, stage: int) -> str:
        """The proposition "this exclusion holds"; the branches of a rule share most of theirs."""
        key = (stage, node)
        if key not in self.excluded:
            self.excluded[key] = f"exc:{self.owner}/{len(self.excluded)}"
            self.emit(stage, self.excluded[key], self.literals(node, stage, EXCLUSIONS), EXCLUSIONS)
        return self.excluded[key]

    def when(self, node: Node, stage: int) -> None:
        """Give a line's or proposal's condition a proposition of its own."""
        if node not in self.whens:
            head = f"when:{self.owner}/{len(self.whens)}"
            self.whens[node] = head
            self.emit(stage, head, self.literals(node, stage))


def compile_rules(rules: Iterable[Rule], terminology: Terminology) -> Compiled:
    """Compile rules (all of them active) to a program; problems are collected, not raised."""
    rules = tuple(rules)
    producers: dict[str, list[Producer]] = {}
    for rule in rules:
        for branch in rule.branches:
            names = [f"fact:{name}" for name in branch.concludes] + [f"blocked:{name}" for name in branch.blocks]
            if not branch.ask and not branch.silent:
                names.append(f"fires:{rule.id}")
            for name in names:
                producers.setdefault(name, []).append(Producer(rule, branch))
    stage_of = {name: max(STAGES.index(one.rule.stage) for one in makers) for name, makers in producers.items()}
    for rule in rules:
        stage_of.setdefault(f"fires:{rule.id}", STAGES.index(rule.stage))
    blocks = {name: terminology.expand(name.removeprefix("blocked:")) for name in producers if name.startswith("blocked:")}
    wanted = {node.name for rule in rules for node in nodes_of(rule) if isinstance(node, Derived) and node.kind == "blocked"}
    cover: dict[str, list[str]] = {}
    for name in sorted(wanted):
        members = terminology.expand(name) or frozenset({name})
        covering = [block for block, drugs in blocks.items() if block != f"blocked:{name}" and members <= drugs]
        cover[name] = covering
        stages = [stage_of[block] for block in (*covering, f"blocked:{name}") if block in stage_of]
        if stages:
            stage_of[f"blocked:{name}"] = max(stages)
    asked = frozenset(node.name for rule in rules for node in nodes_of(rule) if isinstance(node, Derived) and node.kind == "fires")
    compiler = _Compiler(stage_of, asked=asked)
    for name, covering in cover.items():
        compiler.owner = "cover"
        for block in covering:
            compiler.emit(stage_of[block], f"blocked:{name}", [(WHEN, block)])
    for rule in rules:
        _compile_rule(compiler, rule)
    ordered = sorted(compiler.passes)
    titles = tuple(STAGES[stage] + (" (answers)", " (exclusions)", "")[place] for stage, place in ordered)
    program = Program(tuple(tuple(compiler.passes[key]) for key in ordered), titles)
    made = {name: tuple(makers) for name, makers in producers.items()}
    for name, covering in cover.items():
        made[f"blocked:{name}"] = made.get(f"blocked:{name}", ()) + tuple(one for block in covering for one in made[block])
    return Compiled(program, compiler.leaves, made, blocks, compiler.whens, compiler.exclusions, tuple(compiler.problems))


def _compile_rule(compiler: _Compiler, rule: Rule) -> None:
    stage = STAGES.index(rule.stage)
    compiler.owner = rule.id
    for branch in rule.branches:
        compiler.owner = f"{rule.id}/{branch.id}"
        included = inclusion(rule, branch)
        compiler.emit(stage, included, compiler.literals(branch.include, stage))
        body: list[Literal] = [(WHEN, included)]
        excluded = compiler.exclusions[rule.id, branch.id] = tuple(compiler.exclusion(node, stage) for node in branch.unless)
        body += [(UNLESS, name) for name in excluded]
        fires = f"fires:{rule.id}/{branch.id}"
        compiler.emit(stage, fires, body)
        if not branch.ask and not branch.silent and rule.id in compiler.asked:
            compiler.emit(stage, f"fires:{rule.id}", [(WHEN, fires)])
        for name in branch.concludes:
            compiler.emit(stage, f"fact:{name}", [(WHEN, fires)])
        for name in branch.blocks:
            compiler.emit(stage, f"blocked:{name}", [(WHEN, fires)])
    compiler.owner = rule.id
    if rule.card is not None:
        for line in (*rule.card.lines, *rule.card.leaflets):
            compiler.when(line.when, stage)
        for proposal in rule.card.proposals:
            if proposal.when is not None:
                compiler.when(proposal.when, stage)
