"""The page that maps each claim of the text the project started from to the rules and concepts that cover it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rules.knowledge import Knowledge

__all__ = ["SEED", "claims", "page"]

SEED = Path(__file__).resolve().parents[1] / "docs" / "reference" / "seed-coverage.csv"
WHOLE = {"immunotherapy.md": "all immunosuppressive rules", "disease-taxonomy.csv": "the disease taxonomy", "not clinical": "not clinical"}


def claims() -> list[dict[str, str]]:
    """Return the rows: seed_section, seed_claim_or_term, covered_by (ids separated by ";"), note."""
    with SEED.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def page() -> Iterator[str]:
    """Yield the page."""
    knowledge = Knowledge.load(engine="reference")
    yield "# The seed, claim by claim\n"
    yield (
        "The project started from a plain text about neuromuscular disorders and their treatment. Each of its claims points to rules that "
        "fire for an invented patient, or to concepts of the disease taxonomy and the code lists; `make test` checks both. Source: "
        "[seed-coverage.csv](seed-coverage.csv).\n"
    )
    yield "| section | claim | covered by | note |\n| --- | --- | --- | --- |"
    for row in claims():
        named = [
            f"[{one}](rules.md#{one})" if knowledge.rule(one) else WHOLE.get(one, f"{knowledge.terminology.label(one)} (`{one}`)")
            for one in row["covered_by"].split(";")
        ]
        cells = (row["seed_section"], row["seed_claim_or_term"], ", ".join(named), row["note"])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
