"""Tokens that must let nobody in, each with the one thing that is wrong with it, and tokens that must."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA384

from cds_hooks.errors import NotAuthenticated
from cds_hooks.observe import configure_logs
from tests.support.asgi import Answer
from tests.support.doubles import NOW, request
from tests.support.service import Service, running
from tests.support.tokens import BASE, DISCOVERY, ED, ES, ONLY, PS, RS, STRANGER, TIME, VIEW, Signer, bearer, claims, encode, write_registry

ATTACKER = "https://attacker.example/jwks.json"
IDP = "https://idp.example.org"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder, registry_file=write_registry(folder), base_url=BASE) as service:
        yield service


def changed(**members: object) -> Callable[[], str]:
    """A token of client one with other claims."""
    return lambda: ES.sign(claims(**members))


def headed(**members: object) -> Callable[[], str]:
    """A token of client one with another header, signed as it is."""
    return lambda: ES.sign(header=members)


def unsigned(algorithm: object) -> str:
    head = json.dumps({"alg": algorithm, "typ": "JWT", "kid": "es-1"}).encode()
    return f"{encode(head)}.{encode(json.dumps(claims()).encode())}."


def keyed(secret: bytes, algorithm: str = "HS256") -> str:
    """Signed with a secret that is no secret: the public key."""
    head = json.dumps({"alg": algorithm, "typ": "JWT", "kid": "rs-1"}).encode()
    message = f"{encode(head)}.{encode(json.dumps(claims()).encode())}"
    digest = hashlib.sha256 if algorithm == "HS256" else hashlib.sha384
    return f"{message}.{encode(hmac.new(secret, message.encode(), digest).digest())}"


def resigned(**members: object) -> str:
    """Claims exchanged under the signature of others."""
    head, _, signature = ES.sign().split(".")
    return f"{head}.{encode(json.dumps(claims(**members)).encode())}.{signature}"


def in_der() -> str:
    head, body, _ = ES.sign().split(".")
    return f"{head}.{body}.{encode(ES.private.sign(f'{head}.{body}'.encode(), ECDSA(SHA384())))}"


def without_padding_bits() -> str:
    """The same bytes in another spelling: the last letter has two bits that nobody reads."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    while True:
        head, body, signature = RS.sign().split(".")
        if len(signature) % 4 in (2, 3):
            return f"{head}.{body}.{signature[:-1]}{letters[letters.index(signature[-1]) ^ 1]}"


def own_key(name: str) -> str:
    """Signed by a stranger who brings the key along, or says where it is."""
    brought: dict[str, object] = {
        "jwk": STRANGER.jwk,
        "x5c": [encode(b"certificate")],
        "x5u": ATTACKER,
        "jku": ATTACKER,
    }
    return STRANGER.sign(header={name: brought[name]})


def nested() -> str:
    return ES.sign(ES.sign().encode(), header={"cty": "JWT"})


