"""`nmcds db`: what an operator sees, on both kinds of database; a password never."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cds_hooks.store.tables import HEAD
from tests.commands.test_commands import run
from tests.support.postgres import Postgres


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "x.sqlite3"
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{path}")
    return path


def test_upgrade_makes_the_tables_of_postgresql_and_says_so(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NMCDS_DATABASE_URL", postgres.database().replace("nmcds@", "nmcds:CANARY@"))
    assert run(capsys, "db", "current")[0] == 1
    code, out, _ = run(capsys, "db", "check")
    assert (code, "run `nmcds db upgrade`" in out) == (1, True)
    code, out, error = run(capsys, "db", "upgrade")
    assert (code, f"revision {HEAD}, before: no tables" in out) == (0, True)
    assert "CANARY" not in out + error
    assert f"revision {HEAD}, as before" in run(capsys, "db", "upgrade")[1]
    assert run(capsys, "db", "current")[0] == 0
    assert "can be read and written" in run(capsys, "db", "check")[1]


def test_a_damaged_sqlite_file_is_found(sqlite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "db", "upgrade")[0] == 0
    with sqlite3.connect(sqlite) as store:
        store.execute("PRAGMA writable_schema=ON")
        store.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'audit'")
    store.close()
    assert run(capsys, "db", "check")[0] in (1, 4)


def test_a_newer_database_stops_the_start_before_anything_listens(sqlite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "db", "upgrade")[0] == 0
    with sqlite3.connect(sqlite) as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    for command in (("db", "upgrade"), ("serve", "--port", "0")):
        code, _, error = run(capsys, *command)
        assert (code, "newer version" in error) == (4, True)


@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_a_database_that_is_not_there_is_an_error_without_the_password(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NMCDS_DATABASE_URL", "postgresql://someone:CANARY@127.0.0.1:1/x?application_name=CANARY")
    code, out, error = run(capsys, "db", command)
    assert code == 4
    assert "postgresql database x at 127.0.0.1" in error
    assert "CANARY" not in out + error
