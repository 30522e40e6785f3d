"""`nmcds clients`: check a client registry, and sign a token to try a registered client."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from rich.text import Text

from cds_hooks.commands.output import Exit, StopError, as_json, console, plain, say_problems
from cds_hooks.keys import ALGORITHMS, CURVES, RSA
from cds_hooks.registry import Client, RegistryError, load_registry

__all__ = ["check", "sign"]

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey | Ed448PrivateKey
HOW = "docs/how-to/register-a-client.md shows a complete file."


def check(path: Path, *, json: bool) -> Exit:
    """Print the clients of a registry, or every problem in it."""
    try:
        found = load_registry(path)
    except RegistryError as error:
        if json:
            as_json({"problems": error.problems})
        else:
            say_problems(error.problems)
            console(error=True).print(Text(HOW, style="dim"))
        return Exit.FOUND
    if json:
        as_json({"clients": [_data(client) for client in found]})
        return Exit.OK
    for client in found:
        console().print(Text(client.name, style="bold"))
        for name, values in _told(client):
            console().print(Text(f"  {name:<14}{plain(', '.join(values))}"), soft_wrap=True)
    return Exit.OK


def _told(client: Client) -> list[tuple[str, Sequence[str]]]:
    rows = [
        ("issuer", [client.issuer]),
        ("tenants", client.tenants),
        ("subjects", client.subjects),
        ("keys", [f"{key.kid} ({key.algorithm})" for key in client.keys]),
        ("key address", [f"{client.jwks.url} ({', '.join(client.jwks.algorithms)})"] if client.jwks else []),
        ("services", ["all"] if client.services is None else client.services),
        ("FHIR servers", client.fhir_servers or ["none"]),
        (
            "limits",
            [f"{client.calls_per_minute} calls a minute", f"{client.calls_at_once} at once", f"tokens of {client.max_lifetime_s} s"],
        ),
    ]
    return [(name, values) for name, values in rows if values]


def _data(client: Client) -> dict[str, object]:
    keys = [{"kid": key.kid, "algorithm": key.algorithm} for key in client.keys]
    return {
        "name": client.name, "issuer": client.issuer, "tenants": client.tenants, "subjects": client.subjects, "keys": keys,
        "jwks": client.jwks and client.jwks.url, "algorithms": client.jwks and client.jwks.algorithms, "jku": client.jku,
        "services": client.services, "fhir_servers": client.fhir_servers, "max_lifetime_s": client.max_lifetime_s,
        "calls_per_minute": client.calls_per_minute, "calls_at_once": client.calls_at_once,
    }  # fmt: skip


def sign(
    *, key: Path, kid: str, issuer: str, endpoint: str, algorithm: str | None, tenant: str | None, subject: str | None, lifetime: int
) -> Exit:
    """Print a token for one call of one endpoint."""
    private = _private(key)
    now = int(time.time())
    claims: dict[str, object] = {"iss": issuer, "aud": endpoint, "iat": now, "exp": now + lifetime, "jti": str(uuid.uuid4())}
    claims |= {name: value for name, value in (("tenant", tenant), ("sub", subject)) if value is not None}
    sys.stdout.write(jwt.encode(claims, private, algorithm=_algorithm(private, algorithm), headers={"kid": kid}) + "\n")
    return Exit.OK


def _private(path: Path) -> PrivateKey:
    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, UnsupportedAlgorithm, ValueError):
        found = None
    if not isinstance(found, PrivateKey):
        raise StopError(
            Exit.USAGE,
            f"{path.name}: found no private key that can be used, expected EC, RSA or Ed25519 in PEM without a password",
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out private.pem",
        )
    return found


def _algorithm(key: PrivateKey, wanted: str | None) -> str:
    """The algorithm that fits the key: the wanted one, else the only one, else RS384 (CDS Hooks 2.0.1, RECOMMENDED)."""
    if isinstance(key, EllipticCurvePrivateKey):
        fitting = [name for name, curve in CURVES.items() if curve == key.curve.name]
    elif isinstance(key, RSAPrivateKey):
        fitting = sorted(RSA, key=lambda name: name != "RS384")
    else:
        fitting = ["EdDSA"]
    if not fitting or (wanted is not None and wanted not in fitting):
        expected = f"one of {', '.join(fitting)} for this key" if fitting else f"a key for one of {', '.join(ALGORITHMS)}"
        raise StopError(Exit.USAGE, f"found {wanted or 'a key on another curve'}, expected {expected}")
    return wanted or fitting[0]
