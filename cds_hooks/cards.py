"""Findings to cards: merged, ordered, at most a handful, each with its explanation (CDS Hooks, "CDS Service Response").

Rules of the standard kept here: summary under 140 characters, `selectionBehavior` with suggestions, `display` on override reasons,
uuids on cards and suggestions, a description on every action, no member that is null or empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from cds_hooks.body import JsonObject
from cds_hooks.joint import PATHWAYS, Group, group
from cds_hooks.markdown import escape, one_line, shorten
from cds_hooks.rule_titles import in_titles
from rules.findings import Because, Evaluation, Finding, Indicator, NotChecked, RuleRef, Suggestion
from rules.words import date_in_words

__all__ = ["EXPLANATION", "NOT_READ", "REASONS", "SUPPRESSED", "Card", "Composed", "Dismissed", "Renderer", "slug"]

EXPLANATION = "io.github.neuromuscular-cds.explanation"
NOT_READ = "io.github.neuromuscular-cds.not-read"
SUPPRESSED = "io.github.neuromuscular-cds.suppressed"
TOPICS = "urn:x-neuromuscular-cds:pathway"
REASONS = "urn:x-neuromuscular-cds:override-reason"
LABEL = "Neuromuscular CDS"
SUBJECT = {"Task": "for", "Immunization": "patient", "ImmunizationRecommendation": "patient", "NutritionOrder": "patient"}


@dataclass(frozen=True, slots=True)
class Card:
    """One card: the JSON, and what feedback and suppression need to know about it.

    `identity` is the same when a card says the same again; `gaps` is what no rule could check, on the card that tells it. Both hold
    patient data and are stored as keyed hashes only.
    """

    uuid: str
    indicator: Indicator
    rules: tuple[RuleRef, ...]
    facts: tuple[Because, ...]
    body: JsonObject
    identity: str = ""
    gaps: str = ""


class Dismissed(Protocol):
    """What a user does not want to see again for a patient (`cds_hooks.suppression`)."""

    def covers(self, one: Group) -> bool:
        """Whether a card that says just this was dismissed, not too long ago."""
        ...

    def has_told(self, gaps: str) -> bool:
        """Whether a dismissed card had told these gaps."""
        ...


class _Nothing:
    """Nothing was dismissed."""

    def covers(self, _one: Group) -> bool:
        return False

    def has_told(self, _gaps: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Composed:
    """The cards of an answer, and what was held back because it was dismissed."""

    cards: list[Card]
    held: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders for one deployment: `base_url` for links, `version` of the knowledge, `words` to name a fact, `titles` of the rules that
    a text may name by id.

    An answer has at most `most` cards, fewer when the evaluation says so, and every critical one.
    """

    base_url: str
    version: str
    most: int = 5
    words: Callable[[str], str] = str
    titles: Mapping[str, str] = field(default_factory=dict)

    def render(self, evaluation: Evaluation, patient: str) -> list[Card]:
        """Cards of one evaluation; `patient` is the FHIR id that suggested resources are about."""
        return self.compose(evaluation, patient, _Nothing()).cards

    def compose(self, evaluation: Evaluation, patient: str, dismissed: Dismissed) -> Composed:
        """The same without what was dismissed. A gap is never lost with it: when no card is left to tell what could not be checked, and
        no dismissed card told the same, the last one comes again."""
        every = group(evaluation.findings)
        rest = evaluation.not_checked  # gaps of rules that stayed silent: told once, on the last card
        held = [one for one in every if one.first.indicator != "critical" and dismissed.covers(one)]
        if rest and held and len(held) == len(every) and not dismissed.has_told(_gaps(rest)):
            held.pop()
        groups = [one for one in every if one not in held]
        most = min(self.most, evaluation.at_most or self.most)
        room = max(most - 1, sum(one.first.indicator == "critical" for one in groups))
        if len(groups) <= most:
            room = most
        shown, folded = groups[:room], groups[room:]
        listed = Group(tuple(finding for one in folded for finding in one.findings))
        if folded and dismissed.covers(listed):
            held += folded
            folded = []
        cards = [self._card(one, rest if one is shown[-1] and not folded else (), patient) for one in shown]
        if folded:
            cards.append(self._list_card(folded, rest))
        return Composed(cards, tuple(held))

    def notice(self, summary: str, lines: Sequence[str], *, unread: Mapping[str, str] | None = None) -> Card:
        """A card about the call itself, such as "could not be checked"; no rule speaks in it.

        `unread`: the FHIR types that could not be had completely, each with the reason.
        """
        uuid = str(uuid4())
        gaps = sorted((unread or {}).items())
        detail = ["\n\n".join(escape(line) for line in lines), ""]
        _section(detail, "Not checked", [f"{escape(kind)}: {escape(why)}" for kind, why in gaps])
        explanation: JsonObject = {"knowledge": self.version}
        if gaps:
            explanation["notChecked"] = [{"what": kind, "why": why} for kind, why in gaps]
        body: JsonObject = {
            "uuid": uuid,
            "summary": shorten(summary),
            "detail": "\n".join(detail).rstrip("\n"),
            "indicator": "warning",
            "source": {"label": LABEL, "url": f"{self.base_url}/rules"},
            "extension": {EXPLANATION: explanation},
        }
        return Card(uuid, "warning", (), (), body)

    def _card(self, one: Group, rest: Sequence[NotChecked], patient: str) -> Card:
        first = one.first
        uuid = str(uuid4())
        summary = first.summary
        if all(finding.asks for finding in one.findings) and len(one.findings) > 1:
            summary = f"{len(one.findings)} questions whose answers decide: {summary}"
        elif len(one.findings) > 1:
            summary = shorten(summary, 125) + f" (+{len(one.findings) - 1} more)"
        body: JsonObject = {
            "uuid": uuid,
            "summary": shorten(summary),
            "detail": self._detail(one.findings, rest),
            "indicator": first.indicator,
            "source": self._source(first),
        }
        suggestions = [_suggestion(suggestion, self._told(suggestion.label), patient) for suggestion in _once(one.findings)]
        if suggestions:
            body["suggestions"] = suggestions
            body["selectionBehavior"] = "any"
        reasons = dict.fromkeys(reason for finding in one.findings for reason in finding.override_reasons)
        if reasons:
            body["overrideReasons"] = [
                {"code": slug(reason), "system": REASONS, "display": one_line(self._told(reason))} for reason in reasons
            ]
        body["links"] = self._links(one.findings)
        body["extension"] = {EXPLANATION: self._explanation(one, rest)}
        return Card(uuid, first.indicator, one.rules, one.facts, body, one.identity, _gaps(rest))

    def _detail(self, findings: Sequence[Finding], not_checked: Iterable[NotChecked]) -> str:
        """GitHub Flavored Markdown: what the rule says, what was found, what is proposed, what was left out, how strong it is."""
        lines: list[str] = []
        for finding in findings:
            if len(findings) > 1:
                lines += [f"**{escape(finding.summary)}**", ""]
            lines += [*(f"- {escape(self._told(line))}" for line in finding.detail), ""] if finding.detail else []
        _section(lines, "Found", [self._fact(fact) for fact in dict.fromkeys(fact for finding in findings for fact in finding.because)])
        proposed = dict.fromkeys(suggestion.label for finding in findings for suggestion in finding.suggestions)
        _section(lines, "Proposed", [escape(self._told(label)) for label in proposed])
        withheld = dict.fromkeys(item for finding in findings for item in finding.withheld)
        _section(lines, "Not proposed", [f"{escape(self._told(item.what))}: {escape(self._told(item.reason))}" for item in withheld])
        _section(
            lines, "Not checked", [f"{escape(self.words(item.what))}: {escape(item.why)}" for item in _unchecked(findings, not_checked)]
        )
        sources: dict[tuple[str, str], dict[str, None]] = {}
        for item in (item for finding in findings for item in finding.evidence):
            sources.setdefault((item.strength, item.verified), {})[item.source] = None
        _section(lines, "Evidence", [_strength(", ".join(names), *how) for how, names in sources.items()])
        if any(finding.provisional for finding in findings):
            lines.append("Rests on a diagnosis that is not confirmed.")
        if any(finding.unstated for finding in findings):
            lines.append("Rests on a diagnosis whose record does not say whether it is confirmed: it is taken as confirmed.")
        if any(not finding.reviewed_by for finding in findings):
            lines.append("Not yet clinically reviewed.")
        lines.append("A proposal: the clinician decides.")
        return "\n".join(lines)

    def _told(self, text: str) -> str:
        return in_titles(text, self.titles)

    def _fact(self, fact: Because) -> str:
        where = f" ({escape(fact.resource)})" if fact.resource else ""
        return (
            escape(self.words(fact.fact))
            + (f", {escape(date_in_words(fact.fact, fact.date))}" if fact.date else "")
            + where
            + (", recognised by its name only" if fact.by_name else "")
            + (f": {fact.more} more that are not named here" if fact.more else "")
        )

    def _list_card(self, groups: Sequence[Group], rest: Sequence[NotChecked]) -> Card:
        """One card that names what did not fit."""
        uuid = str(uuid4())
        everything = Group(tuple(finding for one in groups for finding in one.findings))
        lines = list(dict.fromkeys(f"- **{finding.indicator}**: {escape(finding.summary)}" for finding in everything.findings))
        body: JsonObject = {
            "uuid": uuid,
            "summary": f"{len(lines)} more recommendation{'s' if len(lines) > 1 else ''} for this patient",
            "detail": "\n".join(["Shown as a list because an answer has few cards:", "", *lines]),
            "indicator": groups[0].first.indicator,
            "source": {"label": LABEL, "url": f"{self.base_url}/rules"},
            "links": self._links(everything.findings),
            "extension": {EXPLANATION: self._explanation(everything, rest)},
        }
        return Card(uuid, groups[0].first.indicator, everything.rules, everything.facts, body, everything.identity, _gaps(rest))

    def _source(self, finding: Finding) -> JsonObject:
        topic = {"system": TOPICS, "code": finding.pathway, "display": PATHWAYS.get(finding.pathway, finding.pathway)}
        return {"label": LABEL, "url": f"{self.base_url}/rules/{finding.rule.id}", "topic": topic}

    def _links(self, findings: Sequence[Finding]) -> list[JsonObject]:
        titles = {finding.rule.id: finding.title for finding in findings}
        pages = dict.fromkeys(name for finding in findings for name in finding.leaflets)
        named = [(f"For the patient: {name.replace('-', ' ')}", f"leaflets/{name}") for name in pages]
        named += [(f"Rule: {title}", f"rules/{rule}") for rule, title in titles.items()]
        return [{"label": shorten(label), "url": f"{self.base_url}/{path}", "type": "absolute"} for label, path in named]

    def _explanation(self, one: Group, not_checked: Iterable[NotChecked]) -> JsonObject:
        """The explanation of design §4: every member that has nothing in it is left out."""
        findings = one.findings
        chain = dict.fromkeys(step for finding in findings for step in finding.chain)
        evidence = dict.fromkeys(item for finding in findings for item in finding.evidence)
        unchecked = _unchecked(findings, not_checked)
        parts: JsonObject = {
            "rules": [{"id": rule.id, "version": rule.version} for rule in one.rules],
            "because": [_because(fact) for fact in one.facts],
            "chain": [{"rule": step.rule, "concluded": step.concluded} for step in chain],
            "notChecked": [_filled(what=item.what, why=item.why) for item in unchecked],
            "withheld": [
                _filled(what=item.what, rule=item.rule, why=item.reason) for item in dict.fromkeys(w for f in findings for w in f.withheld)
            ],
            "evidence": [_filled(source=item.source, strength=item.strength, verified=item.verified) for item in evidence],
            "knowledge": self.version,
        }
        return {name: value for name, value in parts.items() if value}


