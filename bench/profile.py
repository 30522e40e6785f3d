"""Where the microseconds of a call go: `python -m bench.profile`. CPU time, warm, the best of several rounds of hundreds of calls.

Each stage is repeated alone, so that the caches of the processor hold what it needs; `whole` is the call itself, in which they do not.
What lies between the sum and `whole` is the price of that. `application` is the whole call with everything around it but the socket:
checks of the request, whose data they are, metrics, log line, audit; `audit` is a part of it. HTTP itself is the CPU of the constant card
in `bench.latency`.
"""

from __future__ import annotations

import cProfile
import io
import pstats
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import orjson
import typer

from bench.cpu import best, inputs_of
from bench.patients import CASES, cases
from bench.report import PAGE, page, save
from bench.served import audit_ms, serving_ms
from cds_hooks.cards import Renderer
from cds_hooks.heap import settle
from rules.engine.background import Bases
from rules.engine.durable import DurableEngine
from rules.engine.interface import Budget
from rules.engine.reference import ReferenceEngine
from rules.extract import extract
from rules.knowledge import HERE, Knowledge
from rules.load import load_typical
from rules.typical import typical_facts

__all__ = ["stages"]


def stages(knowledge: Knowledge, hook: str, body: bytes, calls: int) -> tuple[dict[str, float], Callable[[], object]]:
    """Microseconds of CPU of each stage and of the whole call, and the whole call itself."""
    evaluator, program, budget, now = knowledge.evaluator, knowledge.program, Budget(), datetime.now(UTC)
    typical = typical_facts(load_typical(HERE / "typical.toml"), evaluator.matcher, knowledge.terminology)
    bases = Bases()
    reference, durable = ReferenceEngine(program, typical, bases), DurableEngine(program, typical=typical, bases=bases)
    renderer = Renderer("http://127.0.0.1:8000", knowledge.version, 5, knowledge.in_words, knowledge.titles)
    inputs = inputs_of(body)
    read = partial(extract, inputs, terminology=knowledge.terminology, as_of=now, hook=hook, unread={})
    record = read()
    facts = evaluator.matcher.match(record)
    world = evaluator.solve(record, budget)
    said = evaluator.told(world)
    cards = {"cards": [card.body for card in renderer.render(said, "p")]}
    ours, theirs = (engine.run(facts.sure, facts.possible, budget) for engine in (reference, durable))

    def whole() -> bytes:
        orjson.loads(body)
        found = renderer.render(knowledge.evaluate(inputs, as_of=now, hook=hook, unread={}), "p")
        return orjson.dumps({"cards": [card.body for card in found]})

    work: Mapping[str, Callable[[], object]] = {
        "parse": partial(orjson.loads, body),
        "extract facts": read,
        "match conditions": partial(evaluator.matcher.match, record),
        "reference engine": partial(reference.run, facts.sure, facts.possible, budget),
        "durable engine": partial(durable.run, facts.sure, facts.possible, budget),
        "compare": lambda: ours == theirs,
        "findings": partial(evaluator.told, world),
        "cards": partial(renderer.render, said, "p"),
        "serialise": partial(orjson.dumps, cards),
    }
    found = {name: best(one, calls) * 1000 for name, one in work.items()}
    around = {
        "whole": best(whole, calls) * 1000,
        "audit": audit_ms(tuple(renderer.render(said, "p")), body, calls) * 1000,
        "application": serving_ms(knowledge, f"/cds-services/neuromuscular-{hook}", body, calls) * 1000,
    }
    return {**found, "sum": sum(found.values()), **around}, whole


def main(calls: int = typer.Option(200, min=1, help="Calls per round."), top: int = typer.Option(15, help="Functions to list.")) -> None:
    """Print and keep where the CPU time of a call goes, by stage, and by function for the affected patient."""
    knowledge = Knowledge.load()
    settle()
    found: dict[str, dict[str, float]] = {}
    for name in CASES:
        hook, body = cases()[name]
        found[name], whole = stages(knowledge, hook, body, calls)
        print(f"{name}: " + ", ".join(f"{stage} {us:,.0f}" for stage, us in found[name].items()), flush=True)
        if name == CASES[0]:
            profiler, out = cProfile.Profile(), io.StringIO()
            profiler.enable()
            for _ in range(calls):
                whole()
            profiler.disable()
            pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(top)
            print(out.getvalue())
    save({"profile": {stage: {name: row[stage] for name, row in found.items()} for stage in next(iter(found.values()))}})
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
