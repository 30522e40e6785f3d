"""The firing-rate watch: from rows of many calls to an alarm as metric, log line, table and exit code."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from cds_hooks import cli
from cds_hooks.errors import StorageUnavailable
from cds_hooks.observe import Metrics, configure_logs
from cds_hooks.store.database import Database, insert
from cds_hooks.store.rates import rates
from cds_hooks.store.tables import calls, firing
from cds_hooks.store.writer import Shown, Writer
from cds_hooks.watch import RateWatch
from tests.support.doubles import INSTANCE, NOW

TODAY = NOW.date()
VIEW, SIGN = "neuromuscular-patient-view", "neuromuscular-order-sign"


def store(folder: Path) -> Database:
    return Database(f"sqlite:///{folder}/nmcds.sqlite3", "a secret")


def fill(
    database: Database, rule: str, fired: Callable[[int], int], *, called: int = 1000, service: str = VIEW, version: str = "1.0.0"
) -> None:
    """Rows for thirty days; `fired` gets 0 for today, 1 for yesterday."""
    with database.begin() as connection:
        for ago in range(30):
            day = (TODAY - timedelta(days=ago)).isoformat()
            connection.execute(insert(connection, calls).values(day=day, service=service, count=called).on_conflict_do_nothing())
            if fired(ago):
                row = {"day": day, "rule": rule, "version": version, "service": service, "indicator": "info", "count": fired(ago)}
                connection.execute(insert(connection, firing).values(row))


def test_each_rule_is_judged_among_the_calls_of_the_services_at_which_it_fires(tmp_path: Path) -> None:
    database = store(tmp_path)
    fill(database, "steady", lambda ago: 50 + ago % 3)
    fill(database, "everybody", lambda ago: 900 if ago == 0 else 50)
    fill(database, "nobody", lambda ago: 0 if ago == 0 else 50)
    fill(database, "yesterday", lambda ago: 900 if ago == 1 else 50)
    fill(database, "orders", lambda _: 50, called=100, service=SIGN)
    found = {rate.rule: rate for rate in rates(database, TODAY)}
    assert {rule: rate.verdict.state for rule, rate in found.items()} == {
        "steady": "steady", "everybody": "high", "nobody": "low", "yesterday": "high", "orders": "steady",
    }  # fmt: skip
    assert found["yesterday"].day == TODAY - timedelta(days=1)
    assert found["orders"].counted.calls == 100
    database.close()


def test_versions_and_indicators_of_a_rule_count_together(tmp_path: Path) -> None:
    database = store(tmp_path)
    fill(database, "r", lambda ago: 50 if ago > 10 else 0)
    fill(database, "r", lambda ago: 50 if ago <= 10 else 0, version="1.1.0")
    [rate] = rates(database, TODAY)
    assert (rate.verdict.state, rate.counted.fired) == ("steady", 50)
    database.close()


def test_rows_from_before_calls_were_counted_are_not_judged(tmp_path: Path) -> None:
    database = store(tmp_path)
    fill(database, "r", lambda _: 50, called=0)
    assert [rate.verdict.state for rate in rates(database, TODAY)] == ["learning"]
    database.close()


def test_the_writer_counts_answered_calls_only(tmp_path: Path) -> None:
    database = store(tmp_path)
    writer = Writer(database, keep_days=30, dropped=lambda _: None)
    for outcome in ("answered", "answered", "not-checked", "refused"):
        writer.add(Shown(NOW, VIEW, INSTANCE, "c", "p", "u", "1", (), 0, (), 1, outcome))
    writer.close()
    with database.reading() as connection:
        assert [tuple(row) for row in connection.execute(select(calls))] == [("2026-11-22", VIEW, 2)]
    database.close()


def test_an_alarm_is_a_metric_and_one_log_line_until_it_ends(tmp_path: Path) -> None:
    database = store(tmp_path)
    fill(database, "everybody", lambda ago: 900 if ago == 0 else 50)
    fill(database, "steady", lambda _: 50)
    stream = io.StringIO()
    handler = configure_logs("info", stream)
    now = [NOW]
    metrics = Metrics()
    watch = RateWatch(database, metrics, lambda: now[0])
    watch.look()
    watch.look()
    assert watch.alarms == {"everybody": "high"}
    text = metrics.render().decode()
    assert 'nmcds_rule_rate_alarm{rule="everybody"} 1.0' in text
    assert 'nmcds_rule_rate_alarm{rule="steady"} 0.0' in text
    now[0] = NOW + timedelta(days=2)  # nobody calls any more: nothing is judged
    watch.look()
    handler.close()
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["rule"], line["kind"], line["cards"]) == ("rule-rate-alarm", "everybody", "high", 900)
    assert watch.alarms == {}
    assert 'nmcds_rule_rate_alarm{rule="everybody"} 0.0' in metrics.render().decode()
    database.close()


def test_without_storage_the_watch_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.watch.BEGIN_S", 0.0)
    monkeypatch.setattr("cds_hooks.watch.EVERY_S", 0.001)
    looked = threading.Semaphore(0)

    def unavailable(*_: object) -> None:
        looked.release()
        raise StorageUnavailable

    monkeypatch.setattr("cds_hooks.watch.rates", unavailable)
    watch = RateWatch(store(tmp_path / "missing"), Metrics(), lambda: datetime.now(UTC), {"r": "high"})

    async def run() -> None:
        running = asyncio.create_task(watch.run())
        for _ in range(3):
            await asyncio.to_thread(looked.acquire)
        running.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert watch.alarms == {"r": "high"}


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nmcds", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def test_the_command_lists_alarms_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{tmp_path}/nmcds.sqlite3")
    database = store(tmp_path)
    fill(database, "everybody", lambda ago: 900 if ago == 0 else 50)
    fill(database, "steady", lambda _: 50)
    database.close()
    code, out, _ = command(capsys, "rules", "watch", "--on", "2026-11-22")
    assert code == 1
    assert "everybody" in out
    assert "steady" not in out
    code, out, _ = command(capsys, "rules", "watch", "--on", "2026-11-21", "--all", "--json")
    assert code == 0
    assert [(row["rule"], row["verdict"]["state"], row["alarm"]) for row in json.loads(out)] == [
        ("everybody", "steady", False), ("steady", "steady", False),
    ]  # fmt: skip


def test_the_command_does_not_take_a_missing_database_for_an_empty_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{tmp_path}/typo.sqlite3")
    code, _, err = command(capsys, "rules", "watch")
    assert (code, "there is no database at" in err) == (2, True)
    assert not (tmp_path / "typo.sqlite3").exists()
    (tmp_path / "typo.sqlite3").write_text("this is not a database, but it is long enough to look at" * 10)
    code, _, err = command(capsys, "rules", "watch")
    assert (code, "the database cannot be read" in err) == (4, True)
