"""All that can be told about one rule without a patient, in words: for `nmcds explain`, the rule pages and whoever reviews it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from rules.knowledge import Knowledge
from rules.model import Branch, Proposal, Rule
from rules.words import Said, Words

__all__ = ["DOES", "About", "BranchAbout", "EvidenceAbout", "VignetteAbout", "about"]

UNKNOWN: Mapping[str, str] = {
    "ask": "it asks a question and proposes no drug",
    "note": "it stays silent; other cards list what could not be checked",
    "silent": "it stays silent; another rule asks for the same data",
}
DOES: Mapping[str, str] = {
    "derive": "concludes facts",
    "safety": "warns and blocks",
    "pathway": "proposes",
    "monitoring": "follows up",
}
"""What the rules of a stage do, in words."""


@dataclass(frozen=True, slots=True)
class BranchAbout:
    """One way to fire: all of `when` hold, none of `unless`; `does` is what follows besides the card.

    `id` is its name in the rule file, `name` what a reader is told, empty when there is one way only.
    `only_asks`: the same condition stands in both, so the branch never fires and asks while that is unknown.
    """

    id: str
    name: str
    indicator: str
    ask: bool
    summary: str
    when: tuple[Said, ...]
    unless: tuple[Said, ...]
    does: tuple[str, ...]
    lines: tuple[str, ...]
    only_asks: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceAbout:
    """One source with its title and link; `strength` and `verified` are the words of the rule file."""

    source: str
    title: str
    url: str
    says: str
    strength: str
    verified: str


@dataclass(frozen=True, slots=True)
class VignetteAbout:
    """One short patient of the rule file and what the rule must do with it."""

    name: str
    hook: str
    on: str
    patient: Mapping[str, object]
    expect: str


@dataclass(frozen=True, slots=True)
class About:
    """One rule in words. `summary` is empty for a rule without a card; `checked_by` is empty until a clinician has checked it."""

    id: str
    version: str
    status: str
    title: str
    pathway: str
    stage: str
    area: str
    hooks: tuple[str, ...]
    population: str
    line: str
    draft_reason: str
    indicator: str
    summary: str
    detail: tuple[str, ...]
    conditional: tuple[tuple[str, str], ...]
    proposals: tuple[str, ...]
    override_reasons: tuple[str, ...]
    branches: tuple[BranchAbout, ...]
    unknown: tuple[str, ...]
    evidence: tuple[EvidenceAbout, ...]
    authored_by: str
    checked_by: str
    written: str
    due: str
    vignettes: tuple[VignetteAbout, ...]

    @property
    def review(self) -> tuple[str, ...]:
        """Who wrote and checked it, and when it is due again."""
        checked = f"checked by {self.checked_by}" if self.checked_by else "not yet clinically reviewed"
        return (f"written by {self.authored_by}, {self.written}", checked, f"next review {self.due}")

    def data(self) -> dict[str, object]:
        """The same as plain dicts and lists."""
        return asdict(self)


def about(knowledge: Knowledge, rule: Rule) -> About:
    """Tell one rule of `knowledge`."""
    titles = _titles(knowledge)
    words = Words(knowledge.terminology, knowledge.site.thresholds, titles)
    card = rule.card
    return About(
        id=rule.id,
        version=rule.version,
        status=rule.status,
        title=rule.title,
        pathway=rule.pathway,
        stage=rule.stage,
        area=rule.area,
        hooks=tuple(sorted(rule.hooks)),
        population=_population(rule.population, titles),
        line=rule.line,
        draft_reason=rule.draft_reason,
        indicator=card.indicator if card else "",
        summary=card.summary if card else "",
        detail=card.detail if card else (),
        conditional=tuple((_flat(words.say(line.when)), line.text) for line in card.lines) if card else (),
        proposals=tuple(_proposal(one, words, rule) for one in card.proposals) if card else (),
        override_reasons=card.override_reasons if card else (),
        branches=tuple(_branch(one, words, rule) for one in rule.branches),
        unknown=_unknown(rule) if card else (),
        evidence=_evidence(knowledge, rule),
        authored_by=rule.review.authored_by,
        checked_by=rule.review.checked_by,
        written=rule.review.date.isoformat(),
        due=rule.review.next.isoformat(),
        vignettes=tuple(VignetteAbout(one.name, one.hook, one.on.isoformat(), one.patient, one.expect) for one in rule.vignettes),
    )


def _population(text: str, titles: Mapping[str, str]) -> str:
    """The specification's words for whom a rule is for, without its signs and rule ids: `AGE>=18; pregnancy -> mg-pregnancy replaces`."""
    text = re.sub(r"AGE>=(\d+)|>=(\d+) y\b", lambda found: f"age {found[1] or found[2]} or older", text)
    text = re.sub(r"[a-z]+(?:-[a-z0-9]+)+", lambda found: f"“{titles[found[0]]}”" if found[0] in titles else found[0], text)
    return text.replace(" -> ", ": ").replace(">=", "≥")


