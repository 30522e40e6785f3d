from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def slow_disks_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy test machine must not look like storage that is down; tests of that hold a lock, which is noticed all the same."""
    monkeypatch.setattr("cds_hooks.replay.WAIT_S", 20.0)
