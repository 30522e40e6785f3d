"""A rule as an R4 PlanDefinition of type eca-rule (event, condition, action): the event is the hook, the conditions are in words.

A rule without a card concludes facts in every call, so its events are all hooks and its actions say what it concludes.
The words are those of the rule page; they describe and do not compute. What computes is the rule file, which `relatedArtifact` links to.
Source: FHIR R4 PlanDefinition (12.18), CDS Hooks triggers as named events (TriggerDefinition, 2.1.18).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from rules.about import About, BranchAbout, about
from rules.knowledge import Knowledge
from rules.model import Proposal, Rule
from rules.patterns.person import HOOKS
from rules.words import Said

__all__ = ["BASE", "Json", "plan_definition"]

Json: TypeAlias = dict[str, object]

BASE: Final = "https://neuromuscular-cds.github.io/fhir"
PUBLISHER: Final = "The neuromuscular-cds project"
LANGUAGE: Final = "text/plain"
CARD: Final = "Shown to a clinician as a CDS Hooks card. It proposes and never orders."
FACTS: Final = "Shows no card: it concludes facts that other rules read."
TYPES: Final = "http://terminology.hl7.org/CodeSystem/plan-definition-type"


def plan_definition(knowledge: Knowledge, rule: Rule, base_url: str) -> Json:
    """One rule; `base_url` is where this service shows its page."""
    told = about(knowledge, rule)
    made: Json = {
        "resourceType": "PlanDefinition",
        "id": rule.id,
        "url": f"{BASE}/PlanDefinition/{rule.id}",
        "version": told.version,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "title": told.title,
        "type": {"coding": [{"system": TYPES, "code": "eca-rule", "display": "ECA Rule"}]},
        "status": told.status,
        "experimental": not told.checked_by,
        "subjectCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}]},
        "date": told.written,
        "publisher": PUBLISHER,
        "description": told.summary or f"{told.title}: a conclusion that other rules read.",
        "usage": CARD if rule.card else FACTS,
        "copyright": "Apache-2.0; code systems under their own licences",
        "effectivePeriod": {"start": told.written},
        "topic": [{"text": told.pathway}],
        "author": [{"name": told.authored_by}],
        "relatedArtifact": _artifacts(told, base_url),
        "library": [f"{BASE}/Library/knowledge"],
        "action": [_action(told, branch, rule) for branch in told.branches],
    }
    if told.checked_by:
        made |= {"reviewer": [{"name": told.checked_by}], "lastReviewDate": told.written}
    return made


def _artifacts(told: About, base_url: str) -> list[Json]:
    page: Json = {"type": "documentation", "label": "Rule page", "display": told.title, "url": f"{base_url}/rules/{told.id}"}
    cited: list[Json] = []
    for one in told.evidence:
        words = "; ".join(part for part in (one.says, one.strength, f"verified: {one.verified}" if one.verified else "") if part)
        entry: Json = {"type": "citation", "label": one.source, "display": one.title}
        cited.append({**entry, **({"citation": words} if words else {}), **({"url": one.url} if one.url else {})})
    return [page, *cited]


def _action(told: About, branch: BranchAbout, rule: Rule) -> Json:
    asks = branch.ask or branch.only_asks
    conditions = [_flat(one) for one in branch.when] + [f"not: {_flat(one)}" for one in branch.unless]
    action: Json = {
        "title": branch.summary or told.title,
        "code": [{"text": "conclusion" if rule.card is None else "question" if asks else f"{branch.indicator} card"}],
        "trigger": [{"type": "named-event", "name": hook} for hook in told.hooks or HOOKS],
        "condition": [{"kind": "applicability", "expression": {"language": LANGUAGE, "expression": one}} for one in conditions],
    }
    if told.detail or branch.does:
        action["description"] = "\n\n".join((*told.detail, *branch.does))
    offered = rule.card.proposals if rule.card and not asks else ()
    proposals = [one for one in offered if not one.branches or branch.id in one.branches]
    if proposals:
        action["action"] = [_proposed(one) for one in proposals]
        action["selectionBehavior"] = "any"
    return action


def _proposed(proposal: Proposal) -> Json:
    kind = str(proposal.resource.get("resourceType", ""))
    made: Json = {"title": proposal.label, "code": [{"text": f"{proposal.action} {kind}".strip()}]}
    return made


def _flat(said: Said) -> str:
    return f"{said.text} {'; '.join(_flat(part) for part in said.parts)}" if said.parts else said.text
