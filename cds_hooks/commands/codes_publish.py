"""`nmcds codes codesystem` and `nmcds codes questionnaire`: what the service publishes under /fhir, for import into a FHIR server."""

from __future__ import annotations

import difflib

from cds_hooks.commands.loading import load_knowledge
from cds_hooks.commands.output import Exit, StopError, as_json
from rules.publish.code_system import code_system
from rules.publish.questionnaires import questionnaires, searchset

__all__ = ["print_code_system", "print_questionnaires"]


def print_code_system(*, every: bool) -> Exit:
    """Print our CodeSystem."""
    as_json(code_system(load_knowledge(None), every=every))
    return Exit.OK


def print_questionnaires(name: str | None) -> Exit:
    """Print one Questionnaire, or all in a Bundle; raises StopError with the nearest names."""
    found = questionnaires(load_knowledge(None))
    if name is None:
        as_json(searchset(found.values()))
    elif name in found:
        as_json(found[name])
    else:
        near = difflib.get_close_matches(name, found, n=1, cutoff=0.4)
        hint = f", did you mean {near[0]}?" if near else ""
        raise StopError(Exit.USAGE, f"found {name!r}, expected one of {', '.join(found)}{hint}", "Without a name all are printed.")
    return Exit.OK
