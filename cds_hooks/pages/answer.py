"""An answer of the service as an EHR shows it: cards, "nothing found", or an error that is never taken for "nothing found"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_hooks.cards import EXPLANATION
from cds_hooks.pages.graph import Graph, graph
from cds_hooks.pages.why import Why, WhyNode

__all__ = ["ShownCard", "cards", "problems"]

LEVELS: Mapping[str, str] = {"critical": "Critical", "warning": "Warning", "info": "Information"}


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One card for the template. `body` is the card as it came; everything in it is text of somebody else."""

    body: Mapping[str, object]
    indicator: str
    level: str
    not_checked: tuple[str, ...]
    why: tuple[WhyNode, ...]
    picture: Graph | None


def cards(answer: Mapping[str, object], why: Why) -> tuple[ShownCard, ...]:
    """The cards of a 200 answer."""
    found = answer.get("cards")
    return tuple(_card(one, why) for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def problems(outcome: Mapping[str, object]) -> tuple[str, ...]:
    """What an OperationOutcome says, one line per issue."""
    issues = outcome.get("issue")
    return tuple(_issue(one) for one in issues if isinstance(one, dict)) if isinstance(issues, list) else ()


def _card(body: Mapping[str, object], why: Why) -> ShownCard:
    indicator = str(body.get("indicator"))
    extension = body.get("extension")
    told = extension.get(EXPLANATION) if isinstance(extension, dict) else None
    explanation: Mapping[str, object] = told if isinstance(told, dict) else {}
    trees = why.of([str(rule.get("id")) for rule in _objects(explanation.get("rules"))])
    gaps = tuple(f"{gap.get('what')}: {gap.get('why')}" for gap in _objects(explanation.get("notChecked")))
    known = indicator if indicator in LEVELS else "info"
    return ShownCard(body, known, LEVELS.get(indicator, indicator), gaps, trees, graph(trees, str(body.get("summary", ""))))


def _issue(issue: Mapping[str, object]) -> str:
    details = issue.get("details")
    text = details.get("text") if isinstance(details, dict) else None
    return " ".join(str(part) for part in (text, issue.get("diagnostics")) if part) or str(issue.get("code"))


def _objects(value: object) -> Sequence[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
