"""A small run of `tests.faults.kill`; `make test-kill` kills a thousand times."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from cds_hooks.store.database import Database
from tests.faults.kill import run
from tests.support.postgres import MISSING, find, serving


def test_no_acknowledged_feedback_is_lost_or_doubled_when_the_service_is_killed(tmp_path: Path) -> None:
    found = run(f"sqlite:///{tmp_path}/kill.sqlite3", kills=15)
    assert found["acknowledged"] > 0


def test_no_acknowledged_feedback_is_lost_or_doubled_when_postgresql_crashes_too() -> None:
    if find() is None:
        pytest.skip(MISSING)
    with serving() as server:
        url = server.database()
        store = Database(url)
        store.upgrade()
        store.close()

        def crash() -> None:
            server.stop(signal.SIGQUIT)
            server.start()

        assert run(url, kills=10, crash=crash)["acknowledged"] > 0
