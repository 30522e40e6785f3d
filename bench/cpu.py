"""CPU time of one call in this process, without a socket: the rules alone, and the whole service around them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import orjson

from bench.patients import cases, prefetched
from cds_hooks.cards import Renderer
from cds_hooks.heap import settle
from rules.extract import Input
from rules.facts import Origin
from rules.knowledge import Knowledge

__all__ = ["best", "cpu", "inputs_of"]


def best(work: Callable[[], object], calls: int, rounds: int = 5) -> float:
    """Milliseconds of CPU per call: the best of several rounds, because noise only adds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, (time.process_time() - began) / calls)
    return best * 1000


def inputs_of(body: bytes) -> list[Input]:
    """The resources and drafts of a request."""
    request = orjson.loads(body)
    resources = prefetched(request)
    drafts = request["context"].get("draftOrders", {}).get("entry", ())
    return [*(Input(resource, Origin.RECORD) for resource in resources), *(Input(entry["resource"], Origin.DRAFT) for entry in drafts)]


def cpu(calls: int) -> dict[str, dict[str, float]]:
    """For each case: reading (JSON to facts), both engines with the explanation, cards, and their sum, in ms of CPU."""
    knowledge = Knowledge.load()
    settle()
    renderer = Renderer("http://127.0.0.1:8000", knowledge.version, 5, knowledge.in_words, knowledge.titles)
    now = datetime.now(UTC)
    found: dict[str, dict[str, float]] = {}
    for name, (hook, body) in cases().items():
        inputs = inputs_of(body)
        patient_id = str(orjson.loads(body)["context"]["patientId"])
        evaluation = knowledge.evaluate(inputs, as_of=now, hook=hook, unread={})
        parse = best(partial(orjson.loads, body), calls)
        whole = best(partial(knowledge.evaluate, inputs, as_of=now, hook=hook, unread={}), calls)
        cards = best(partial(renderer.render, evaluation, patient_id), calls)
        found[name] = {"parse": parse, "evaluate": whole, "cards": cards, "sum": parse + whole + cards, "resources": float(len(inputs))}
    return found
