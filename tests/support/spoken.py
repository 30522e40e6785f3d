"""The rules of the package, loaded once for a test process, and what one of them says of the patient of a vignette."""

from __future__ import annotations

from functools import cache

from rules.check import evaluate_vignette
from rules.findings import Finding
from rules.knowledge import Knowledge
from rules.model import Rule, Vignette

__all__ = ["on_both_engines", "on_reference", "said"]


@cache
def on_both_engines() -> Knowledge:
    """As the service has them."""
    return Knowledge.load()


@cache
def on_reference() -> Knowledge:
    """For tests that ask what rules say and not whether the engines agree."""
    return Knowledge.load(engine="reference")


def said(known: Knowledge, rule: Rule, vignette: Vignette) -> Finding | None:
    """The finding of the rule, a question too; None when it says nothing."""
    return next((finding for finding in evaluate_vignette(known, vignette).findings if finding.rule.id == rule.id), None)
