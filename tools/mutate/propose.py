"""Vignettes that would notice survivors, found by changing the rule's own vignettes a little.

What a proposed vignette expects is what the rule does today. So it guards against change; that the rule is right today is for the reader
to judge, who should look at each against the specification before it goes into the rule file.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rules.check import problem_of
from rules.model import Leaf, Rule, Vignette
from tools.mutate.mutants import Mutant, leaves_in, words_of
from tools.mutate.trial import Bench, Case, Said, Trial
from tools.mutate.vary import Limits, Pool, changes, in_words, leaves_of, limits_of, satisfied, smaller

__all__ = ["propose", "toml_of"]

BORROWED = 40
"""Patients of other rules that a rule without a card begins with."""
BUILT = 0.6
"""How often several changes begin with what the conditions of one inclusion or exclusion look for."""
TAKEN = 0.75
"""How often each of these is taken."""


def stated(vignette: Vignette, said: Said, rule: Rule) -> Vignette:
    """The vignette with everything that a vignette can state of what the rule does."""
    finding, made = said
    named = sorted(made)
    blocks = tuple(name.removeprefix("blocked:") for name in named if name.startswith("blocked:"))
    concludes = tuple(name.removeprefix("fact:") for name in named if name.startswith("fact:"))
    vignette = replace(
        vignette,
        blocks=blocks if any(branch.blocks for branch in rule.branches) else None,
        concludes=concludes if any(branch.concludes for branch in rule.branches) else None,
    )
    if finding is None:
        return replace(vignette, expect="silent")
    return replace(
        vignette,
        expect="asks" if finding.asks else "fires",
        branches=finding.branches,
        indicator=finding.indicator,
        suggests=tuple(one.concept or one.label for one in finding.suggestions),
    )


def propose(trial: Trial, alive: Sequence[Mutant], pool: Pool, seconds: float, seed: str) -> list[Vignette]:
    """Few vignettes that catch as many of `alive` as are found in so much CPU time; a fifth of it without success ends the search."""
    dice = random.Random(seed)  # noqa: S311 - a search, not a secret
    left = list(alive)
    every = leaves_of(trial.rule)
    limits = limits_of([leaf for leaf in every if any(words_of(leaf) in mutant.name for mutant in alive)] or every, trial)
    reads = limits_of(every, trial).reads
    limits = replace(limits, reads=reads)
    benches = {id(mutant): trial.bench(mutant) for mutant in left}
    kept: list[Case] = []
    until = time.process_time() + seconds
    given_up = time.process_time() + seconds / 5
    known = {repr((one.patient, one.hook)) for one in trial.rule.vignettes}
    moved = tuple(pair for mutant in alive for pair in mutant.patterns.items())
    views: set[object] = set()
    names = {one.name for one in trial.rule.vignettes}
    for words, vignette in _stream(trial, limits, pool, dice):
        if not left or time.process_time() > min(until, given_up):
            break
        key = repr((vignette.patient, vignette.hook))
        if key in known:
            continue
        known.add(key)
        try:
            case = trial.case(replace(vignette, name=_fresh(words, names)))
        except ValueError:
            continue
        view = trial.view(case, moved)
        if view in views:
            continue
        views.add(view)
        case = replace(case, vignette=stated(case.vignette, trial.said(None, case), trial.rule))
        caught = [mutant for mutant in left if trial.differs(mutant, case) and _catches(trial, benches[id(mutant)], case)]
        if caught:
            case = _small(trial, case, caught, benches)
            names.add(case.vignette.name)
            kept.append(case)
            left = [mutant for mutant in left if mutant not in caught]
            given_up = time.process_time() + seconds / 5
    return [case.vignette for case in _few(trial, [one for one in alive if one not in left], benches, kept)]


def _small(trial: Trial, case: Case, caught: Sequence[Mutant], benches: Mapping[int, Bench | None]) -> Case:
    """The same without what is not needed to catch them, named by what is left."""
    shrinking = True
    while shrinking:
        shrinking = False
        for patient in smaller(dict(case.vignette.patient)):
            try:
                other = trial.case(replace(case.vignette, patient=patient))
            except ValueError:
                continue
            other = replace(other, vignette=stated(_plain(other.vignette), trial.said(None, other), trial.rule))
            if all(trial.differs(mutant, other) and _catches(trial, benches[id(mutant)], other) for mutant in caught):
                case, shrinking = other, True
                break
    name = f"pinned: {in_words(dict(case.vignette.patient), case.vignette.hook)}"
    return replace(case, vignette=replace(case.vignette, name=name))


def _catches(trial: Trial, bench: Bench | None, case: Case) -> bool:
    return bench is None or bool(problem_of(case.vignette, *trial.said(bench, case)))


def _few(trial: Trial, caught: Sequence[Mutant], benches: Mapping[int, Bench | None], kept: Sequence[Case]) -> list[Case]:
    """Only the cases that are needed: each time the one that catches most of the rest."""
    reach = {
        place: {id(one) for one in caught if trial.differs(one, case) and _catches(trial, benches[id(one)], case)}
        for place, case in enumerate(kept)
    }
    left, chosen = {id(one) for one in caught}, list[int]()
    while left:
        best = max(reach, key=lambda place: (len(reach[place] & left), -place))
        if not reach[best] & left:
            break
        chosen.append(best)
        left -= reach[best]
    return [kept[place] for place in sorted(chosen)]


def _stream(trial: Trial, limits: Limits, pool: Pool, dice: random.Random) -> Iterator[tuple[str, Vignette]]:
    """The rule's own vignettes, stated in full; then with one change, then with two and three at random."""
    bases = list(trial.rule.vignettes)
    if trial.rule.card is None:  # what it concludes is seen in the patients of the rules that read it
        others = [case.vignette for case, _ in trial.outputs]
        bases += dice.sample(others, min(BORROWED, len(others)))
    single = [
        (f"{base.name}; {words}", replace(_plain(base), patient=patient, hook=hook))
        for base in bases
        for words, patient, hook in changes(dict(base.patient), base.hook, trial, limits, pool, dice)
    ]
    dice.shuffle(single)
    yield from single
    parts = _groups(trial.rule, limits)
    while bases:
        base = dice.choice(bases)
        patient, hook, said = dict(base.patient), base.hook, list[str]()
        if parts and dice.random() < BUILT:
            for leaf in dice.choice(parts):
                options = list(satisfied(patient, [leaf], trial, dice))
                if options and dice.random() < TAKEN:
                    words, patient = dice.choice(options)
                    said.append(words)
        for _ in range(dice.choice((0, 1, 1, 2) if said else (2, 2, 2, 3, 3, 4))):
            choices = list(changes(patient, hook, trial, limits, pool, dice))
            if not choices:
                break
            words, patient, hook = dice.choice(choices)
            said.append(words)
        yield f"{base.name}; {', '.join(said)}", replace(_plain(base), patient=patient, hook=hook)


