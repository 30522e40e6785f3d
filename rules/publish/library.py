"""The whole knowledge as an R4 Library of type asset-collection: every rule and value set it is made of, every source it cites.

Source: FHIR R4 Library (9.3).
"""

from __future__ import annotations

from typing import Final

from rules.knowledge import Knowledge
from rules.publish.plan_definition import BASE, PUBLISHER, Json
from rules.publish.value_set import identifier, names_read

__all__ = ["LIBRARY", "library"]

LIBRARY: Final = "knowledge"
TYPES: Final = "http://terminology.hl7.org/CodeSystem/library-type"


def library(knowledge: Knowledge) -> Json:
    """What this service runs on."""
    rules = knowledge.every
    parts: list[Json] = [
        {"type": "composed-of", "display": rule.title, "resource": f"{BASE}/PlanDefinition/{rule.id}|{rule.version}"} for rule in rules
    ]
    parts += [
        {"type": "composed-of", "display": knowledge.terminology.label(name), "resource": f"{BASE}/ValueSet/{identifier(name)}"}
        for name in names_read(knowledge)
    ]
    cited = sorted({one.source for rule in rules for one in rule.evidence})
    for name in cited:
        source = knowledge.sources.get(name, {})
        title = ", ".join(part for part in (source.get("organisation"), source.get("title"), source.get("year")) if part)
        entry: Json = {"type": "citation", "label": name, "display": title or name}
        parts.append({**entry, **({"url": source["url"]} if source.get("url") else {})})
    return {
        "resourceType": "Library",
        "id": LIBRARY,
        "url": f"{BASE}/Library/{LIBRARY}",
        "version": knowledge.version,
        "name": "NeuromuscularCdsKnowledge",
        "title": "Knowledge of neuromuscular-cds",
        "status": "active",
        "experimental": True,
        "type": {"coding": [{"system": TYPES, "code": "asset-collection", "display": "Asset Collection"}]},
        "publisher": PUBLISHER,
        "description": f"{len(rules)} rules for neuromuscular disorders as event-condition-action definitions.",
        "relatedArtifact": parts,
    }
