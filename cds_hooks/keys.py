"""Public keys of callers: read from JWK or PEM, checked for kind, curve and size, each bound to one algorithm (RFC 8725, 3.1).

PyJWT and cryptography do the mathematics. A key that is private, symmetric, short or on another curve than its algorithm wants is
refused here, so that nothing behind this module can meet one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

__all__ = ["ALGORITHMS", "DEFAULT_ALGORITHMS", "Key", "KeyProblemError", "from_jwk", "from_pem", "read_set"]

PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey | Ed448PublicKey

CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}  # RFC 7518, 3.4
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = (*CURVES, *RSA, "EdDSA")
DEFAULT_ALGORITHMS = ("ES384", "RS384")  # CDS Hooks 2.0.1, "JWT Signing Algorithm": RECOMMENDED
OF_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
RSA_BITS = (2048, 8192)  # RFC 7518, 3.3; more only costs time
RSA_EXPONENT = (2**16, 2**32)  # FIPS 186-5 wants more than 2**16; more than 2**32 only costs time
PRIVATE = frozenset({"d", "dp", "dq", "k", "oth", "p", "q", "qi"})  # RFC 7518, 6
SET_LIMIT = 50  # keys of one set


class KeyProblemError(ValueError):
    """Not a key that a caller may have; the text says what was found and expected and never quotes the key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: `kid` names it in a token's header, `algorithm` is the only one that it may be used with."""

    kid: str
    algorithm: str
    public: PublicKey


def from_jwk(jwk: Mapping[str, object], algorithm: str) -> PublicKey:
    """A key from a JWK (RFC 7517); raises KeyProblemError."""
    if PRIVATE & jwk.keys():
        raise KeyProblemError("found a private or secret key, expected a public one; make a new key, that one is no longer secret")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeyProblemError('found a key for another use, expected "use": "sig"')
    if jwk.get("alg", algorithm) != algorithm:
        raise KeyProblemError(f"found a JWK whose alg is another one, expected {algorithm}")
    try:
        found = jwt.PyJWK(dict(jwk), algorithm=algorithm).key
    except (jwt.PyJWTError, ArithmeticError, AttributeError, KeyError, TypeError, UnsupportedAlgorithm, ValueError):
        raise KeyProblemError(f"found no JWK that can be read, expected a public key for {algorithm}") from None
    return _checked(found, algorithm)


def from_pem(text: str, algorithm: str) -> PublicKey:
    """A key from PEM text (SubjectPublicKeyInfo, RFC 7468); raises KeyProblemError."""
    if "PRIVATE KEY" in text:
        raise KeyProblemError("found a private key, expected the public one (openssl pkey -in private.pem -pubout -out public.pem)")
    if "CERTIFICATE" in text:
        raise KeyProblemError("found a certificate, expected its public key (openssl x509 -in certificate.pem -pubkey -noout)")
    try:
        found = load_pem_public_key(text.encode())
    except (UnsupportedAlgorithm, ValueError):
        raise KeyProblemError("found no PEM that can be read, expected -----BEGIN PUBLIC KEY-----") from None
    return _checked(found, algorithm)


def _checked(key: object, algorithm: str) -> PublicKey:
    if algorithm in CURVES:
        if isinstance(key, EllipticCurvePublicKey) and key.curve.name == CURVES[algorithm]:
            return key
        raise KeyProblemError(f"found another kind of key, expected the curve {CURVES[algorithm]} for {algorithm}")
    if algorithm in RSA:
        if not isinstance(key, RSAPublicKey):
            raise KeyProblemError(f"found another kind of key, expected RSA for {algorithm}")
        if not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
            raise KeyProblemError(f"found an RSA key of {key.key_size} bits, expected {RSA_BITS[0]} to {RSA_BITS[1]}")
        if not RSA_EXPONENT[0] < key.public_numbers().e < RSA_EXPONENT[1]:
            raise KeyProblemError("found an RSA key with an unusual public exponent, expected 65537")
        return key
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return key
    raise KeyProblemError(f"found another kind of key, expected Ed25519 or Ed448 for {algorithm}")


def read_set(document: object, algorithms: tuple[str, ...]) -> dict[str, Key]:
    """The usable keys of a JWK Set by `kid`; raises KeyProblemError when it is no set.

    A key that cannot be used is left out and the others stay, as RFC 7517 section 5 asks; two keys of one `kid` are both left out.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > SET_LIMIT:
        raise KeyProblemError(f'found no JWK Set, expected {{"keys": [...]}} with at most {SET_LIMIT} keys')
    found: dict[str, Key] = {}
    names = [jwk.get("kid") if isinstance(jwk, dict) else None for jwk in keys]
    for kid, jwk in zip(names, keys, strict=True):
        algorithm = _algorithm(jwk, algorithms) if isinstance(jwk, dict) else None
        if algorithm is not None and isinstance(kid, str) and kid and names.count(kid) == 1:
            with suppress(KeyProblemError):
                found[kid] = Key(kid, algorithm, from_jwk(jwk, algorithm))
    return found


def _algorithm(jwk: Mapping[str, object], algorithms: tuple[str, ...]) -> str | None:
    """The one algorithm of a key: its `alg`, else that of its curve, else the only RSA algorithm that is registered."""
    named = jwk.get("alg", OF_CURVE.get(str(jwk.get("crv"))))
    if named is None and jwk.get("kty") == "RSA":
        registered = [one for one in algorithms if one in RSA]
        named = registered[0] if len(registered) == 1 else None
    return named if isinstance(named, str) and named in algorithms else None
