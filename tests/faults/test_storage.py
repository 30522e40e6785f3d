"""Broken storage: hooks keep answering with cards, feedback gets 503 with Retry-After, /readyz says so, and all is well again without a
restart."""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, select

from cds_hooks.store.connect import connect
from cds_hooks.store.database import WAITING, Database
from cds_hooks.store.tables import feedback
from rules.findings import Evaluation
from tests.support.doubles import FakeKnowledge, finding, request
from tests.support.postgres import MISSING, Postgres, find, serving
from tests.support.service import Service, running
from tests.support.supervised import supervised

FEEDBACK = "/cds-services/neuromuscular-patient-view/feedback"
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
input()
"""
QUICK: dict[str, Any] = {"database_timeout_s": 0.2, "suppression_wait_s": 0.2}


def report() -> dict[str, object]:
    reason = {"userComment": "x" * 12_000}  # some pages
    one = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:05:31Z", "overrideReason": reason}
    return {"feedback": [one]}


def stored(service: Service) -> int:
    with service.parts.database.reading() as connection:
        return len(connection.execute(select(feedback.c.card)).all())


def check_works(service: Service) -> None:
    """Everything is well, once nobody else is at work: a slow disk takes longer for it than the short limits of these tests."""
    settled(service)
    service.parts.writer.flush()
    assert service.get("/readyz").status == 200
    before = stored(service)
    assert service.post(FEEDBACK, report()).status == 200
    assert stored(service) == before + 1
    assert len(service.cards(request())) == 1


def check_broken(service: Service) -> None:
    """Hooks answer with cards, feedback does not pretend, readiness says why."""
    service.parts.database._checked = 0.0  # noqa: SLF001 - as if the last probe was a while ago
    assert len(service.cards(request())) == 1
    answer = service.post(FEEDBACK, report())
    assert (answer.status, answer.number, answer.headers["retry-after"]) == (503, "NMCDS-202", "5")
    ready = service.get("/readyz")
    assert (ready.status, ready.number) == (503, "NMCDS-203")
    assert "storage" in ready.json()["issue"][0]["diagnostics"]
    assert len(service.cards(request())) == 1


def settled(service: Service) -> None:
    """Wait until no storage thread is at work: one that hung may still write the report that was refused."""
    places = service.parts.database._places  # noqa: SLF001 - each thread at work holds one
    held = [places.acquire(timeout=10) for _ in range(WAITING)]
    assert all(held)
    places.release(WAITING)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, knowledge(), **QUICK) as found:
        check_works(found)
        yield found


def knowledge() -> FakeKnowledge:
    return FakeKnowledge(Evaluation((finding(),), (), relevant=True))


def test_a_database_that_another_process_has_locked(service: Service, tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "nmcds.sqlite3")], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        check_broken(service)
        other.communicate("\n")
    check_works(service)


def test_a_corrupt_file_and_the_copy_put_in_its_place(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "nmcds.sqlite3"
    with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "copy") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    service.parts.writer.flush()
    service.parts.database.engine.dispose()  # a connection that is open would go on with the pages that it knows
    for name in ("nmcds.sqlite3-wal", "nmcds.sqlite3-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    path.write_bytes(b"\xa5" * path.stat().st_size)
    check_broken(service)
    (tmp_path / "copy").replace(path)
    check_works(service)


def test_a_file_that_is_replaced_while_the_service_runs_is_noticed(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "nmcds.sqlite3"
    service.parts.writer.flush()  # nothing is being written while the file changes places
    with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "copy") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    (tmp_path / "copy").replace(path)
    assert service.post(FEEDBACK, report()).status == 200
    with sqlite3.connect(path) as store:  # not in the file that is gone
        assert store.execute("SELECT count(*) FROM feedback").fetchone() == (2,)
    store.close()


def test_a_database_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[int] = []  # at most, by a listener that is there from the start: one that came and went would race with connections

    def connected(url: str, *, pool: int, timeout_s: float) -> Engine:
        engine = connect(url, pool=pool, timeout_s=timeout_s)
        event.listen(engine, "connect", limit)
        return engine

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        for most in pages:
            connection.execute(f"PRAGMA max_page_count={most}")

    monkeypatch.setattr("cds_hooks.store.database.connect", connected)
    with running(tmp_path, knowledge(), **QUICK) as service:
        check_works(service)
        with service.parts.database.reading() as connection:
            pages.append(int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()))
        service.parts.database.engine.dispose()
        with service.parts.database.reading() as connection:  # nothing is free inside
            connection.exec_driver_sql("VACUUM")
        check_broken(service)
        pages.clear()
        service.parts.database.engine.dispose()
        check_works(service)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write everywhere; the tests may run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_and_folder_that_may_only_be_read() -> None:
    folder = Path(tempfile.mkdtemp(prefix="nmcds-"))  # pytest's own folders are closed to others
    folder.chmod(0o755)
    path = folder / "nmcds.sqlite3"
    with running(folder, knowledge(), **QUICK) as service:
        check_works(service)
        service.parts.database.engine.dispose()
        for one in folder.iterdir():
            one.chmod(0o444)
        folder.chmod(0o555)
        with as_nobody():
            check_broken(service)
        folder.chmod(0o755)
        path.chmod(0o644)
        check_works(service)
    shutil.rmtree(folder)


def test_a_disk_that_takes_nothing_more(tmp_path: Path) -> None:
    with supervised(tmp_path, workers=1, **QUICK) as running_service:
        running_service.wait()
        [worker] = running_service.workers
        body = json.dumps(report()).encode()
        hook = json.dumps(request()).encode()
        before = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, before[1]))
        assert running_service.call("POST", FEEDBACK, body)[0] == 503
        running_service.wait(503, "/readyz")
        status, answer = running_service.call("POST", FEEDBACK.removesuffix("/feedback"), hook)
        assert (status, len(json.loads(answer)["cards"])) == (200, 1)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
        running_service.wait(200, "/readyz")
        assert running_service.call("POST", FEEDBACK, body)[0] == 200
        assert running_service.workers == [worker]


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL server that this test may hurt."""
    if find() is None:
        pytest.skip(MISSING)
    with serving("fsync=off") as found:
        yield found


