"""A used token and the database that remembers it: down, back again, and shared by two real processes."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from cds_hooks.store.database import Database
from cds_hooks.store.tokens import remember
from tests.support.doubles import NOW, request
from tests.support.service import Service, running
from tests.support.tokens import BASE, ES, VIEW, bearer, claims, write_registry

ROOT = Path(__file__).resolve().parents[2]
PATH = VIEW.removeprefix(BASE)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Somebody else writes and does not end."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE, public_pages=("metrics",)) as found:
        found.get("/readyz")
        yield found


def call(service: Service, token: str) -> int:
    return service.post(PATH, request(), bearer(token)).status


def test_hooks_are_answered_while_the_database_is_down_and_a_token_still_lets_in_once(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(database: Database, found: Mapping[str, str]) -> frozenset[str]:
        asked.append(len(found))
        return remember(database, found)

    monkeypatch.setattr("cds_hooks.replay.remember", counted)
    monkeypatch.setattr("cds_hooks.replay.PAUSE_S", 1000.0)
    before, first, second = (ES.sign(claims(aud=VIEW)) for _ in range(3))
    assert call(service, before) == 200
    with locked(tmp_path / "nmcds.sqlite3"):
        assert [call(service, first), call(service, second)] == [200, 200]
        assert asked == [1, 1], "the second call does not wait for a database that is down"
        assert [call(service, token) for token in (before, first, second)] == [401] * 3
        assert b"nmcds_tokens_remembered_here_only_total 2.0" in service.get("/metrics").body
        ready = service.get("/readyz")
        assert (ready.status, ready.number) == (503, "NMCDS-203")
        assert "diagnostics" not in ready.json()["issue"][0], "without detail when there is a registry"


def test_what_was_let_in_meanwhile_is_stored_when_the_database_is_back(service: Service, tmp_path: Path) -> None:
    token = ES.sign(claims(aud=VIEW))
    with locked(tmp_path / "nmcds.sqlite3"):
        assert call(service, token) == 200
    assert service.get("/readyz").status == 200
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE) as other:
        assert call(other, token) == 401


def test_the_next_call_stores_it_too(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.replay.PAUSE_S", 0.0)
    token = ES.sign(claims(aud=VIEW))
    with locked(tmp_path / "nmcds.sqlite3"):
        assert call(service, token) == 200
    assert call(service, ES.sign(claims(aud=VIEW))) == 200
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE) as other:
        assert call(other, token) == 401


def test_a_database_that_is_no_database_is_down_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "nmcds.sqlite3").write_text("this is not a database, but it is long enough to look at" * 10)
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE) as service:
        token = ES.sign(claims(aud=VIEW))
        assert [call(service, token), call(service, token)] == [200, 401]
        assert service.get("/readyz").status == 503


def test_tokens_are_forgotten_five_minutes_after_they_expired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.replay.CLEAN_S", -1.0)
    now = [NOW]
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE, clock=lambda: now[0]) as service:
        for _ in range(3):
            at = int(now[0].timestamp())
            assert call(service, ES.sign(claims(aud=VIEW, iat=at, exp=at + 60))) == 200
            now[0] += timedelta(seconds=421)
    with closing(sqlite3.connect(tmp_path / "nmcds.sqlite3")) as found:
        rows = found.execute("SELECT digest, until FROM token_seen").fetchall()
    assert [until for _, until in rows] == ["2026-11-22T09:46:02.000000Z"]
    assert all(len(digest) == 64 for digest, _ in rows)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(folder: Path, port: int) -> Iterator[str]:
    """A worker with the registry and the database of a folder; its address."""
    settings = {
        "NMCDS_REGISTRY_FILE": str(folder / "registry.toml"), "NMCDS_DATABASE_URL": f"sqlite:///{folder}/shared.sqlite3",
        "NMCDS_BASE_URL": BASE,
    }  # fmt: skip
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("NMCDS_")}, **settings}
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.worker", str(port)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as running_process:
        try:
            until = time.monotonic() + 30
            while not answers(address):
                assert running_process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            yield address
        finally:
            running_process.terminate()
            running_process.communicate(timeout=20)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/readyz", timeout=1).status_code == 200
    except requests.RequestException:  # not there yet, or there and still loading
        return False


def test_two_processes_and_a_restart_let_a_token_in_once(tmp_path: Path) -> None:
    write_registry(tmp_path)
    at = int(time.time())
    tokens = [ES.sign(claims(iat=at, exp=at + 300)) for _ in range(2)]

    def discover(address: str, token: str) -> tuple[int, bytes]:
        found = requests.get(f"{address}/cds-services", headers=bearer(token), timeout=5)
        return found.status_code, found.content

    first_port, second_port = free_port(), free_port()
    with process(tmp_path, first_port) as first:
        with process(tmp_path, second_port) as second:
            assert discover(first, tokens[0])[0] == 200
            status, refused = discover(second, tokens[0])
            assert status == 401
            assert discover(second, tokens[1])[0] == 200
            assert discover(first, tokens[1]) == (401, refused)
            nobody = requests.get(f"{first}/cds-services", timeout=5)
            assert (nobody.status_code, nobody.content) == (401, refused)
        with process(tmp_path, second_port) as again:
            assert discover(again, tokens[0]) == (401, refused)
            assert discover(again, tokens[1]) == (401, refused)
