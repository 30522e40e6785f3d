"""Known weaknesses of the libraries that check tokens (PyJWT, cryptography), tried on our own verifier: SECURITY.md lists them."""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cds_hooks.keys import ALGORITHMS, KeyProblemError, from_pem, read_set
from tests.support.service import Service, running
from tests.support.tokens import BASE, RS, Signer, bearer, claims, encode, write_registry

ROOT = Path(__file__).parents[2]
PUBLIC = RS.private.public_key()
JWK = json.dumps(RS.jwk).encode()
DRESSES: dict[str, bytes] = {
    "PEM": RS.pem.encode(),
    "PEM of PKCS 1": PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "PEM with other line ends": RS.pem.replace("\n", "\r\n").encode(),
    "PEM after blanks": b" \t\n" + RS.pem.encode(),
    "PEM in one line": RS.pem.replace("\n", " ").encode(),
    "DER": PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "OpenSSH": PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "JWK": JWK,
    "JWK Set": b'{"keys":[' + JWK + b"]}",
    "JWK in an array": b"[[" + JWK + b"]]",
    "JWK after a byte order mark": b"\xef\xbb\xbf" + JWK,
    "nothing": b"",
    "a short secret": b"secret",
}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("jose")
    with running(folder, registry_file=write_registry(folder), base_url=BASE) as service:
        yield service


def refused_for(service: Service, token: str) -> str:
    """Why a token lets nobody in."""
    known = service.parts.metrics.registry
    before = {one.labels["reason"]: one.value for family in known.collect() for one in family.samples if "refused_total" in one.name}
    assert service.get("/cds-services", bearer(token)).status == 401
    after = {one.labels["reason"]: one.value for family in known.collect() for one in family.samples if "refused_total" in one.name}
    [reason] = [name for name, count in after.items() if count != before.get(name, 0.0)]
    return reason


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("dress", DRESSES)
def test_a_public_key_in_no_dress_is_a_secret(guarded: Service, dress: str, algorithm: str) -> None:
    head = encode(json.dumps({"alg": algorithm, "typ": "JWT", "kid": RS.kid}).encode())
    message = f"{head}.{encode(json.dumps(claims()).encode())}"
    signature = hmac.new(DRESSES[dress], message.encode(), HASHES[algorithm]).digest()
    assert refused_for(guarded, f"{message}.{encode(signature)}") == "algorithm"


@pytest.mark.parametrize("more", ["!!!!", "====", "\x7f", "-", "_A", "%20", "."])
def test_a_token_with_more_behind_its_signature_is_refused(guarded: Service, more: str) -> None:
    assert refused_for(guarded, RS.sign() + more) in ("malformed", "signature")


def test_a_token_that_hides_its_payload_is_refused_for_its_header(guarded: Service) -> None:
    for header in ({"b64": False, "crit": ["b64"]}, {"b64": False}, {"crit": ["b64"]}):
        assert refused_for(guarded, RS.sign(header=dict(header))) == "header"


def test_symmetric_algorithms_do_not_exist() -> None:
    assert [name for name in ALGORITHMS if name.startswith("HS") or name == "none"] == []


@pytest.mark.parametrize(
    "member",
    [
        {"n": ""}, {"n": "AA"}, {"n": "Ag"}, {"e": ""}, {"e": "AA"}, {"e": "AQ"}, {"e": "Ag"}, {"n": "!!"}, {"n": 7}, {"e": None},
        {"n": "A" * 100_000}, {"n": encode(b"\x01" + bytes(255))}, {"e": encode(b"\x01" + bytes(400))},
    ],
)  # fmt: skip
def test_a_malformed_rsa_key_is_left_out_and_the_others_stay(member: dict[str, object]) -> None:
    """Some of these raise errors in PyJWT that its own key sets do not expect."""
    odd = {**RS.jwk, **member}
    other = Signer("other", "ES384", "P-384").jwk
    assert list(read_set({"keys": [odd, other]}, ("RS384", "ES384"))) == ["other"]


CURVES = [ec.SECP256K1(), ec.BrainpoolP256R1(), ec.BrainpoolP384R1(), ec.SECP256R1(), ec.SECP521R1()]
BINARY = [getattr(ec, name)() for name in ("SECT283R1", "SECT571R1", "SECT163K1") if hasattr(ec, name)]


@pytest.mark.parametrize("curve", [*CURVES, *BINARY], ids=lambda curve: curve.name)
def test_a_key_on_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    """Binary curves among them, whose points cryptography once did not check."""
    try:
        public = ec.generate_private_key(curve).public_key()
    except Exception:  # noqa: BLE001 - a library that cannot make one cannot be made to trust one
        return
    with pytest.raises(KeyProblemError):
        from_pem(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "ES384")


def used(module: str) -> set[str]:
    """What the service takes from a library: names imported from it, and attributes of the module."""
    found: set[str] = set()
    for path in (ROOT / "cds_hooks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == module:
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module:
                found.add(node.attr)
    return found


def test_of_pyjwt_only_what_checks_and_makes_a_signature_is_used() -> None:
    """Not its claims, not its fetching of keys, not its key sets."""
    assert used("jwt") == {"PyJWS", "PyJWK", "PyJWTError", "encode"}


def test_of_cryptography_only_keys_are_used() -> None:
    """No certificates are verified with it, nothing is decrypted, no PKCS 7 or 12 is read, no buffer of ours goes in."""
    kinds = {f"{kind}{side}" for kind in ("EllipticCurve", "RSA", "Ed25519", "Ed448") for side in ("PublicKey", "PrivateKey")}
    assert used("cryptography") == kinds | {"SECP384R1", "UnsupportedAlgorithm", "load_pem_public_key", "load_pem_private_key"}
