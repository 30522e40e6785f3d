"""The loaded knowledge: rules, codes, compiled program and engine. Load once, evaluate many; evaluation reads no file, clock or socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from rules.code_lists import CodeLists
from rules.compile import Compiled, compile_rules
from rules.dismissal import Period, periods
from rules.engine import build_engine
from rules.engine.interface import ORDINARY, Budget, Program, ProgramError
from rules.evaluate import Evaluator
from rules.expansion import Coded
from rules.extract import LOST, Input, extract
from rules.findings import Evaluation
from rules.load import KnowledgeError, load_dismissal, load_rules, load_sources, load_typical
from rules.match import Matcher
from rules.model import Leaf, Rule, nodes_of
from rules.patterns import Pattern
from rules.site import Site
from rules.site_codes import read_site_codes
from rules.terminology import Terminology
from rules.typical import typical_facts
from rules.words import fact_in_words

__all__ = ["VERSION", "Knowledge"]

VERSION = "2026.11.15"
HERE = Path(__file__).parent


class Knowledge:
    """Rules that may speak (`rules`), those that conclude and block as well (`acting`), all rules read (`every`), and how to evaluate a
    patient."""

    def __init__(
        self,
        every: tuple[Rule, ...],
        patterns: Mapping[Leaf, Pattern],
        terminology: Terminology,
        sources: Mapping[str, Mapping[str, str]],
        engine: Literal["checked", "durable", "reference"],
        site: Site,
        compiled: Compiled,
        rules: tuple[Rule, ...],
        acting: tuple[Rule, ...],
        typical: tuple[Mapping[str, object], ...],
        *,
        watchdog: bool = False,
    ) -> None:
        self.version = VERSION
        self.every = every
        self.rules = rules
        self.acting = acting
        self.terminology = terminology
        self.sources = sources
        self.site = site
        self.patterns = patterns
        self.compiled = compiled
        matcher = Matcher(compiled.leaves, patterns, acting, compiled.producers)
        self.engine = build_engine(engine, compiled.program, watchdog, typical_facts(typical, matcher, terminology))
        self.evaluator = Evaluator(rules, compiled, matcher, terminology, self.engine, site.budgets, site.unasked)
        self._by_id = {rule.id: rule for rule in every}
        self.titles = {rule.id: rule.title for rule in every if rule.card is not None}
        self._periods, _ = periods(load_dismissal(), every)
        self._reads = self._reading()

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        engine: Literal["checked", "durable", "reference"] = "checked",
        site: Site | None = None,
        site_codes: Path | None = None,
        expansion: Iterable[Coded] = (),
        watchdog: bool = False,
        drafts: frozenset[str] = frozenset(),
        vignettes_later: bool = False,
    ) -> Knowledge:
        """Read codes and rules (`folder`: rule files, default those of the package; `site_codes`: the site's own codes; `expansion`: what a
        site's own vocabulary releases add to the code lists; `drafts`: ids of drafts that speak as if they were active, to try them out;
        `vignettes_later`: they are read when somebody asks for them).

        Raises KnowledgeError, CodeListError or SiteCodesError with all problems.
        """
        site = site or Site.load()
        lists = CodeLists.read(HERE / "codes")
        site_map = read_site_codes(site_codes, Terminology(lists)) if site_codes is not None else ()
        terminology = Terminology(lists, site_map, expansion)
        sources = load_sources(HERE / "codes")
        loaded = load_rules(folder or HERE / "pathways", terminology, site, frozenset(sources), vignettes_later=vignettes_later)
        if loaded.problems:  # conditions that could not be read cannot be compiled
            raise KnowledgeError(loaded.problems)
        active = tuple(rule for rule in loaded.rules if rule.status == "active" or (rule.status == "draft" and rule.id in drafts))
        compiled = compile_rules(active, terminology)
        problems = list(compiled.problems)
        try:
            compiled.program.check()
        except ProgramError as problem:
            problems.append(str(problem))
        problems += periods(load_dismissal(), loaded.rules)[1] if folder is None else ()
        for table, facts in (("cards", site.budgets), ("questions", site.unasked)):
            unmade = sorted(name for name in facts if folder is None and f"fact:{name}" not in compiled.producers)
            problems += [f"settings: thresholds.{table}.{name}: no rule concludes it" for name in unmade]
        for fact, name in sorted(site.unasked.items()):
            if not terminology.knows(name):
                near = ", ".join(terminology.suggest(name)) or '"*"'
                problems.append(f"settings: thresholds.questions.{fact}: {name!r} is not a set of medicines (did you mean {near}?)")
        known = {rule.id for rule in loaded.rules}
        for key, names in (("off", site.off), ("unwatched", site.unwatched), ("reviewers", site.reviewers.keys())):
            problems += [f"site settings: {key}: {name!r} is not a rule" for name in sorted(names - known)]
        if problems:
            raise KnowledgeError(tuple(problems))
        acting = tuple(rule for rule in active if rule.id not in site.off)
        if acting != active:  # a site's choice; what it leaves out was checked above with the rest
            compiled = compile_rules(acting, terminology)
        # A rule that waits for its review says nothing, but what it blocks no reviewed rule proposes (docs/decisions/0010).
        rules = tuple(rule for rule in acting if rule.review.checked_by or not site.require_review)
        typical = load_typical(HERE / "typical.toml")
        return cls(loaded.rules, loaded.patterns, terminology, sources, engine, site, compiled, rules, acting, typical, watchdog=watchdog)

    def rule(self, identifier: str) -> Rule | None:
        """A rule by id, active or not."""
        return self._by_id.get(identifier)

    def reads(self, hook: str) -> tuple[str, ...]:
        """FHIR resource types that the rules of this hook (and the rules they build on) read; Patient and Condition always."""
        return self._reads.get(hook, ("Condition", "Patient"))

    def evaluate(
        self, resources: Iterable[Input], *, as_of: datetime, hook: str, unread: Mapping[str, str], budget: Budget = ORDINARY
    ) -> Evaluation:
        """Findings for one patient at one moment, within the budget. Raises EngineError; apart from its time pure."""
        record = extract(resources, terminology=self.terminology, as_of=as_of, hook=hook, unread=unread, check=budget.check)
        evaluation = self.evaluator.evaluate(record, budget)
        if not (record.unmapped or record.unread or record.lost):
            return evaluation
        return replace(evaluation, unmapped=record.unmapped, unread={**dict.fromkeys(record.lost, LOST), **record.unread})

    def periods(self, identifier: str) -> tuple[Period, ...]:
        """How long a dismissed card of this rule stays away, where the specification says so."""
        return self._periods.get(identifier, ())

    def in_words(self, fact: str) -> str:
        """A fact or a gap of a finding for a clinician: "result: Acetylcholine receptor antibody"."""
        return fact_in_words(fact, self.terminology)

    @property
    def program(self) -> Program:
        """The compiled program."""
        return self.compiled.program

    def _reading(self) -> dict[str, tuple[str, ...]]:
        own: dict[str, set[str]] = {}
        needs: dict[str, set[str]] = {}
        for rule in self.acting:
            leaves = (node for node in nodes_of(rule) if isinstance(node, Leaf))
            own[rule.id] = {name for node in leaves for name in self.patterns[Leaf(node.table, node.lifelong)].reads}
            needs[rule.id] = set(self.compiled.below(rule))
        if any(rule.stage == "safety" for rule in self.acting):
            blockers = {one.rule.id for name in self.compiled.blocks for one in self.compiled.producers[name]}
            for rule in self.acting:
                if rule.card is not None and any(proposal.is_drug for proposal in rule.card.proposals):
                    needs[rule.id] |= blockers
        found: dict[str, tuple[str, ...]] = {}
        for hook in sorted(
            {hook for rule in self.rules for hook in rule.hooks} | {"problem-list-item-create", "encounter-start", "encounter-discharge"}
        ):
            views = {hook, "patient-view"} if hook not in {"order-select", "order-sign", "appointment-book"} else {hook}
            waiting = [rule.id for rule in self.rules if rule.hooks & views]
            reached: set[str] = set()
            while waiting:
                name = waiting.pop()
                if name not in reached:
                    reached.add(name)
                    waiting.extend(needs[name] - reached)
            found[hook] = tuple(sorted({"Condition", "Patient"}.union(*(own[name] for name in reached))))
        return found
