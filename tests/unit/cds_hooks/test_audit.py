"""The audit: a row for every call of a known caller, one patient's rows by a hash made here, and FHIR AuditEvents."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command as alembic
from alembic.config import Config
from fhir.resources.R4B.auditevent import AuditEvent
from sqlalchemy import select

from cds_hooks import cli
from cds_hooks.audit_event import audit_event
from cds_hooks.store.audit import AuditRow, about, between
from cds_hooks.store.database import Database
from cds_hooks.store.tables import audit
from cds_hooks.store.writer import Shown, Writer
from rules.engine.interface import EngineError
from rules.findings import Evaluation
from tests.support.asgi import JSON
from tests.support.doubles import INSTANCE, NOW, FakeKnowledge, finding, patient, request
from tests.support.service import Service, running

PATH = "/cds-services/neuromuscular-patient-view"
ROW = AuditRow(
    7, "2026-11-22T09:30:00.000000Z", "neuromuscular-patient-view", INSTANCE, "ehr-1", "a" * 64, "b" * 64, "answered", 200, "", "2026.11.0",
    (("mg-crisis-urgent", "1.0.0"), ("ref-als-mdt", "1.0.1")), 2, 1, ("Observation",), 12,
)  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, FakeKnowledge(Evaluation((finding("r1"),), (), relevant=True))) as found:
        yield found


def rows(service: Service) -> list[AuditRow]:
    service.parts.writer.flush()
    return list(between(service.parts.database))


def test_answered_refused_and_failed_calls_are_told_apart(service: Service) -> None:
    service.post(PATH, request())
    service.post(PATH, request(prefetch={}))
    service.post(PATH, request(hook="order-select"))
    service.send("POST", PATH, b"{", JSON)
    service.knowledge.answer = EngineError("crash", "x")
    service.post(PATH, request())
    found = rows(service)
    assert [(row.outcome, row.status, row.number, row.cards) for row in found] == [
        ("answered", 200, "", 1), ("refused", 412, "NMCDS-110", 0), ("refused", 400, "NMCDS-105", 0), ("refused", 400, "NMCDS-103", 0),
        ("not-checked", 200, "", 1),
    ]  # fmt: skip
    keys = service.parts.database.keys
    assert [bool(row.patient) for row in found] == [True, True, False, False, True]
    assert {row.patient for row in found if row.patient} == {keys.patient("p1")}
    assert (found[1].instance, found[2].instance) == (INSTANCE, "")
    assert found[0].rules == (("r1", "1.0.0"),)
    assert {row.caller for row in found} == {"open"}


def test_a_defect_is_audited_as_refused_with_500(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.invoke.gather", lambda *_, **__: 1 / 0)
    assert service.post(PATH, request()).status == 500
    assert [(row.outcome, row.status, row.number) for row in rows(service)] == [("refused", 500, "NMCDS-201")]


def test_an_unknown_caller_leaves_no_row(service: Service) -> None:
    """Or anybody could fill the storage; the log and the metrics count such calls."""
    assert service.post(PATH, request(), {"host": "evil.example"}).status == 401
    assert service.post("/cds-services/nothing", request()).status == 404
    assert rows(service) == []
    assert 'nmcds_calls_total{service="neuromuscular-patient-view",status="401"} 1.0' in service.get("/metrics").body.decode()


def test_one_patients_rows_and_nobody_elses(service: Service) -> None:
    other = {"patient": patient("p2"), "conditions": None, "medicationRequests": None, "observations": None}
    service.post(PATH, request())
    service.post(PATH, request(context={"patientId": "p2"}, prefetch=other))
    service.parts.writer.flush()
    assert [row.instance for row in about(service.parts.database, "p1")] == [INSTANCE]
    assert about(service.parts.database, "p3") == []


def test_rows_are_read_in_parts_and_between_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.store.audit.BATCH", 3)
    database = Database(f"sqlite:///{tmp_path}/x.sqlite3")
    writer = Writer(database, keep_days=365, dropped=lambda _: None)
    for ago in range(10):
        writer.add(Shown(NOW - timedelta(days=ago), "s", str(ago), "c", "p", "u", "1", (), 0, (), 1))
    writer.close()
    monkeypatch.setattr("cds_hooks.store.audit.BATCH", 3)
    assert [row.instance for row in between(database)] == [str(ago) for ago in range(10)]
    since, until = datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    assert [row.at[:10] for row in between(database, since, until)] == [f"2026-11-{day}" for day in (19, 18, 17, 16, 15)]
    database.close()


@pytest.mark.parametrize(
    ("changes", "outcome", "text"),
    [
        ({}, "0", None),
        ({"outcome": "refused", "status": 412, "number": "NMCDS-110", "rules": ()}, "4", "NMCDS-110"),
        ({"outcome": "refused", "status": 400, "number": "NMCDS-103", "patient": "", "user": "", "instance": ""}, "4", "NMCDS-103"),
        ({"outcome": "refused", "status": 503, "number": "NMCDS-204"}, "8", "NMCDS-204"),
        ({"outcome": "not-checked", "unread": ()}, "8", "not-checked"),
    ],
)
def test_an_event_is_valid_fhir_and_says_how_the_call_ended(changes: dict[str, object], outcome: str, text: str | None) -> None:
    row = replace(ROW, **changes)  # type: ignore[arg-type]
    event = audit_event(row)
    AuditEvent.model_validate(event)
    assert (event["outcome"], event.get("outcomeDesc")) == (outcome, text)
    assert sum(one["requestor"] for one in event["agent"]) == 1  # type: ignore[attr-defined]


def test_an_event_has_who_whom_and_which_rules() -> None:
    text = json.dumps(audit_event(ROW))
    for word in ("ehr-1", "a" * 64, "b" * 64, INSTANCE, "mg-crisis-urgent 1.0.0", "ref-als-mdt 1.0.1", "2026.11.0", '"recorded"'):
        assert word in text


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nmcds", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


@pytest.fixture
def stored(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service that was called twice; the settings point to it."""
    service.post(PATH, request())
    service.post(PATH, request(prefetch={}))
    service.parts.writer.flush()
    monkeypatch.setenv("NMCDS_DATABASE_URL", f"sqlite:///{tmp_path}/nmcds.sqlite3")
    monkeypatch.setenv("NMCDS_SECRET", "a secret")
    return tmp_path


