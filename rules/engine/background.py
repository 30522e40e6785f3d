"""What a program concludes for an ordinary patient, so that a run pays only for what is different.

Most propositions of a call are those of every patient: nothing on file, results unknown. The engine solves that *background* once, with the
whole program; a run then opens again only the steps that what differs can reach, and takes the rest as it was. The outcome is the same,
whatever the background: it is no cache, and nothing of a request stays behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rules.engine.chunks import Layer, Name, Step

__all__ = ["Background", "Settled", "reach"]


@dataclass(frozen=True, slots=True)
class Settled:
    """One layer of the background: the steps that fired, the last one's world, and how its steps hang together.

    Steps are numbered through the chunks. `fired` has (number, step, in the sure world too); `readers[p]` the numbers of the steps that
    have a condition of any kind on p; `home` the chunk of each number.
    """

    fired: tuple[tuple[int, Step, bool], ...]
    sure: frozenset[Name]
    possible: frozenset[Name]
    steps: tuple[Step, ...]
    home: tuple[int, ...]
    readers: dict[Name, tuple[int, ...]]

    @classmethod
    def of(cls, layer: Layer, fired: dict[Step, bool], sure: Iterable[Name], possible: Iterable[Name]) -> Settled:
        """Index a layer that was solved; `fired` says of each step that fired whether it did so in the sure world."""
        steps = [step for chunk in layer.chunks for step in chunk.steps]
        home = [number for number, chunk in enumerate(layer.chunks) for _ in chunk.steps]
        readers: dict[Name, list[int]] = {}
        for number, step in enumerate(steps):
            for name in {name for _, name in step.conditions}:
                readers.setdefault(name, []).append(number)
        return cls(
            fired=tuple((number, step, fired[step]) for number, step in enumerate(steps) if step in fired),
            sure=frozenset(sure),
            possible=frozenset(possible),
            steps=tuple(steps),
            home=tuple(home),
            readers={name: tuple(numbers) for name, numbers in readers.items()},
        )


@dataclass(frozen=True, slots=True)
class Background:
    """The facts of the ordinary patient, and the layers solved for them."""

    sure: frozenset[str]
    possible: frozenset[str]
    layers: tuple[Settled, ...]

    def differing(self, sure: frozenset[str], possible: frozenset[str]) -> set[Name]:
        """The facts that are not as in the background."""
        return {*(sure ^ self.sure), *(possible ^ self.possible)}


def reach(settled: Settled, changed: set[Name]) -> tuple[set[int], set[Name]]:
    """The steps of a layer that `changed` can reach, and the heads they may conclude."""
    readers = settled.readers
    queue = [name for name in changed if name in readers]
    steps: set[int] = set()
    heads: set[Name] = set()
    while queue:
        for number in readers.get(queue.pop(), ()):
            if number not in steps:
                steps.add(number)
                head = settled.steps[number].head
                if head not in heads:
                    heads.add(head)
                    queue.append(head)
    return steps, heads
