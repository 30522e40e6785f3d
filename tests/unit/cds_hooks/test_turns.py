"""Evaluations take turns in first-come order, and what does not fit is refused at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cds_hooks.errors import Overloaded
from cds_hooks.turns import Turns
from rules.findings import Evaluation
from tests.support.asgi import Answer
from tests.support.doubles import NOTHING, FakeKnowledge, request
from tests.support.service import running


def test_one_at_a_time_in_first_come_order() -> None:
    seen: list[str] = []

    async def call(turns: Turns, name: str) -> None:
        async with turns.take():
            seen.append(f"{name} begins")
            await asyncio.sleep(0.001)
            seen.append(f"{name} ends")

    async def run() -> None:
        turns = Turns(3)
        await asyncio.gather(*(call(turns, name) for name in "abc"))
        assert turns.inside == 0

    asyncio.run(run())
    assert seen == [f"{name} {step}" for name in "abc" for step in ("begins", "ends")]


def test_what_does_not_fit_is_refused_and_an_error_or_a_cancelled_call_frees_its_place() -> None:
    async def run() -> None:
        turns = Turns(2)
        async with turns.take():
            waiting = asyncio.ensure_future(turns.take().__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await turns.take().__aenter__()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert turns.inside == 1
        with pytest.raises(ZeroDivisionError):
            async with turns.take():
                raise ZeroDivisionError
        assert turns.inside == 0

    asyncio.run(run())


def test_a_call_too_many_gets_503_and_is_told_when_to_come_back(tmp_path: Path) -> None:
    refused: list[Answer] = []

    def answer(_seen: object) -> Evaluation:
        refused.append(service.hook(request()))  # a second call, while this one has the only place
        return NOTHING

    knowledge = FakeKnowledge()
    with running(tmp_path, knowledge, waiting_calls=1, inline_resources=0) as service:
        knowledge.answer = answer
        assert service.hook(request()).status == 200
        [second] = refused
        assert (second.status, second.number, second.headers["retry-after"]) == (503, "NMCDS-204", "1")
        knowledge.answer = NOTHING
        assert service.hook(request()).status == 200
