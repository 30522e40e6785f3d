from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_hooks import errors
from cds_hooks.errors import ERROR_SYSTEM, ServiceError
from tests.support.doubles import request
from tests.support.service import Service, running

PATH = "/cds-services/neuromuscular-patient-view"
EVERY = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, ServiceError) and found is not ServiceError]
# FHIR R4 IssueType, http://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_TYPES = {
    "too-long",
    "not-supported",
    "structure",
    "invalid",
    "not-found",
    "login",
    "processing",
    "incomplete",
    "exception",
    "throttled",
    "transient",
}


@pytest.mark.parametrize("error", EVERY)
def test_every_error_is_an_operation_outcome_with_a_number_of_its_own(error: type[ServiceError]) -> None:
    made = errors.HttpProblem(418) if error is errors.HttpProblem else error()
    outcome = made.outcome()
    assert outcome["resourceType"] == "OperationOutcome"
    [issue] = cast("list[dict[str, Any]]", outcome["issue"])
    assert issue["severity"] == "error"
    assert issue["code"] in ISSUE_TYPES
    assert issue["details"]["coding"] == [{"system": ERROR_SYSTEM, "code": error.number}]
    assert issue["details"]["text"].endswith(".")
    assert 400 <= made.status < 600
    assert [other.number for other in EVERY].count(error.number) == 1


def test_the_tree_at_the_top_of_the_module_names_every_error_with_number_and_status() -> None:
    tree = re.findall(r"[├└]── (\w+) +(NMCDS-\d+) +(\S+) +(\S+)", errors.__doc__ or "")
    assert {(name, number) for name, number, _, _ in tree} == {(error.__name__, error.number) for error in EVERY}
    for name, _, status, code in tree:
        error = getattr(errors, name)
        assert code.startswith(error.issue) or name == "HttpProblem"
        assert status in (str(error.status), "as")


@pytest.mark.parametrize(
    "path", ["/nothing", "/cds-services/", "/cds-services/a/b/c", "/cds-services/neuromuscular-patient-view/feedback/x", "/../etc/passwd"]
)
def test_an_unknown_address_is_404(service: Service, path: str) -> None:
    answer = service.get(path)
    assert (answer.status, answer.number) == (404, "NMCDS-107")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_wrong_method_is_405(service: Service, method: str) -> None:
    answer = service.send(method, PATH)
    assert (answer.status, answer.number, answer.headers["allow"]) == (405, "NMCDS-108", "POST")


def test_a_defect_is_500_without_detail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as service:
        monkeypatch.setattr("cds_hooks.invoke.gather", lambda *_, **__: 1 / 0)
        answer = service.post(PATH, request())
    assert (answer.status, answer.number) == (500, "NMCDS-201")
    assert b"zero" not in answer.body
    assert answer.headers["cache-control"] == "no-store"


def test_a_body_that_ends_early_is_400(service: Service) -> None:
    service.app = _ends_early(service.app)
    answer = service.post(PATH, request())
    assert (answer.status, answer.number) == (400, "NMCDS-111")


def _ends_early(app: ASGIApp) -> ASGIApp:
    async def shortened(scope: Scope, _receive: Receive, send: Send) -> None:
        async def gone() -> dict[str, str]:
            return {"type": "http.disconnect"}

        await app(scope, gone, send)

    return shortened


@pytest.mark.parametrize("path", ["/cds-services", "/healthz", "/metrics", "/nothing", PATH])
def test_every_answer_has_safe_headers(service: Service, path: str) -> None:
    headers = service.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
