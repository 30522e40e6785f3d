"""Keyed hashes that stand for people, and the key that a deployment makes for itself."""

from __future__ import annotations

import hmac
import json
import secrets

from sqlalchemy import Connection, select

from cds_hooks.store.insert import insert
from cds_hooks.store.tables import deployment

__all__ = ["Keys", "find_key", "make_key"]

NAME = "hash-key"


class Keys:
    """Keyed hashes that stand for people: the same person gives the same hash, nobody can go back without the key."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def mac(self, purpose: str, *parts: str) -> str:
        """HMAC-SHA-256 of the parts, different for each purpose; 64 hexadecimal digits."""
        return hmac.new(self._secret, json.dumps([purpose, *parts]).encode(), "sha256").hexdigest()

    def patient(self, fhir_id: str) -> str:
        """Hash of a patient."""
        return self.mac("patient", fhir_id)

    def user(self, user_id: str) -> str:
        """Hash of a user."""
        return self.mac("user", user_id)


def find_key(connection: Connection) -> str:
    """The key made at the first start of this deployment; "" before it."""
    return connection.execute(select(deployment.c.value).where(deployment.c.name == NAME)).scalar_one_or_none() or ""


def make_key(connection: Connection) -> None:
    """Make the key unless another process was quicker."""
    connection.execute(insert(connection, deployment).values(name=NAME, value=secrets.token_hex(32)).on_conflict_do_nothing())
