"""How the cost of a call grows with rules, resources and connections: `python -m bench.growth`.

More rules are copies of the real ones about other, renamed concepts: their conditions are never met, as those of another disease are not,
but what is unknown without a result is unknown in the copies too. Blocked drugs keep their names.
"""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import typer

from bench.cpu import best, inputs_of
from bench.patients import cases, view
from bench.plot import plot
from bench.report import IMAGES, PAGE, page, save
from bench.server import running
from bench.wire import Call, answered, closed_loop
from rules.compile import compile_rules
from rules.engine import build_engine
from rules.engine.interface import Budget
from rules.evaluate import Evaluator
from rules.extract import extract
from rules.knowledge import HERE, Knowledge
from rules.load import load_typical
from rules.match import Matcher
from rules.model import All, Any_, AtLeast, Branch, Derived, Leaf, Node, Not, Rule
from rules.patterns import Pattern, RecordIndex, Verdict
from rules.typical import typical_facts

RULES, RESOURCES, CONNECTIONS = (1, 2, 5, 10), (10, 40, 100, 200, 500, 1000, 2000, 5000), (1, 4, 16, 64, 256)
AMPLE = Budget(facts=100_000, firings=100_000, seconds=10.0)
"""The service's own limit of 5,000 facts is for the real rules: it stops a run with about eight times as many."""
SVG = IMAGES / "growth.svg"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A condition of a copy: about concepts that no record has."""

    inner: Pattern
    triggers: frozenset[str]

    @property
    def reads(self) -> tuple[str, ...]:
        """As the real one."""
        return self.inner.reads

    def quiet(self, index: RecordIndex) -> Verdict:
        """As the real one."""
        return self.inner.quiet(index)

    def match(self, index: RecordIndex) -> Verdict:
        """As the real one; not called, for no record has the concepts."""
        return self.inner.match(index)


class Copier:
    """Copies rules; `patterns` are those of the real ones and of all copies."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.patterns: dict[Leaf, Pattern] = dict(knowledge.patterns)

    def rule(self, rule: Rule, mark: str) -> Rule:
        """One rule under another name."""
        branches = tuple(self.branch(one, mark) for one in rule.branches)
        card = rule.card
        if card is not None:
            card = replace(
                card,
                lines=tuple(replace(line, when=self.node(line.when, mark)) for line in card.lines),
                leaflets=tuple(replace(line, when=self.node(line.when, mark)) for line in card.leaflets),
                proposals=tuple(replace(one, when=self.node(one.when, mark) if one.when else None) for one in card.proposals),
            )
        return replace(rule, id=rule.id + mark, branches=branches, card=card)

    def branch(self, branch: Branch, mark: str) -> Branch:
        """One branch."""
        return replace(
            branch,
            include=All(tuple(self.node(part, mark) for part in branch.include.parts)),
            unless=tuple(self.node(part, mark) for part in branch.unless),
            concludes=tuple(name + mark for name in branch.concludes),
        )

    def node(self, node: Node, mark: str) -> Node:
        """One condition."""
        match node:
            case Leaf(table, lifelong, answers):
                pattern = self.patterns[Leaf(table, lifelong)]
                if pattern.triggers is None:  # age, sex, hook: the same for all rules
                    return node
                copied = Leaf((*table, ("copy", mark)), lifelong)
                self.patterns[copied] = Renamed(pattern, frozenset(name + mark for name in pattern.triggers))
                return replace(copied, answers=answers)
            case Derived(kind, name):
                return node if kind == "blocked" else replace(node, name=name + mark)
            case Not(part):
                return Not(self.node(part, mark))
            case All(parts) | Any_(parts):
                return type(node)(tuple(self.node(part, mark) for part in parts))
            case AtLeast(count, parts):
                return AtLeast(count, tuple(self.node(part, mark) for part in parts))


def many(knowledge: Knowledge, times: int) -> Evaluator:
    """An evaluator, both engines, for so many times the rules."""
    copier = Copier(knowledge)
    rules = (*knowledge.rules, *(copier.rule(rule, f"~{number}") for number in range(1, times) for rule in knowledge.rules))
    compiled = compile_rules(rules, knowledge.terminology)
    if compiled.problems:
        raise RuntimeError(f"the copies do not compile: {compiled.problems[0]}")
    matcher = Matcher(compiled.leaves, copier.patterns, rules, compiled.producers)
    typical = typical_facts(load_typical(HERE / "typical.toml"), matcher, knowledge.terminology)
    engine = build_engine("checked", compiled.program, typical=typical)
    return Evaluator(rules, compiled, matcher, knowledge.terminology, engine, knowledge.site.budgets, knowledge.site.unasked)