def _section(lines: list[str], title: str, items: Sequence[str]) -> None:
    if items:
        lines += [f"**{title}**", "", *(f"- {item}" for item in items), ""]


def _strength(source: str, strength: str, verified: str) -> str:
    """Sources of which the rule says the same stand on one line."""
    return escape(source) + (f": {escape(strength)}" if strength else "") + (f" (verified: {escape(verified)})" if verified else "")


def _unchecked(findings: Iterable[Finding], not_checked: Iterable[NotChecked]) -> list[NotChecked]:
    """What these findings could not check, then what no rule could."""
    return list(dict.fromkeys([*(item for finding in findings for item in finding.not_checked), *not_checked]))


def _once(findings: Iterable[Finding]) -> Iterable[Suggestion]:
    """The suggestions of a card; what several rules propose in the same words once, recommended when one of them recommends it."""
    found: dict[tuple[str | None, ...], Suggestion] = {}
    for one in (suggestion for finding in findings for suggestion in finding.suggestions):
        key = (one.kind, one.target, one.concept, one.label.lower())
        if key not in found or (one.recommended and not found[key].recommended):
            found[key] = one
    return found.values()


def _suggestion(suggestion: Suggestion, label: str, patient: str) -> JsonObject:
    body: JsonObject = {"label": shorten(label), "uuid": str(uuid4())}
    if suggestion.recommended:
        body["isRecommended"] = True
    action: JsonObject = {"type": suggestion.kind, "description": one_line(label)}
    if suggestion.kind == "delete" and suggestion.target:
        body["actions"] = [{**action, "resourceId": suggestion.target}]
    elif suggestion.kind != "delete" and suggestion.resource:
        resource = dict(suggestion.resource)
        body["actions"] = [{**action, "resource": about(resource, patient) if suggestion.kind == "create" else resource}]
    return body