def _groups(rule: Rule, limits: Limits) -> list[list[Leaf]]:
    """The conditions of each inclusion and exclusion that holds one of those in question: often all of them must be true together."""
    parts = dict.fromkeys(part for branch in rule.branches for part in (*branch.include.parts, *branch.unless))
    groups = [list(dict.fromkeys(leaves_in(part))) for part in parts]
    return [group for group in groups if not set(limits.leaves).isdisjoint(group)]


def _plain(base: Vignette) -> Vignette:
    return Vignette(base.name, base.on, base.hook, base.patient, "silent")


def _fresh(words: str, names: set[str]) -> str:
    name, number = words, 1
    while name in names:
        number += 1
        name = f"{words} ({number})"
    return name


def toml_of(vignette: Vignette) -> str:
    """The vignette as it stands in a rule file."""
    lines = [
        "",
        "[[vignette]]",
        f"name = {_toml(vignette.name)}",
        f"on = {vignette.on.isoformat()}",
        f"hook = {_toml(vignette.hook)}",
        f"patient = {_toml(vignette.patient)}",
        f"expect = {_toml(vignette.expect)}",
    ]
    lines += [
        f"{key} = {_toml(value)}"
        for key in ("branches", "indicator", "suggests", "blocks", "concludes")
        if (value := getattr(vignette, key)) is not None and (value or key in {"blocks", "concludes"})
    ]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
