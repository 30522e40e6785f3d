"""SIGKILL while feedback is written: `python -m tests.faults.kill [--kills 1000] [--postgresql]`.

A nursery process loads everything once and forks one service after the other on the same port. Writers post feedback over real sockets
and send a report again until it is acknowledged; meanwhile the service is killed at random moments, and PostgreSQL crashes now and then.
In the end each acknowledged report must be in the database exactly once, as it was sent, and nothing else.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import create_engine, select

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import feedback
from cds_hooks.worker import work
from tests.support.doubles import FakeFhir, FakeKnowledge
from tests.support.postgres import serving

WRITERS = 4
LIFE_S = 0.1  # a service is killed within this from its first heartbeat, or (one in ten) from its fork
PATH = "/cds-services/neuromuscular-patient-view/feedback"


def nursery(url: str) -> None:
    """Fork a service, say its process id, say when it serves, wait for its end, again; until standard input is closed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    service = create_app(Settings(database_url=url), FakeKnowledge(), fhir=FakeFhir())
    store = Database(url)
    store.upgrade()
    store.close()
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - for the driver
    while sys.stdin.readline():
        reading, beat = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(work(service, listening, beat))
            finally:
                os._exit(1)
        print(pid, flush=True)  # noqa: T201 - for the driver
        os.close(beat)
        os.read(reading, 1)  # its first heartbeat, or its end
        print("serves", flush=True)  # noqa: T201 - for the driver
        os.waitpid(pid, 0)
        os.close(reading)


@dataclass
class Writer:
    """Posts one report after the other; `acknowledged` is what a 200 was read for."""

    port: int
    number: int
    done: threading.Event
    acknowledged: dict[str, str] = field(default_factory=dict)
    sent_again: int = 0
    connection: HTTPConnection | None = None

    def run(self) -> None:
        """Until told to stop."""
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        for count in itertools.count():
            if self.done.is_set():
                if self.connection is not None:
                    self.connection.close()
                return
            several = [(self.number * 10**9 + count * 10 + place) for place in range(1 + count % 3)]
            reports = {str(UUID(int=(4 << 76) | (8 << 60) | one)): moment(begin + timedelta(seconds=one % 10**7)) for one in several}
            body = [{"card": card, "outcome": "overridden", "outcomeTimestamp": at} for card, at in reports.items()]
            while not self.post(json.dumps({"feedback": body}).encode()):
                self.sent_again += 1
                time.sleep(0.005)
            self.acknowledged.update(reports)

    def post(self, body: bytes) -> bool:
        """Whether it was acknowledged."""
        try:
            if self.connection is None:
                self.connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
            self.connection.request("POST", PATH, body, {"content-type": "application/json"})
            answer = self.connection.getresponse()
            answer.read()
            if answer.status not in (200, 503):
                raise AssertionError(f"unexpected status {answer.status}")
            return answer.status == 200
        except (OSError, HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return False


def run(url: str, kills: int, crash: Callable[[], None] | None = None, say: Callable[[int], None] = lambda _: None) -> Counter[str]:
    """Kill `kills` services, with `crash` of the database at every tenth; raises AssertionError when something is lost or doubled."""
    chance = random.Random()  # noqa: S311 - any moment will do
    command = [sys.executable, "-m", "tests.faults.kill", "--nursery", url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        done = threading.Event()
        port = int(process.stdout.readline())
        writers = [Writer(port, number, done) for number in range(1, WRITERS + 1)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        for count in range(kills + 1):
            early = count % 10 == 4  # some die before they serve
            process.stdin.write("\n")
            pid = int(process.stdout.readline())
            if count == kills:
                early = False
                process.stdout.readline()  # the last one lives until everybody has an answer
                done.set()
                for thread in threads:
                    thread.join()
            else:
                if not early:
                    process.stdout.readline()
                time.sleep(chance.uniform(0, LIFE_S))
                if crash is not None and count % 10 == 9:
                    crash()
                    time.sleep(chance.uniform(0, LIFE_S))
            os.kill(pid, signal.SIGKILL)
            if early:
                process.stdout.readline()
            say(count)
        process.stdin.close()
    return _compare(url, writers)


def _compare(url: str, writers: list[Writer]) -> Counter[str]:
    acknowledged = {card: at for writer in writers for card, at in writer.acknowledged.items()}
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(select(feedback.c.card, feedback.c.outcome_at, feedback.c.outcome, feedback.c.accepted)).all()
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    engine.dispose()
    found = Counter(str(row.card) for row in rows)
    kept = {str(row.card): str(row.outcome_at) for row in rows}
    assert not [card for card, count in found.items() if count != 1], "doubled"
    assert not [card for card, at in acknowledged.items() if kept.get(card) != at], "lost or changed"
    assert all((row.outcome, row.accepted) == ("overridden", "[]") for row in rows)
    again = sum(writer.sent_again for writer in writers)
    return Counter(acknowledged=len(acknowledged), stored=len(rows), sent_again=again)


def crashing(url: str, crash: Callable[[], None] | None, kills: int) -> None:
    """Run with a line of progress; prints the figures."""
    began = time.monotonic()

    def say(count: int) -> None:
        if count % 50 == 0:
            print(f"  {count} of {kills} kills, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201

    found = run(url, kills, crash, say)
    kind = url.split(":", maxsplit=1)[0]
    print(f"{kind}: {kills} kills, {dict(found)}, {time.monotonic() - began:.0f} s: nothing lost, nothing doubled")  # noqa: T201


def main(
    kills: Annotated[int, typer.Option(min=1, help="How often the service is killed on SQLite.")] = 1000,
    postgresql: Annotated[int, typer.Option(min=0, help="How often on PostgreSQL, which itself crashes at every tenth.")] = 100,
    nursery_of: Annotated[str, typer.Option("--nursery", hidden=True)] = "",
) -> None:
    """Kill the service while feedback is written, and compare what was acknowledged with what was stored."""
    if nursery_of:
        nursery(nursery_of)
        return
    with tempfile.TemporaryDirectory() as folder:
        crashing(f"sqlite:///{Path(folder)}/kill.sqlite3", None, kills)
    if postgresql:
        with serving() as server:
            url = server.database()
            store = Database(url)
            store.upgrade()
            store.close()

            def crash() -> None:
                server.stop(signal.SIGQUIT)
                server.start()

            crashing(url, crash, postgresql)


if __name__ == "__main__":
    typer.run(main)
