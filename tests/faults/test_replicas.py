"""Two services, each with workers of its own, on one PostgreSQL."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from cds_hooks.store.database import Database
from cds_hooks.store.tables import card_shown, feedback
from tests.support.doubles import request
from tests.support.postgres import Postgres
from tests.support.supervised import Running, supervised

HOOK = "/cds-services/neuromuscular-patient-view"


def cards(running: Running) -> list[dict[str, object]]:
    status, body = running.call("POST", HOOK, json.dumps(request()).encode())
    assert status == 200
    found: list[dict[str, object]] = json.loads(body)["cards"]
    return found


def test_two_services_share_feedback_hashes_and_dismissals(
    postgres: Postgres, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = postgres.database()
    store = Database(url)
    store.upgrade()
    store.close()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    settings = {"database_url": url, "secret": "", "suppression_wait_s": 5, "workers": 2}
    with supervised(tmp_path, **settings) as one, supervised(tmp_path_factory.mktemp("other"), **settings) as other:
        for service in (one, other):
            service.wait()
            cards(service)
        [card] = cards(one)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        report = json.dumps({"feedback": [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": now}]}).encode()
        for service in (one, other, one, other):
            assert service.call("POST", HOOK + "/feedback", report)[0] == 200
        until = time.monotonic() + 20
        while cards(other):  # the card is written in the background
            assert time.monotonic() < until
        assert cards(one) == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(feedback)).scalar_one() == 1
        assert connection.execute(select(func.count(card_shown.c.patient.distinct()))).scalar_one() == 1
    engine.dispose()
