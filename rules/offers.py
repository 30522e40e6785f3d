"""What a rule that speaks proposes: drafts without what is blocked, what was withheld and why, and a Task for the data that decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.arranged import arranged
from rules.compile import Compiled, Producer
from rules.explain import Explainer, Reasons
from rules.extract.reading import NAMELESS
from rules.facts import Record
from rules.findings import Suggestion, Withheld
from rules.model import Branch, Card, Proposal, Rule
from rules.patterns.therapy import withdrawn
from rules.proposals import draft_resource
from rules.terminology import Terminology
from rules.words import thing_in_words
from rules.world import World

__all__ = ["Offers"]

BY_NAME_ONLY = "rests on a drug that was recognised by its name only: record it with a code"
ALLERGY = "an allergy or intolerance to it is on file"
NOT_TOLERATED = "was stopped because it was not tolerated"
NOT_CHECKED_YET = "could not be ruled out, because data are missing"


class Offers:
    """Turns the proposals of a card into suggestions; holds rules and terminology, never a patient."""

    def __init__(self, compiled: Compiled, explainer: Explainer, terminology: Terminology) -> None:
        self.compiled = compiled
        self.explainer = explainer
        self.terminology = terminology

    def deletions(self, proposal: Proposal, world: World, branches: list[Branch]) -> Iterable[Suggestion]:
        """One for each draft that made the proposal's branches fire; several are told apart by their names."""
        reasons = Reasons()
        for branch in branches:
            if not proposal.branches or branch.id in proposal.branches:
                self.explainer.why(branch.include, world, reasons)
        offending = {ref: named for ref, named in reasons.drafts.items() if not proposal.removes or named & proposal.removes}
        for ref, named in offending.items():
            label = f"{proposal.label}: {self.terminology.label(min(named))}" if len(offending) > 1 else proposal.label
            target = None if ref.endswith(f"/{NAMELESS}") else ref  # without an id no action can name it, and the words still can
            yield Suggestion(label, "delete", None, target, None, proposal.recommended)

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
        urgent: bool,
    ) -> Iterable[Suggestion]:
        """Proposals that apply, without blocked ones; what is removed goes to `withheld`. An `urgent` card proposes what is arranged too.

        For the data that a drug waits for there is one Task, as far as no other proposal of the rule obtains them.
        """
        patient = world.record.person.ref if world.record.person else "Patient/unknown"
        names = {branch.id for branch in branches}
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
        if any(one.counts is not False and drug in one.concepts and one.severities != {"mild"} for one in record.allergies):
            return ALLERGY
        if any(drug in one.concepts and withdrawn(one) and "intolerance" in one.status_reasons for one in record.medications):
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