def test_export_writes_valid_events_to_a_new_file_for_its_owner_only(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = stored / "audit.ndjson"
    code, _, err = command(capsys, "audit", "export", "--out", str(out), "--since", "2026-11-22", "--until", "2026-11-22")
    assert (code, "2 audit events" in err) == (0, True)
    events = [AuditEvent.model_validate_json(line) for line in out.read_text().splitlines()]
    assert [event.outcome for event in events] == ["0", "4"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "p1" not in out.read_text()
    code, _, err = command(capsys, "audit", "export", "--out", str(out))
    assert (code, "exists" in err) == (2, True)
    code, _, err = command(capsys, "audit", "export", "--out", str(stored / "no" / "x"))
    assert (code, "cannot write" in err) == (4, True)


def test_export_of_other_days_is_empty(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, option, day in (("a", "--since", "2026-11-23"), ("b", "--until", "2026-11-21")):
        assert command(capsys, "audit", "export", "--out", str(stored / name), option, day)[0] == 0
        assert (stored / name).read_bytes() == b""


@pytest.mark.parametrize("given", ["p1\n", "Patient/p1", " p1 \n"])
def test_whose_reads_the_id_from_standard_input_and_does_not_show_it(
    stored: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    code, out, err = command(capsys, "audit", "whose")
    assert code == 0
    assert "r1 1.0.0" in out
    assert "refused NMCDS-110" in out
    assert "2 calls about this patient" in out
    assert "p1" not in out.replace(str(stored), "") + err


def test_whose_as_json_and_for_nobody(stored: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored.is_dir()
    monkeypatch.setattr("sys.stdin", io.StringIO("p1"))
    assert len(json.loads(command(capsys, "audit", "whose", "--json")[1])) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("p9"))
    assert "0 calls about this patient" in command(capsys, "audit", "whose")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    code, _, err = command(capsys, "audit", "whose")
    assert (code, "found no id" in err) == (2, True)


def test_the_id_is_not_taken_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, "audit", "whose", "p1")[0] == 2


def test_rows_from_before_the_outcome_was_kept_are_answered_calls(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    config = Config()
    config.set_main_option("script_location", "cds_hooks.store:migrations")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO audit (at, service, instance, caller, patient, user, knowledge, rules, cards, suppressed, unread, ms) "
            "VALUES ('2026-11-22', 's', 'i', 'c', 'p', 'u', '1', '[]', 0, 0, '[]', 1)"
        )
    with database.reading() as connection:
        assert connection.execute(select(audit.c.outcome, audit.c.status, audit.c.number)).one() == ("answered", 200, "")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.downgrade(config, "0001")
        assert "outcome" not in str(connection.exec_driver_sql("PRAGMA table_info(audit)").all())
    database.close()
