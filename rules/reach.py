"""Which rules a record can reach. What only the others ask need not be judged: whatever the answer, they could not hold.

A condition that is absent as long as the record has nothing of its kind is a *gate*: a diagnosis, an order, a device. A branch can
hold, even possibly, only when of each of its sets of gates the record touches at least one. A patient without any neuromuscular
disease touches hardly any, so that ages, laboratory results and scores are never compared with the limits of two hundred diseases.

Every engine gets the same facts from this: what it leaves out is compared with judging everything (`tests/generative/reach`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from rules.compile import Producer
from rules.model import All, Any_, AtLeast, Derived, Leaf, Node, Rule, nodes_of

__all__ = ["Reach"]

Gates = tuple[frozenset[int], ...]
"""Of each set at least one condition must be touched; none: it may hold whatever the record says. An empty set: it never holds."""
NEVER: Gates = (frozenset(),)


class Reach:
    """The gates of each rule, and the conditions that it asks. Holds no patient."""

    def __init__(
        self, rules: Iterable[Rule], producers: Mapping[str, tuple[Producer, ...]], numbers: Mapping[Leaf, int], gates: Mapping[Leaf, float]
    ) -> None:
        """`numbers`: the number of each condition; `gates`: those that are absent as long as the record does not touch them, each with how
        often records do, by any measure: the rarest is watched. Which one that is changes no answer."""
        self._always: set[int] = set()
        """What rules ask that may hold for anybody."""
        self._watching: dict[int, list[tuple[int, Gates]]] = {}
        """By the number of a gate: the rules that may hold when it is touched, and what else must be."""
        self._asks: list[frozenset[int]] = []
        """By rule: the conditions that it asks."""
        found = _Finder(producers, numbers, gates)
        for rule in rules:
            self._add(rule, found)
        self._watched = frozenset(self._watching)

    def needed(self, touched: Set[int]) -> Set[int]:
        """The conditions worth judging when the record touches these; it may name others that are not touched."""
        needed = set(self._always)
        reached: set[int] = set()
        for number in self._watched & touched:
            for rule, gates in self._watching[number]:
                if rule not in reached and not any(gate.isdisjoint(touched) for gate in gates):
                    reached.add(rule)
                    needed |= self._asks[rule]
        return needed

    def _add(self, rule: Rule, found: _Finder) -> None:
        asks = frozenset(found.numbers[node] for node in nodes_of(rule) if isinstance(node, Leaf))
        ways = [found.of(branch.include) for branch in rule.branches]
        if not all(ways):
            self._always |= asks
            return
        for gates in ways:
            watched = min(gates, key=found.width)
            others = tuple(gate for gate in gates if gate is not watched)
            for number in watched:
                self._watching.setdefault(number, []).append((len(self._asks), others))
        self._asks.append(asks)


class _Finder:
    """Finds the gates of conditions; needed while the rules are loaded."""

    def __init__(self, producers: Mapping[str, tuple[Producer, ...]], numbers: Mapping[Leaf, int], gates: Mapping[Leaf, float]) -> None:
        self.numbers = numbers
        self._producers = producers
        self._gates = gates
        self._often = {numbers[leaf]: often for leaf, often in gates.items()}
        self._derived: dict[tuple[str, str], Gates] = {}
        self._same: dict[frozenset[int], frozenset[int]] = {}

    def of(self, node: Node) -> Gates:
        """The gates of one condition."""
        match node:
            case Leaf():
                return (self._one(frozenset({self.numbers[node]})),) if node in self._gates else ()
            case Derived(kind, name, answers):
                return () if "absent" in answers else self._of_derived(kind, name)
            case All(parts):
                return tuple(dict.fromkeys(gate for part in parts for gate in self.of(part)))
            case Any_(parts):
                return self._one_of(map(self.of, parts), len(parts))
            case AtLeast(count, parts):
                return self._one_of(map(self.of, parts), len(parts) - count + 1)
            case _:
                return ()  # a negation may hold for anybody

    def width(self, gate: frozenset[int]) -> float:
        """How often records touch one of these."""
        return sum(self._often[number] for number in gate)

    def _of_derived(self, kind: str, name: str) -> Gates:
        """Of a conclusion: those of the branches that draw it."""
        known = self._derived.get((kind, name))
        if known is None:
            self._derived[kind, name] = ()  # a conclusion that is drawn from itself
            makers = self._producers.get(f"{kind}:{name}", ())
            ways = [self.of(maker.branch.include) for maker in makers]
            known = self._derived[kind, name] = self._one_of(ways, len(ways)) if ways else NEVER
        return known

    def _one_of(self, parts: Iterable[Gates], least: int) -> Gates:
        """At least one of any `least` parts must hold: one set from the gates of that many of them."""
        chosen = sorted((min(gates, key=self.width) for gates in parts if gates), key=self.width)
        return (self._one(frozenset().union(*chosen[:least])),) if len(chosen) >= least else ()

    def _one(self, gate: frozenset[int]) -> frozenset[int]:
        """One object for equal sets."""
        return self._same.setdefault(gate, gate)
