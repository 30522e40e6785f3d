"""Unmapped codes from a call to the metric, the table and the command; the table is bounded."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select

from cds_hooks.store import unmapped as store
from cds_hooks.store.database import Database
from cds_hooks.store.tables import unmapped
from cds_hooks.store.unmapped import Seen, count_unmapped, seen_since
from cds_hooks.store.writer import Shown, Writer
from rules.facts import Unmapped
from rules.findings import Evaluation
from tests.commands.test_commands import run
from tests.support.doubles import INSTANCE, NOW, FakeKnowledge, request
from tests.support.service import running

CM = "http://hl7.org/fhir/sid/icd-10-cm"
ONE, OTHER = Unmapped(CM, "G718", "G71"), Unmapped(CM, "M6089", "M60")


def database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/nmcds.sqlite3")


def test_calls_are_counted_by_code_and_nothing_else_is_kept(tmp_path: Path) -> None:
    knowledge = FakeKnowledge(Evaluation((), (), relevant=False, unmapped=(ONE, OTHER)))
    with running(tmp_path, knowledge) as service:
        for _ in range(3):
            service.cards(request())
        knowledge.answer = Evaluation((), (), relevant=False, unmapped=(ONE,))
        service.cards(request())
        metrics = service.get("/metrics").body.decode()
        service.parts.writer.flush()
        with service.parts.database.reading() as connection:
            rows = [tuple(row) for row in connection.execute(select(unmapped).order_by(unmapped.c.code))]
    assert rows == [("2026-11-22", CM, "G718", "G71", 4), ("2026-11-22", CM, "M6089", "M60", 3)]
    assert f'nmcds_unmapped_codes_total{{chapter="G71",system="{CM}"}} 4.0' in metrics
    assert "G718" not in metrics


def write(folder: Path, *days_ago: int, codes: tuple[Unmapped, ...] = (ONE,)) -> None:
    opened = database(folder)
    writer = Writer(opened, keep_days=30, dropped=lambda _: None)
    for ago in days_ago:
        writer.add(Shown(NOW - timedelta(days=ago), "s", INSTANCE, "c", "p", "u", "1", (), 0, (), 1, unmapped=codes))
    writer.close()
    opened.close()


def test_the_command_lists_what_was_seen_since_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, 9, 0)
    write(tmp_path, 0, codes=(OTHER,))
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{tmp_path}/nmcds.sqlite3")
    code, out, _ = run(capsys, "codes", "unmapped", "--json")
    expected = [{"system": CM, "code": "G718", "chapter": "G71", "calls": 2}, {"system": CM, "code": "M6089", "chapter": "M60", "calls": 1}]
    assert (code, json.loads(out)) == (0, {"database": f"sqlite:///{tmp_path}/nmcds.sqlite3", "codes": expected, "full": False})
    _, out, _ = run(capsys, "codes", "unmapped", "--json", "--since", "2026-11-22")
    assert [one["calls"] for one in json.loads(out)["codes"]] == [1, 1]
    _, out, _ = run(capsys, "codes", "unmapped", "--at-least", "2")
    assert "G718" in out
    assert "M6089" not in out


def test_the_command_says_when_there_is_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{tmp_path}/missing/nmcds.sqlite3")
    code, _, err = run(capsys, "codes", "unmapped")
    assert code == 4
    assert "the database cannot be used" in err


def test_days_older_than_the_audit_go_away(tmp_path: Path) -> None:
    write(tmp_path, 40)
    write(tmp_path, 0)
    found, _ = seen_since(database(tmp_path), None)
    assert found == (Seen(CM, "G718", "G71", 1),)


def test_a_full_table_gives_up_old_days_and_then_new_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT", 5)
    opened = database(tmp_path)
    many = {Unmapped(CM, f"G71{number}", "G71"): 1 for number in range(4)}
    with opened.begin() as connection:
        assert count_unmapped(connection, "2026-11-20", many) == 0
        assert count_unmapped(connection, "2026-11-21", {ONE: 1}) == 0
        assert count_unmapped(connection, "2026-11-22", {ONE: 1, OTHER: 2}) == 0  # the oldest day went
        assert connection.execute(select(func.min(unmapped.c.day))).scalar() == "2026-11-21"
        assert count_unmapped(connection, "2026-11-22", many) == 1  # the day before went too; five rows of today stay
        assert count_unmapped(connection, "2026-11-22", {ONE: 1}) == 0  # what is there is still counted
        assert connection.execute(select(func.count()).select_from(unmapped)).scalar() == 5
    found, full = seen_since(opened, date(2026, 11, 22))
    assert full
    assert found[0] == Seen(CM, "G718", "G71", 2)
    opened.close()


def test_a_database_of_an_older_version_gets_the_table(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with opened.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "cds_hooks.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert seen_since(opened, None) == ((), False)
    opened.close()