TOKENS: dict[str, tuple[str, Callable[[], str]]] = {
    # RFC 8725 2.1: the algorithm of the header
    "alg none": ("malformed", lambda: unsigned("none")),
    "alg None": ("malformed", lambda: unsigned("None")),
    "alg NONE": ("malformed", lambda: unsigned("NONE")),
    "alg nOnE": ("malformed", lambda: unsigned("nOnE")),
    "alg none with some signature": ("algorithm", lambda: unsigned("none") + encode(b"x")),
    "alg empty": ("algorithm", headed(alg="")),
    "alg missing": ("algorithm", headed(alg=None)),
    "alg a number": ("algorithm", headed(alg=384)),
    "alg a list": ("algorithm", headed(alg=["ES384"])),
    "alg in small letters": ("algorithm", headed(alg="es384")),
    "alg with a space": ("algorithm", headed(alg="ES384 ")),
    "HS256 with the public key in PEM": ("algorithm", lambda: keyed(RS.pem.encode())),
    "HS384 with the public key in PEM": ("algorithm", lambda: keyed(RS.pem.encode(), "HS384")),
    "HS256 with the public key as JWK": ("algorithm", lambda: keyed(json.dumps(RS.jwk).encode())),
    "HS256 with an empty secret": ("algorithm", lambda: keyed(b"")),
    "PS384 with a key for RS384": ("algorithm", lambda: Signer("rs-1", "PS384", "RSA2048").sign()),
    "RS384 with a key for PS384": (
        "algorithm",
        lambda: Signer("ps-1", "RS384", "RSA2048").sign(claims(iss=IDP, tenant="a", sub="svc")),
    ),
    "RS256 with a key for RS384": ("algorithm", lambda: Signer("rs-1", "RS256", "RSA2048").sign()),
    "RS512 with a key for RS384": ("algorithm", lambda: Signer("rs-1", "RS512", "RSA2048").sign()),
    "ES256 named, ES384 signed": ("algorithm", headed(alg="ES256")),
    "RS384 named, PS384 signed": ("signature", lambda: Signer("rs-1", "PS384", "RSA2048").sign(header={"alg": "RS384"})),
    "a key of the client under the name of its other key": ("algorithm", lambda: RS.sign(header={"kid": "es-1"})),
    # keys that come with the token
    "a jwk in the header": ("header", lambda: own_key("jwk")),
    "an x5c in the header": ("header", lambda: own_key("x5c")),
    "an x5u in the header": ("header", lambda: own_key("x5u")),
    "a jku of an attacker": ("jku", lambda: own_key("jku")),
    "a jku of an attacker, signed with the right key": ("jku", headed(jku=ATTACKER)),
    "the right jku with a slash": ("jku", headed(jku="https://ehr.example.org/jwks.json/")),
    "the right jku with a query": ("jku", headed(jku="https://ehr.example.org/jwks.json?x")),
    "the right jku with a user": ("jku", headed(jku="https://ehr.example.org@attacker.example/jwks.json")),
    "the right jku over http": ("jku", headed(jku="http://ehr.example.org/jwks.json")),
    "the right jku in capitals": ("jku", headed(jku="HTTPS://EHR.EXAMPLE.ORG/jwks.json")),
    "a jku that is a list": ("jku", headed(jku=["https://ehr.example.org/jwks.json"])),
    "a jku of a client that has none": ("jku", lambda: ONLY.sign(two(), header={"jku": "https://other.example.org/jwks.json"})),
    "a jku of null": ("jku", lambda: ONLY.sign(two(), header=b'{"alg":"ES256","kid":"only","jku":null}')),
    # names of keys
    "no kid where the client has two keys": ("unknown-key", headed(kid=None)),
    "an unknown kid": ("unknown-key", headed(kid="es-2")),
    "an empty kid": ("unknown-key", headed(kid="")),
    "a kid that is a path": ("unknown-key", headed(kid="../../public.pem")),
    "a kid that is a query": ("unknown-key", headed(kid="es-1' OR '1'='1")),
    "a kid that is a number": ("header", headed(kid=1)),
    "a kid that is a list": ("header", headed(kid=["es-1"])),
    "a kid of another client": ("unknown-key", headed(kid="only")),
    # extensions and types
    "crit b64": ("header", headed(crit=["b64"], b64=True)),
    "crit of something unknown": ("header", headed(crit=["exp"])),
    "crit that is empty": ("header", headed(crit=[])),
    "b64 false": ("header", headed(b64=False)),
    "compressed": ("header", headed(zip="DEF")),
    "typ at+jwt": ("header", headed(typ="at+jwt")),
    "typ in small letters": ("header", headed(typ="jwt")),
    "typ a list": ("header", headed(typ=["JWT"])),
    "a token in a token": ("malformed", nested),
    # signatures
    "signed by a stranger": ("signature", STRANGER.sign),
    "signed by another client": ("signature", lambda: Signer("es-1", "ES384", "P-384", 2).sign()),
    "claims exchanged": ("signature", lambda: resigned(sub="admin")),
    "header exchanged": ("signature", lambda: f"{encode(json.dumps({**ES.header, 'x': 1}).encode())}.{ES.sign().partition('.')[2]}"),
    "a zero signature": ("signature", lambda: ES.sign(signature=bytes(96))),
    "r = 0": ("signature", lambda: ES.sign(signature=bytes(48) + b"\x01" * 48)),
    "s = 0": ("signature", lambda: ES.sign(signature=b"\x01" * 48 + bytes(48))),
    "r and s all ones": ("signature", lambda: ES.sign(signature=b"\xff" * 96)),
    "a signature in DER": ("signature", in_der),
    "a signature cut by a byte": ("signature", lambda: ES.sign(signature=b"\x01" * 95)),
    "a signature with a byte more": ("signature", lambda: ES.sign(signature=b"\x01" * 97)),
    "an RSA signature of zeros": ("signature", lambda: RS.sign(signature=bytes(256))),
    "an RSA signature of one": ("signature", lambda: RS.sign(signature=bytes(255) + b"\x01")),
    # who it is from
    "no iss": ("unknown-issuer", changed(iss=None)),
    "an unknown iss": ("unknown-issuer", changed(iss="https://attacker.example")),
    "the iss with a slash": ("unknown-issuer", changed(iss="https://ehr.example.org/")),
    "a part of the iss": ("unknown-issuer", changed(iss="https://ehr.example")),
    "the iss in capitals": ("unknown-issuer", changed(iss="https://EHR.example.org")),
    "the iss in a list": ("unknown-issuer", changed(iss=["https://ehr.example.org"])),
    "an iss that is a number": ("unknown-issuer", changed(iss=1)),
    "the iss of another client": ("unknown-key", changed(iss="https://other.example.org")),
    "no tenant": ("tenant", lambda: PS.sign(claims(iss=IDP, sub="svc"))),
    "another tenant": ("tenant", lambda: PS.sign(claims(iss=IDP, tenant="c", sub="svc"))),
    "the tenant in a list": ("tenant", lambda: PS.sign(claims(iss=IDP, tenant=["a"], sub="svc"))),
    "a tenant with the key of another tenant": ("unknown-key", lambda: ED.sign(claims(iss=IDP, tenant="a", sub="svc"))),
    "no sub where one is registered": ("subject", lambda: PS.sign(claims(iss=IDP, tenant="a"))),
    "another sub": ("subject", lambda: PS.sign(claims(iss=IDP, tenant="a", sub="svc2"))),
    "a sub that is a number": ("claims", changed(sub=7)),
    "a tenant that is a number": ("claims", changed(tenant=7)),
    # what it is for
    "no aud": ("audience", changed(aud=None)),
    "the aud of a service": ("audience", changed(aud=VIEW)),
    "the aud with a slash": ("audience", changed(aud=DISCOVERY + "/")),
    "the aud with two slashes": ("audience", changed(aud=f"{BASE}//cds-services")),
    "the aud over http": ("audience", changed(aud=DISCOVERY.replace("https", "http"))),
    "the aud with a port": ("audience", changed(aud="https://cds.example.org:443/cds-services")),
    "the aud in capitals": ("audience", changed(aud=DISCOVERY.upper())),
    "the aud with a query": ("audience", changed(aud=DISCOVERY + "?x")),
    "the aud with a fragment": ("audience", changed(aud=DISCOVERY + "#x")),
    "the base URL only": ("audience", changed(aud=BASE)),
    "the aud of another host": ("audience", changed(aud="https://cds.example.org.attacker.example/cds-services")),
    "an aud among others": ("audience", changed(aud=[DISCOVERY, VIEW])),
    "the aud twice": ("audience", changed(aud=[DISCOVERY, DISCOVERY])),
    "an empty list of aud": ("audience", changed(aud=[])),
    "an aud that is an object": ("audience", changed(aud={DISCOVERY: 1})),
    "an aud that is true": ("audience", changed(aud=True)),
    # when
    "no exp": ("claims", changed(exp=None)),
    "no iat": ("claims", changed(iat=None)),
    "exp a text": ("claims", changed(exp=str(TIME + 300))),
    "exp a fraction": ("claims", changed(exp=TIME + 100.5)),
    "exp true": ("claims", changed(exp=True)),
    "exp negative": ("claims", changed(exp=-1)),
    "exp beyond all clocks": ("claims", changed(exp=2**60)),
    "exp in milliseconds": ("claims", changed(exp=(TIME + 300) * 1000)),
    "iat a text": ("claims", changed(iat=str(TIME))),
    "iat a fraction": ("claims", changed(iat=TIME - 0.5)),
    "iat zero": ("claims", changed(iat=0)),
    "nbf a text": ("claims", changed(nbf=str(TIME))),
    "expired by the leeway": ("expired", changed(iat=TIME - 300, exp=TIME - 60)),
    "expired long ago": ("expired", changed(iat=TIME - 90_300, exp=TIME - 90_000)),
    "issued beyond the leeway": ("too-early", changed(iat=TIME + 61, exp=TIME + 200)),
    "nbf beyond the leeway": ("too-early", changed(nbf=TIME + 61)),
    "a lifetime of 301 seconds": ("lifetime", changed(iat=TIME - 1, exp=TIME + 300)),
    "a lifetime of a day": ("lifetime", changed(exp=TIME + 86_400)),
    "a lifetime of nothing": ("lifetime", changed(exp=TIME)),
    "a lifetime below nothing": ("lifetime", changed(exp=TIME - 10)),
    "longer than the client may": ("lifetime", lambda: ONLY.sign(two(exp=TIME + 61))),
    # which
    "no jti": ("claims", changed(jti=None)),
    "an empty jti": ("claims", changed(jti="")),
    "jti a number": ("claims", changed(jti=1)),
    "jti a list": ("claims", changed(jti=["x"])),
    "jti too long": ("claims", changed(jti="x" * 256)),
    "jti with a NUL": ("claims", changed(jti="x\0")),
    # how it is written
    "claims that are a list": ("malformed", lambda: ES.sign(b"[]")),
    "claims that are a text": ("malformed", lambda: ES.sign(b'"x"')),
    "claims that are no JSON": ("malformed", lambda: ES.sign(b"{")),
    "claims in UTF-16": ("malformed", lambda: ES.sign(json.dumps(claims()).encode("utf-16"))),
    "claims with a member twice": ("malformed", lambda: ES.sign(json.dumps(claims()).encode()[:-1] + b',"sub":"a","sub":"b"}')),
    "claims with NaN": ("malformed", lambda: ES.sign(json.dumps(claims()).encode()[:-1] + b',"x":NaN}')),
    "claims nested deep": ("malformed", lambda: ES.sign(json.dumps(claims()).encode()[:-1] + b',"x":' + b"[" * 99 + b"]" * 99 + b"}")),
    "a header with alg twice": ("malformed", lambda: ES.sign(header=b'{"alg":"none","kid":"es-1","alg":"ES384"}')),
    "a header with kid twice": ("malformed", lambda: ES.sign(header=b'{"alg":"ES384","kid":"x","\\u006bid":"es-1"}')),
    "a header that is a list": ("malformed", lambda: ES.sign(header=b'["ES384"]')),
    "a header that is no JSON": ("malformed", lambda: ES.sign(header=b"ES384")),
    "a header that is empty": ("algorithm", lambda: ES.sign(header=b'{"kid":"es-1"}')),
    "two parts": ("malformed", lambda: ES.sign().rpartition(".")[0]),
    "one part": ("malformed", lambda: ES.sign().partition(".")[0]),
    "four parts": ("malformed", lambda: ES.sign() + ".x"),
    "five parts, as if encrypted": ("malformed", lambda: ES.sign() + ".x.y"),
    "a dot too many in the middle": ("malformed", lambda: ES.sign().replace(".", "..", 1)),
    "a dot at the end": ("malformed", lambda: ES.sign() + "."),
    "no signature": ("malformed", lambda: ES.sign().rpartition(".")[0] + "."),
    "only dots": ("malformed", lambda: ".."),
    "with padding": ("malformed", lambda: f"{RS.sign()}=="),
    "in the other base64 alphabet": ("malformed", lambda: ES.sign().replace("_", "/").replace("-", "+") + "+"),
    "bits that nobody reads": ("malformed", without_padding_bits),
    "a length that base64 cannot have": ("malformed", lambda: f"{encode(b'{} ')}A.{ES.sign().partition('.')[2]}"),
    "not base64": ("malformed", lambda: "!!!.???.***"),
    "letters that are not ASCII": ("malformed", lambda: "ä" + ES.sign()),
    "cut in the middle": ("malformed", lambda: ES.sign()[:60]),
    "with a line feed in it": ("malformed", lambda: ES.sign().replace(".", ".\n", 1)),
    "with a space at the end": ("malformed", lambda: ES.sign() + " "),
    "in quotes": ("malformed", lambda: f'"{ES.sign()}"'),
    "longer than 8 kB": ("malformed", lambda: ES.sign(claims(x="x" * 8000))),
    "a megabyte": ("malformed", lambda: "A" * 2**20),
    "as JSON": ("malformed", lambda: json.dumps({"payload": "e30", "signatures": []})),
}

