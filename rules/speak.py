"""From a world to findings: which rules fire, which ask, what they propose, what is withheld and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rules.arranged import arranged
from rules.compile import Compiled, Producer, inclusion
from rules.engine.interface import ORDINARY, Budget
from rules.explain import Explainer, Reasons
from rules.facts import Record
from rules.findings import ChainStep, Evaluation, Evidence, Finding, Indicator, NotChecked, RuleRef, Suggestion, Withheld
from rules.model import Branch, Card, Proposal, Rule
from rules.patterns.drugs import MEDICATION_TYPES
from rules.patterns.therapy import ended
from rules.proposals import draft_resource
from rules.terminology import Terminology
from rules.words import thing_in_words
from rules.world import World

__all__ = ["Speaker"]

LEVELS: tuple[Indicator, ...] = ("info", "warning", "critical")
BORROWING = {"encounter-start", "encounter-discharge"}
BY_NAME_ONLY = "rests on a drug that was recognised by its name only: record it with a code"
ALLERGY = "an allergy or intolerance to it is on file"
NOT_TOLERATED = "was stopped because it was not tolerated"
UNDECIDED = "Not known whether this applies: "
NOT_CHECKED_YET = "could not be ruled out, because data are missing"


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
        self.terminology = terminology
        self.budgets = {f"fact:{name}": most for name, most in budgets.items()}
        self.unasked = {f"fact:{name}": terminology.expand(medicines) for name, medicines in unasked.items()}
        self.voices = [(rule, self.branches(rule)) for rule in self.rules]
        self.hooks: dict[str, tuple[tuple[Rule, tuple[Voice, ...], bool], ...]] = {}
        self.places: dict[str, dict[str, int]] = {}

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
        for rule, voices, borrowed in [rules[place] for place in sorted({places[include] for include in places.keys() & world.possible})]:
            budget.check()
            finding, missing = self.finding(rule, voices, world)
            if finding is None:
                noted.update(dict.fromkeys(missing))
            elif watched is not None and finding.asks and needs_occasion(finding, world.record, watched):
                noted.update(dict.fromkeys(finding.not_checked))
            elif not borrowed or finding.asks or finding.indicator != "info":
                findings.append(finding)
        if hook == "problem-list-item-create":
            findings = [finding for finding in findings if self.concerns_new(finding, world)]
        at_most = min((most for fact, most in self.budgets.items() if fact in world.sure), default=None)
        return Evaluation(tuple(findings), tuple(noted), bool(findings), at_most)

    def speaking(self, hook: str) -> tuple[tuple[Rule, tuple[Voice, ...], bool], ...]:
        """The rules of a hook, with those that it borrows from patient-view (True); `places` gets the rule of each include."""
        if hook not in self.hooks:
            found = []
            for rule, voices in self.voices:
                borrowed = hook not in rule.hooks and hook in BORROWING and "patient-view" in rule.hooks and rule.stage == "safety"
                viewed = hook == "problem-list-item-create" and "patient-view" in rule.hooks
                if hook in rule.hooks or borrowed or viewed:
                    found.append((rule, voices, borrowed))
            self.places[hook] = {include: place for place, (_, voices, _) in enumerate(found) for _, include, _ in voices}
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
        suggestions = tuple(self.suggestions(rule, card, world, branches, reasons, undecided, withheld, asks=asks))
        title = strongest.summary if strongest.summary != card.summary else (card.ask_summary or f"Cannot be checked: {rule.title}")
        chain = dict.fromkeys((*reasons.chain, ChainStep(rule.id, f"{'asks' if asks else 'fires'}:{rule.id}")))
        for branch in branches:
            chain.update(dict.fromkeys(ChainStep(rule.id, f"blocked:{name}") for name in branch.blocks if not asks))
        sources = {one for branch in branches for one in branch.source.split(";") if one}
        return Finding(
            rule=RuleRef(rule.id, rule.version),
            title=rule.title,
            pathway=rule.pathway,
            stage=rule.stage,
            asks=asks,
            indicator="info" if asks else levels[strongest.id],
            summary=title[:139] if asks else strongest.summary,
            detail=tuple(detail),
            branches=tuple(branch.id for branch in branches),
            because=tuple(reasons.because),
            chain=tuple(chain),
            not_checked=tuple(reasons.missing),
            withheld=tuple(withheld),
            suggestions=suggestions,
            evidence=(
                *rule.evidence,
                *(Evidence(source, "", "", "") for source in sorted(sources - {one.source for one in rule.evidence})),
            ),
            override_reasons=card.override_reasons,
            family=None if card.alone & {branch.id for branch in branches} else card.family,
            joins=card.joins,
            yields=card.yields,
            emergency=card.emergency,
            reviewed_by=rule.review.checked_by,
            provisional=provisional,
            leaflets=tuple(line.text for line in card.leaflets if self.compiled.whens[line.when] in world.sure),
        )

    def level(self, branch: Branch, card: Card, world: World) -> Indicator:
        """The branch's level, one lower when only an unconfirmed diagnosis supports it."""
        place = LEVELS.index(branch.indicator)
        if not card.keep_level and self.explainer.provisional(branch.include, world):
            place = max(0, place - 1)
        return LEVELS[place]

    def deletions(self, proposal: Proposal, world: World, branches: list[Branch]) -> Iterable[Suggestion]:
        """One for each draft that made the proposal's branches fire; several are told apart by their names."""
        reasons = Reasons()
        for branch in branches:
            if not proposal.branches or branch.id in proposal.branches:
                self.explainer.why(branch.include, world, reasons)
        offending = {ref: named for ref, named in reasons.drafts.items() if not proposal.removes or named & proposal.removes}
        for ref, named in offending.items():
            label = f"{proposal.label}: {self.terminology.label(min(named))}" if len(offending) > 1 else proposal.label
            yield Suggestion(label, "delete", None, ref, None, proposal.recommended)

    def suggestions(
        self,
        rule: Rule,
        card: Card,
        world: World,
        branches: list[Branch],
        reasons: Reasons,
        undecided: Reasons | None,
        withheld: dict[Withheld, None],
        *,
        asks: bool,
    ) -> Iterable[Suggestion]:
        """Proposals that apply, without blocked ones; what is removed goes to `withheld`.

        For the data that a drug waits for there is one Task, as far as no other proposal of the rule obtains them.
        """
        patient = world.record.person.ref if world.record.person else "Patient/unknown"
        names = {branch.id for branch in branches}
        urgent = card.emergency or any(self.level(branch, card, world) == "critical" for branch in branches)
        wanted, obtained = Reasons(), Reasons()
        for proposal in card.proposals:
            if proposal.branches and not proposal.branches & names:
                continue
            if proposal.when is not None and self.compiled.whens[proposal.when] not in world.sure:
                continue
            if proposal.action == "delete":
                yield from () if asks else self.deletions(proposal, world, branches)
                continue
            if proposal.treats and asks:
                continue
            obstacles = self.obstacles(rule, proposal, branches, world, reasons, undecided, wanted, urgent=urgent)
            if obstacles:
                withheld.update(dict.fromkeys(Withheld(self.name(proposal), *one) for one in obstacles))
                continue
            if proposal.when is not None:
                self.explainer.unknowns(proposal.when, world, obtained)
            resource = draft_resource(proposal.resource, proposal.label, patient, self.terminology, world.record.as_of)
            yield Suggestion(proposal.label, "create", resource, None, proposal.concept, proposal.recommended)
        reasons.missing.update(wanted.missing)
        data = reasons.missing if asks else wanted.missing.keys() - obtained.missing.keys()
        if data:
            things = frozenset(thing_in_words(gap.what, self.terminology) for gap in data)
            label = "Obtain or record: " + ", ".join(sorted(things))
            resource = draft_resource({"resourceType": "Task", "text": label}, rule.title, patient, self.terminology)
            yield Suggestion(label, "create", resource, obtains=things)

    def obstacles(
        self,
        rule: Rule,
        proposal: Proposal,
        branches: list[Branch],
        world: World,
        reasons: Reasons,
        undecided: Reasons | None,
        wanted: Reasons,
        *,
        urgent: bool,
    ) -> list[tuple[str, str]]:
        """(rule, reason) of all that speaks against this proposal, the weightiest first; data that would decide go to `wanted`."""
        found = self.barriers(proposal, world, reasons, wanted)
        if found:
            return found
        reason: str | None = None
        if proposal.treats and self.rests_on_a_name(proposal, branches, world):
            reason = BY_NAME_ONLY
        elif proposal.is_drug and undecided is not None:
            reason = "an exclusion of this rule " + NOT_CHECKED_YET
            wanted.missing.update(undecided.missing)
        elif proposal.is_drug:
            reason = self.reaction(proposal.concept, world.record)
        if reason is None and not urgent:
            reason = arranged(proposal, world.record, rule)
        return [(rule.id, reason)] if reason else []

    def rests_on_a_name(self, proposal: Proposal, branches: list[Branch], world: World) -> bool:
        """Would this be proposed only because a drug was recognised by its name?"""
        grounds = [branch.include for branch in branches if not proposal.branches or branch.id in proposal.branches]
        if all(self.explainer.by_name(node, world) for node in grounds):
            return True
        return proposal.when is not None and self.explainer.by_name(proposal.when, world)

    def reaction(self, drug: str | None, record: Record) -> str | None:
        """Why a drug that this patient reacted to is not proposed: an allergy that is not called mild, or stopped for intolerance.

        Only of a named drug: a class has other members, and immunoglobulin rules of its own.
        """
        if drug is None or self.terminology.is_collection(drug):
            return None
        if any(one.counts and drug in one.concepts and one.severities != {"mild"} for one in record.allergies):
            return ALLERGY
        if any(drug in one.concepts and ended(one) and "intolerance" in one.status_reasons for one in record.medications):
            return NOT_TOLERATED
        return None

    def name(self, proposal: Proposal) -> str:
        """What a withheld proposal would have been."""
        if proposal.concept is None:
            return proposal.label
        text = proposal.resource.get("text")
        group = self.terminology.is_collection(proposal.concept)
        return text if group and isinstance(text, str) else self.terminology.label(proposal.concept)

    def barriers(self, proposal: Proposal, world: World, reasons: Reasons, wanted: Reasons) -> list[tuple[str, str]]:
        """(rule, reason) of a block that covers the proposal; without one, of each that cannot be ruled out for a drug."""
        concept = proposal.concept
        if concept is None:
            return []
        for block, producer in self.blocking(concept, world, certain=True):
            self.explainer.conclusions(block, world, reasons)
            return [(producer.rule.id, producer.branch.summary or producer.rule.title)]
        found: dict[tuple[str, str], None] = {}
        for _, producer in self.blocking(concept, world, certain=None) if proposal.is_drug else ():
            for node in (producer.branch.include, *producer.branch.unless):
                self.explainer.gaps(node, world, wanted)
            found[producer.rule.id, f"{producer.rule.title}: {NOT_CHECKED_YET}"] = None
        return list(found)

    def blocking(self, concept: str, world: World, *, certain: bool | None) -> Iterator[tuple[str, Producer]]:
        """The blocks on a drug that hold, surely (True) or possibly (None), each with a branch that makes it so."""
        members = self.terminology.expand(concept) or frozenset({concept})
        for block, covered in self.compiled.blocks.items():
            if world.truth(block) is certain and (concept in covered or members <= covered or block == f"blocked:{concept}"):
                for producer in self.explainer.makers(block):
                    if world.truth(f"fires:{producer.rule.id}/{producer.branch.id}") is certain:
                        yield block, producer
