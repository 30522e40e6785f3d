"""Findings that share a card propose one drug or service once, and call nothing "not proposed" that the card proposes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rules.findings import Finding, Suggestion

__all__ = ["said_once"]


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