def about(resource: JsonObject, patient: str) -> JsonObject:
    """The draft with its patient: `subject`, or the element that its type has instead."""
    reference = {"reference": f"Patient/{patient}"}
    kind = str(resource.get("resourceType"))
    if kind == "Appointment":
        found = resource.get("participant")
        participants = list(found) if isinstance(found, list) else []
        if not any(isinstance(one, dict) and one.get("actor") == reference for one in participants):
            participants.append({"actor": reference, "status": "needs-action"})
        return {**resource, "participant": participants}
    return {**resource, SUBJECT.get(kind, "subject"): reference}


def _because(fact: Because) -> JsonObject:
    """A matched fact; `matchedBy` says when a drug was recognised by its name alone, `more` how many further resources say the same."""
    said = _filled(fact=fact.fact, resource=fact.resource, date=fact.date, matchedBy="name" if fact.by_name else None)
    return {**said, "more": fact.more} if fact.more else said


def _filled(**members: str | None) -> JsonObject:
    return {name: value for name, value in members.items() if value}


def _gaps(rest: Sequence[NotChecked]) -> str:
    return json.dumps(sorted([item.what, item.why] for item in rest)) if rest else ""


def slug(text: str) -> str:
    """An override reason as the code that feedback brings back."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100] or "other"
