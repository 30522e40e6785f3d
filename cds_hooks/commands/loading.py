"""Loading what a command works with: the settings of this environment and the knowledge they name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import rules.knowledge
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.settings import Settings
from cds_hooks.vocabularies.start import load_vocabularies
from fhir_fixtures import PatientFixture, patients
from rules.knowledge import Knowledge
from rules.model import Rule
from rules.site import Site

__all__ = [
    "PACKAGED",
    "Engine",
    "find_fixture",
    "find_rule",
    "load_knowledge",
    "read_settings",
    "rule_file",
    "rules_folder",
    "unknown_name",
]

Engine = Literal["checked", "durable", "reference"]
PACKAGED = Path(rules.knowledge.__file__).parent / "pathways"


def read_settings() -> Settings:
    """The NMCDS_ variables of this environment; raises SettingsError."""
    return Settings.load(os.environ)


def rules_folder(folder: Path | None) -> Path:
    """Where the rule files are: the given folder, else the one of the settings, else the packaged one."""
    return folder or read_settings().knowledge_dir or PACKAGED


def load_knowledge(folder: Path | None, *, engine: Engine | None = None, drafts: frozenset[str] = frozenset()) -> Knowledge:
    """The knowledge that the service would load, or the rules of `folder`, on the engine of the settings or another.

    `drafts` are drafts that speak as if they were active. Raises what `failure.report` explains.
    """
    settings = read_settings()
    known = load_vocabularies(settings, ask=False)
    return Knowledge.load(
        rules_folder(folder),
        engine=engine or settings.engine,
        drafts=drafts,
        site=Site.load(settings.site_file),
        site_codes=settings.site_codes_file,
        expansion=known.rows(),
    )


def find_rule(knowledge: Knowledge, identifier: str) -> Rule:
    """A rule by id; raises StopError with the nearest ids."""
    rule = knowledge.rule(identifier)
    if rule is None:
        raise unknown_name("rule", identifier, (one.id for one in knowledge.every), "nmcds rules list")
    return rule


def find_fixture(name: str) -> PatientFixture:
    """An invented patient by name; raises StopError with the nearest names."""
    everybody = patients()
    for fixture in everybody:
        if fixture.name == name:
            return fixture
    raise unknown_name("fixture", name, (one.name for one in everybody), "nmcds fixtures")


def rule_file(rule: Rule, folder: Path) -> Path:
    """The file that a rule was read from."""
    return folder / rule.area / f"{rule.id}.toml"


def unknown_name(what: str, name: str, names: Iterable[str], command: str) -> StopError:
    """An error that names the nearest of `names` and the command that lists all."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    article = "an" if what[0] in "aeiou" else "a"
    hint = f", did you mean {' or '.join(near)}?" if near else ""
    return StopError(Exit.USAGE, f"found {name!r}, expected the name of {article} {what}{hint}", f"`{command}` lists all.")
