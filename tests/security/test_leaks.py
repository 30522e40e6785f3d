"""A canary in every place that a caller fills comes out nowhere: not in logs, errors, metrics, database or response headers."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.envelope import read_request
from cds_hooks.fhir_client import Access
from cds_hooks.observe import FIELDS, configure_logs, log_event
from rules.engine.interface import EngineError
from rules.findings import Evaluation
from tests.support.asgi import JSON
from tests.support.doubles import AUTHORIZATION, INSTANCE, FakeKnowledge, bundle, condition, finding, patient
from tests.support.service import running

CANARY = "CANARY3f7c"
COMMENT = "COMMENT3f7c"  # the one text of a user that is stored, as text
PATH = "/cds-services/neuromuscular-patient-view"
FEEDBACK = {
    "card": INSTANCE,
    "outcome": "overridden",
    "overrideReason": {"reason": {"code": "c", "system": "s"}, "userComment": COMMENT},
    "outcomeTimestamp": "2026-11-22T10:05:31Z",
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = configure_logs("debug", stream)
    yield stream
    handler.close()


def body(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON member
    mine = condition(of=f"Patient/{CANARY}", code={"text": CANARY}, note=[{"text": CANARY}])
    return {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "fhirServer": f"https://{CANARY}.example/fhir",
        "fhirAuthorization": {**AUTHORIZATION, "access_token": CANARY, "scope": CANARY, "subject": CANARY},
        "context": {"userId": f"Practitioner/{CANARY}", "patientId": CANARY, "encounterId": CANARY, CANARY: CANARY},
        "prefetch": {"patient": patient(CANARY, name=[{"family": CANARY}]), "conditions": bundle(mine), CANARY: CANARY},
        "extension": {CANARY: CANARY},
        **changes,
    }


def test_nothing_that_was_sent_comes_out_of_calls_and_errors(tmp_path: Path, logged: io.StringIO) -> None:
    with running(tmp_path, FakeKnowledge(Evaluation((finding(),), (), relevant=True))) as service:
        service.fhir.refuses = True
        answers = [
            service.post(PATH, body()),
            service.post(PATH, body(), {"authorization": f"Bearer {CANARY}", "x-other": CANARY, "user-agent": CANARY}),
            service.post(PATH, body(prefetch={"patient": {"resourceType": CANARY, "id": CANARY}, "conditions": [CANARY]})),
            service.post(PATH, body(prefetch={})),
            service.post(PATH, body(hookInstance=CANARY)),
            service.post(PATH, body(hook=CANARY)),
            service.post(PATH, body(context={CANARY: {CANARY: 1}})),
            service.send("POST", PATH, f'{{"{CANARY}":"{CANARY}","{CANARY}":1}}'.encode(), JSON),
            service.send("POST", PATH, CANARY.encode(), JSON),
            service.send("POST", PATH, CANARY.encode(), {"content-type": CANARY}),
            service.post(f"/cds-services/{CANARY}", body()),
            service.get(f"/{CANARY}?{CANARY}={CANARY}"),
            service.send("PUT", f"/cds-services/{CANARY}"),
            service.post(f"{PATH}/feedback", {"feedback": [FEEDBACK]}),
            service.post(f"{PATH}/feedback", {"feedback": [{**FEEDBACK, "outcome": CANARY, CANARY: 1}]}),
            service.get("/metrics"),
        ]
        service.knowledge.answer = EngineError("crash", CANARY)
        answers.append(service.post(PATH, body()))
        service.knowledge.answer = RuntimeError(CANARY)
        answers.append(service.post(PATH, body()))
        answers.append(service.get("/metrics"))
        service.parts.writer.flush()
    assert [answer.status for answer in answers].count(200) == 7
    drafts = [answer.body.decode() + str(dict(answer.headers)) for answer in answers]
    assert not [text for text in drafts if CANARY in text or COMMENT in text]
    assert len(logged.getvalue().splitlines()) > 10
    assert CANARY not in logged.getvalue()
    assert COMMENT not in logged.getvalue()


def test_a_defect_leaves_no_text_and_no_stack(tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("cds_hooks.invoke.gather", broken)
    with running(tmp_path) as service:
        answer = service.post(PATH, body())
    assert answer.status == 500
    assert CANARY not in answer.body.decode() + logged.getvalue()
    [line] = [json.loads(text) for text in logged.getvalue().splitlines() if "defect" in text]
    assert (line["kind"], line["number"]) == ("ValueError", "NMCDS-201")
    assert "Traceback" not in logged.getvalue()


def test_the_database_holds_hashes_of_people_and_the_comment_only(tmp_path: Path) -> None:
    with running(tmp_path, FakeKnowledge(Evaluation((finding(),), (), relevant=True))) as service:
        service.post(PATH, body())
        service.parts.writer.flush()
        dump = "".join(file.read_bytes().decode("latin-1") for file in tmp_path.iterdir())
        assert "test-rule" in dump
        assert CANARY not in dump
        service.post(f"{PATH}/feedback", {"feedback": [FEEDBACK]})
    dump = "".join(file.read_bytes().decode("latin-1") for file in tmp_path.iterdir())
    assert COMMENT in dump
    assert CANARY not in dump


def test_a_log_field_that_is_not_on_the_list_is_a_programming_error(logged: io.StringIO) -> None:
    with pytest.raises(ValueError, match="patient"):
        log_event("x", patient="p1")
    assert logged.getvalue() == ""
    assert "patient" not in FIELDS


@pytest.mark.parametrize("text", ["Jane Doe", "a\nb", '{"a":1}', "x" * 500, "ü"])
def test_a_log_value_that_is_not_plain_is_withheld(logged: io.StringIO, text: str) -> None:
    log_event("x", kind=text)
    assert json.loads(logged.getvalue())["kind"] == "(withheld)"


def test_messages_of_other_code_in_our_logger_keep_their_arguments_to_themselves(logged: io.StringIO) -> None:
    logging.getLogger("cds_hooks.other").warning("x %s", CANARY)
    assert CANARY not in logged.getvalue()


def test_the_token_shows_in_no_text_of_a_request() -> None:
    read = read_request({**body(), "context": {"userId": "u", "patientId": "p"}}, "patient-view")
    assert read.fhir_authorization is not None
    assert read.fhir_authorization.access_token == CANARY
    assert CANARY not in repr(read.fhir_authorization).replace(f"scope='{CANARY}'", "").replace(f"subject='{CANARY}'", "")
    assert CANARY not in repr(Access("https://x", CANARY))