def test_postgresql_that_goes_and_comes_back_and_one_that_hangs(server: Postgres, tmp_path: Path) -> None:
    url = server.database()
    store = Database(url)
    store.upgrade()
    store.close()
    with running(tmp_path, knowledge(), database_url=url, **QUICK) as service:
        check_works(service)
        for how in (signal.SIGINT, signal.SIGQUIT):
            server.stop(how)
            check_broken(service)
            server.start()
            check_works(service)
        with server.frozen():
            check_broken(service)
        check_works(service)


def test_a_service_that_starts_before_its_database_serves_hooks_and_finds_it_later(server: Postgres, tmp_path: Path) -> None:
    url = server.database()
    with running(tmp_path, knowledge(), database_url=url, **QUICK) as service:
        ready = service.get("/readyz")
        assert "nmcds db upgrade" in ready.json()["issue"][0]["diagnostics"]
        assert len(service.cards(request())) == 1
        assert service.post(FEEDBACK, report()).status == 503
        store = Database(url)
        store.upgrade()
        store.close()
        check_works(service)


def test_storage_that_hangs_takes_no_thread_that_rules_need_and_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path, knowledge(), inline_resources=0, **QUICK) as service:
        card = service.cards(request())[0]["uuid"]
        service.parts.writer.flush()
        dismissed = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T09:00:00Z"}
        service.post(FEEDBACK, {"feedback": [dismissed]})
        assert service.cards(request()) == []
        service.parts.database._fail()  # noqa: SLF001 - it failed a moment ago
        assert len(service.cards(request())) == 1
