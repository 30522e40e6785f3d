"""The rules of the package, loaded once for a test process, and what they say of a short patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache

from rules.check import evaluate_vignette
from rules.findings import Finding
from rules.knowledge import Knowledge
from rules.model import Rule, Vignette

__all__ = ["about", "on_both_engines", "on_reference", "said"]

DAY = dt.date(2026, 11, 22)


@cache
def on_both_engines() -> Knowledge:
    """As the service has them."""
    return Knowledge.load()


@cache
def on_reference() -> Knowledge:
    """For tests that ask what rules say and not whether the engines agree."""
    return Knowledge.load(engine="reference")


def about(known: Knowledge, hook: str, patient: Mapping[str, object]) -> dict[str, Finding]:
    """What is said of a patient that is written as in a vignette, by rule; the day is that of the invented patients."""
    vignette = Vignette("", DAY, hook, patient, "fires")
    return {finding.rule.id: finding for finding in evaluate_vignette(known, vignette).findings}


def said(known: Knowledge, rule: Rule, vignette: Vignette) -> Finding | None:
    """The finding of the rule, a question too; None when it says nothing."""
    return next((finding for finding in evaluate_vignette(known, vignette).findings if finding.rule.id == rule.id), None)
