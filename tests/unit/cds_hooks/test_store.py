from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select

from cds_hooks.errors import SettingsError, StorageUnavailable
from cds_hooks.store.database import Database, Keys
from cds_hooks.store.feedback import Outcome, save
from cds_hooks.store.insights import insights
from cds_hooks.store.tables import HEAD, METADATA, audit, card_shown, feedback, firing, unsaid
from cds_hooks.store.tokens import remember
from cds_hooks.store.unsaid import HELD, MISSING, UNSURE
from cds_hooks.store.writer import Shown, Writer
from rules.findings import Evaluation
from tests.support.doubles import INSTANCE, NOW, FakeKnowledge, create, finding, request
from tests.support.postgres import Postgres
from tests.support.service import running


def database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/x.sqlite3")


def outcome(card: str = INSTANCE) -> Outcome:
    return Outcome(card, "overridden", "2026-11-22T10:05:31.000000Z")


def migrations(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "cds_hooks.store:migrations")
    config.attributes["connection"] = connection
    return config


@pytest.mark.parametrize("by_migrations", [True, False])
def test_an_empty_database_gets_exactly_the_tables_of_the_code(store_url: str, by_migrations: bool) -> None:
    store = Database(store_url)
    store.upgrade()
    if by_migrations:
        with store.engine.begin() as connection:
            command.downgrade(migrations(connection), "base")
            command.upgrade(migrations(connection), "head")
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert MigrationContext.configure(connection).get_current_revision() == HEAD
    store.close()


def test_making_the_tables_does_not_load_alembic(tmp_path: Path) -> None:
    code = "import sys; from cds_hooks.store.database import Database; Database(sys.argv[1]).open(); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path}/x.sqlite3"], check=False).returncode == 0


def test_sqlite_writes_ahead_and_waits_for_the_disk(tmp_path: Path) -> None:
    store = database(tmp_path)
    with store.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_the_pages_that_sqlite_keeps_do_not_make_a_worker_grow(tmp_path: Path) -> None:
    store = database(tmp_path)
    with store.begin() as one, store.reading() as another:
        kept = [connection.exec_driver_sql("PRAGMA cache_size").scalar() for connection in (one, another)]
    store.close()
    assert kept == [-128, -128]  # KiB; two million bytes, as SQLite has it, for each of nine connections were 18 MB


def test_a_saved_report_is_on_disk_when_save_returns(tmp_path: Path) -> None:
    store = database(tmp_path)
    save(store, [outcome()], service="s", caller="c", received=NOW)
    with sqlite3.connect(f"file:{tmp_path}/x.sqlite3?mode=ro", uri=True) as other:
        assert other.execute("SELECT card, received FROM feedback").fetchall() == [(INSTANCE, "2026-11-22T09:30:00.000000Z")]
    other.close()
    store.close()


