"""The codes of our lists that a release is searched below: what an index is built from, and the digest that ties it to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rules.knowledge
from rules.code_lists import CodeLists
from rules.terminology import RXNORM, SNOMED

__all__ = ["ICD10CM", "Seed", "Seeds", "packaged_lists"]

ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
SYSTEMS: Final = (SNOMED, RXNORM)


def packaged_lists() -> CodeLists:
    """The code lists that the service loads; raises CodeListError."""
    return CodeLists.read(Path(rules.knowledge.__file__).parent / "codes")


@dataclass(frozen=True, slots=True)
class Seed:
    """One code of our lists.

    `below`: its subtypes mean the same; without it a code stands for itself, and its subtypes are not taken for the unspecified disease
    that a code above it names. `fixed`: it and what is below mean this and nothing that stands above.
    """

    code: int
    concepts: frozenset[str]
    below: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds by system, every ICD-10-CM code of the lists (to look for retired ones), and the digest of the seeds."""

    snomed: tuple[Seed, ...]
    rxnorm: tuple[Seed, ...]
    icd10cm: frozenset[str]
    digest: str

    @classmethod
    def of(cls, lists: CodeLists) -> Seeds:
        """The trusted SNOMED CT and RxNorm codes of the lists.

        A code of `wide-codes.csv` is fixed: it claims the one concept of that file, and so does everything below it.
        """
        fixed = {(word.system, word.code): word.means for word in lists.wide}
        found: dict[tuple[str, str], tuple[set[str], bool]] = {
            key: ({means}, True) for key, means in fixed.items() if key[0] in SYSTEMS and key[1].isdecimal()
        }
        for row in lists.rows:
            key = (row.system, row.code)
            if row.trusted and row.system in SYSTEMS and row.code.isdecimal() and key not in fixed:
                concepts, below = found.get(key, (set(), False))
                found[key] = (concepts | {row.concept}, below or row.match == "descendants")
        seeds = {
            system: tuple(
                Seed(int(code), frozenset(concepts), below, (owner, code) in fixed)
                for (owner, code), (concepts, below) in sorted(found.items(), key=lambda item: (item[0][0], int(item[0][1])))
                if owner == system
            )
            for system in SYSTEMS
        }
        icd = frozenset(row.code for row in lists.rows if row.trusted and row.system == ICD10CM)
        return cls(seeds[SNOMED], seeds[RXNORM], icd, _digest(seeds[SNOMED], seeds[RXNORM]))


def _digest(*groups: Iterable[Seed]) -> str:
    """The same for the same seeds in whatever order the files name them; display texts and other code systems do not count."""
    hashed = hashlib.sha256()
    for group in groups:
        for seed in group:
            hashed.update(f"{seed.code}|{','.join(sorted(seed.concepts))}|{seed.below:d}{seed.fixed:d}\n".encode())
        hashed.update(b"\n")
    return hashed.hexdigest()
