"""An answer of the service as an EHR shows it: cards, "nothing found", or an error that is never taken for "nothing found"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_hooks.cards import EXPLANATION, SUPPRESSED
from cds_hooks.pages.graph import Graph, graph
from cds_hooks.pages.why import Why, WhyNode
from rules.extract.reading import elements

__all__ = ["Link", "ShownCard", "ShownSuggestion", "cards", "problems", "suppressed"]

LEVELS: Mapping[str, str] = {"critical": "Critical", "warning": "Warning", "info": "Information"}
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ShownSuggestion:
    """One suggestion; `actions` says what accepting it does."""

    uuid: str
    label: str
    recommended: bool
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A label and where it leads; `url` may be anything until the template has checked it."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownCard:
    """One card for the template; every text in it is somebody else's."""

    uuid: str
    indicator: str
    level: str
    topic: str
    summary: str
    detail: str
    suggestions: tuple[ShownSuggestion, ...]
    reasons: tuple[str, ...]
    source: Link
    links: tuple[Link, ...]
    not_checked: tuple[tuple[str, str], ...]
    why: tuple[WhyNode, ...]
    picture: Graph | None


def cards(answer: Json, why: Why, words: Callable[[str], str]) -> tuple[ShownCard, ...]:
    """The cards of a 200 answer; a member of a wrong type counts as missing."""
    return tuple(_card(one, why, words) for one in elements(answer.get("cards")))


def problems(outcome: Json) -> tuple[str, ...]:
    """What an OperationOutcome says, one line per issue."""
    return tuple(_issue(one) for one in elements(outcome.get("issue")))


def _card(body: Json, why: Why, words: Callable[[str], str]) -> ShownCard:
    indicator = _text(body, "indicator")
    explanation = _object(_object(body.get("extension")).get(EXPLANATION))
    source = _object(body.get("source"))
    summary = _text(body, "summary")
    trees = why.of([_text(rule, "id") for rule in elements(explanation.get("rules"))])
    return ShownCard(
        uuid=_text(body, "uuid"),
        indicator=indicator if indicator in LEVELS else "info",
        level=LEVELS.get(indicator, indicator),
        topic=_text(_object(source.get("topic")), "display"),
        summary=summary,
        detail=_text(body, "detail"),
        suggestions=tuple(_suggestion(one) for one in elements(body.get("suggestions"))),
        reasons=tuple(_text(one, "display") for one in elements(body.get("overrideReasons"))),
        source=Link(_text(source, "label"), _text(source, "url")),
        links=tuple(Link(_text(one, "label"), _text(one, "url")) for one in elements(body.get("links"))),
        not_checked=tuple((words(_text(gap, "what")), _text(gap, "why")) for gap in elements(explanation.get("notChecked"))),
        why=trees,
        picture=graph(trees, summary),
    )


def _suggestion(body: Json) -> ShownSuggestion:
    actions = tuple(_action(one) for one in elements(body.get("actions")))
    return ShownSuggestion(_text(body, "uuid"), _text(body, "label"), body.get("isRecommended") is True, actions)


def _action(action: Json) -> str:
    about = _text(_object(action.get("resource")), "resourceType") or _text(action, "resourceId")
    return f"{_text(action, 'type')} {about}".strip()


def _issue(issue: Json) -> str:
    told = (_text(_object(issue.get("details")), "text"), _text(issue, "diagnostics"))
    return " ".join(part for part in told if part) or _text(issue, "code")


def _text(value: Json, member: str) -> str:
    found = value.get(member)
    return found if isinstance(found, str) else ""


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def suppressed(answer: Json) -> int:
    """How many cards an answer held back because they were dismissed before."""
    extension = answer.get("extension")
    told = extension.get(SUPPRESSED) if isinstance(extension, dict) else None
    count = told.get("cards") if isinstance(told, dict) else None
    return count if isinstance(count, int) else 0
