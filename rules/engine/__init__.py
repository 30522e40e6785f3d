"""Forward chaining: one contract, three back-ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal

from rules.engine.background import Bases
from rules.engine.checked import CheckedEngine
from rules.engine.interface import Engine, Facts, Program
from rules.engine.reference import ReferenceEngine

__all__ = ["build_engine"]


def build_engine(
    kind: Literal["checked", "durable", "reference"], program: Program, watchdog: bool = False, typical: Sequence[Facts] = ()
) -> Engine:
    """Load `program` into a back-end. `watchdog` (for services) ends the process when durable_rules does not come back; `typical`: the
    facts of typical patients, (sure, possible), which make runs like them cheap and change no outcome.

    Raises ProgramError, and RuntimeError when durable_rules cannot be used here.
    """
    if kind == "reference":
        return ReferenceEngine(program, typical)
    if sys.version_info >= (3, 13):
        raise RuntimeError('durable_rules does not run on Python 3.13 or newer: choose the engine "reference"')
    from rules.engine.durable import DurableEngine  # noqa: PLC0415  (absent on newer Pythons)

    bases = Bases()
    durable = DurableEngine(program, watchdog, typical, bases)
    return durable if kind == "durable" else CheckedEngine(ReferenceEngine(program, typical, bases), durable)
