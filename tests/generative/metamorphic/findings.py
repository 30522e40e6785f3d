"""What two answers about the same patient must agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from fhir_fixtures import PatientFixture, is_draft, patient
from fhir_fixtures.requests_for import problems_of
from rules.extract import Input
from rules.facts import Origin
from rules.findings import Evaluation
from rules.knowledge import Knowledge
from tests.generative.metamorphic.transforms import Changed, Json

Told = tuple[tuple[object, ...], ...]


@cache
def knowledge() -> Knowledge:
    """The rules on the engine that costs least; that both engines agree is `tests/generative/engine`'s business."""
    return Knowledge.load(engine="reference")


def ask(fixture: PatientFixture, hook: str, changed: Changed) -> Evaluation:
    """Ask the rules about changed resources, as the service does with a complete prefetch."""
    inputs = [Input(one, origin) for one in changed.resources if (origin := _origin(one, hook)) is not None]
    return knowledge().evaluate(inputs, as_of=fixture.as_of + changed.later, hook=hook, unread={})


@cache
def first(name: str, hook: str) -> Evaluation:
    """The answer about an unchanged invented patient."""
    fixture = patient(name)
    return ask(fixture, hook, Changed(list(fixture.resources)))


def _origin(resource: Json, hook: str) -> Origin | None:
    """A draft counts on the hook that asks about such drafts."""
    if not is_draft(resource):
        return Origin.DRAFT if hook == "problem-list-item-create" and problems_of([resource]) else Origin.RECORD
    visit = resource["resourceType"] == "Appointment"
    return Origin.DRAFT if (hook.startswith("order-") and not visit) or (hook == "appointment-book" and visit) else None


def told(evaluation: Evaluation, was: Mapping[str, str]) -> Told:
    """Rule, kind, level, branches and proposals of every finding; references by their first names."""
    return tuple(
        (
            one.rule.id,
            one.asks,
            one.indicator,
            one.branches,
            frozenset(
                (made.label, made.kind, made.concept, was.get(str(made.target), made.target), made.recommended) for made in one.suggestions
            ),
            frozenset((held.what, held.rule) for held in one.withheld),
            frozenset((gap.what, gap.why) for gap in one.not_checked),
        )
        for one in evaluation.findings
    )


def difference(before: Told, after: Told) -> list[str]:
    """What differs, for the message of a failed test."""
    lost = [f"lost or changed: {one[:4]}" for one in before if one not in after]
    new = [f"new or changed: {one[:4]}" for one in after if one not in before]
    return [*lost, *new] or ([] if before == after else ["another order of findings"])


def safety(evaluation: Evaluation) -> set[str]:
    """The safety rules that fire."""
    return {one.rule.id for one in evaluation.findings if one.stage == "safety" and not one.asks}


def sample(fixtures: Sequence[PatientFixture]) -> list[tuple[PatientFixture, str]]:
    """Every patient with every hook about which the about file says something."""
    return [(fixture, hook) for fixture in fixtures for hook in sorted(fixture.hooks)]
