"""From a world to findings: which rules fire, which ask, what they propose, what is withheld and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.compile import Compiled, inclusion
from rules.engine.interface import ORDINARY, Budget
from rules.explain import Explainer, Reasons
from rules.extract.reading import MASKED
from rules.facts import Record
from rules.findings import ChainStep, Evaluation, Evidence, Finding, Indicator, NotChecked, RuleRef, Withheld
from rules.model import BORROWING, Branch, Card, Rule, lent
from rules.offers import Offers
from rules.patterns.drugs import MEDICATION_TYPES
from rules.terminology import Terminology
from rules.world import World

__all__ = ["Speaker"]

LEVELS: tuple[Indicator, ...] = ("info", "warning", "critical")
UNDECIDED = "Not known whether this applies: "


Voice = tuple[Branch, str, tuple[str, ...]]
"""A branch that may speak, the proposition of its include, and those of its exclusions."""


ORDERED = frozenset({"draft", "planned", "stop_draft"})


def needs_occasion(finding: Finding, record: Record, watched: frozenset[str]) -> bool:
    """Whether a question comes from data that could not be read, and no order, result, `watched` medicine or the like gives occasion to it.

    Another medicine does not, nor who somebody is, nor a problem that matters only with a medicine of which nothing is known.
    """
    unread = {one.what for one in finding.not_checked} & record.unread.keys()
    named = [one.fact for one in finding.because] + [one.what for one in finding.not_checked]
    if not unread or any(one.partition(":")[0] in ORDERED for one in named):
        return False
    facts = ((one.resource.partition("/")[0], one.fact) for one in finding.because if one.resource)
    given = {kind for kind, fact in facts if kind not in ("Patient", *MEDICATION_TYPES) or not watched.isdisjoint(fact.split(":"))}
    return not given or (given == {"Condition"} and not unread.isdisjoint(MEDICATION_TYPES))


def is_masked(record: Record) -> bool:
    """Whether the problem list came as a whole, with an entry that does not say what it is. Many records have one, and it could be any
    disease: nobody is asked about all of them."""
    return record.unread.get("Condition") == MASKED


def evidence(rule: Rule, branches: Iterable[Branch]) -> dict[Evidence, None]:
    """What these branches rest on: of a row of a table its own sources, as far as that row was verified; else those of the rule."""
    found: dict[Evidence, None] = {}
    for branch in branches:
        own = [Evidence(source, "", "", branch.verified) for source in branch.source.split(";") if source]
        found.update(dict.fromkeys(own or rule.evidence))
    return found


class Speaker:
    """Turns engine outcomes into findings; holds rules and terminology, never a patient.

    `budgets` is the most cards for a patient for whom a derived fact holds, by its name; `unasked` the derived facts under which
    nothing unread is asked about without an occasion, each with the medicines that give one.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...],
        compiled: Compiled,
        explainer: Explainer,
        terminology: Terminology,
        budgets: Mapping[str, int],
        unasked: Mapping[str, str],
    ) -> None:
        self.rules = tuple(rule for rule in rules if rule.card is not None)
        self.compiled = compiled
        self.explainer = explainer
        self.offers = Offers(compiled, explainer, terminology)
        self.budgets = {f"fact:{name}": most for name, most in budgets.items()}
        self.unasked = {f"fact:{name}": terminology.expand(medicines) for name, medicines in unasked.items()}
        self.voices = [(rule, self.branches(rule)) for rule in self.rules]
        self.hooks: dict[str, tuple[tuple[Rule, tuple[Voice, ...], bool], ...]] = {}
        self.places: dict[str, dict[str, int]] = {}
        self.includes: dict[str, frozenset[str]] = {}

    def branches(self, rule: Rule) -> tuple[Voice, ...]:
        """The branches of a rule that may speak."""
        known = self.compiled.exclusions
        return tuple((branch, inclusion(rule, branch), known[rule.id, branch.id]) for branch in rule.branches if not branch.silent)

    def evaluation(self, world: World, budget: Budget = ORDINARY) -> Evaluation:
        """All findings for the hook, in rule order. Raises EngineError("deadline")."""
        hook = world.record.hook
        findings: list[Finding] = []
        noted: dict[NotChecked, None] = {}
        rules, places = self.speaking(hook), self.places[hook]
        watched = next((medicines for fact, medicines in self.unasked.items() if fact in world.sure), None)
        occasions = frozenset[str]().union(*self.unasked.values()) if self.unasked and is_masked(world.record) else watched
        for rule, voices, borrowed in [
            rules[place] for place in sorted({places[include] for include in world.possible.among(self.includes[hook])})
        ]:
            budget.check()
            finding, missing = self.finding(rule, voices, world)
            if finding is None:
                noted.update(dict.fromkeys(missing))
            elif occasions is not None and finding.asks and needs_occasion(finding, world.record, occasions):
                noted.update(dict.fromkeys(finding.not_checked))
            elif not borrowed or finding.asks or finding.indicator != "info":
                findings.append(finding)
        if hook == "problem-list-item-create":
            findings = [finding for finding in findings if self.concerns_new(finding, world)]
        at_most = min((most for fact, most in self.budgets.items() if fact in world.sure), default=None)
        lost = len(world.record.lost) if watched is None else 0
        return Evaluation(tuple(findings), tuple(noted), bool(findings), at_most, lost=lost)

    def speaking(self, hook: str) -> tuple[tuple[Rule, tuple[Voice, ...], bool], ...]:
        """The rules of a hook, with those that it borrows from patient-view (True); `places` gets the rule of each include."""
        if hook not in self.hooks:
            found = []
            for rule, voices in self.voices:
                borrowed = hook in lent(rule.hooks, rule.stage)
                if hook in rule.hooks or borrowed:
                    found.append((rule, voices, borrowed and hook in BORROWING))
            self.places[hook] = {include: place for place, (_, voices, _) in enumerate(found) for _, include, _ in voices}
            self.includes[hook] = frozenset(self.places[hook])
            self.hooks[hook] = tuple(found)
        return self.hooks[hook]

    @staticmethod
    def concerns_new(finding: Finding, world: World) -> bool:
        """Does one of the conditions being added take part?"""
        new = {fact.ref for fact in world.record.conditions if fact.origin != "record"}
        return any(one.resource in new for one in finding.because)

    def finding(self, rule: Rule, voices: tuple[Voice, ...], world: World) -> tuple[Finding | None, tuple[NotChecked, ...]]:
        """The rule's voice, or what it could not check."""
        fired: list[Branch] = []
        asking: list[Branch] = []
        reasons = Reasons()
        undecided: Reasons | None = None
        unsaid = Reasons()
        for branch, include, exclusions in voices:
            if include not in world.possible or any(one in world.sure for one in exclusions):
                continue
            if include in world.sure:
                (asking if branch.ask else fired).append(branch)
                for number, one in enumerate(exclusions):
                    if one in world.possible:
                        undecided = undecided or Reasons()
                        self.explainer.gaps(branch.unless[number], world, undecided)
                continue
            if branch.unknown == "silent" and not world.record.unread:
                continue  # nobody is told what is missing
            gaps = Reasons()
            self.explainer.gaps(branch.include, world, gaps)
            unread = any(gap.type in world.record.unread for gap in gaps.missing)
            if branch.unknown == "ask" or (unread and rule.stage == "safety"):
                asking.append(branch)
                unsaid.missing.update(gaps.missing)
            elif branch.unknown == "note" or unread:
                unsaid.missing.update(gaps.missing)
        if not fired and not asking:
            return None, tuple(unsaid.missing)
        speaking = fired or asking
        for branch in speaking:
            self.explainer.why(branch.include, world, reasons)
        if undecided is not None:
            reasons.missing.update(undecided.missing)
        reasons.missing.update(unsaid.missing)
        return self.render(rule, world, speaking, reasons, undecided, asks=not fired), ()

    def render(
        self, rule: Rule, world: World, branches: list[Branch], reasons: Reasons, undecided: Reasons | None, *, asks: bool
    ) -> Finding:
        """Text, level and proposals of one finding; `undecided` is what is missing to rule out an exclusion, None when all are."""
        card = rule.card
        assert card is not None  # noqa: S101 - only rules with a card speak
        levels = {branch.id: self.level(branch, card, world) for branch in branches}
        strongest = max(branches, key=lambda branch: LEVELS.index(levels[branch.id]))
        provisional = any(self.explainer.provisional(branch.include, world) for branch in branches)
        detail = dict.fromkeys(card.detail)
        for branch in branches:
            holds = inclusion(rule, branch) in world.sure
            detail.update(dict.fromkeys(line if holds else f"{UNDECIDED}{line}" for line in branch.lines))
        for line in card.lines:
            if self.compiled.whens[line.when] in world.sure:
                detail[line.text] = None
                self.explainer.why(line.when, world, reasons)
        withheld: dict[Withheld, None] = {}
        urgent = card.emergency or "critical" in levels.values()
        offered = self.offers.suggestions(rule, card, world, branches, reasons, undecided, withheld, asks=asks, urgent=urgent)
        suggestions = tuple(offered)
        chain = dict.fromkeys((*reasons.chain, ChainStep(rule.id, f"{'asks' if asks else 'fires'}:{rule.id}")))
        for branch in branches:
            chain.update(dict.fromkeys(ChainStep(rule.id, f"blocked:{name}") for name in branch.blocks if not asks))
        return Finding(
            rule=RuleRef(rule.id, rule.version),
            title=rule.title,
            pathway=rule.pathway,
            stage=rule.stage,
            asks=asks,
            indicator="info" if asks else levels[strongest.id],
            summary=self.question(rule, card, strongest, world)[:139] if asks else strongest.summary,
            detail=tuple(detail),
            branches=tuple(branch.id for branch in branches),
            because=tuple(reasons.because),
            chain=tuple(chain),
            not_checked=tuple(reasons.missing),
            withheld=tuple(withheld),
            suggestions=suggestions,
            evidence=tuple(evidence(rule, branches)),
            override_reasons=card.override_reasons,
            family=None if card.alone & {branch.id for branch in branches} else card.family,
            joins=card.joins,
            yields=card.yields,
            emergency=card.emergency,
            reviewed_by=rule.review.checked_by,
            provisional=provisional,
            unstated=any(self.explainer.unstated(branch.include, world) for branch in branches),
            leaflets=tuple(line.text for line in card.leaflets if self.compiled.whens[line.when] in world.sure),
        )

    @staticmethod
    def question(rule: Rule, card: Card, branch: Branch, world: World) -> str:
        """The title of a question: the branch's own words when they ask or it holds for certain; what only may hold is no title."""
        states = "?" not in branch.summary and inclusion(rule, branch) not in world.sure
        if branch.summary == card.summary or states:
            return card.ask_summary or f"Cannot be checked: {rule.title}"
        return branch.summary

    def level(self, branch: Branch, card: Card, world: World) -> Indicator:
        """The branch's level, one lower when only an unconfirmed diagnosis supports it."""
        place = LEVELS.index(branch.indicator)
        if not card.keep_level and self.explainer.provisional(branch.include, world):
            place = max(0, place - 1)
        return LEVELS[place]
