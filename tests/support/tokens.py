"""Keys of invented callers, and tokens of every kind: good ones, and ones that no library would make."""

from __future__ import annotations

import itertools
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.doubles import NOW

BASE = "https://cds.example.org"
DISCOVERY = f"{BASE}/cds-services"
VIEW = f"{DISCOVERY}/neuromuscular-patient-view"
TIME = int(NOW.timestamp())
_COUNT = itertools.count()


@cache
def private_key(kind: str, number: int = 0) -> Any:  # noqa: ANN401, ARG001 - any kind of key; `number` tells two of a kind apart
    """A private key of the curve or size: P-256, P-384, P-521, Ed25519, or RSA and its bits. The same one each time."""
    curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    if kind in curves:
        return ec.generate_private_key(curves[kind])
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("RSA")))


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: object) -> dict[str, object]:
    """Good claims for discovery, with a jti of their own; None takes a claim away."""
    good = {"iss": "https://ehr.example.org", "aud": DISCOVERY, "iat": TIME, "exp": TIME + 300, "jti": f"token-{next(_COUNT)}"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


@dataclass(frozen=True)
class Signer:
    """A private key with the name and algorithm under which it is registered."""

    kid: str = "es-1"
    algorithm: str = "ES384"
    kind: str = "P-384"
    number: int = 0

    @property
    def private(self) -> Any:  # noqa: ANN401 - any kind of key
        """The private key."""
        return private_key(self.kind, self.number)

    @property
    def pem(self) -> str:
        """The public key as PEM."""
        return str(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    @property
    def jwk(self) -> dict[str, object]:
        """The public key as JWK."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return {**algorithm.to_jwk(self.private.public_key(), as_dict=True), "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    @property
    def header(self) -> dict[str, object]:
        """What a good token says in its header."""
        return {"alg": self.algorithm, "typ": "JWT", "kid": self.kid}

    def sign(
        self, body: dict[str, object] | bytes | None = None, header: dict[str, object] | bytes | None = None, **changes: object
    ) -> str:
        """A token over these bytes or JSON; None in the header takes a member away; `signature` replaces the signature."""
        head = header if isinstance(header, bytes) else _json({**self.header, **(header or {})})
        content = body if isinstance(body, bytes) else _json(claims() if body is None else body)
        message = f"{encode(head)}.{encode(content)}"
        signature = changes.get("signature")
        made = signature if isinstance(signature, bytes) else self.raw(message.encode())
        return f"{message}.{encode(made)}"

    def raw(self, message: bytes) -> bytes:
        """A signature in the form of JWS."""
        return jwt.get_algorithm_by_name(self.algorithm).sign(message, self.private)


def _json(value: dict[str, object]) -> bytes:
    return json.dumps({name: member for name, member in value.items() if member is not None}, separators=(",", ":")).encode()


ES = Signer()
RS = Signer("rs-1", "RS384", "RSA2048")
ONLY = Signer("only", "ES256", "P-256")
PS = Signer("ps-1", "PS384", "RSA2048")
ED = Signer("ed-1", "EdDSA", "Ed25519")
STRANGER = Signer("es-1", "ES384", "P-384", 1)

REGISTRY = """
[[client]]
name = "one"
issuer = "https://ehr.example.org"
jku = "https://ehr.example.org/jwks.json"
fhir_servers = ["https://fhir.example.org/r4"]
key = [{ kid = "es-1", algorithm = "ES384", pem = '''%s''' }, { kid = "rs-1", algorithm = "RS384", pem = '''%s''' }]

[[client]]
name = "two"
issuer = "https://other.example.org"
services = ["neuromuscular-order-sign"]
max_lifetime_s = 60
key = [{ kid = "only", algorithm = "ES256", pem = '''%s''' }]

[[client]]
name = "three"
issuer = "https://idp.example.org"
tenants = ["a"]
subjects = ["svc"]
key = [{ kid = "ps-1", algorithm = "PS384", pem = '''%s''' }]

[[client]]
name = "four"
issuer = "https://idp.example.org"
tenants = ["b"]
key = [{ kid = "ed-1", algorithm = "EdDSA", pem = '''%s''' }]
"""


def write_registry(folder: Path, text: str | None = None) -> Path:
    """A registry file with the callers above, or with this text."""
    file = folder / "registry.toml"
    file.write_text(text if text is not None else REGISTRY % (ES.pem, RS.pem, ONLY.pem, PS.pem, ED.pem), encoding="utf-8")
    return file


def bearer(token: str) -> dict[str, str]:
    """The header of a call."""
    return {"authorization": f"Bearer {token}"}
