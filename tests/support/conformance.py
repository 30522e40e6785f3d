"""Checks a CDS Hooks response against the sentences of the specification (2.0.1 and 3.0, "CDS Service Response")."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CARD = {"uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons", "links", "extension"}


def check_response(body: dict[str, Any]) -> None:
    """Raises AssertionError for the first sentence that is broken."""
    assert set(body) <= {"cards", "extension"}, "no system actions"
    assert isinstance(body["cards"], list)
    check_not_empty(body.get("extension", "none"), "extension")
    seen: list[str] = []
    for card in body["cards"]:
        check_not_empty(card, "card")
        check_card(card)
        seen += [card["uuid"], *(one["uuid"] for one in card.get("suggestions", []))]
    assert len(seen) == len(set(seen)), "uuids are unique"


def check_card(card: dict[str, Any]) -> None:
    """Card attributes."""
    assert set(card) <= CARD
    assert UUID.fullmatch(card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert "\n" not in card["summary"]
    assert card["indicator"] in {"info", "warning", "critical"}
    assert card["source"]["label"]
    assert set(card["source"]) <= {"label", "url", "icon", "topic"}
    assert urlsplit(card["source"]["url"]).scheme in {"http", "https"}
    if "topic" in card["source"]:
        check_coding(card["source"]["topic"])
    assert ("suggestions" in card) == ("selectionBehavior" in card), "selectionBehavior SHALL be provided if suggestions are present"
    assert card.get("selectionBehavior", "any") in {"at-most-one", "any"}
    for suggestion in card.get("suggestions", []):
        check_suggestion(suggestion)
    for reason in card.get("overrideReasons", []):
        check_coding(reason)
        assert reason["display"], "SHALL populate a display value"
    for link in card.get("links", []):
        assert set(link) == {"label", "url", "type"}
        assert link["type"] == "absolute"
        assert urlsplit(link["url"]).scheme in {"http", "https"}
    assert isinstance(card["extension"], dict), "the value of an extension element SHALL be a JSON object"


def check_suggestion(suggestion: dict[str, Any]) -> None:
    """Suggestion and its actions."""
    assert set(suggestion) <= {"label", "uuid", "isRecommended", "actions"}, "actionSelectionBehavior needs an agreement"
    assert suggestion["label"]
    assert UUID.fullmatch(suggestion["uuid"])
    for action in suggestion.get("actions", []):
        assert action["type"] in {"create", "update", "delete"}
        assert action["description"]
        if action["type"] == "delete":
            assert re.fullmatch(r"[A-Z][A-Za-z]+/[^/?#]+", action["resourceId"]), "a relative reference"
            assert "resource" not in action
        else:
            assert action["resource"]["resourceType"]
            assert "resourceId" not in action


def check_coding(coding: dict[str, Any]) -> None:
    """Data type Coding: code and system are REQUIRED."""
    assert set(coding) <= {"code", "system", "display"}
    assert coding["code"]
    assert coding["system"]


def check_not_empty(value: object, path: str) -> None:
    """JSON attribute values SHALL NOT be null or empty: null, "", [] and {} are prohibited."""
    assert value is not None, path
    if isinstance(value, str | list | dict):
        assert len(value) > 0, path
    if isinstance(value, dict):
        for name, member in value.items():
            check_not_empty(member, f"{path}.{name}")
    if isinstance(value, list):
        for number, member in enumerate(value):
            check_not_empty(member, f"{path}[{number}]")
