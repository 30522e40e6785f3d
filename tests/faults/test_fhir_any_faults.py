"""Whatever sequence of faults a FHIR server shows, the call is answered, and what was not read to its end is never absent."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.fhir_client import FhirClient
from cds_hooks.settings import Settings
from tests.support.doubles import AUTHORIZATION, request
from tests.support.fault_server import fault_server
from tests.support.service import running

PASSING = ("reset", "close", "502", "504", "429-for-a-moment", "503-for-a-moment")
LASTING = (
    "400", "401", "403", "404", "410", "429", "500", "503", "204", "206", "html", "xml", "redirect-302", "garbage", "truncated",
    "truncated-chunks", "truncated-though-json", "reset-within", "bad-chunks", "many-headers", "long-header", "half-json", "empty",
    "byte-order-mark", "latin-1", "gzip", "gzip-undeclared", "deep", "scalar", "not-fhir", "duplicate-keys", "outcome",
    "outcome-that-informs", "endless",
)  # fmt: skip
KEYS = {"Patient": "patient", "Condition": "conditions", "MedicationRequest": "medicationRequests", "Observation": "observations"}
sequences = st.lists(st.sampled_from(("good", *PASSING, *LASTING)), max_size=3)


def is_read(shown: list[str]) -> bool:
    """What was promised: a good answer, at once or after one fault that may pass."""
    first, second = [*shown, "good", "good"][:2]
    return first == "good" or (first in PASSING and second == "good")


def test_any_faults_are_answered_and_nothing_unread_is_absent(tmp_path: Path) -> None:
    settings = Settings(fetch_limit_bytes=200_000, fhir_failures=1000)
    with fault_server() as server, running(tmp_path, fhir=FhirClient(settings)) as service:

        @given(st.fixed_dictionaries(dict.fromkeys(KEYS, sequences)))
        def check(script: dict[str, list[str]]) -> None:
            expected = {kind for kind, shown in script.items() if not is_read(shown)}
            server.script = {kind: list(shown) for kind, shown in script.items()}
            answer = service.hook(request(prefetch=None, fhirServer=server.url("script"), fhirAuthorization=AUTHORIZATION))
            required = [kind for kind in ("Patient", "Condition") if kind in expected]
            if required:
                assert (answer.status, answer.paths) == (412, [f"prefetch.{KEYS[kind]}" for kind in required])
            else:
                assert answer.status == 200
                assert set(service.knowledge.unread) == expected
                assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]

        check()