HEADERS: dict[str, tuple[str, Callable[[], list[tuple[str, str]]]]] = {
    "no header": ("no-token", list),
    "a token in the query only": ("no-token", lambda: [("x-authorization", f"Bearer {ES.sign()}")]),
    "an empty header": ("malformed", lambda: [("authorization", "")]),
    "the scheme alone": ("malformed", lambda: [("authorization", "Bearer")]),
    "the scheme and a space": ("malformed", lambda: [("authorization", "Bearer ")]),
    "Basic": ("malformed", lambda: [("authorization", "Basic dXNlcjpwYXNzd29yZA==")]),
    "a token as Basic": ("malformed", lambda: [("authorization", f"Basic {ES.sign()}")]),
    "a token as DPoP": ("malformed", lambda: [("authorization", f"DPoP {ES.sign()}")]),
    "a token without a scheme": ("malformed", lambda: [("authorization", ES.sign())]),
    "the scheme twice": ("malformed", lambda: [("authorization", f"Bearer Bearer {ES.sign()}")]),
    "a tab after the scheme": ("malformed", lambda: [("authorization", f"Bearer\t{ES.sign()}")]),
    "two tokens in one header": ("malformed", lambda: [("authorization", f"Bearer {ES.sign()}, Bearer {ES.sign()}")]),
    "two headers, both good": ("malformed", lambda: [("authorization", f"Bearer {ES.sign()}") for _ in range(2)]),
    "two headers, one good": ("malformed", lambda: [("authorization", f"Bearer {ES.sign()}"), ("authorization", "Basic x")]),
    "letters outside latin": ("malformed", lambda: [("authorization", "Bearer \xff\xfe")]),
}


