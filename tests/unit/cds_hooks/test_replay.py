from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cds_hooks.errors import Overloaded
from cds_hooks.replay import Used
from cds_hooks.store import tokens
from cds_hooks.store.database import Database

NOW = 1_795_000_000.0


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Used]:
    database = Database(f"sqlite:///{tmp_path}/x.sqlite3")
    database.open()
    found = Used(database)
    yield found
    found.close()
    database.close()


def test_tokens_that_come_together_are_stored_together(used: Used, monkeypatch: pytest.MonkeyPatch) -> None:
    first, go_on, sizes = threading.Event(), threading.Event(), []

    def slow(database: Database, found: Mapping[str, str]) -> frozenset[str]:
        sizes.append(len(found))
        first.set()
        go_on.wait(10)
        return tokens.remember(database, found)

    monkeypatch.setattr("cds_hooks.replay.remember", slow)
    monkeypatch.setattr("cds_hooks.replay.WAIT_S", 20.0)

    async def many() -> list[bool]:
        calls = [asyncio.create_task(used.spend("iss", "t0", NOW + 60, NOW))]
        await asyncio.to_thread(first.wait, 10)
        calls += [asyncio.create_task(used.spend("iss", f"t{number}", NOW + 60, NOW)) for number in range(1, 50)]
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(many()) == [True] * 50
    assert sizes == [1, 49]


def test_a_caller_that_goes_away_does_not_stop_the_others(used: Used, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(database: Database, found: Mapping[str, str]) -> frozenset[str]:
        go_on.wait(10)
        return tokens.remember(database, found)

    monkeypatch.setattr("cds_hooks.replay.remember", slow)
    monkeypatch.setattr("cds_hooks.replay.WAIT_S", 20.0)

    async def two() -> list[bool]:
        gone = asyncio.create_task(used.spend("iss", "gone", NOW + 60, NOW))
        stays = asyncio.create_task(used.spend("iss", "stays", NOW + 60, NOW))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return [await stays, await used.spend("iss", "gone", NOW + 60, NOW)]

    assert asyncio.run(two()) == [True, False]


def test_memory_has_an_end_and_expired_tokens_make_room(used: Used, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.replay.MOST", 2)

    async def spend(name: str, now: float) -> bool:
        return await used.spend("iss", name, now + 60, now)

    assert asyncio.run(spend("a", NOW))
    assert asyncio.run(spend("b", NOW))
    with pytest.raises(Overloaded):
        asyncio.run(spend("c", NOW))
    assert asyncio.run(spend("d", NOW + 61))