def test_reports_of_one_request_are_stored_all_or_none(store_url: str) -> None:
    store = Database(store_url)
    broken = Outcome("c" * 36, "overridden", None)  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailable):
        save(store, [outcome(), broken], service="s", caller="c", received=NOW)
    with store.reading() as connection:
        assert connection.execute(select(feedback)).all() == []
    store.close()


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    stores = [database(tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=store.open) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({store.keys.patient("p1") for store in stores}) == 1
    for store in stores:
        store.close()


def test_a_locked_database_is_unavailable_and_recovers(tmp_path: Path) -> None:
    store = database(tmp_path)
    store.open()
    other = sqlite3.connect(tmp_path / "x.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageUnavailable):
        save(store, [outcome()], service="s", caller="c", received=NOW)
    other.execute("ROLLBACK")
    other.close()
    save(store, [outcome()], service="s", caller="c", received=NOW)
    store.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite3").write_text("this is not a database, but it is long enough to look at" * 10)
    with pytest.raises(StorageUnavailable):
        database(tmp_path).open()


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/d", "sqlite+nodriver:///x", "oracle://h"])
def test_a_url_that_cannot_work_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="NMCDS_DATABASE_URL"):
        Database(url)


def test_a_hash_depends_on_key_purpose_and_person_and_tells_nothing() -> None:
    one, other = Keys("one"), Keys("other")
    assert one.patient("p1") == one.patient("p1")
    assert len({one.patient("p1"), one.patient("p2"), one.user("p1"), other.patient("p1")}) == 4
    assert one.mac("x", "a", "b") != one.mac("x", "ab")
    assert len(one.patient("p1")) == 64


def test_a_made_key_is_kept_for_the_next_start(store_url: str) -> None:
    first = Database(store_url)
    found = first.keys.patient("p1")
    first.close()
    second = Database(store_url)
    assert second.keys.patient("p1") == found
    second.close()


def test_the_key_of_the_settings_is_not_stored(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path}/x.sqlite3", "CANARY-secret")
    store.open()
    store.close()
    assert b"CANARY" not in (tmp_path / "x.sqlite3").read_bytes()


def test_calls_are_audited_and_firings_counted(tmp_path: Path, store_url: str) -> None:
    knowledge = FakeKnowledge(Evaluation((finding("r1", suggestions=(create(),)), finding("r2", indicator="info")), (), relevant=True))
    with running(tmp_path, knowledge, database_url=store_url) as service:
        for _ in range(3):
            service.cards(request(prefetch={**request()["prefetch"], "observations": {"resourceType": "OperationOutcome"}}))
        service.parts.writer.flush()
        with service.parts.database.reading() as connection:
            counts = connection.execute(
                select(firing.c.day, firing.c.rule, firing.c.indicator, firing.c.count).order_by(firing.c.rule)
            ).all()
            entries = connection.execute(select(audit.c.rules, audit.c.cards, audit.c.unread, audit.c.caller)).all()
            assert len(connection.execute(select(card_shown)).all()) == 6
    assert [tuple(row) for row in counts] == [("2026-11-22", "r1", "warning", 3), ("2026-11-22", "r2", "info", 3)]
    assert [tuple(row) for row in entries] == [('[["r1", "1.0.0"], ["r2", "1.0.0"]]', 2, '["Observation"]', "open")] * 3


def entry(days_ago: int = 0) -> Shown:
    return Shown(NOW - timedelta(days=days_ago), "s", INSTANCE, "c", "p", "u", "1", (), 0, (), 1)


def test_what_was_left_unsaid_is_counted_by_day_and_summed_for_insights(store_url: str) -> None:
    store = Database(store_url)
    left = ((HELD, "r1"), (UNSURE, "r2"), (MISSING, "lab:tpmt"))
    for days in (40, 1, 0):
        writer = Writer(store, keep_days=30, dropped=lambda _: None)
        writer.add(replace(entry(days), suppressed=1, unsaid=left))
        writer.close()
    found = insights(store, NOW, 30)
    assert (found.rules["r1"].held, found.rules["r2"].unsure, found.missing) == (2, 2, {"lab:tpmt": 2})
    assert {day: (sums.calls, sums.held) for day, sums in found.days.items()} == {"2026-11-21": (1, 1), "2026-11-22": (1, 1)}
    with store.reading() as connection:
        assert sorted(set(connection.execute(select(unsaid.c.day)).scalars())) == ["2026-11-21", "2026-11-22"]
    store.close()


def test_old_audit_rows_go_away(store_url: str) -> None:
    store = Database(store_url)
    for one in (entry(days_ago=40), entry()):
        writer = Writer(store, keep_days=30, dropped=lambda _: None)
        writer.add(one)
        writer.close()
    with store.reading() as connection:
        assert connection.execute(select(audit.c.at)).scalars().all() == ["2026-11-22T09:30:00.000000Z"]
    store.close()


def test_entries_are_dropped_and_counted_when_storage_is_down(tmp_path: Path) -> None:
    lost: list[int] = []
    store = database(tmp_path / "missing")
    writer = Writer(store, keep_days=30, dropped=lost.append)
    writer.add(entry())
    writer.flush()
    assert sum(lost) == 1
    (tmp_path / "missing").mkdir()
    writer.add(entry())
    writer.close()
    with store.reading() as connection:
        assert len(connection.execute(select(audit)).all()) == 1
    store.close()


def test_the_writer_outlives_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def stumble(*_: object) -> None:
        raise KeyError("secret of a patient")

    lost: list[int] = []
    store = database(tmp_path)
    writer = Writer(store, keep_days=30, dropped=lost.append)
    with monkeypatch.context() as broken, caplog.at_level("ERROR", logger="cds_hooks"):
        broken.setattr("cds_hooks.store.writer.add_counts", stumble)
        writer.add(entry())
        writer.flush()
    assert lost == [1]
    assert [(record.msg, record.__dict__["fields"]) for record in caplog.records] == [
        ("defect", {"kind": "KeyError", "number": "NMCDS-201", "cards": 1})
    ]
    writer.add(entry())
    writer.close()
    with store.reading() as connection:
        assert len(connection.execute(select(audit)).all()) == 1
    store.close()


def test_a_full_queue_drops_instead_of_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[int] = []
    monkeypatch.setattr("cds_hooks.store.writer.WAITING", 1)
    store = database(tmp_path)
    store.open()
    other = sqlite3.connect(tmp_path / "x.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writer = Writer(store, keep_days=30, dropped=lost.append)
    for _ in range(10):
        writer.add(entry())
    assert sum(lost) >= 8
    other.execute("ROLLBACK")
    other.close()
    writer.close()
    store.close()


def test_several_replicas_may_upgrade_an_empty_postgresql_at_once(postgres: Postgres) -> None:
    url = postgres.database()
    stores = [Database(url, pool=1) for _ in range(4)]
    troubles: list[Exception] = []

    def upgrade(store: Database) -> None:
        try:
            store.upgrade()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
            troubles.append(error)

    threads = [threading.Thread(target=upgrade, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert len({store.keys.patient("p1") for store in stores}) == 1
    for store in stores:
        store.close()


def test_the_tables_of_the_first_version_are_migrated_with_what_is_in_them(store_url: str) -> None:
    store = Database(store_url)
    save(store, [outcome()], service="s", caller="c", received=NOW)
    with store.engine.begin() as connection:
        command.downgrade(migrations(connection), "0001")
    again = Database(store_url)
    again.upgrade()
    with again.reading() as connection:
        assert [row.card for row in connection.execute(select(feedback))] == [INSTANCE]
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    for one in (store, again):
        one.close()


def test_tables_of_a_newer_version_are_refused_with_the_reason(store_url: str) -> None:
    store = Database(store_url)
    store.open()
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    again = Database(store_url)
    for action in (again.open, again.upgrade):
        with pytest.raises(StorageUnavailable) as refused:
            action()
        assert "newer version" in refused.value.reason
    for one in (store, again):
        one.close()


def test_no_part_of_a_url_is_in_an_error() -> None:
    for url in ("postgresql://CANARY:CANARY@127.0.0.1:1/CANARY", "postgresql+nodriver://CANARY:CANARY@h/d", "CANARY://CANARY@h"):
        with pytest.raises((SettingsError, StorageUnavailable)) as refused:
            Database(url, timeout_s=0.2).open()
        assert "CANARY" not in f"{refused.value} {getattr(refused.value, 'reason', '')}"


def test_too_many_waiting_for_storage_fail_at_once(tmp_path: Path) -> None:
    store = database(tmp_path)
    go = threading.Event()

    async def run() -> None:
        waiting = [asyncio.ensure_future(store.use(10, go.wait)) for _ in range(64)]
        await asyncio.sleep(0)
        with pytest.raises(StorageUnavailable):
            await store.use(10, go.wait)
        go.set()
        await asyncio.gather(*waiting)
        assert await store.use(10, lambda: 7) == 7

    asyncio.run(run())
    store.close()


def test_what_takes_too_long_is_given_up_and_storage_left_alone_for_a_moment(tmp_path: Path) -> None:
    store = database(tmp_path)
    go = threading.Event()
    with pytest.raises(StorageUnavailable):
        asyncio.run(store.use(0.01, go.wait))
    assert store.is_resting
    go.set()
    store.close()


def test_postgresql_waits_for_its_disk_and_not_for_ever_for_anything_else(postgres: Postgres) -> None:
    store = Database(postgres.database(), timeout_s=0.5)
    store.upgrade()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER ROLE nmcds SET synchronous_commit = off")
    store.engine.dispose()
    shown = ("synchronous_commit", "lock_timeout", "statement_timeout")
    with store.reading() as connection:
        assert [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in shown] == ["on", "500ms", "1s"]
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER ROLE nmcds RESET synchronous_commit")
    store.close()


def test_a_token_is_remembered_once_in_either_database(store_url: str) -> None:
    store = Database(store_url)
    assert set(remember(store, {"digest": "2026-11-22T10:00:00.000000Z"})) == {"digest"}
    assert set(remember(store, {"digest": "2026-11-22T10:00:00.000000Z", "other": "2026-11-22T10:00:00.000000Z"})) == {"other"}
    store.close()