def two(**changes: object) -> dict[str, object]:
    """Claims of client two."""
    return claims(**{"iss": "https://other.example.org", "exp": TIME + 60, **changes})


def count(service: Service, reason: str) -> float:
    return service.parts.metrics.registry.get_sample_value("nmcds_callers_refused_total", {"reason": reason}) or 0.0


def assert_refused(answer: Answer) -> None:
    assert answer.status == 401
    assert answer.body == NotAuthenticated().body()
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/fhir+json"
    assert b"diagnostics" not in answer.body


def test_the_table_has_enough_of_everything() -> None:
    assert len(TOKENS) + len(HEADERS) >= 60


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_with_one_thing_wrong_is_refused_for_that_and_nothing_is_told(guarded: Service, name: str) -> None:
    reason, make = TOKENS[name]
    before = count(guarded, reason)
    assert_refused(guarded.get("/cds-services", bearer(make())))
    assert count(guarded, reason) == before + 1


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_holds_no_single_bearer_token_is_refused(guarded: Service, name: str) -> None:
    reason, make = HEADERS[name]
    before = count(guarded, reason)
    assert_refused(guarded.send("GET", f"/cds-services?access_token={ES.sign()}", headers=make()))
    assert count(guarded, reason) == before + 1


@pytest.mark.parametrize(
    ("signer", "more"),
    [
        (ES, {}),
        (RS, {}),
        (ONLY, {"iss": "https://other.example.org", "exp": TIME + 60}),
        (PS, {"iss": IDP, "tenant": "a", "sub": "svc"}),
        (ED, {"iss": IDP, "tenant": "b", "sub": "anybody"}),
    ],
    ids=lambda one: one.algorithm if isinstance(one, Signer) else "",
)
def test_a_good_token_of_each_algorithm_lets_in(guarded: Service, signer: Signer, more: dict[str, object]) -> None:
    assert guarded.get("/cds-services", bearer(signer.sign(claims(**more)))).status == 200


