"""Running the vignettes of rule files: a short patient, the whole way from FHIR resources to findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

from rules.decision import decision
from rules.engine.interface import Budget
from rules.evaluate import Evaluator
from rules.extract import Input, extract
from rules.facts import Origin, Record
from rules.findings import Evaluation, Finding
from rules.knowledge import Knowledge
from rules.model import Rule, Vignette
from rules.vignette import build
from rules.world import World

__all__ = ["VignetteResult", "evaluate_vignette", "outcome_of", "problem_of", "record_of", "run_vignettes"]


@dataclass(frozen=True, slots=True)
class VignetteResult:
    """One vignette's outcome; `problem` is empty when the rule did what was expected, else `why` tells how it came to that."""

    rule: str
    vignette: str
    problem: str
    why: tuple[str, ...] = ()


UNHURRIED: Final = Budget(seconds=60.0)
"""Nobody waits at the bedside for a vignette: a busy machine must not make one fail. What is counted has the limits of a call."""


def evaluate_vignette(knowledge: Knowledge, vignette: Vignette) -> Evaluation:
    """Build the patient as FHIR resources and evaluate them at noon UTC of the vignette's day."""
    return knowledge.evaluator.evaluate(record_of(knowledge, vignette), UNHURRIED)


def record_of(knowledge: Knowledge, vignette: Vignette) -> Record:
    """The patient of a vignette, the whole way from FHIR resources to facts."""
    scene = build(vignette.patient, on=vignette.on, hook=vignette.hook, terminology=knowledge.terminology)
    inputs = [Input(resource, Origin.DRAFT if resource in scene.problems else Origin.RECORD) for resource in scene.resources]
    inputs += [Input(resource, Origin.DRAFT) for resource in scene.drafts]
    inputs += [Input(resource, Origin.PLANNED) for resource in scene.planned]
    as_of = datetime.combine(vignette.on, time(12), tzinfo=UTC)
    return extract(inputs, terminology=knowledge.terminology, as_of=as_of, hook=vignette.hook, unread=scene.unread)


def run_vignettes(knowledge: Knowledge, rules: tuple[Rule, ...] | None = None) -> Iterator[VignetteResult]:
    """Run every vignette of the given (default: all active) rules."""
    for rule in knowledge.rules if rules is None else rules:
        for vignette in rule.vignettes:
            try:
                world = knowledge.evaluator.solve(record_of(knowledge, vignette), UNHURRIED)
            except ValueError as problem:
                yield VignetteResult(rule.id, vignette.name, str(problem))
                continue
            mine, made = outcome_of(knowledge.evaluator, rule, world)
            found = problem_of(vignette, mine, made)
            decided = decision(knowledge, rule, world, mine) if found and rule in knowledge.rules else None
            yield VignetteResult(rule.id, vignette.name, found, decided) if decided else VignetteResult(rule.id, vignette.name, found)


def outcome_of(evaluator: Evaluator, rule: Rule, world: World) -> tuple[Finding | None, frozenset[str]]:
    """What a rule says about a patient, and what it surely blocks ("blocked:...") and concludes ("fact:...")."""
    evaluation = evaluator.told(world)
    fired = [branch for branch in rule.branches if f"fires:{rule.id}/{branch.id}" in world.sure]
    made = {f"blocked:{name}" for branch in fired for name in branch.blocks} | {
        f"fact:{name}" for branch in fired for name in branch.concludes
    }
    return next((finding for finding in evaluation.findings if finding.rule.id == rule.id), None), frozenset(made)


def problem_of(vignette: Vignette, finding: Finding | None, made: frozenset[str]) -> str:
    """How a finding and what the rule blocked and concluded differ from what the vignette expects; empty when they do not."""
    for kind, stated in (("blocked:", vignette.blocks), ("fact:", vignette.concludes)):
        mine = {name for name in made if name.startswith(kind)}
        exactly = {f"{kind}{name}" for name in stated or ()}
        if stated is not None and mine != exactly:
            return f"found {', '.join(sorted(mine)) or 'nothing'} concluded, expected exactly {', '.join(sorted(exactly)) or 'nothing'}"
    found = "silent" if finding is None else ("asks" if finding.asks else "fires")
    if found != vignette.expect:
        missing = f"; could not check {', '.join(gap.what for gap in finding.not_checked)}" if finding and finding.not_checked else ""
        branches = f" (branches {', '.join(finding.branches)})" if finding and finding.branches != ("main",) else ""
        return f"found {found}{branches}{missing}, expected {vignette.expect}"
    if finding is None:
        return ""
    if vignette.branch is not None and vignette.branch not in finding.branches:
        return f"found branches {', '.join(finding.branches)}, expected {vignette.branch}"
    if vignette.branches and sorted(vignette.branches) != sorted(finding.branches):
        return f"found branches {', '.join(finding.branches)}, expected exactly {', '.join(vignette.branches)}"
    if vignette.indicator is not None and vignette.indicator != finding.indicator:
        return f"found indicator {finding.indicator}, expected {vignette.indicator}"
    return _unsaid(vignette, finding)


def _unsaid(vignette: Vignette, finding: Finding) -> str:
    """What a vignette wants proposed, withheld or named as not checked, and is not."""
    proposed = (
        {one.concept for one in finding.suggestions}
        | {one.label for one in finding.suggestions}
        | {one.kind for one in finding.suggestions}
    )
    for wanted in vignette.suggests:
        if wanted not in proposed:
            return f"found suggestions {sorted(map(str, proposed))}, expected {wanted}"
    for unwanted in vignette.withholds:
        if unwanted in proposed:
            return f"found {unwanted} proposed, expected it withheld"
    gaps = {gap.what.rpartition(":")[2] for gap in finding.not_checked}
    for unknown in vignette.not_checked:
        if unknown not in gaps:
            return f"found {', '.join(sorted(gaps)) or 'nothing'} not checked, expected {unknown}"
    return ""
