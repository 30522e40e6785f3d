"""The [card] table of a rule file: its lines, leaflets and proposals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rules.fhir_date import Duration
from rules.model import Card, Line, Proposal
from rules.rule_file import INDICATORS, RuleFile, summary
from rules.terminology import Terminology

__all__ = ["load_card"]

RESOURCES = ("ServiceRequest", "MedicationRequest", "Task", "CarePlan", "Appointment", "CommunicationRequest")
LEAFLETS = Path(__file__).parent / "leaflets"
CARD = {
    "indicator",
    "summary",
    "detail",
    "override_reasons",
    "provisional",
    "family",
    "alone",
    "joins",
    "yields",
    "emergency",
    "ask_summary",
    "lines",
    "leaflets",
    "suggestions",
}
TREATMENTS = "treatment-services"
SUGGESTION = {"id", "label", "branches", "when", "resource", "recommended", "order", "drafts"}
RESOURCE = {"resourceType", "concept", "text", "reason", "due", "priority"}
PRIORITIES = ("urgent", "asap", "stat")  # R4 request-priority; routine is what an order without one is


def load_card(file: RuleFile, terminology: Terminology) -> Card:
    """Read it; problems go to `file`."""
    card = file.table("", file.data, "card")
    file.keys("card.", card, CARD)
    if "alone" in card and "family" not in card:
        file.say("card.alone", "expected only beside family")
    lines = []
    for number, entry in enumerate(file.tables("card.", card, "lines")):
        where = f"card.lines[{number}]"
        file.keys(f"{where}.", entry, {"when", "text"})
        node = file.reader.node(f"{where}.when", entry.get("when"))
        if node is not None:
            lines.append(Line(node, file.text(f"{where}.", entry, "text")))
    leaflets: list[Line] = []
    for number, entry in enumerate(file.tables("card.", card, "leaflets")):
        where = f"card.leaflets[{number}]"
        file.keys(f"{where}.", entry, {"when", "page"})
        node = file.reader.node(f"{where}.when", entry.get("when"))
        page = file.text(f"{where}.", entry, "page")
        if not (LEAFLETS / f"{page}.md").is_file():
            file.say(f"{where}.page", f"found {page!r}, expected a file in rules/leaflets without its .md")
        if node is not None:
            leaflets.append(Line(node, page))
    proposals = [_proposal(file, number, entry, terminology) for number, entry in enumerate(file.tables("card.", card, "suggestions"))]
    return Card(
        indicator=file.choice("card.", card, "indicator", INDICATORS),  # type: ignore[arg-type]
        summary=summary(file, "card.summary", file.text("card.", card, "summary")),
        detail=file.texts("card.", card, "detail"),
        override_reasons=file.texts("card.", card, "override_reasons"),
        keep_level=file.choice("card.", card, "provisional", ("lower", "keep"), "lower") == "keep",
        family=file.text("card.", card, "family", "") or None,
        alone=frozenset(file.texts("card.", card, "alone")),
        joins=file.texts("card.", card, "joins"),
        yields=card.get("yields") is True,
        emergency=card.get("emergency") is True,
        ask_summary=summary(file, "card.ask_summary", file.text("card.", card, "ask_summary", "")),
        lines=tuple(lines),
        leaflets=tuple(leaflets),
        proposals=tuple(proposals),
    )


def _proposal(file: RuleFile, number: int, entry: Mapping[str, object], terminology: Terminology) -> Proposal:
    where = f"card.suggestions[{number}]."
    file.keys(where, entry, SUGGESTION)
    resource = file.table(where, entry, "resource")
    action = "create"
    if "order" in entry:
        action = file.choice(where, entry, "order", ("delete",))
    else:
        file.keys(f"{where}resource.", resource, RESOURCE)
        file.choice(f"{where}resource.", resource, "resourceType", RESOURCES)
        _check_due(file, f"{where}resource.due", resource)
        if "priority" in resource:
            file.choice(f"{where}resource.", resource, "priority", PRIORITIES)
            if resource.get("resourceType") != "ServiceRequest":
                file.say(f"{where}resource.priority", "expected only on a ServiceRequest")
        concept = resource.get("concept")
        if concept is None and not isinstance(resource.get("text"), str):
            file.say(f"{where}resource", "expected a concept, a text or both")
        if isinstance(concept, str):
            try:
                terminology.expand(concept)
            except KeyError:
                file.say(f"{where}resource.concept", f"found {concept!r}, expected a concept{terminology.did_you_mean(concept)}")
    removes: set[str] = set()
    for name in file.texts(where, entry, "drafts"):
        try:
            removes |= terminology.expand(name)
        except KeyError:
            file.say(f"{where}drafts", f"found {name!r}, expected a concept{terminology.did_you_mean(name)}")
    if "drafts" in entry and action != "delete":
        file.say(f"{where}drafts", 'expected only beside order = "delete"')
    node = file.reader.node(f"{where}when", entry["when"]) if "when" in entry else None
    kind, wanted = resource.get("resourceType"), resource.get("concept")
    service = isinstance(wanted, str) and terminology.knows(TREATMENTS) and wanted in terminology.expand(TREATMENTS)
    return Proposal(
        label=file.text(where, entry, "label"),
        action="delete" if action == "delete" else "create",
        resource=resource,
        removes=frozenset(removes),
        branches=frozenset(file.texts(where, entry, "branches")),
        when=node,
        recommended=entry.get("recommended") is True,
        treats=kind == "MedicationRequest" or (kind == "ServiceRequest" and service),
    )


def _check_due(file: RuleFile, where: str, resource: Mapping[str, object]) -> None:
    """`due` is ["90 days", "180 days"]: from and to, counted from the day of the call; for a service or a visit."""
    if "due" not in resource:
        return
    due = resource["due"]
    try:
        lengths = [Duration.parse(str(one)) for one in due] if isinstance(due, list) else []
    except ValueError as problem:
        file.say(where, str(problem))
        return
    if len(lengths) != 2 or resource.get("resourceType") not in {"Appointment", "ServiceRequest"}:
        file.say(where, f"found {due!r}, expected two durations, from and to, on an Appointment or ServiceRequest")