GOOD: dict[str, Callable[[], str]] = {
    "the aud as a list of one": changed(aud=[DISCOVERY]),
    "expired within the leeway": changed(iat=TIME - 300, exp=TIME - 59),
    "issued within the leeway": changed(iat=TIME + 60, exp=TIME + 200),
    "nbf within the leeway": changed(nbf=TIME + 60),
    "a lifetime of exactly five minutes": changed(iat=TIME, exp=TIME + 300),
    "a jti of 255 characters": lambda: ES.sign(claims(jti=f"{claims()['jti']}-".ljust(255, "x"))),
    "members that nobody knows": changed(azp="x", scope="y"),
    "a tenant where none is registered": changed(tenant="any"),
    "the registered jku": headed(jku="https://ehr.example.org/jwks.json"),
    "no typ": headed(typ=None),
    "a header member that nobody knows": headed(x5t="abc"),
    "no kid where the client has one key": lambda: ONLY.sign(two(), header={"kid": None}),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_token_that_is_only_unusual_lets_in(guarded: Service, name: str) -> None:
    assert guarded.get("/cds-services", bearer(GOOD[name]())).status == 200


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer    "])
def test_the_scheme_is_read_as_http_says(guarded: Service, scheme: str) -> None:
    assert guarded.get("/cds-services", {"authorization": scheme + ES.sign()}).status == 200


def test_a_token_lets_in_once(guarded: Service) -> None:
    token = ES.sign()
    assert guarded.get("/cds-services", bearer(token)).status == 200
    before = count(guarded, "replayed")
    assert_refused(guarded.get("/cds-services", bearer(token)))
    assert_refused(guarded.get("/cds-services", bearer(ES.sign(claims(jti=json.loads(_claims(token))["jti"])))))
    assert count(guarded, "replayed") == before + 2


def test_the_same_jti_of_another_issuer_is_another_token(guarded: Service) -> None:
    assert guarded.get("/cds-services", bearer(ES.sign(claims(jti="shared")))).status == 200
    assert guarded.get("/cds-services", bearer(ONLY.sign(two(jti="shared")))).status == 200


def test_of_many_calls_at_once_with_one_token_one_is_let_in(guarded: Service) -> None:
    header = bearer(ES.sign())

    async def all_at_once() -> list[int]:
        answers = await asyncio.gather(*(guarded.asend("GET", "/cds-services", headers=header) for _ in range(20)))
        return [answer.status for answer in answers]

    assert sorted(asyncio.run(all_at_once())) == [200] + [401] * 19


def test_a_token_that_another_worker_let_in_is_refused(tmp_path: Path) -> None:
    registry = write_registry(tmp_path)
    token = ES.sign()
    with (
        running(tmp_path, registry_file=registry, base_url=BASE) as one,
        running(tmp_path, registry_file=registry, base_url=BASE) as other,
    ):
        assert one.get("/cds-services", bearer(token)).status == 200
        assert_refused(other.get("/cds-services", bearer(token)))


def test_a_token_is_refused_after_a_restart(tmp_path: Path) -> None:
    registry = write_registry(tmp_path)
    token = ES.sign()
    with running(tmp_path, registry_file=registry, base_url=BASE) as service:
        assert service.get("/cds-services", bearer(token)).status == 200
    later = NOW + timedelta(seconds=359)  # the last second in which the token would count
    with running(tmp_path, registry_file=registry, base_url=BASE, clock=lambda: later) as service:
        assert_refused(service.get("/cds-services", bearer(token)))


def test_a_refused_token_is_not_used_up(guarded: Service) -> None:
    token = ES.sign(claims(aud=VIEW))
    assert_refused(guarded.get("/cds-services", bearer(token)))
    assert guarded.post(VIEW.removeprefix(BASE), request(), bearer(token)).status == 200


def test_every_endpoint_asks_for_a_token_of_its_own(guarded: Service) -> None:
    path = VIEW.removeprefix(BASE)
    feedback = f"{path}/feedback"
    for answer in (guarded.get("/cds-services"), guarded.post(path, request()), guarded.post(feedback, {"feedback": []})):
        assert_refused(answer)
    assert_refused(guarded.post(feedback, {"feedback": []}, bearer(ES.sign(claims(aud=VIEW)))))
    assert guarded.post(feedback, {"feedback": []}, bearer(ES.sign(claims(aud=f"{VIEW}/feedback")))).status == 200


def test_a_caller_is_refused_before_the_body_is_read(guarded: Service) -> None:
    assert_refused(guarded.post(VIEW.removeprefix(BASE), request()))
    assert guarded.taken == 0


def test_a_stranger_is_not_told_which_services_exist(guarded: Service) -> None:
    assert_refused(guarded.post("/cds-services/no-such-service", request()))
    token = ES.sign(claims(aud=f"{DISCOVERY}/no-such-service"))
    answer = guarded.post("/cds-services/no-such-service", request(), bearer(token))
    assert (answer.status, answer.number) == (404, "NMCDS-106")


def test_a_service_that_is_not_for_this_client_does_not_exist_for_it(guarded: Service) -> None:
    found = guarded.get("/cds-services", bearer(ONLY.sign(two()))).json()["services"]
    assert [one["id"] for one in found] == ["neuromuscular-order-sign"]
    answer = guarded.post(VIEW.removeprefix(BASE), request(), bearer(ONLY.sign(two(aud=VIEW))))
    assert (answer.status, answer.number) == (404, "NMCDS-106")
    answer = guarded.post(f"{VIEW.removeprefix(BASE)}/feedback", {"feedback": []}, bearer(ONLY.sign(two(aud=f"{VIEW}/feedback"))))
    assert (answer.status, answer.number) == (404, "NMCDS-106")


def test_the_registered_name_is_in_the_audit_and_the_token_is_nowhere(tmp_path: Path) -> None:
    secret = "CANARY8d1e"  # noqa: S105 - to be found, if it gets out
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE) as service:
        token = ES.sign(claims(aud=VIEW, jti=secret, x=secret))
        assert service.post(VIEW.removeprefix(BASE), request(), bearer(token)).status == 200
        service.parts.writer.flush()
        kept = "".join(file.read_bytes().decode("latin-1") for file in tmp_path.glob("nmcds*"))
    assert "one" in kept
    assert secret not in kept
    assert token.rpartition(".")[2] not in kept


