"""The tables of a run: their columns, and what one screened patient comes to. Knows no Spark.

Nothing in them names a person: patients and resources are keyed hashes, a birth date is its year.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_hooks.cards import Card
from cds_hooks.population.patients import Screened
from cds_hooks.store.database import Keys
from rules.findings import Because, Finding, NotChecked

__all__ = ["READ", "SCREENED", "patient_row"]

READ = (
    "part int, kind string, patient string, url string, names array<string>, body binary, problem string, "
    "file string, block bigint, line bigint"
)
GAPS = "array<struct<what: string, why: string, type: string>>"
BECAUSE = "array<struct<fact: string, resource: string, date: string, byName: boolean, more: int>>"
FINDING = (
    "struct<rule: string, version: string, title: string, pathway: string, stage: string, indicator: string, asks: boolean, card: int, "
    f"because: {BECAUSE}, notChecked: {GAPS}>"
)
SCREENED = (
    "patient string, screened boolean, problem string, resources int, unread array<struct<type: string, why: string>>, "
    f"diseases array<string>, blockedInUse array<string>, notChecked {GAPS}, findings array<{FINDING}>"
)


def patient_row(found: Screened, cards: Iterable[Card], keys: Keys) -> tuple[object, ...]:
    """One row of SCREENED. `card` is the place of the card in the answer (1 is the first) that a finding went to."""
    place = {(rule.id, rule.version): number for number, card in reversed([*enumerate(cards, 1)]) for rule in card.rules}
    evaluation = found.evaluation
    return (
        keys.patient(found.patient),
        evaluation is not None,
        found.problem or None,
        found.resources,
        list(found.unread.items()),
        list(found.diseases),
        list(found.in_use),
        _gaps(evaluation.not_checked) if evaluation else [],
        [_finding(one, place.get((one.rule.id, one.rule.version), 0), keys) for one in evaluation.findings] if evaluation else [],
    )


def _finding(one: Finding, card: int, keys: Keys) -> tuple[object, ...]:
    because = [_because(fact, keys) for fact in one.because]
    return (
        one.rule.id, one.rule.version, one.title, one.pathway, one.stage, one.indicator, one.asks, card, because, _gaps(one.not_checked),
    )  # fmt: skip


def _because(fact: Because, keys: Keys) -> tuple[object, ...]:
    kind = fact.resource.partition("/")[0] if fact.resource else None
    resource = f"{kind}/{keys.mac('resource', fact.resource)[:32]}" if fact.resource else None
    date = fact.date[:4] if fact.date and kind == "Patient" else fact.date
    return fact.fact, resource, date, fact.by_name, fact.more


def _gaps(gaps: Iterable[NotChecked]) -> list[tuple[object, ...]]:
    return [(gap.what, gap.why, gap.type or None) for gap in gaps]