def with_rules(knowledge: Knowledge, calls: int) -> dict[str, dict[str, float]]:
    """CPU in ms of matching, both engines and findings, by the number of rules."""
    found: dict[str, dict[str, float]] = {"affected": {}, "unaffected": {}}
    for times in RULES:
        evaluator = many(knowledge, times)
        gc.collect()
        for name, row in found.items():
            hook, body = cases()[name]
            record = extract(inputs_of(body), terminology=knowledge.terminology, as_of=datetime.now(UTC), hook=hook, unread={})
            row[str(times * len(knowledge.rules))] = best(partial(evaluator.evaluate, record, AMPLE), calls)
        print(
            f"{times} times the rules: " + ", ".join(f"{name} {list(row.values())[-1]:.2f} ms" for name, row in found.items()), flush=True
        )
    return found


def with_resources(knowledge: Knowledge, calls: int) -> dict[str, float]:
    """CPU in ms of an affected patient's call without cards, by the number of resources."""
    found: dict[str, float] = {}
    for resources in RESOURCES:
        inputs = inputs_of(view("mg_generalised_new", 6 if resources < 30 else 20, resources))
        work = partial(knowledge.evaluate, inputs, as_of=datetime.now(UTC), hook="patient-view", unread={})
        found[str(len(inputs))] = best(work, max(3, calls * 40 // resources), 3)
        print(f"{len(inputs)} resources: {found[str(len(inputs))]:.2f} ms", flush=True)
    return found


def with_connections(calls: int) -> dict[str, float]:
    """CPU in ms of a call of an affected patient over sockets, by the number of connections. Calls that
    were refused because too many waited are not counted, but their cost is."""
    hook, body = cases()["affected"]
    call = Call(f"/cds-services/neuromuscular-{hook}", body)
    found: dict[str, float] = {}
    with running() as server:
        asyncio.run(closed_loop(server.port, [call] * 50, 1, answered))
        for connections in CONNECTIONS:
            before, many_calls = server.cpu_s, max(calls, connections * 2)
            timing = asyncio.run(closed_loop(server.port, [call] * many_calls, connections, answered))
            found[str(connections)] = (server.cpu_s - before) * 1000 / max(1, many_calls - timing.failed)
            print(f"{connections} connections: {found[str(connections)]:.2f} ms, {timing.failed} of {many_calls} refused", flush=True)
    return found


def exponent(row: Mapping[str, float]) -> float:
    """The slope of the line through the logarithms: 1 is linear."""
    points = [(math.log(float(x)), math.log(y)) for x, y in row.items()]
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    slope: float = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return slope


def in_words(slope: float) -> str:
    """An exponent for a reader."""
    if slope < 0.1:
        said = "does not grow"
    elif slope < 0.9:
        said = "grows more slowly than in proportion"
    else:
        said = "grows in proportion" if slope <= 1.1 else "grows faster than in proportion"
    return f"{said} (exponent {slope:.2f}; ten times as many cost {10**slope:.1f} times as much)"


def main(calls: int = typer.Option(100, min=3, help="Calls per round.")) -> None:
    """Measure growth, say the exponents, draw docs/images/growth.svg and keep the figures in bench/results."""
    knowledge = Knowledge.load()
    series: dict[str, dict[str, float]] = {f"rules, {name}": row for name, row in with_rules(knowledge, calls).items()}
    series["resources, affected"] = with_resources(knowledge, calls)
    series["connections, affected"] = with_connections(calls)
    said = {name: in_words(exponent(row)) for name, row in series.items()}
    for name, words in said.items():
        print(f"{name}: {words}")
    SVG.write_text(plot("CPU of a call, by how many", "ms", series), encoding="utf-8")
    figures = {name: ", ".join(f"{x}: {ms:.2f}" for x, ms in row.items()) for name, row in series.items()}
    rows = {
        name: {"the cost of a call": said[name], "ms of CPU by how many": figures[name], "times": max(row.values()) / min(row.values())}
        for name, row in series.items()
    }
    save({"growth": rows})
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
