"""`nmcds rules names`: the names that a rule may write, found by words, with what they mean and the codes behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.loading import load_knowledge, unknown_name
from cds_hooks.commands.output import Exit, as_json, console, plain
from rules.knowledge import Knowledge
from rules.model import Leaf, nodes_of
from rules.patterns import predicate_of
from rules.terminology import Terminology

__all__ = ["Name", "find", "names"]

MOST: Final = 40  # names in a table; more are counted
WRITTEN: Final[Mapping[str, str]] = {
    "condition": "diagnosis",
    "medication": "med",
    "observation": "lab",
    "procedure": "done",
    "service": "order",
    "question": "answer",
    "finding": "symptom",
    "gene": "gene",
    "calculator": "calc",
    "specialty": "encounter",
    "device": "device",
    "plan": "plan",
    "fact": "fact",
    "source": "source",
}
"""How a name of this kind is written when no rule has used it yet: the predicate, or the key of [[evidence]]."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name. `stands_for` are the names below it, `codes` the official codes that reach it: system, code, display."""

    name: str
    label: str
    kind: str
    write: str
    stands_for: tuple[str, ...]
    codes: tuple[tuple[str, str, str], ...]


def names(words: str, *, codes: bool, rules: Path | None, json: bool) -> Exit:
    """List every name that has all `words` in itself, its label or one of its codes; raises StopError when there is none."""
    knowledge = load_knowledge(rules, engine="reference")
    found = find(knowledge, words)
    if not found:
        raise unknown_name("concept, value set, drug class, fact or source", words, knowledge.terminology.names(), "nmcds rules names WORD")
    if json:
        as_json([asdict(one) for one in found])
        return Exit.OK
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "label", "kind", "write", "codes"):
        table.add_column(title, overflow="fold")
    for one in found[:MOST]:
        counted = Text("" if one.kind in ("fact", "source") else str(len(one.codes) or "none"), style="" if one.codes else "yellow")
        table.add_row(Text(one.name, style="bold"), Text(plain(one.label)), one.kind, one.write.partition(" =")[0].strip("{ "), counted)
    out.print(table)
    if codes or len(found) == 1:
        for one in found[:MOST]:
            _tell(one)
    more = f"; {len(found) - MOST} more are not shown, use more words" if len(found) > MOST else ""
    out.print(
        Text(
            f"{len(found)} name{'s' if len(found) > 1 else ''}{more}. Write it as, for example, {found[0].write}. A name without codes is "
            "recorded only with our own codes or a site's.",
            style="dim",
        )
    )
    return Exit.OK


def _tell(one: Name) -> None:
    out = console()
    out.print()
    out.print(Text(one.name, style="bold"))
    if one.stands_for:
        out.print(Text(f"  stands for: {', '.join(one.stands_for)}"))
    for system, code, display in one.codes:
        out.print(Text(f"  {system} {code} {plain(display)}"), soft_wrap=True)


def find(knowledge: Knowledge, words: str) -> list[Name]:
    """The names that fit, those whose own name or label has the words before those found by a code alone."""
    wanted = words.lower().split()
    terminology, usage = knowledge.terminology, _usage(knowledge)
    ranked: list[tuple[int, int, str, Name]] = []
    for name in terminology.names():
        label = terminology.label(name)
        near = f"{name} {name.replace('-', ' ')} {label}".lower()
        spelled = _codes(terminology, name) if not _has(near, wanted) else ()
        by_code = any(_has(f"{code} {display}".lower(), wanted) for _, code, display in spelled)
        if by_code or _has(near, wanted):
            ranked.append((1 if by_code else 0, len(name), name, _name(terminology, name, usage)))
    others = [*_facts(knowledge, wanted), *_sources(knowledge, wanted)]
    return [one for *_, one in sorted(ranked, key=lambda item: item[:3])] + others


def _has(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _usage(knowledge: Knowledge) -> Mapping[str, Counter[str]]:
    """By name, how often the loaded rules write it under which predicate."""
    found: dict[str, Counter[str]] = {}
    for rule in knowledge.every:
        for node in nodes_of(rule):
            if isinstance(node, Leaf):
                table = dict(node.table)
                predicate = predicate_of(table)
                value = table[predicate]
                for name in value if isinstance(value, tuple) else (value,):
                    found.setdefault(str(name), Counter())[predicate] += 1
    return found


def _name(terminology: Terminology, name: str, usage: Mapping[str, Counter[str]]) -> Name:
    kind = terminology.kind(name) or "finding"
    below = tuple(sorted(terminology.expand(name) - {name}))
    usual, used = WRITTEN.get(kind, kind), usage.get(name, Counter())
    common = used.most_common(1)[0][0] if used else usual
    predicate = usual if usual in used or common.startswith((usual, "condition")) else common
    write = f'{{ {predicate} = "{name}" }}'
    return Name(name, terminology.label(name), kind, write, below, _codes(terminology, name))


def _codes(terminology: Terminology, name: str) -> tuple[tuple[str, str, str], ...]:
    found = {
        (coding["system"], coding["code"], coding["display"])
        for concept in terminology.expand(name)
        for coding in terminology.codings(concept)
    }
    return tuple(sorted(found))


def _facts(knowledge: Knowledge, wanted: Iterable[str]) -> Iterator[Name]:
    """What derive rules conclude."""
    for key, makers in sorted(knowledge.compiled.producers.items()):
        kind, _, name = key.partition(":")
        label = f"concluded by {', '.join(sorted({one.rule.id for one in makers}))}"
        if kind == "fact" and _has(f"{name} {name.replace('-', ' ')}".lower(), wanted):
            yield Name(name, label, "fact", f'{{ fact = "{name}" }}', (), ())


def _sources(knowledge: Knowledge, wanted: Iterable[str]) -> Iterator[Name]:
    for name, row in sorted(knowledge.sources.items()):
        label = ", ".join(part for part in (row.get("organisation"), row.get("title"), row.get("year")) if part)
        if _has(f"{name} {label}".lower(), wanted):
            yield Name(name, label, "source", f'source = "{name}"', (), ())
