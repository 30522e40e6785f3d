"""A page about the output of a run, made to be printed and passed on: counts only, small ones hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cds_hooks.population.small_cells import SMALLEST, hidden, shown

__all__ = ["Table", "page", "sections"]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its title, what it counts in a sentence, the heads of its columns, and its rows as text."""

    title: str
    about: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sections(summary: Mapping[str, Any], label: Callable[[str], str], words: Callable[[str], str]) -> list[Table]:
    """The tables of a summary. `label` names a disease or drug, `words` a thing that could not be checked."""
    people = summary["patients"]
    return [
        _people(people, summary["notScreened"]),
        _counted(
            "Diseases", "Patients by the most specific neuromuscular diagnosis on file; a patient with two counts twice.", "disease",
            summary["diseases"], label,
        ),
        _rules(
            "Reviews and monitoring that are due", "Patients for whom a monitoring rule fires.",
            [rule for rule in summary["rules"] if "monitoring" in (rule["pathway"], rule["stage"])],
        ),
        _counted(
            "Blocked drugs in use", "Patients who take a drug that a rule blocks for them.", "drug", summary["blockedInUse"], label
        ),
        _rules("All rules", "Patients by the rule that speaks about them: it fires, or asks for what it needs to know.", summary["rules"]),
        _gaps("Not checked", "Patients about whom a rule could not be checked, by what was missing and why.", summary["notChecked"], words),
        _gaps(
            "Data that could not be read", "Patients of whom a whole type of data is unknown. Unknown is never counted as absent.",
            summary["unread"], str,
        ),
    ]  # fmt: skip


def page(summary: Mapping[str, Any], label: Callable[[str], str], words: Callable[[str], str]) -> str:
    """The whole page: one HTML file that loads nothing."""
    environment = Environment(
        loader=PackageLoader("cds_hooks.population", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        tables=sections(summary, label, words), summary=summary, smallest=SMALLEST, unknown=summary["types"]["unknown"]
    )


def _people(people: Mapping[str, int], reasons: Mapping[str, int]) -> Table:
    """Screened and not screened add up to all, with and without findings to the screened; so do the reasons to the not screened."""
    parts = {"screened": people["screened"], **{f"not screened: {reason}": count for reason, count in reasons.items()}}
    secret = hidden(parts)
    spoken = {"with findings": people["withFindings"], "without findings": people["screened"] - people["withFindings"]}
    secret_spoken = hidden(spoken) or (frozenset(spoken) if "screened" in secret else frozenset())
    rows = [("all", shown(people["all"]))]
    rows += [(name, shown(count, also_hidden=name in secret)) for name, count in parts.items()]
    rows += [(name, shown(count, also_hidden=name in secret_spoken)) for name, count in spoken.items()]
    return Table("Patients", "Everybody of whom the export has anything.", ("", "patients"), tuple(rows))


def _counted(title: str, about: str, head: str, counts: Mapping[str, int], label: Callable[[str], str]) -> Table:
    """Parts that nearly add up to a number that may be known elsewhere."""
    secret = hidden(counts)
    rows = sorted((label(name), shown(count, also_hidden=name in secret)) for name, count in counts.items())
    return Table(title, about, (head, "patients"), tuple(rows))


def _rules(title: str, about: str, rules: Iterable[Mapping[str, Any]]) -> Table:
    """Patients of a rule are those for whom it fires and those for whom it asks: when one is hidden, so is the other."""
    rows = []
    for rule in sorted(rules, key=lambda one: str(one["rule"])):
        parts = {"fires": rule["patients"] - rule["asks"], "asks": rule["asks"]}
        secret = hidden(parts)
        rows.append(
            (
                str(rule["rule"]), str(rule["title"]), shown(parts["fires"], also_hidden="fires" in secret),
                shown(parts["asks"], also_hidden="asks" in secret),
            )
        )  # fmt: skip
    return Table(title, about, ("rule", "title", "fires", "asks"), tuple(rows))


def _gaps(title: str, about: str, gaps: Iterable[Mapping[str, Any]], words: Callable[[str], str]) -> Table:
    rows = [(words(str(gap["what"])), str(gap["why"]), int(gap["patients"])) for gap in gaps]
    rows.sort(key=lambda row: (-row[2], row[0], row[1]) if row[2] >= SMALLEST else (0, row[0], row[1]))
    return Table(title, about, ("what", "why", "patients"), tuple((what, why, shown(count)) for what, why, count in rows))
