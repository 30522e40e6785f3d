"""Re-checks every shipped row of rules/codes: forms and check digits, ICD-10-CM validity, contradictions, ages.

`nmcds codes verify` and the checks of the project run it; the service does not. All problems are reported together, each as
"file: line n: found ..., expected ...". The ICD-10-CM classification and today's date come from the caller.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Final, Protocol

from rules.code_form import form_problem
from rules.code_lists import KINDS, CodeLists
from rules.taxonomy import Taxonomy

__all__ = ["Checked", "Classification", "Finding", "check_codes"]

ICD_10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_MONTHS: Final = 13
"""The longest time from a release of ICD-10-CM to the next check: there is a new one every 1 October."""
OTHER_MONTHS: Final = 25
"""The longest time from one check of another system to the next."""
SOON_DAYS: Final = 30


class Classification(Protocol):
    """ICD-10-CM as the package simple-icd-10-cm offers it."""

    def is_valid_item(self, code: str) -> bool:
        """Is it a chapter, block, category or code of the release?"""
        ...

    def get_description(self, code: str) -> str:
        """The official title."""
        ...

    def is_leaf(self, code: str) -> bool:
        """Is it billable, without codes below it?"""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem; a warning does not fail the check."""

    text: str
    warning: bool = False


@dataclass(slots=True)
class Checked:
    """How many rows were looked at, by code system, and what was found."""

    rows: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What fails the check."""
        return [one.text for one in self.findings if not one.warning]

    @property
    def warnings(self) -> list[str]:
        """What will fail it soon, or wants a look."""
        return [one.text for one in self.findings if one.warning]

    def say(self, text: str, *, warning: bool = False) -> None:
        """Keep one finding."""
        self.findings.append(Finding(text, warning))


@dataclass(frozen=True, slots=True)
class _Row:
    file: str
    line: int
    values: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.file}: line {self.line}"

    @property
    def system(self) -> str:
        return self.values["system"]

    @property
    def code(self) -> str:
        return self.values["code"]


def check_codes(folder: Path, *, today: date, icd: Classification | None) -> Checked:
    """Check every file of `folder`. Raises CodeListError when a file cannot be loaded at all."""
    lists = CodeLists.read(folder)
    checked = Checked()
    every = [row for path in sorted(folder.glob("*.csv")) for row in _read(path)]
    coded = [row for row in every if row.values.get("system") and row.values.get("code")]
    systems = set(lists.systems.values())
    for row in coded:
        checked.rows[row.system] = checked.rows.get(row.system, 0) + 1
        if row.system not in systems:
            checked.say(f"{row}: system: found {row.system!r}, expected a system of systems.csv")
        if row.file != "product-routes.csv" and (wrong := form_problem(row.system, row.code)):  # those are starts of codes
            checked.say(f"{row}: code: {wrong}")
    listed = [row for row in coded if row.file in KINDS]
    _icd(listed, icd, checked)
    _contradictions(listed, lists, _pairs(every, lists, checked), checked)
    _members(every, lists, checked)
    _ages([row for row in every if row.file == "checked.csv"], coded, today, checked)
    return checked


def _read(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        table = csv.DictReader(stream)
        for values in table:
            yield _Row(path.name, table.line_num, values)


def _icd(rows: Iterable[_Row], icd: Classification | None, checked: Checked) -> None:
    """Validity, official title, and that `match` fits: exact for a code without codes below it, prefix for the others."""
    if icd is None:
        checked.say(
            "ICD-10-CM: not checked, because the package simple-icd-10-cm is not installed; install the development packages and run again"
        )
        return
    for row in rows:
        if row.system != ICD_10_CM:
            continue
        if "-" in row.code or not icd.is_valid_item(row.code):
            checked.say(f"{row}: code: found {row.code!r}, expected a code of the installed ICD-10-CM release")
            continue
        title, match = icd.get_description(row.code), "exact" if icd.is_leaf(row.code) else "prefix"
        if row.values["display"] != title:
            checked.say(f"{row}: display of {row.code}: found {row.values['display']!r}, expected {title!r}")
        if row.values["match"] != match:
            checked.say(f"{row}: match of {row.code}: found {row.values['match']!r}, expected {match!r}")


def _pairs(every: Iterable[_Row], lists: CodeLists, checked: Checked) -> set[frozenset[str]]:
    """The pairs of shared-codes.csv that may stand on one code; a name that no list has is a problem."""
    known = {row.concept for row in lists.rows}
    pairs = set()
    for row in every:
        if row.file == "shared-codes.csv":
            names = (row.values["one"], row.values["other"])
            for name in names:
                if name not in known:
                    checked.say(f"{row}: found {name!r}, expected a concept of the code lists")
            pairs.add(frozenset(names))
    return pairs


def _contradictions(rows: Iterable[_Row], lists: CodeLists, pairs: set[frozenset[str]], checked: Checked) -> None:
    """One code twice for one concept, with two displays, or for two concepts that nothing ties together."""
    taxonomy = Taxonomy(lists.nodes)
    wide = {(word.system, word.code) for word in lists.wide}
    by_code: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        by_code.setdefault((row.system, row.code), []).append(row)
    for (system, code), same in by_code.items():
        first = same[0]
        seen: set[str] = set()
        for row in same:
            if row.values["concept_id"] in seen:
                checked.say(f"{row}: found {code} a second time for {row.values['concept_id']!r}, expected it once")
            seen.add(row.values["concept_id"])
            if row.values["display"] != first.values["display"]:
                checked.say(
                    f"{row}: display of {code}: found {row.values['display']!r}, expected {first.values['display']!r} as in {first}"
                )
        if (system, code) in wide:
            continue
        for one, other in combinations(sorted(seen), 2):
            if frozenset((one, other)) not in pairs and not _related(one, other, taxonomy):
                checked.say(
                    f"{first}: {code}: found for {one!r} and {other!r}, expected one of them; or tie them in the taxonomy, "
                    "wide-codes.csv or shared-codes.csv"
                )


def _related(one: str, other: str, taxonomy: Taxonomy) -> bool:
    """Does one stand above the other, or do both have a common ancestor, which such a code then means?"""
    return not {one, *taxonomy.ancestors(one)}.isdisjoint({other, *taxonomy.ancestors(other)})


def _members(every: Iterable[_Row], lists: CodeLists, checked: Checked) -> None:
    """Every member of a value set and every list of a taxonomy node is defined somewhere."""
    known = {row.concept for row in lists.rows} | {row.drug_class for row in lists.rows if row.drug_class}
    known |= {node.id for node in lists.nodes} | {word.code for word in lists.vocabulary} | {member.value_set for member in lists.members}
    columns = {
        "value-sets.csv": "concept_id",
        "taxonomy-map.csv": "terminology_concept_id",
        "wide-codes.csv": "concept",
        "deciding-texts.csv": "concept",
    }
    for row in every:
        name = row.values.get(columns.get(row.file, ""), "")
        if name and name not in known:
            checked.say(f"{row}: found {name!r}, expected a concept, value set or word that is defined")


def _ages(rows: list[_Row], coded: Iterable[_Row], today: date, checked: Checked) -> None:
    """Each file and system of codes has a row in checked.csv that is not overdue."""
    told = {(row.values["file"], row.values["system"]) for row in rows}
    for file, system in sorted({(row.file, row.system) for row in coded if row.file in KINDS} - told):
        checked.say(f"checked.csv: {file}: found no row for {system}, expected when and how its codes were checked")
    for row in rows:
        values = row.values
        try:
            on, due = (date.fromisoformat(values[name]) for name in ("checked_on", "next"))
            release = date.fromisoformat(values["release"]) if values["release"] or values["system"] == ICD_10_CM else on
        except ValueError:
            found = ", ".join(repr(values[name]) for name in ("release", "checked_on", "next"))
            checked.say(f"{row}: found {found}, expected dates such as 2026-11-26 (the release may be empty when it is not known)")
            continue
        start, limit = (release, ICD_MONTHS) if values["system"] == ICD_10_CM else (on, OTHER_MONTHS)
        where = f"{row}: {values['file']}, {values['system']}"
        if not values["source"]:
            checked.say(f"{where}: source: found nothing, expected who or what the codes were checked against")
        if on > today or release > on:
            checked.say(f"{where}: found release {release} checked on {on}, expected them in this order and not in the future")
        if (due.year - start.year) * 12 + due.month - start.month > limit:
            checked.say(f"{where}: next: found {due}, expected at most {limit} months after {start}")
        if due < today:
            checked.say(f"{where}: next: found {due}, expected today or later; check the rows against a newer release and move the dates")
        elif (due - today).days <= SOON_DAYS:
            checked.say(f"{where}: next: due on {due}", warning=True)
        if values["system"] == ICD_10_CM and release < (newest := _october(today)):
            checked.say(f"{where}: checked against the release of {release}; that of {newest} is out: check again by {due}", warning=True)


def _october(today: date) -> date:
    """The day of the newest yearly release of ICD-10-CM."""
    this = date(today.year, 10, 1)
    return this if this <= today else date(today.year - 1, 10, 1)
