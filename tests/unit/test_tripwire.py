"""The tripwire of the suite trips: each place it listens at is tried with a canary."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cds_hooks.errors import BadRequest
from cds_hooks.observe import Metrics, log_event
from cds_hooks.tracing import NoTracer
from tests.support.tripwire import CANARY, Tripwire, leaks_in_files


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Tripwire:
    monkeypatch.undo()  # the wire of the suite, which would fail this test
    found = Tripwire()
    found.install(monkeypatch)
    return found


def test_a_canary_in_a_log_line_is_found(wire: Tripwire) -> None:
    log_event("x", logging.WARNING, kind=f"{CANARY}1")
    assert len(wire.finish()) == 1


def test_a_canary_in_a_warning_or_a_stack_of_any_library_is_found(wire: Tripwire) -> None:
    logger = logging.getLogger("somebody.else")
    logger.warning("refused %s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("failed")
    assert len(wire.finish()) == 2


def test_a_canary_in_an_error_a_metric_or_a_span_is_found(wire: Tripwire) -> None:
    BadRequest.at("x", CANARY).body()
    Metrics().engine.labels(CANARY).inc()
    with NoTracer().span("call", kind=CANARY) as span:
        span.say(kind=CANARY)
    assert [one.split(":")[0] for one in wire.finish()] == ["error NMCDS-104", "span", "span", "metrics"]


def test_a_canary_in_a_file_name_or_a_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_text(f"row {CANARY}")
    (tmp_path / "x.json").write_text(CANARY)  # a request that a test wrote
    assert leaks_in_files(tmp_path) == [f"content of {tmp_path / 'x.sqlite3'}"]
    (tmp_path / "x.sqlite3").unlink()
    (tmp_path / f"{CANARY}.json").touch()
    found = leaks_in_files(tmp_path)
    (tmp_path / f"{CANARY}.json").unlink()
    assert found == [f"name of {tmp_path / f'{CANARY}.json'}"]


def test_what_is_clean_is_not_reported(wire: Tripwire, tmp_path: Path) -> None:
    log_event("x", kind="plain")
    logging.getLogger("somebody.else").info("%s", CANARY)  # not printed by anybody
    assert wire.finish() == []
    assert leaks_in_files(tmp_path) == []