def _titles(knowledge: Knowledge) -> dict[str, str]:
    """What `Words` says instead of a bare name; a fact that several rules conclude keeps its name."""
    found = {rule.id: rule.title for rule in knowledge.every}
    concluders: dict[str, dict[str, None]] = {}
    for rule in knowledge.rules:
        for branch in rule.branches:
            for name in branch.concludes:
                concluders.setdefault(name, {})[rule.title] = None
    return found | {name: next(iter(titles)) for name, titles in concluders.items() if len(titles) == 1}


def _branch(branch: Branch, words: Words, rule: Rule) -> BranchAbout:
    concluded = tuple(f"concludes {name}" for name in branch.concludes)
    blocked = tuple(f"nothing may propose {words.name(name)}" for name in branch.blocks)
    name = "" if len(rule.branches) == 1 else f"{_ways(rule, [branch.id])} of {len(rule.branches)}"
    when, unless = words.each(branch.include.parts), words.each(branch.unless)
    only_asks = not set(branch.include.parts).isdisjoint(branch.unless)
    does = (*concluded, *blocked)
    return BranchAbout(branch.id, name, branch.indicator, branch.ask, branch.summary, when, unless, does, branch.lines, only_asks)


def _ways(rule: Rule, ids: Collection[str]) -> str:
    """Branches by their place in the rule file, from 1 on: `way 2`, `ways 1, 2 and 4`."""
    *most, last = (str(place) for place, branch in enumerate(rule.branches, 1) if branch.id in ids)
    return f"ways {', '.join(most)} and {last}" if most else f"way {last}"


def _proposal(proposal: Proposal, words: Words, rule: Rule) -> str:
    what = f"{proposal.label} (removes the offending draft)" if proposal.action == "delete" else proposal.label
    kind = proposal.resource.get("resourceType")
    what += f" ({kind} draft, no dose)" if kind == "MedicationRequest" else f" ({kind} draft)" if kind else ""
    what += f", {_ways(rule, proposal.branches)} only" if 0 < len(proposal.branches) < len(rule.branches) else ""
    return what + (f", when {_flat(words.say(proposal.when))}" if proposal.when else "") + (", recommended" if proposal.recommended else "")


def _flat(said: Said) -> str:
    """A condition on one line."""
    return f"{said.text} {'; '.join(_flat(part) for part in said.parts)}" if said.parts else said.text


def _unknown(rule: Rule) -> tuple[str, ...]:
    found: dict[str, list[str]] = {}
    for branch in rule.branches:
        found.setdefault(branch.unknown, []).append(branch.id)
    if len(found) == 1:
        return tuple(UNKNOWN[one] for one in found)
    return tuple(f"{_ways(rule, ids)}: {UNKNOWN[one]}" for one, ids in found.items())


def _evidence(knowledge: Knowledge, rule: Rule) -> tuple[EvidenceAbout, ...]:
    stated = [(one.source, one.says, one.strength, one.verified) for one in rule.evidence]
    of_rows = {name for branch in rule.branches for name in branch.source.split(";") if name} - {one.source for one in rule.evidence}
    told = []
    for name, says, strength, verified in [*stated, *((name, "", "", "") for name in sorted(of_rows))]:
        source = knowledge.sources.get(name, {})
        title = ", ".join(part for part in (source.get("organisation"), source.get("title"), source.get("year")) if part)
        told.append(EvidenceAbout(name, title or name, source.get("url") or "", says, strength, verified))
    return tuple(told)
