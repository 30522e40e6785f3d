from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cds_hooks.registry import RegistryError, load_registry
from tests.support.tokens import ES, RS, Signer, write_registry

PRIVATE = ES.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CUBIC = (
    RSAPublicNumbers(3, RS.private.public_key().public_numbers().n)
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
HEAD = '[[client]]\nname = "one"\nissuer = "https://ehr.example.org"\n'
JWKS = '[client.jwks]\nurl = "https://ehr.example.org/jwks.json"\n'


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        load_registry(write_registry(folder, text))
    return list(caught.value.problems)


def key(signer: Signer = ES, **members: str) -> str:
    """One key table; `members` replace or add lines."""
    lines = {"kid": f'"{signer.kid}"', "algorithm": f'"{signer.algorithm}"', "pem": f"'''{signer.pem}'''", **members}
    return "[[client.key]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)


def test_everything_that_can_be_registered_is_read(tmp_path: Path) -> None:
    (tmp_path / "rs.json").write_text(json.dumps(RS.jwk), encoding="utf-8")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ed.pem").write_text(Signer("ed", "EdDSA", "Ed25519").pem, encoding="utf-8")
    jwk = ", ".join(f'{name} = "{value}"' for name, value in ES.jwk.items())
    text = (
        HEAD
        + 'jku = "https://ehr.example.org/jwks.json"\ntenants = ["a", "b"]\nsubjects = ["s"]\nfhir_servers = ["https://fhir.example.org/r4/"]\n'
        + 'services = ["neuromuscular-order-sign"]\nmax_lifetime_s = 60\ncalls_per_minute = 10\ncalls_at_once = 2\n'
        + key(pem="", jwk=f"{{ {jwk} }}")
        + key(RS, pem="", file='"rs.json"')
        + key(Signer("ed", "EdDSA", "Ed25519"), pem="", file='"keys/ed.pem"')
        + '[[client]]\nname = "two"\nissuer = "https://other.example.org"\n'
        + JWKS
    )
    one, two = load_registry(write_registry(tmp_path, text))
    assert [(found.kid, found.algorithm) for found in one.keys] == [("es-1", "ES384"), ("rs-1", "RS384"), ("ed", "EdDSA")]
    assert (one.tenants, one.subjects, one.fhir_servers) == (("a", "b"), ("s",), ("https://fhir.example.org/r4",))
    assert (one.services, one.max_lifetime_s, one.calls_per_minute, one.calls_at_once) == (("neuromuscular-order-sign",), 60, 10, 2)
    assert one.jku == "https://ehr.example.org/jwks.json"
    assert two.jwks is not None
    assert (two.jwks.url, two.jwks.algorithms, two.jku) == ("https://ehr.example.org/jwks.json", ("ES384", "RS384"), two.jwks.url)
    assert (two.services, two.fhir_servers, two.max_lifetime_s) == (None, (), 300)


@pytest.mark.parametrize("algorithm", ["ES256 P-256", "ES384 P-384", "ES512 P-521", "RS512 RSA2048", "PS256 RSA2048", "EdDSA Ed25519"])
def test_every_asymmetric_algorithm_can_be_registered(tmp_path: Path, algorithm: str) -> None:
    name, kind = algorithm.split()
    [client] = load_registry(write_registry(tmp_path, HEAD + key(Signer("k", name, kind))))
    assert client.keys[0].algorithm == name


def test_all_problems_are_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    text = (
        'clint = 1\n[[client]]\nname = "A B"\nisuer = "x"\nservices = ["neuromuscular-patient-viw"]\ncalls_at_once = true\n'
        'fhir_servers = ["http://fhir.example.org"]\n'
    ) + key(kid="7", algorithm='"ES348"')
    found = problems(tmp_path, text)
    assert found[0] == "registry.toml: clint: no such key, expected [[client]] (did you mean client?)"
    assert found[1].startswith("registry.toml: client[1].name: found 'A B', expected a short name of small letters")
    assert found[2].startswith("registry.toml: client[1].isuer: no such key, expected one of name, issuer,")
    assert found[2].endswith("(did you mean issuer?)")
    assert found[3].endswith("found ['neuromuscular-patient-viw'], expected a list of services (did you mean neuromuscular-patient-view?)")
    assert found[4] == "registry.toml: client[1].calls_at_once: found True, expected a whole number from 1 to 1000"
    assert found[5].endswith("fhir_servers: found ['http://fhir.example.org'], expected a list of https base URLs without query")
    assert found[6] == "registry.toml: client[1].issuer: missing, expected the iss of its tokens"
    assert found[7] == "registry.toml: client[1].key[1].kid: found 7, expected the kid of its tokens"
    assert found[8].endswith("(did you mean ES384?)")
    assert len(found) == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "client: expected at least one [[client]]"),
        ("client = 7", "client: expected at least one [[client]]"),
        ("[client", "cannot be read as TOML"),
        (HEAD, "expected either [[client.key]] or [client.jwks]"),
        (HEAD + JWKS + key(), "expected either [[client.key]] or [client.jwks]"),
        (HEAD + "key = []\n", "key: found a list, expected one [[client.key]] or more"),
        (HEAD + key() + key(), "two keys have the kid 'es-1'"),
        (HEAD + key(pem=""), "found no key material, expected exactly one of pem, jwk, file"),
        (HEAD + key(file='"x.pem"'), "found pem and file, expected exactly one of pem, jwk, file"),
        (HEAD + key(pem="", file='"missing.pem"'), "file: found 'missing.pem', expected a text file that can be read"),
        (HEAD + key(pem='"nonsense"'), "pem: found no PEM that can be read"),
        (HEAD + key(pem="'''-----BEGIN CERTIFICATE-----'''"), "found a certificate, expected its public key"),
        (HEAD + key(algorithm='"ES256"'), "found another kind of key, expected the curve secp256r1 for ES256"),
        (HEAD + key(algorithm='"RS384"'), "found another kind of key, expected RSA for RS384"),
        (HEAD + key(algorithm='"EdDSA"'), "found another kind of key, expected Ed25519 or Ed448"),
        (HEAD + key(algorithm='"none"'), "algorithm: found 'none', expected one of ES256"),
        (HEAD + key(algorithm='"HS256"'), "algorithm: found 'HS256', expected one of ES256"),
        (HEAD + key(Signer("k", "RS384", "RSA1024")), "found an RSA key of 1024 bits, expected 2048 to 8192"),
        (HEAD + key(pem="", jwk='{ kty = "oct", k = "AAAA" }'), "found a private or secret key, expected a public one"),
        (HEAD + key(pem="", jwk='{ kty = "EC", crv = "P-384" }'), "found no JWK that can be read"),
        (HEAD + key(pem="", jwk='{ kid = "other" }'), "found a JWK with another kid"),
        (HEAD + key(pem="", jwk='{ use = "enc" }'), "found a key for another use"),
        (HEAD + key(pem="", jwk='{ alg = "ES256" }'), "found a JWK whose alg is another one, expected ES384"),
        (HEAD + JWKS.replace("https", "http"), "url: found 'http://ehr.example.org/jwks.json', expected an https address"),
        (HEAD + JWKS.replace("ehr.", "user@ehr."), "expected an https address"),
        (HEAD + JWKS + 'algorithms = ["HS256"]\n', "algorithms: found ['HS256'], expected a list from ES256"),
        (HEAD + JWKS + "algorithms = []\n", "algorithms: found [], expected a list from ES256"),
        (HEAD + 'jku = "https://x.example/j"\n' + JWKS, "with [client.jwks] the only jku is its url"),
        (HEAD + "jwks = 7\n", "jwks: found a int, expected a table [client.jwks]"),
        (HEAD + 'fhir_servers = ["https://fhir.example.org/?a=b"]\n' + JWKS, "expected a list of https base URLs without query"),
        (HEAD + key(pem="", file='"broken.json"'), "file: found no JSON that can be read, expected a JWK"),
        (HEAD + key(RS, pem=f"'''{CUBIC}'''"), "found an RSA key with an unusual public exponent, expected 65537"),
        (HEAD + "max_lifetime_s = 86400\n" + JWKS, "max_lifetime_s: found 86400, expected a whole number from 10 to 3600"),
        (HEAD + JWKS + HEAD + JWKS, "two clients have this name"),
        (HEAD + JWKS + HEAD.replace("one", "two") + JWKS, "a token could be of client one as well"),
        (
            HEAD + 'tenants = ["a"]\n' + JWKS + HEAD.replace("one", "two") + 'tenants = ["b", "a"]\n' + JWKS,
            "a token could be of client one",
        ),
    ],
)
def test_a_registry_that_is_not_safe_or_not_clear_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "broken.json").write_text('{"kty": "EC",', encoding="utf-8")
    assert [problem for problem in problems(tmp_path, text) if words in problem]


@pytest.mark.parametrize("name", ["private.pem", "private.json"])
def test_a_private_key_is_refused_and_not_quoted(tmp_path: Path, name: str) -> None:
    (tmp_path / "private.pem").write_text(PRIVATE, encoding="utf-8")
    (tmp_path / "private.json").write_text(json.dumps({**ES.jwk, "d": "SECRETSECRET"}), encoding="utf-8")
    [problem] = problems(tmp_path, HEAD + key(pem="", file=f'"{name}"'))
    assert "private" in problem
    assert "SECRET" not in problem
    assert PRIVATE.splitlines()[1] not in problem


def test_one_issuer_may_speak_for_tenants_that_are_clients_of_their_own(tmp_path: Path) -> None:
    text = HEAD + 'tenants = ["a"]\n' + JWKS + HEAD.replace("one", "two") + 'tenants = ["b"]\n' + JWKS
    assert [client.tenants for client in load_registry(write_registry(tmp_path, text))] == [("a",), ("b",)]
