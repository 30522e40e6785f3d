"""The live canary: every active rule runs its own example in this process, again and again; a rule that stays silent is an alarm.

Loading a rule does not prove that it can speak here and now: the engine's C core, the code lists and the site's own settings lie between.
The first sweep begins when the service is up and does not hold up readiness (`docs/decisions/0006-live-canary.md`). Examples take turns
with calls, one at a time, only when no call waits or after `PATIENCE_S`, so that a call waits for one example at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from cds_hooks.cards import Renderer
from cds_hooks.errors import Overloaded
from cds_hooks.observe import Metrics, log_event
from cds_hooks.turns import Turns
from rules.engine.interface import EngineError
from rules.findings import Evaluation
from rules.model import Vignette
from rules.vignette.maker import PATIENT

__all__ = ["Canary", "Examples"]

BEGIN_S = 1.0  # after the start: the first calls go first
PAUSE_S = 0.02  # between two examples: a sweep takes a third of one core at most
PATIENCE_S = 1.0  # how long a sweep lets calls go first before one example takes a turn among them
NAMED = 20  # silent rules that /readyz names; the log and the metrics have all
AGAIN_S = 60.0  # to the next sweep while a rule is silent
REMEDY = "restart with an unchanged installation, or list it under unwatched in the site file when the site's own settings silence it"


class Examples(Protocol):
    """`rules.examples.Examples` has this, and so have the doubles in tests."""

    @property
    def speaking(self) -> Iterable[tuple[str, Vignette | None]]:
        """Rules with a card and the vignette on which each speaks."""
        ...

    @property
    def concluding(self) -> Iterable[tuple[str, Iterable[Vignette]]]:
        """Rules without a card and the vignettes of which one shows each at work."""
        ...

    def run(self, vignette: Vignette) -> tuple[Evaluation, frozenset[str]]:
        """Findings, and the rules without a card that concluded something."""
        ...


@dataclass(slots=True)
class Canary:
    """Sweeps every `minutes` while `run` is awaited. `silent` are the rules that did not speak when last asked; 0 minutes: never."""

    examples: Examples
    renderer: Renderer
    turns: Turns
    metrics: Metrics
    minutes: float
    silent: set[str] = field(default_factory=set)
    swept: int = 0
    shown_by: dict[str, Vignette] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """For /readyz: off, running (the first sweep is not over), passed or silent."""
        if not self.minutes:
            return "off"
        if self.silent:
            return "silent"
        return "passed" if self.swept else "running"

    @property
    def problems(self) -> tuple[str, ...]:
        """In words for an operator; rule ids only."""
        if not self.silent:
            return ()
        names = sorted(self.silent)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        return (f"rules that stay silent on their own example: {', '.join(names[:NAMED])}{more}; {REMEDY}",)

    async def run(self) -> None:
        """Sweep until cancelled."""
        if not self.minutes:
            return
        await asyncio.sleep(BEGIN_S)
        while True:
            await self.sweep()
            await asyncio.sleep(AGAIN_S if self.silent else self.minutes * 60)

    async def sweep(self) -> None:
        """Ask every rule once. What ran out of time twice stays as it was: a busy process is slow, not mute."""
        concluded: set[str] = set()
        starved = False
        for rule, vignette in self.examples.speaking:
            seen = await self._ask(vignette, rule) if vignette is not None else frozenset()
            starved = starved or seen is None
            if seen is not None:
                concluded |= seen
                self._note(rule, silent=rule not in seen)
        for rule, vignettes in self.examples.concluding:
            if rule not in concluded:
                concluded |= await self._search(rule, vignettes)
            if rule in concluded or not starved:
                self._note(rule, silent=rule not in concluded)
        if not starved:
            self.swept += 1
            self.metrics.canary_sweeps.inc()
            self.metrics.canary_swept.set_to_current_time()
        log_event("canary", logging.ERROR if self.silent else logging.INFO, rules=sorted(self.silent))

    async def _search(self, rule: str, vignettes: Iterable[Vignette]) -> frozenset[str]:
        """Go through the vignettes until one shows the rule at work; later sweeps begin with that one."""
        known = self.shown_by.get(rule)
        for vignette in (*([known] if known else []), *vignettes):
            seen = await self._ask(vignette) or frozenset()
            if rule in seen:
                self.shown_by[rule] = vignette
                return seen
        return frozenset()

    async def _ask(self, vignette: Vignette, rule: str = "") -> frozenset[str] | None:
        """The rules that reach a card or a conclusion: none when the evaluation fails, None when it ran out of time.

        When `rule` is not among them, ask once more.
        """
        seen = await self._try(vignette)
        return await self._try(vignette) if rule and rule not in (seen or ()) else seen

    async def _try(self, vignette: Vignette) -> frozenset[str] | None:
        while True:
            await self._let_calls_go_first()
            try:
                async with self.turns.take():
                    return await asyncio.to_thread(self._rules, vignette)
            except Overloaded:
                continue
            except EngineError as error:
                self.metrics.engine.labels(error.kind).inc()
                log_event("canary-failed", logging.ERROR, kind=error.kind)
                return None if error.kind == "deadline" else frozenset()
            except Exception as error:  # noqa: BLE001 - whatever breaks, the rule did not speak
                log_event("canary-failed", logging.ERROR, kind=type(error).__name__)
                return frozenset()

    async def _let_calls_go_first(self) -> None:
        waited = 0.0
        await asyncio.sleep(PAUSE_S)
        while self.turns.inside and (waited < PATIENCE_S or self.turns.inside + 1 >= self.turns.most):
            await asyncio.sleep(PAUSE_S)
            waited += PAUSE_S

    def _rules(self, vignette: Vignette) -> frozenset[str]:
        evaluation, concluded = self.examples.run(vignette)
        fired = {finding.rule.id for finding in evaluation.findings if not finding.asks}
        carded = {rule.id for card in self.renderer.render(evaluation, PATIENT) for rule in card.rules}
        return concluded | (fired & carded)

    def _note(self, rule: str, *, silent: bool) -> None:
        if silent and rule not in self.silent:
            self.silent.add(rule)
            self.metrics.canary_silent.labels(rule).set(1)
            log_event("canary-silent", logging.ERROR, rule=rule)
        elif not silent and rule in self.silent:
            self.silent.discard(rule)
            self.metrics.canary_silent.remove(rule)
            log_event("canary-speaks-again", rule=rule)