def test_nothing_of_a_refused_token_comes_out_anywhere(guarded: Service) -> None:
    secret = "CANARY5b2f"  # noqa: S105 - to be found, if it gets out
    stream = io.StringIO()
    handler = configure_logs("debug", stream)
    tokens = [
        secret,
        ES.sign(header={"kid": secret}),
        ES.sign(header={"jku": f"https://{secret}.example"}),
        ES.sign(header={"alg": secret}),
        *(ES.sign(claims(**{name: secret})) for name in ("iss", "aud", "exp", "tenant", "sub")),
        ES.sign(claims(iss=IDP, tenant=secret)),
        ES.sign(claims(jti=secret * 30)),
        STRANGER.sign(claims(jti=secret)),
    ]
    answers = [guarded.get("/cds-services", bearer(token)) for token in tokens]
    handler.close()
    assert [answer.status for answer in answers].count(401) == len(tokens) - 2, "tenant and sub are not registered and may be anything"
    lines = stream.getvalue()
    assert lines.count('"caller-refused"') == len(tokens) - 2
    assert secret not in lines + "".join(f"{answer.body!r}{answer.headers}" for answer in answers)
    assert secret not in guarded.parts.metrics.render().decode()
    assert '"client": "one"' in lines


def _claims(token: str) -> bytes:
    return json.dumps(jwt.decode(token, options={"verify_signature": False})).encode()
