"""What a program concludes for typical patients, so that a run pays only for what is different.

Most propositions of a call are those of every patient, or of every patient with the same disease: nothing on file, results unknown. The
engine solves such *backgrounds* once, with the whole program. A run starts from the nearest one: it opens again only the steps that what
differs can reach, and takes the rest as it was. The outcome is the same, whatever the background: it is no cache, and nothing of a request
stays behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rules.engine.chunks import Layer, Name, Step

__all__ = ["Background", "Frame", "Solved", "nearest"]


@dataclass(frozen=True, slots=True)
class Frame:
    """How the steps of one layer hang together. Steps are numbered through the chunks; `home` is the chunk of each number, `readers[p]` the
    numbers of the steps that have a condition of any kind on p."""

    steps: tuple[Step, ...]
    home: tuple[int, ...]
    readers: Mapping[Name, tuple[int, ...]]

    @classmethod
    def of(cls, layer: Layer) -> Frame:
        """Index a layer."""
        steps = [step for chunk in layer.chunks for step in chunk.steps]
        home = [number for number, chunk in enumerate(layer.chunks) for _ in chunk.steps]
        readers: dict[Name, list[int]] = {}
        for number, step in enumerate(steps):
            for name in {name for _, name in step.conditions}:
                readers.setdefault(name, []).append(number)
        return cls(tuple(steps), tuple(home), {name: tuple(numbers) for name, numbers in readers.items()})

    def reach(self, changed: set[Name]) -> tuple[set[int], set[Name]]:
        """The steps that `changed` can reach, and the heads they may conclude."""
        readers = self.readers
        queue = list(readers.keys() & changed)
        steps: set[int] = set()
        heads: set[Name] = set()
        while queue:
            for number in readers.get(queue.pop(), ()):
                if number not in steps:
                    steps.add(number)
                    head = self.steps[number].head
                    if head not in heads:
                        heads.add(head)
                        queue.append(head)
        return steps, heads


@dataclass(frozen=True, slots=True)
class Solved:
    """One layer of a background: the numbers of the steps that fired, with whether they did so in the sure world; their clauses and what
    they concluded, in each world; and which of the layer's heads held in each world after it, whoever concluded them."""

    fired: tuple[tuple[int, bool], ...]
    clauses: tuple[frozenset[int], frozenset[int]]
    concluded: tuple[frozenset[Name], frozenset[Name]]
    sure: frozenset[Name]
    possible: frozenset[Name]

    @classmethod
    def of(cls, frame: Frame, log: Mapping[Step, bool], sure: set[Name], possible: set[Name]) -> Solved:
        """From what a run logged and holds after the layer."""
        heads = {step.head for step in frame.steps}
        fired = [(number, step, log[step]) for number, step in enumerate(frame.steps) if step in log]
        worlds = [step for _, step, in_sure in fired if in_sure], [step for _, step, _ in fired]
        clauses = [frozenset(step.clause for step in steps if step.clause is not None) for steps in worlds]
        concluded = [frozenset(step.head for step in steps) for steps in worlds]
        return cls(
            tuple((number, in_sure) for number, _, in_sure in fired),
            (clauses[0], clauses[1]),
            (concluded[0], concluded[1]),
            frozenset(heads & sure),
            frozenset(heads & possible),
        )


@dataclass(frozen=True, slots=True)
class Background:
    """The facts of one typical patient, how they differ from those of the first, and the layers solved for them."""

    sure: frozenset[str]
    possible: frozenset[str]
    sure_apart: frozenset[str] = frozenset()
    possible_apart: frozenset[str] = frozenset()
    layers: list[Solved] = field(default_factory=list)

    def differing(self, sure: frozenset[str], possible: frozenset[str]) -> set[Name]:
        """The facts that are not as in this background."""
        return {*(sure ^ self.sure), *(possible ^ self.possible)}


def nearest(backgrounds: Sequence[Background], sure: frozenset[str], possible: frozenset[str]) -> Background:
    """The background from which these facts differ in the fewest places; the first of equals."""
    first = backgrounds[0]
    own_sure, own_possible = sure ^ first.sure, possible ^ first.possible  # short, and the others' differences from the first are too
    return min(backgrounds, key=lambda one: len(own_sure ^ one.sure_apart) + len(own_possible ^ one.possible_apart))
