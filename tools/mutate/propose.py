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
from rules.model import Rule, Vignette
from tools.mutate.mutants import Mutant
from tools.mutate.trial import Bench, Case, Said, Trial
from tools.mutate.vary import Limits, Pool, changes, limits_of

__all__ = ["propose", "toml_of"]


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
    limits = limits_of(trial.rule, trial)
    left = list(alive)
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
            names.add(case.vignette.name)
            kept.append(case)
            left = [mutant for mutant in left if mutant not in caught]
            given_up = time.process_time() + seconds / 5
    return [case.vignette for case in _few(trial, [one for one in alive if one not in left], benches, kept)]


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
    for base in bases:  # pinned under another name only when nothing else will do: the text of a patient may not repeat
        for words, patient, hook in changes(dict(base.patient), base.hook, trial.rule, limits, pool, dice):
            yield f"{base.name}; {words}", replace(_plain(base), patient=patient, hook=hook)
    while bases:
        base = dice.choice(bases)
        patient, hook, said = dict(base.patient), base.hook, list[str]()
        for _ in range(dice.choice((2, 2, 2, 3, 3, 4))):
            options = list(changes(patient, hook, trial.rule, limits, pool, dice))
            if not options:
                break
            words, patient, hook = dice.choice(options)
            said.append(words)
        yield f"{base.name}; {', '.join(said)}", replace(_plain(base), patient=patient, hook=hook)


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
