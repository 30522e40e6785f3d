"""Findings that share a card: which do, which speaks first, and what of their proposals the card has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from rules.findings import Because, Finding, Indicator, RuleRef, Suggestion

__all__ = ["PATHWAYS", "Group", "as_shown", "group"]


RANK: dict[Indicator, int] = {"critical": 0, "warning": 1, "info": 2}
PATHWAYS = {
    "safety": "Safety",
    "immunosuppressive": "Immunosuppressive pathway",
    "analgesic": "Analgesic pathway",
    "referral": "Referral pathway",
    "monitoring": "Monitoring",
    "manual-therapy": "Manual therapy",
    "education": "Education",
}
PLACES = {name: place for place, name in enumerate(PATHWAYS)}  # among cards of one level: what changes treatment before what goes with it
SEEN = ("finding:",)
FOUND = (*SEEN, "lab:", "change:", "calc:", "answer:")
"""Facts about this patient today, as against a diagnosis, an age or a sex."""


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that become one card, the strongest first."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The finding that gives the card its summary."""
        return self.findings[0]

    @property
    def rules(self) -> tuple[RuleRef, ...]:
        """Every rule that the card stands for."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))

    @property
    def facts(self) -> tuple[Because, ...]:
        """Every fact that it rests on."""
        return tuple(dict.fromkeys(fact for finding in self.findings for fact in finding.because))

    @property
    def identity(self) -> str:
        """All that a clinician would read in it: another version, urgency, fact, line, proposal or gap makes it another card."""
        return json.dumps([self.first.indicator, sorted(_said(finding) for finding in self.findings)])


def group(findings: Iterable[Finding]) -> list[Group]:
    """Findings about one problem (a family, or joined to a rule's card) together, all questions together; in their order.

    On a card the strongest speaks first; of equals, one that yields to its host speaks after it. Of warnings an emergency comes first, then
    what rests on a symptom or sign: palpitations before what everybody with the disease gets.
    """
    spoken = tuple(findings)
    hosts = {finding.rule.id: finding for finding in spoken if not finding.asks}
    buckets: dict[tuple[str, str], list[tuple[tuple[int, bool, bool, bool], Finding]]] = {}
    for finding in spoken:
        host = next((hosts[name] for name in finding.joins if name in hosts), None)
        if finding.asks:
            key = ("asks", "")
        else:
            key = _home(host or finding)
            if host is not None and finding.yields and RANK[finding.indicator] < RANK[host.indicator]:
                finding = replace(finding, indicator=host.indicator)  # noqa: PLW2901 - the same finding at its host's level
        yields = host is not None and finding.yields
        warns = finding.indicator == "warning"
        place = RANK[finding.indicator], yields, not (warns and finding.emergency), not (warns and _found(finding, SEEN))
        buckets.setdefault(key, []).append((place, finding))
    groups = [Group(said_once([one for _, one in sorted(bucket, key=itemgetter(0))])) for bucket in buckets.values()]
    return sorted(groups, key=_place)


def as_shown(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same findings in the same order, each with the level and proposals that it has on its card."""
    shown = {finding.rule: finding for one in group(findings) for finding in one.findings}
    return tuple(shown[finding.rule] for finding in findings)


def _place(one: Group) -> tuple[int, bool, int, bool]:
    """By level; of one level an emergency first, then by pathway; of one pathway what rests on a finding, a result or an answer before
    what every patient of the disease gets: swallowing trouble is not folded away behind genetic counselling. A question is no emergency."""
    urgent = any(finding.emergency and not finding.asks for finding in one.findings)
    found = any(_found(finding, FOUND) for finding in one.findings)
    return RANK[one.first.indicator], not urgent, PLACES.get(one.first.pathway, len(PLACES)), not found


def _found(finding: Finding, kinds: tuple[str, ...]) -> bool:
    """Whether it rests on a fact of these kinds, and not only on the disease."""
    return any(fact.fact.startswith(kinds) for fact in finding.because)


def _home(finding: Finding) -> tuple[str, str]:
    return ("family", finding.family) if finding.family else ("rule", finding.rule.id)


def _said(finding: Finding) -> str:
    return json.dumps(
        [
            [finding.rule.id, finding.rule.version, finding.indicator, finding.asks, finding.summary, *finding.detail],
            sorted(finding.branches),
            sorted([fact.fact, fact.resource or "", fact.date or "", fact.by_name, *_more(fact)] for fact in finding.because),
            sorted([item.what, item.why] for item in finding.not_checked),
            sorted([item.what, item.rule, item.reason] for item in finding.withheld),
            sorted([one.label, one.kind, one.target or ""] for one in finding.suggestions),
        ]
    )


def _more(fact: Because) -> list[int]:
    return [fact.more] if fact.more else []


def said_once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings in the same order; what an earlier one proposes, a later one does not propose again.

    What one of them recommends is recommended, and a Task that asks for less than another one is left out. A drug that one of them
    withholds, be it only for a datum that the others do not ask for, none of them proposes: of two wordings the card has the stricter.
    """
    held = {item.what.lower() for finding in findings for item in finding.withheld}
    asked = [one.obtains for finding in findings for one in finding.suggestions]
    wanted = {_same(one) for finding in findings for one in finding.suggestions if one.recommended}
    taken: set[tuple[object, ...]] = set()
    kept = []
    for finding in findings:
        own = tuple(
            one if one.recommended or _same(one) not in wanted else replace(one, recommended=True)
            for one in _new(finding.suggestions, taken)
            if held.isdisjoint(_names(one)) and not any(one.obtains < more for more in asked if one.obtains)
        )
        kept.append(finding if own == finding.suggestions else replace(finding, suggestions=own))
    return tuple(kept)


def _new(suggestions: Iterable[Suggestion], taken: set[tuple[object, ...]]) -> Iterator[Suggestion]:
    for one in suggestions:
        key = _same(one)
        if key not in taken:
            taken.add(key)
            yield one


def _same(one: Suggestion) -> tuple[object, ...]:
    """Equal for two proposals that would put the same drug or service on the record."""
    resource = one.resource or {}
    kind = resource.get("resourceType")
    if kind in {"MedicationRequest", "ServiceRequest"} and one.concept is not None:
        return one.kind, one.target, kind, one.concept
    return one.kind, one.target, kind, one.label.lower()


def _names(one: Suggestion) -> Iterator[str]:
    """What a proposed drug is called in the draft."""
    drug = (one.resource or {}).get("medicationCodeableConcept")
    if one.kind != "create" or not isinstance(drug, dict):
        return
    yield str(drug.get("text", "")).lower()
    for coding in drug.get("coding", ()):
        yield str(coding.get("display", "")).lower()
