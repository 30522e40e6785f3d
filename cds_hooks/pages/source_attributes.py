"""The 13 source attributes of an evidence-based decision support intervention (45 CFR 170.315(b)(11)(iv)(A)), told for one rule.

What a rule uses is worked out from its conditions and from those of every rule that it builds on, so the page cannot promise too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.about import About
from rules.knowledge import Knowledge
from rules.model import Leaf, Rule, nodes_of

__all__ = ["Attribute", "attributes", "reads_of"]

DEVELOPER = "The neuromuscular-cds project (open source, Apache-2.0); rule written by {}"
FUNDING = "No funding is recorded for this rule"
NEVER = "Not used: no condition of the rule language reads it"
BIRTH = frozenset({"age_from", "age_below", "onset_age_below"})
AGE_AND_SEX = frozenset({"crcl"})  # calculated values that take age and sex
STATES = frozenset({"answer", "symptom", "no_symptom", "plan"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute and what is true of this rule."""

    name: str
    text: str


def attributes(knowledge: Knowledge, rule: Rule, told: About) -> tuple[Attribute, ...]:
    """All 13, in the order of the regulation."""
    reads = reads_of(knowledge, rule)
    citations = [f"{one.title} [{one.source}]" for one in told.evidence]
    health = sorted(reads["states"])
    values = {
        "Bibliographic citation": "; ".join(citations) or "None stated: the rule only prepares facts for other rules",
        "Developer": DEVELOPER.format(told.authored_by),
        "Funding source": FUNDING,
        "Release and revision dates": f"Version {told.version} of {told.written}; next revision due {told.due}",
        "Use of race": NEVER,
        "Use of ethnicity": NEVER,
        "Use of language": NEVER,
        "Use of sexual orientation": NEVER,
        "Use of gender identity": NEVER,
        "Use of sex": _used(reads["sex"], "recorded sex (Patient.gender)"),
        "Use of date of birth": _used(reads["birth"], "age, from Patient.birthDate"),
        "Use of social determinants of health": NEVER,
        "Use of health status assessments": f"Used: {', '.join(health)}" if health else "Not used",
    }
    return tuple(Attribute(name, text) for name, text in values.items())


def reads_of(knowledge: Knowledge, rule: Rule) -> Mapping[str, frozenset[str]]:
    """`sex` and `birth`: rule ids that read them; `states`: measured or asked states by label; own conditions and all below."""
    sex: set[str] = set()
    birth: set[str] = set()
    states: set[str] = set()
    waiting, seen = [rule.id], {rule.id}
    while waiting:
        one = knowledge.rule(waiting.pop())
        if one is None:
            continue
        for table in (dict(node.table) for node in nodes_of(one) if isinstance(node, Leaf)):
            calculated = table.get("calc") in AGE_AND_SEX
            if "sex" in table or calculated:
                sex.add(one.id)
            if calculated or not BIRTH.isdisjoint(table):
                birth.add(one.id)
            states.update(_label(knowledge, table[name]) for name in STATES & table.keys())
        new = knowledge.compiled.below(one) - seen
        seen |= new
        waiting += new
    return {"sex": frozenset(sex), "birth": frozenset(birth), "states": frozenset(states)}


def _label(knowledge: Knowledge, value: object) -> str:
    if isinstance(value, tuple | list):
        return " or ".join(_label(knowledge, one) for one in value)
    return knowledge.terminology.label(str(value))


def _used(rules: frozenset[str], what: str) -> str:
    return f"Used: {what}, by {', '.join(sorted(rules))}" if rules else "Not used"
