"""Every body here is refused with 4xx, says where and what, and quotes nothing; afterwards the service still answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import JSON
from tests.support.doubles import INSTANCE, bundle, condition, order, patient, request
from tests.support.service import Service, running

PATH = "/cds-services/neuromuscular-patient-view"
GOOD = json.dumps(request())
CANARY = "CANARY-3f7c"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    with running(folder, body_limit_bytes=100_000) as found:
        yield found


def changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1).encode("utf-8", "surrogatepass")


def with_member(**members: Any) -> bytes:  # noqa: ANN401 - any JSON member
    return json.dumps({**request(), **members}).encode()


def with_context(**members: Any) -> bytes:  # noqa: ANN401 - any JSON member
    return json.dumps(request(context=members)).encode()


def nested(opener: str, closer: str, depth: int) -> str:
    return opener * depth + closer * depth


BAD_JSON = {
    "empty": b"",
    "blank": b" \n",
    "nul": b"\x00",
    "bom": b"\xef\xbb\xbf" + GOOD.encode(),
    "utf16": GOOD.encode("utf-16"),
    "utf32": GOOD.encode("utf-32-le"),
    "latin1": changed('"Practitioner/CANARY-dr"', '"Practitioner/d\u00fcr"').decode().encode("latin-1"),
    "overlong utf8": changed("dr", "d\\u00e9r").replace(b"\\u00e9", b"\xc0\xaf"),
    "encoded surrogate": changed("dr", "XX").replace(b"XX", b"\xed\xa0\x80"),
    "escaped high surrogate": changed("dr", "d\\ud800r"),
    "escaped low surrogate": changed("dr", "d\\udc00r"),
    "surrogates the wrong way round": changed("dr", "d\\udc00\\ud800r"),
    "raw control character": changed("dr", "d\x01r"),
    "raw newline in string": changed("dr", "d\nr"),
    "bad escape": changed("dr", "d\\xr"),
    "truncated": GOOD.encode()[:-1],
    "truncated in string": GOOD.encode()[:30],
    "trailing text": GOOD.encode() + b"x",
    "two documents": GOOD.encode() * 2,
    "trailing comma": GOOD.encode()[:-1] + b",}",
    "comment": b"/* x */" + GOOD.encode(),
    "single quotes": b"{'hook':'patient-view'}",
    "unquoted key": b'{hook:"patient-view"}',
    "xml": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "yaml": b"hook: patient-view",
    "NaN": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": NaN'),
    "Infinity": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": Infinity'),
    "-Infinity": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": -Infinity'),
    "number beyond a double": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": 1e999'),
    "5000 digits": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": ' + b"9" * 5000),
    "leading zero": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": 01'),
    "hexadecimal": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": 0x1'),
    "plus sign": with_member(extension={"x": 1}).replace(b'"x": 1', b'"x": +1'),
    "duplicate hook": changed("{", '{"hook":"order-sign",'),
    "duplicate patientId": changed('"patientId"', '"patientId":"p2","patientId"'),
    "duplicate written with an escape": changed('"patientId"', '"p\\u0061tientId":"p2","patientId"'),
    "duplicate hidden behind an escaped colon": changed('"userId"', '"x":"\\u003a","x":"\\u003A","userId"'),
    "duplicate deep inside": changed('"gender": "female"', '"gender":"male","gender":"female"'),
    "duplicate with the same value": changed('"gender": "female"', '"gender":"female","gender":"female"'),
    "65 arrays": with_member(extension={"x": 1}).replace(b'"x": 1', f'"x": {nested("[", "]", 65)}'.encode()),
    "65 objects": with_member(extension={"x": 1}).replace(b'"x": 1', ('"x": ' + '{"a":' * 65 + "1" + "}" * 65).encode()),
    "300 arrays": nested("[", "]", 300).encode(),
    "2000 arrays": nested("[", "]", 2000).encode(),
    "40000 open arrays": b"[" * 40_000,
    "40000 open objects": b'{"a":' * 19_000,
}
BAD_REQUEST = {
    "null": b"null",
    "true": b"true",
    "number": b"1",
    "string": b'"patient-view"',
    "array": b"[]",
    "array of requests": f"[{GOOD}]".encode(),
    "empty object": b"{}",
    "hook missing": json.dumps({"hookInstance": INSTANCE, "context": {}}).encode(),
    "hook number": with_member(hook=1),
    "hook array": with_member(hook=["patient-view"]),
    "hook empty": with_member(hook=""),
    "hook long": with_member(hook="x" * 5000),
    "instance object": with_member(hookInstance={}),
    "instance with newline": with_member(hookInstance=INSTANCE + "\n"),
    "context array": with_member(context=[]),
    "context string": with_member(context=CANARY),
    "patient number": with_context(patientId=1),
    "patient array": with_context(patientId=["p1"]),
    "patient object": with_context(patientId={"id": "p1"}),
    "patient empty": with_context(patientId=""),
    "patient with slash": with_context(patientId=f"{CANARY}/../p2"),
    "patient climbing": with_context(patientId=".."),
    "patient with query": with_context(patientId=f"{CANARY}?_include=*"),
    "patient with percent": with_context(patientId="p1%2f.."),
    "patient with space": with_context(patientId=f"{CANARY} x"),
    "patient with newline": with_context(patientId="p1\r\nHost: evil"),
    "patient with quote": with_context(patientId="' OR 1=1 --"),
    "patient with markup": with_context(patientId="<script>"),
    "patient unicode": with_context(patientId="p\u0661"),
    "patient long": with_context(patientId="p" * 5000),
    "patient of wrong type": with_context(patientId="Group/p1"),
    "patient url": with_context(patientId="https://ehr.example.org/Patient/p1"),
    "user number": with_context(userId=7),
    "user with newline": with_context(userId="Practitioner/x\nINFO forged log line"),
    "user long": with_context(userId="u" * 600),
    "encounter object": with_context(encounterId={}),
    "server number": with_member(fhirServer=1),
    "server array": with_member(fhirServer=["https://ehr.example.org"]),
    "server empty": with_member(fhirServer=""),
    "server long": with_member(fhirServer="https://" + "x" * 3000),
    "authorization string": with_member(fhirServer="https://ehr.example.org", fhirAuthorization=CANARY),
    "token missing": with_member(fhirServer="https://ehr.example.org", fhirAuthorization={}),
    "token with newline": with_member(fhirServer="https://ehr.example.org", fhirAuthorization={"access_token": f"{CANARY}\r\nX: y"}),
    "token long": with_member(fhirServer="https://ehr.example.org", fhirAuthorization={"access_token": CANARY * 2000}),
    "token unicode": with_member(fhirServer="https://ehr.example.org", fhirAuthorization={"access_token": "t\u00f6ken"}),
    "prefetch array": with_member(prefetch=[]),
    "prefetch string": with_member(prefetch=CANARY),
    "prefetch of scalars": with_member(prefetch={"patient": 1, "conditions": True}),
    "patient key is an array": with_member(prefetch={"patient": [patient()], "conditions": None}),
    "resource without type": with_member(prefetch={"patient": {"id": CANARY}, "conditions": None}),
    "resource type is an object": with_member(prefetch={"patient": {"resourceType": {}}, "conditions": None}),
    "resource type with slash": with_member(prefetch={"patient": {"resourceType": "../x"}, "conditions": None}),
    "entry is an object": with_member(
        prefetch={"patient": patient(), "conditions": {"resourceType": "Bundle", "entry": {"a": condition()}}}
    ),
    "entry of scalars": with_member(prefetch={"patient": patient(), "conditions": {"resourceType": "Bundle", "entry": [1, CANARY]}}),
    "bundle in bundle": with_member(prefetch={"patient": patient(), "conditions": {"resourceType": "Bundle", "entry": [{"resource": 3}]}}),
    "extension array": with_member(extension=[]),
    "extension string": with_member(extension=CANARY),
}
WRONG_TYPES = [
    None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
    "application/fhir+xml",
    "json", "application/json2", "text/json; application/json", "application/json; charset=utf-16",
    "application/json; charset=latin1", "*/*",
]  # fmt: skip


def refused(service: Service, body: bytes, number: str) -> None:
    answer = service.send("POST", PATH, body, JSON)
    assert (answer.status, answer.number) == (400, number)
    assert CANARY not in answer.body.decode()
    assert len(answer.body) < 10_000
    assert service.knowledge.calls == 0


@pytest.mark.parametrize("name", BAD_JSON)
def test_json_that_can_be_read_in_more_than_one_way_or_not_at_all_is_refused(service: Service, name: str) -> None:
    refused(service, BAD_JSON[name], "NMCDS-103")


@pytest.mark.parametrize("name", BAD_REQUEST)
def test_json_that_is_no_request_is_refused(service: Service, name: str) -> None:
    refused(service, BAD_REQUEST[name], "NMCDS-104")


@pytest.mark.parametrize("content_type", WRONG_TYPES)
def test_a_body_that_is_not_called_json_is_refused(service: Service, content_type: str | None) -> None:
    answer = service.send("POST", PATH, GOOD.encode(), {} if content_type is None else {"content-type": content_type})
    assert (answer.status, answer.number) == (415, "NMCDS-102")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(service: Service, encoding: str) -> None:
    answer = service.send("POST", PATH, GOOD.encode(), {**JSON, "content-encoding": encoding})
    assert (answer.status, answer.number) == (415, "NMCDS-102")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/fhir+json; fhirVersion=4.0",
    ],
)
def test_json_is_accepted_under_its_usual_names(tmp_path: Path, content_type: str) -> None:
    with running(tmp_path) as service:
        assert service.send("POST", PATH, GOOD.encode(), {"content-type": content_type}).status == 200


def test_a_body_over_the_limit_is_refused_while_it_is_read(service: Service) -> None:
    answer = service.send("POST", PATH, [b" " * 10_000] * 1000, JSON)
    assert (answer.status, answer.number) == (413, "NMCDS-101")
    assert answer.json()["issue"][0]["diagnostics"] == "expected at most 100000 bytes"
    assert service.taken == 11


def test_a_declared_length_over_the_limit_is_refused_before_reading(service: Service) -> None:
    answer = service.send("POST", PATH, GOOD.encode(), {**JSON, "content-length": "9" * 30})
    assert (answer.status, answer.number) == (413, "NMCDS-101")


def test_a_body_of_exactly_the_limit_is_accepted(tmp_path: Path) -> None:
    body = GOOD.encode()
    with running(tmp_path, body_limit_bytes=len(body) + 1024) as service:
        assert service.send("POST", PATH, body + b" " * 1024, JSON).status == 200
        assert service.send("POST", PATH, body + b" " * 1025, JSON).status == 413


def test_64_levels_are_accepted(tmp_path: Path) -> None:
    body = with_member(extension={"x": 1}).replace(b'"x": 1', f'"x": {nested("[", "]", 62)}'.encode())
    with running(tmp_path) as service:
        assert service.send("POST", PATH, body, JSON).status == 200


@pytest.mark.parametrize("text", ["a\\u003ab", "a:b::c", "\\\\u003a", '\\u003A: \\"x\\": 1'])
def test_colons_in_text_are_not_mistaken_for_duplicates(tmp_path: Path, text: str) -> None:
    body = with_member(extension={"x": "TEXT"}).replace(b"TEXT", text.encode())
    with running(tmp_path) as service:
        assert service.send("POST", PATH, body, JSON).status == 200


def test_orders_full_of_nonsense_inside_are_left_to_the_rules(tmp_path: Path) -> None:
    odd = order("m1", dosageInstruction="x", status={"a": []}, medicationCodeableConcept=[[]])
    with running(tmp_path) as service:
        assert service.hook(request("order-sign", context={"draftOrders": bundle(odd)}), "order-sign").status == 200


def test_after_all_this_the_service_still_answers(service: Service) -> None:
    for body in (*BAD_JSON.values(), *BAD_REQUEST.values()):
        service.send("POST", PATH, body, JSON)
    assert service.get("/healthz").status == 200
    assert service.get("/readyz").status == 200


def test_there_are_enough_of_them() -> None:
    assert len(BAD_JSON) + len(BAD_REQUEST) + len(WRONG_TYPES) >= 100
