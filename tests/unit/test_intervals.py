"""What took place inside a rule's interval is not proposed again; the same, longer ago, is: every interval of every rule that refers or
monitors, on an example of the rule, with a completed ServiceRequest or Procedure, a finished Encounter or a kept Appointment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tomllib import loads

import pytest

import rules
from rules.findings import Finding
from rules.model import Vignette
from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said

FOLDERS = ("referral", "monitoring", "education")
SECTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "order": (("orders", "completed"),),
    "done": (("procedures", "completed"), ("reports", "final")),
    "encounter": (("encounters", "finished"),),
    "fulfilled": (("appointments", "fulfilled"),),
}
"""Predicate (`fulfilled`: a qualifier of `encounter`) -> section of a vignette and the status that says it took place."""
NOT_ALONE: Mapping[str, str] = {
    "mon-lems-cancer-done-img(chest)-92": "a second chest CT is the repeat that was asked for, whenever it took place",
}
"""Intervals that one event cannot show, and why."""
UNITS = {"days": 1, "months": 31, "years": 366}


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A rule does not repeat itself for so many days after this."""

    rule: str
    predicate: str
    concept: str
    days: int

    def __str__(self) -> str:
        return f"{self.rule}-{self.predicate}-{self.concept}-{self.days}"


def leaves(condition: object, negative: bool) -> Iterator[tuple[Mapping[str, object], bool]]:
    """Conditions about one resource, each with whether it holds the rule back when it is true."""
    if isinstance(condition, list):
        for one in condition:
            yield from leaves(one, negative)
    elif isinstance(condition, dict):
        groups, wanted = [key for key in ("all", "any", "of") if key in condition], condition.get("is", "present")
        if "not" in condition:
            yield from leaves(condition["not"], not negative)
        elif groups:
            for key in groups:
                yield from leaves(condition[key], negative)
        else:
            yield condition, negative != ("present" not in wanted)


def intervals() -> list[Interval]:
    """Every interval that the rule files state, by concept."""
    stated: set[Interval] = set()
    for folder in FOLDERS:
        for file in (Path(rules.__file__).parent / "pathways" / folder).rglob("*.toml"):
            rule = loads(file.read_text(encoding="utf-8"))
            if not rule["hooks"]:
                continue
            for part in [rule.get("when", {}), *rule.get("branch", [])]:
                signed = [*leaves([part.get("all", []), part.get("any", [])], False), *leaves(part.get("unless", []), True)]
                stated.update(one for leaf, negative in signed if negative for one in of_leaf(rule["id"], leaf))
    return sorted(stated)


def of_leaf(rule: str, leaf: Mapping[str, object]) -> Iterator[Interval]:
    predicate = next((key for key in ("order", "done", "encounter") if key in leaf), None)
    if predicate is None or not str(leaf.get("within", "@")).split(" ")[0].isdigit() or "status" in leaf:
        return
    count, unit = str(leaf["within"]).split(" ")
    names = leaf[predicate] if isinstance(leaf[predicate], list) else [leaf[predicate]]
    for name in names:  # type: ignore[attr-defined]
        for how in [predicate, *(["fulfilled"] if leaf.get("fulfilled") else [])]:
            yield Interval(rule, how, str(name), int(count) * UNITS[unit])


def told(finding: Finding | None) -> tuple[frozenset[str], tuple[str, ...], str]:
    """Branches, proposals and level of a finding that is no question."""
    if finding is None or finding.asks:
        return frozenset(), (), ""
    proposals = tuple(f"{(one.resource or {}).get('resourceType')} {one.concept} {one.label}" for one in finding.suggestions)
    return frozenset(finding.branches), proposals, finding.indicator


def with_event(vignette: Vignette, interval: Interval, section: str, status: str, days: int) -> Vignette:
    held: list[object] = vignette.patient.get(section, [])  # type: ignore[assignment]
    members = knowledge().terminology.expand(interval.concept)  # "img(heart)" has no code of its own
    concept = min((one for one in members if knowledge().terminology.codings(one)), default=interval.concept)
    event = {"concept": concept, "status": status, "when": f"-{days} days"}
    return replace(vignette, patient={**vignette.patient, section: [*held, event]})


def shown(interval: Interval) -> str:
    """Empty when an example shows the interval; else what is missing."""
    rule = knowledge().rule(interval.rule)
    assert rule is not None
    problem = "no example of the rule falls silent"
    for vignette in rule.vignettes:
        before = told(said(knowledge(), rule, vignette)) if vignette.expect == "fires" else told(None)
        if before == told(None):
            continue
        for section, status in SECTIONS[interval.predicate]:
            try:
                inside = told(said(knowledge(), rule, with_event(vignette, interval, section, status, interval.days - 2)))
                outside = told(said(knowledge(), rule, with_event(vignette, interval, section, status, interval.days + 3)))
            except ValueError as refused:
                problem = str(refused)
                continue
            if inside != before and outside == before:
                return ""
            if inside != before:
                problem = f"{vignette.name}: also {interval.days + 3} days later"
    return problem


@pytest.mark.parametrize("interval", intervals(), ids=str)
def test_what_took_place_inside_the_interval_is_not_proposed_again(interval: Interval) -> None:
    problem = shown(interval)
    assert bool(problem) is (str(interval) in NOT_ALONE), problem


def test_the_documentation_names_what_can_only_be_read_with_a_sites_own_code() -> None:
    words = knowledge().terminology
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "proposed-again.md").read_text(encoding="utf-8")
    rows = {
        line.split("`")[1]: set(line.split("|")[3].replace("`", "").replace(",", " ").split())
        for line in page.split("\n")
        if line[:3] == "| `"
    }
    without: dict[str, set[str]] = {}
    for one in intervals():
        if not any(words.codings(name) for name in words.expand(one.concept)):
            without.setdefault(one.concept, set()).add(one.rule)
    assert rows == without
