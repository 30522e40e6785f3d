"""How the steps of a program hang together, and which of them have to be looked at again when something differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from rules.engine.background import Listening
from rules.engine.chunks import ALWAYS, Condition, Layer, Name, Step
from rules.engine.ruleset import Ruleset

__all__ = ["Net"]


class Net:
    """Where each step stands (layer, chunk), who concludes a name, and, by layer, who reads what the same layer concludes."""

    def __init__(self, layers: Sequence[tuple[Layer, list[Ruleset]]]) -> None:
        self.layers = layers
        self.steps: dict[int, Step] = {}
        self.home: dict[int, int] = {}
        self.layer: dict[int, int] = {}
        self.members: list[tuple[int, ...]] = []
        self.makers: dict[Name, list[int]] = {}
        self.chained: list[dict[Name, list[int]]] = []
        """By layer: its steps that read a head of the same layer (helpers and rings), by head."""
        self._readers: dict[Name, int] = {}
        self._lacks: dict[int, Name | None] = {}
        for number, (layer, rulesets) in enumerate(layers):
            members = [at for ruleset in rulesets for at in ruleset.numbers.values()]
            for index, (chunk, ruleset) in enumerate(zip(layer.chunks, rulesets, strict=True)):
                for at, step in zip(ruleset.numbers.values(), chunk.steps, strict=True):
                    self.steps[at], self.home[at], self.layer[at] = step, index, number
                    self.makers.setdefault(step.head, []).append(at)
            heads = {self.steps[at].head for at in members}
            chained: dict[Name, list[int]] = {}
            for at in members:
                for name in {name for _, name in self.steps[at].conditions}:
                    self._readers[name] = self._readers.get(name, 0) + 1
                    if name in heads:
                        chained.setdefault(name, []).append(at)
            self.members.append(tuple(members))
            self.chained.append(chained)
        self.heads = {at: step.head for at, step in self.steps.items()}
        self.shared = frozenset(head for head, found in self.makers.items() if len(found) > 1)
        self.helpers = frozenset(at for at, step in self.steps.items() if step.clause is None)
        self.unnamed: frozenset[Name] = frozenset({ALWAYS, *(head for head in self.makers if not isinstance(head, str))})

    def listening(self, sure: Set[Name], possible: Set[Name], fired: Set[int]) -> Listening[Name]:
        """By name, the steps that it concerns where this holds and these fired in the possible world: all that read it but those that lack
        something else and cannot fire without it. Of a later patient, those that do not listen with the first already."""
        found: dict[Name, list[int]] = {}
        for at, step in self.steps.items():
            known = at in self._lacks
            first = self._lacks.get(at)
            if known and first is None:
                continue
            if at in fired:
                self._lacks.setdefault(at, None)
                heard: Iterable[Name] = {name for _, name in step.conditions}
            else:
                lacking = [condition[1] for condition in step.conditions if _is_lacking(condition, sure, possible)]
                if known and first in lacking:
                    continue
                rarest = min(lacking, key=self._readers.__getitem__)
                self._lacks.setdefault(at, rarest)
                heard = (rarest,)
            for name in heard:
                found.setdefault(name, []).append(at)
        return {name: tuple(steps) for name, steps in found.items()}


def _is_lacking(condition: Condition, sure: Set[Name], possible: Set[Name]) -> bool:
    """Whether it is false in the possible world, and so in the sure one: "!" is told there of what is not sure."""
    kind, name = condition
    if kind == "+":
        return name not in possible
    return name in sure or (kind == "?" and name not in possible)
