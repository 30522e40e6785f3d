"""`python -m tools.licences`: the licence of every locked package is known, allowed and still what the package itself says."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FILE = Path(__file__).with_name("licences.toml")
SERVICE = "requirements-runtime.lock"
LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==", re.MULTILINE)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
OPERATORS = {"AND", "OR", "WITH"}
# What a trove classifier leaves open is answered by the beginning of the SPDX id.
CLASSIFIED = {
    "Apache Software License": ("Apache-",),
    "BSD License": ("0BSD", "BSD-"),
    "GNU General Public License (GPL)": ("GPL-",),
    "GNU Lesser General Public License v3 (LGPLv3)": ("LGPL-3.0",),
    "ISC License (ISCL)": ("ISC",),
    "MIT License": ("MIT",),
    "Mozilla Public License 2.0 (MPL 2.0)": ("MPL-2.0",),
    "Public Domain": ("LicenseRef-Public-Domain",),
    "Python Software Foundation License": ("PSF-", "Python-"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a package's metadata say about its licence: an SPDX expression (PEP 639) or, in older ones, classifiers, or neither."""

    expression: str | None = None
    classifiers: tuple[str, ...] = ()


def locked(text: str) -> set[str]:
    """The names of the packages in a lock file."""
    return {canonicalize_name(name) for name in LOCKED.findall(text)}


def installed() -> dict[str, Told]:
    """What the packages of this environment say."""
    found: dict[str, Told] = {}
    for one in distributions():
        kinds = (kind.split(" :: ") for kind in one.metadata.get_all("Classifier") or ())
        names = tuple(kind[-1] for kind in kinds if kind[0] == "License" and kind[-1] in CLASSIFIED)
        found[canonicalize_name(one.name)] = Told(next(iter(one.metadata.get_all("License-Expression") or ()), None), names)
    return found


def problems(
    locks: Mapping[str, set[str]], table: Mapping[str, str], allowed: Mapping[str, Iterable[str]], known: Mapping[str, Told]
) -> list[str]:
    """What is wrong, a sentence each. `locks`: packages by lock file; `table`: licences by package; `known`: what is installed."""
    everything = set().union(*locks.values())
    unread = sorted(everything - table.keys())
    found = [f"{name}: found no licence, expected a line in tools/licences.toml after reading the package's own" for name in unread]
    found += [f"{name}: in tools/licences.toml but in no lock file; take the line out" for name in sorted(table.keys() - everything)]
    service = set(allowed["service"])
    for name in sorted(everything & table.keys()):
        may = service if name in locks.get(SERVICE, ()) else service | set(allowed["tools"])
        wrong = sorted(set(ID.findall(table[name])) - OPERATORS - may)
        if wrong:
            found.append(f"{name}: found {' and '.join(wrong)}, expected only {', '.join(sorted(may))}")
        if (said := known.get(name)) is not None and not _agree(table[name], said):
            told = said.expression or ", ".join(said.classifiers)
            found.append(f"{name}: tools/licences.toml says {table[name]}, the installed package says {told}; read its licence again")
    return found


def _agree(written: str, said: Told) -> bool:
    if said.expression:
        try:
            return canonicalize_license_expression(said.expression) == written
        except InvalidLicenseExpression:
            return False
    ids = set(ID.findall(written)) - OPERATORS
    return all(any(one.startswith(CLASSIFIED[kind]) for one in ids) for kind in said.classifiers)


def main() -> int:
    """0 when all is well, else 1 and the problems."""
    file = tomllib.loads(FILE.read_text(encoding="utf-8"))
    locks = {path.name: locked(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("requirements*.lock"))}
    found = problems(locks, file["packages"], file["allowed"], installed())
    print("\n".join(found) or f"{len(file['packages'])} packages of {len(locks)} lock files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
