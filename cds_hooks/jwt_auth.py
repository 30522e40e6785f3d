"""Reads and checks the token of a call (CDS Hooks 2.0.1, "Trusting CDS Clients"; RFC 7515, 7519, 8725).

In this order: the text is one compact JWS that can be read in one way only; its issuer is a registered client; its header asks for
nothing but that client's key and the key's own algorithm; PyJWT finds the signature good; the claims fit this very call. What was
read before the signature is used to choose the client and key, and for nothing else.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard

import jwt

from cds_hooks.body import JsonObject, parse_json
from cds_hooks.errors import BadJson
from cds_hooks.keys import Key
from cds_hooks.registry import Client

__all__ = ["LEEWAY_S", "Reason", "Refused", "Token", "check_claims", "check_header", "choose_client", "read_token", "verify"]

LIMIT = 8192  # characters of the whole header value
LEEWAY_S = 60
BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.IGNORECASE)
FOREIGN_KEYS = ("jwk", "x5c", "x5u")  # a token that brings its own key; ours come from the registry only
UNREADABLE = ("b64", "crit", "enc", "zip")  # RFC 7515 4.1.11 and 7797: we understand no extension
ID = re.compile(r"[\x20-\x7e]{1,255}")
LATEST = 2**40  # seconds; beyond every clock, within every database


class Reason(StrEnum):
    """Why a caller was refused: for logs and metrics, never for the caller."""

    NO_TOKEN = "no-token"  # noqa: S105 - a reason
    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown-issuer"
    TENANT = "tenant"
    SUBJECT = "subject"
    HEADER = "header"
    JKU = "jku"
    UNKNOWN_KEY = "unknown-key"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    TOO_EARLY = "too-early"
    LIFETIME = "lifetime"
    REPLAYED = "replayed"


class Refused(Exception):  # noqa: N818 - says what happened
    """The token does not let anybody in."""

    def __init__(self, reason: Reason, client: Client | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.client = client


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read and not yet believed."""

    text: str = field(repr=False)
    header: JsonObject = field(repr=False)
    claims: JsonObject = field(repr=False)

    @property
    def kid(self) -> str | None:
        """The header's name for the key, checked by `check_header`."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def read_token(values: Sequence[str]) -> Token:
    """The token of the Authorization headers of a request; raises Refused."""
    if not values:
        raise Refused(Reason.NO_TOKEN)
    found = BEARER.fullmatch(values[0]) if len(values) == 1 and len(values[0]) <= LIMIT else None
    if found is None:
        raise Refused(Reason.MALFORMED)
    header, claims, _ = (_decode(part) for part in found.groups())
    return Token(".".join(found.groups()), _object(header), _object(claims))


def _decode(part: str) -> bytes:
    """Base64url without padding, in its only spelling (RFC 7515, 2)."""
    try:
        found = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Refused(Reason.MALFORMED) from None
    if urlsafe_b64encode(found).rstrip(b"=") != part.encode():
        raise Refused(Reason.MALFORMED)
    return found


def _object(data: bytes) -> JsonObject:
    try:
        found = parse_json(data)
    except BadJson:
        raise Refused(Reason.MALFORMED) from None
    if not isinstance(found, dict):
        raise Refused(Reason.MALFORMED)
    return found


def choose_client(token: Token, clients: Iterable[Client]) -> Client:
    """The client whose issuer, tenant and subject the token names; raises Refused."""
    issuer, tenant, subject = (token.claims.get(name) for name in ("iss", "tenant", "sub"))
    found = [client for client in clients if client.issuer == issuer]
    if not found:
        raise Refused(Reason.UNKNOWN_ISSUER)
    tenants = [client for client in found if not client.tenants or tenant in client.tenants]
    if not tenants:
        raise Refused(Reason.TENANT)
    subjects = [client for client in tenants if not client.subjects or subject in client.subjects]
    if not subjects:
        raise Refused(Reason.SUBJECT)
    return subjects[0]


def check_header(token: Token, client: Client) -> None:
    """Nothing in the header but the name of a registered key; raises Refused."""
    header = token.header
    if any(name in header for name in (*FOREIGN_KEYS, *UNREADABLE)) or header.get("typ", "JWT") != "JWT":
        raise Refused(Reason.HEADER, client)
    if "kid" in header and token.kid is None:
        raise Refused(Reason.HEADER, client)
    if "jku" in header and (client.jku is None or header["jku"] != client.jku):
        raise Refused(Reason.JKU, client)


def verify(token: Token, key: Key, client: Client) -> None:
    """The signature, with the algorithm that was registered for the key; raises Refused."""
    if token.header.get("alg") != key.algorithm:
        raise Refused(Reason.ALGORITHM, client)
    try:
        jwt.PyJWS(algorithms=[key.algorithm]).decode_complete(token.text, key.public, algorithms=[key.algorithm])
    except (jwt.PyJWTError, ValueError):
        raise Refused(Reason.SIGNATURE, client) from None


def check_claims(token: Token, client: Client, audience: str, now: float) -> tuple[str, int]:
    """The claims of a token whose signature is good; `now` in seconds. The jti and when it stops to count; raises Refused."""
    claims = token.claims
    expires, issued, jti = claims.get("exp"), claims.get("iat"), claims.get("jti")
    if not _is_time(expires) or not _is_time(issued) or not isinstance(jti, str) or not ID.fullmatch(jti):
        raise Refused(Reason.CLAIMS, client)
    starts = claims.get("nbf", issued)
    if not _is_time(starts) or any(not isinstance(claims.get(name, ""), str) for name in ("sub", "tenant")):
        raise Refused(Reason.CLAIMS, client)
    if claims.get("aud") not in (audience, [audience]):
        raise Refused(Reason.AUDIENCE, client)
    if now >= expires + LEEWAY_S:
        raise Refused(Reason.EXPIRED, client)
    if max(issued, starts) > now + LEEWAY_S:
        raise Refused(Reason.TOO_EARLY, client)
    if not 0 < expires - issued <= client.max_lifetime_s:
        raise Refused(Reason.LIFETIME, client)
    return jti, expires + LEEWAY_S


def _is_time(value: object) -> TypeGuard[int]:
    """A whole number of seconds since 1970; true and false are numbers in Python only."""
    return type(value) is int and 0 < value < LATEST
