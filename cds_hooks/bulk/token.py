"""Tokens of SMART Backend Services: the client signs an assertion with its own key and gets a short-lived access token for it.

SMART App Launch 2.2, "Backend Services" and "Client Authentication: Asymmetric": client_credentials with private_key_jwt, RS384 or ES384,
an assertion that lives five minutes at most and is used once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_hooks.bulk.door import Door, TryAgainError, read_json
from cds_hooks.commands.output import Exit, StopError

__all__ = ["Identity", "Tokens", "read_identity"]

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIVES_S = 240  # of an assertion; the standard allows 300
EARLY_S = 30  # a token is renewed this long before it ends
KEY_HELP = "Give a private key as PEM or JWK: RSA of 2048 bits or more (RS384), or EC on P-384 (ES384)."


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to the authorization server."""

    client_id: str
    kid: str
    algorithm: str
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)

    def assertion(self, audience: str, now: float) -> str:
        """A signed JWT for one token request."""
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": audience,
            "exp": int(now) + LIVES_S,
            "iat": int(now),
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers={"kid": self.kid, "typ": "JWT"})


def read_identity(client_id: str, file: Path, kid: str | None) -> Identity:
    """Read the key file; raises StopError that quotes nothing of it. The kid of a JWK counts unless another is given."""
    try:
        content = file.read_bytes()
        if content.lstrip().startswith(b"{"):
            known = json.loads(content)
            key: object = jwt.PyJWK(known).key
            kid = kid or known.get("kid")
        else:
            key = load_pem_private_key(content, None)
    except OSError as error:
        raise StopError(Exit.USAGE, f"{file}: cannot be read: {error.strerror}", KEY_HELP) from None
    except (ValueError, TypeError, jwt.PyJWTError):
        raise StopError(Exit.USAGE, f"{file}: not a private key in PEM or JWK", KEY_HELP) from None
    if not kid:
        raise StopError(Exit.USAGE, f"{file}: the key has no kid", "Give the one it is registered under: --kid ID")
    if isinstance(key, RSAPrivateKey) and key.key_size >= 2048:
        return Identity(client_id, kid, "RS384", key)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return Identity(client_id, kid, "ES384", key)
    raise StopError(Exit.USAGE, f"{file}: not a kind of private key that SMART Backend Services knows", KEY_HELP)


class Tokens:
    """The current access token, fetched again before it ends. Without an identity there is none: an open server."""

    def __init__(
        self, door: Door, identity: Identity | None, scope: str, *, endpoint: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._door = door
        self._identity = identity
        self._scope = scope
        self._endpoint = endpoint
        self._trusted = endpoint is not None
        self._clock = clock
        self._token: str | None = None
        self._ends = 0.0

    def token(self) -> str | None:
        """A token that is still good; raises StopError or TryAgainError."""
        if self._identity is not None and (self._token is None or self._clock() >= self._ends - EARLY_S):
            self._token, lives = self._fetch(self._identity)
            self._ends = self._clock() + lives
        return self._token

    def forget(self) -> None:
        """The server refused the token: get another one next time."""
        self._token = None

    def _fetch(self, identity: Identity) -> tuple[str, float]:
        endpoint = self._endpoint or self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": identity.assertion(endpoint, self._clock()),
        }
        with self._door.ask("POST", endpoint, form=form, headers={"Accept": "application/json"}, trusted=self._trusted) as response:
            if response.status_code in (400, 401, 403):
                raise StopError(
                    Exit.FAILED, f"the authorization server refused the client (HTTP {response.status_code})",
                    "Is the public key registered under this client id and kid, and the scope allowed?",
                )  # fmt: skip
            if response.status_code != 200:
                raise TryAgainError(f"the authorization server answered HTTP {response.status_code}")
            answer = read_json(response)
        token, kind, lives = answer.get("access_token"), str(answer.get("token_type", "")).lower(), answer.get("expires_in", 300)
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token or kind != "bearer":
            raise StopError(Exit.FAILED, "the authorization server gave no bearer token", "Ask its operator.")
        return token, float(lives) if isinstance(lives, int) and lives > EARLY_S else 2 * EARLY_S

    def _discover(self) -> str:
        """The token endpoint that the FHIR server names (SMART App Launch, ".well-known/smart-configuration")."""
        with self._door.ask(
            "GET", f"{self._door.base}/.well-known/smart-configuration", headers={"Accept": "application/json"}
        ) as response:
            endpoint = read_json(response).get("token_endpoint") if response.status_code == 200 else None
        if not isinstance(endpoint, str):
            raise StopError(Exit.FAILED, "the FHIR server names no token endpoint", "Give it: --token-url https://...")
        self._endpoint = endpoint
        return endpoint
