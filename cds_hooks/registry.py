"""The client registry: who may call, with which keys, which services and FHIR servers, how often. One TOML file, read at the start.

Every problem is reported at once as `file: key: found, expected, did you mean`. A key is never quoted. How to write the file:
`docs/how-to/register-a-client.md`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cds_hooks.body import parse_json
from cds_hooks.envelope import HOOKS
from cds_hooks.errors import BadJson
from cds_hooks.keys import ALGORITHMS, DEFAULT_ALGORITHMS, Key, KeyProblemError, from_jwk, from_pem

__all__ = ["Client", "KeySource", "RegistryError", "load_registry"]

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
PRINTED = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,998}[\x21-\x7e])?")
SERVICES = tuple(f"neuromuscular-{hook}" for hook in HOOKS)
FILE_LIMIT = 64 * 1024


class RegistryError(ValueError):
    """The registry cannot be used; `problems` has one line for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class KeySource:
    """The pinned address of a JWK Set, and the algorithms that its keys may have."""

    url: str
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS


@dataclass(frozen=True, slots=True)
class Client:
    """One caller. Empty `tenants` or `subjects` accept any; `services` None means every service; limits count per process."""

    name: str
    issuer: str
    keys: tuple[Key, ...] = ()
    jwks: KeySource | None = None
    jku: str | None = None
    tenants: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    fhir_servers: tuple[str, ...] = ()
    services: tuple[str, ...] | None = None
    max_lifetime_s: int = 300
    calls_per_minute: int = 600
    calls_at_once: int = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key's value must be, in words, and how it is read; `read` raises ValueError. A value that is not `shown` is not quoted."""

    expected: str
    read: Callable[[Any], object]
    required: bool = False
    shown: bool = True


def _matching(pattern: re.Pattern[str]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError
        return value

    return read


def _number(lowest: int, highest: int) -> Kind:
    def read(value: object) -> object:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError
        return value

    return Kind(f"a whole number from {lowest} to {highest}", read)


def _https(value: object) -> object:
    text = str(_matching(PRINTED)(value))
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.fragment or "@" in parts.netloc or parts.port == 0 or " " in text:
        raise ValueError
    return text


def _server(value: object) -> object:
    text = str(_https(value))
    if urlsplit(text).query:
        raise ValueError
    return text.rstrip("/")


def _list(read: Callable[[object], object]) -> Callable[[object], object]:
    def read_all(value: object) -> object:
        if not isinstance(value, list) or not value:
            raise ValueError
        return tuple(dict.fromkeys(read(item) for item in value))

    return read_all


def _one_of(allowed: Sequence[str]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if value not in allowed:
            raise ValueError
        return value

    return read


def _table(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _tables(value: object) -> object:
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise ValueError
    return value


TEXT = _matching(PRINTED)
CLIENT: Mapping[str, Kind] = {
    "name": Kind("a short name of small letters, digits and hyphens", _matching(NAME), required=True),
    "issuer": Kind("the iss of its tokens", TEXT, required=True),
    "tenants": Kind("a list of tenant values", _list(TEXT)),
    "subjects": Kind("a list of sub values", _list(TEXT)),
    "jku": Kind("the https address that its tokens may name", _https),
    "key": Kind("one [[client.key]] or more", _tables, shown=False),
    "jwks": Kind("a table [client.jwks] with url and algorithms", _table, shown=False),
    "fhir_servers": Kind("a list of https base URLs without query", _list(_server)),
    "services": Kind("a list of services", _list(_one_of(SERVICES))),
    "max_lifetime_s": _number(10, 3600),
    "calls_per_minute": _number(1, 1_000_000),
    "calls_at_once": _number(1, 1_000),
}
KEY: Mapping[str, Kind] = {
    "kid": Kind("the kid of its tokens", TEXT, required=True),
    "algorithm": Kind("one of " + ", ".join(ALGORITHMS), _one_of(ALGORITHMS), required=True),
    "pem": Kind("a public key in PEM", _matching(re.compile(r"(?s).{1,20000}")), shown=False),
    "jwk": Kind("a public key as a JWK table", _table, shown=False),
    "file": Kind("the path of a PEM or JWK file, from the registry's folder", TEXT),
}
JWKS: Mapping[str, Kind] = {
    "url": Kind("an https address", _https, required=True),
    "algorithms": Kind("a list from " + ", ".join(ALGORITHMS), _list(_one_of(ALGORITHMS))),
}


@dataclass(slots=True)
class _Reader:
    """Reads tables of one file and collects what is wrong."""

    path: Path
    problems: list[str] = field(default_factory=list)

    def wrong(self, where: str, told: str) -> None:
        self.problems.append(f"{self.path.name}: {where}: {told}")

    def table(self, where: str, table: Mapping[str, object], kinds: Mapping[str, Kind]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in table.items():
            kind = kinds.get(name)
            if kind is None:
                self.wrong(f"{where}.{name}", f"no such key, expected one of {', '.join(kinds)}{_near(name, kinds)}")
                continue
            try:
                values[name] = kind.read(value)
            except ValueError:
                self.wrong(f"{where}.{name}", f"{_found(value, kind)}expected {kind.expected}{self._meant(name, value)}")
        for name, kind in kinds.items():
            if kind.required and name not in table:
                self.wrong(f"{where}.{name}", f"missing, expected {kind.expected}")
        return values

    def _meant(self, name: str, value: object) -> str:
        choices = {"services": SERVICES, "algorithm": ALGORITHMS, "algorithms": ALGORITHMS}.get(name, ())
        wrong = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and item not in choices]
        return _near(wrong[0], choices) if wrong and choices and not wrong[0].startswith("HS") else ""

    def client(self, where: str, table: Mapping[str, object]) -> Client | None:
        before = len(self.problems)
        values = self.table(where, table, CLIENT)
        if ("key" in table) == ("jwks" in table):
            self.wrong(where, "expected either [[client.key]] or [client.jwks], one of the two")
        tables = values.pop("key", [])
        keys = [self.key(f"{where}.key[{number}]", one) for number, one in enumerate(tables, 1)]
        source = values.pop("jwks", None)
        if source is not None:
            source = self.table(f"{where}.jwks", source, JWKS)
            if values.get("jku", source.get("url")) != source.get("url"):
                self.wrong(f"{where}.jku", "with [client.jwks] the only jku is its url; leave this key out")
            values["jku"] = source.get("url")
        named = [one.get("kid") for one in tables]
        for kid in sorted({str(kid) for kid in named if kid is not None and named.count(kid) > 1}):
            self.wrong(f"{where}.key", f"two keys have the kid {kid!r}, expected a kid for each key")
        if len(self.problems) > before:
            return None
        return Client(keys=tuple(key for key in keys if key), jwks=KeySource(**source) if source else None, **values)

    def key(self, where: str, table: Mapping[str, object]) -> Key | None:
        values = self.table(where, table, KEY)
        given = [name for name in ("pem", "jwk", "file") if name in table]
        if len(given) != 1:
            self.wrong(where, f"found {' and '.join(given) or 'no key material'}, expected exactly one of pem, jwk, file")
            return None
        if not {"kid", "algorithm", given[0]} <= values.keys():
            return None
        try:
            return self._key(values["kid"], values["algorithm"], values[given[0]], from_file=given[0] == "file")
        except (KeyProblemError, OSError, UnicodeDecodeError) as error:
            told = (
                str(error) if isinstance(error, KeyProblemError) else f"found {values[given[0]]!r}, expected a text file that can be read"
            )
            self.wrong(f"{where}.{given[0]}", told)
            return None

    def _key(self, kid: str, algorithm: str, material: Any, *, from_file: bool) -> Key:  # noqa: ANN401 - text or table
        if from_file:
            with (self.path.parent / material).open(encoding="utf-8") as file:
                material = file.read(FILE_LIMIT)
            if material.lstrip().startswith("{"):
                material = _json(material)
        if isinstance(material, str):
            return Key(kid, algorithm, from_pem(material, algorithm))
        if material.get("kid", kid) != kid:
            raise KeyProblemError("found a JWK with another kid, expected the kid of this table")
        return Key(kid, algorithm, from_jwk(material, algorithm))


def load_registry(path: Path) -> tuple[Client, ...]:
    """All clients of a registry file; raises RegistryError with every problem at once."""
    reader = _Reader(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        told = str(error) if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__
        raise RegistryError([f"{path.name}: cannot be read as TOML: {told}"]) from None
    for name in data:
        if name != "client":
            reader.wrong(name, f"no such key, expected [[client]]{_near(name, ['client'])}")
    tables = data.get("client", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        reader.wrong("client", "expected at least one [[client]]")
        tables = []
    found = [reader.client(_where(number, table), table) for number, table in enumerate(tables, 1)]
    clients = tuple(client for client in found if client is not None)
    _check_apart(reader, clients)
    if reader.problems:
        raise RegistryError(reader.problems)
    return clients


def _check_apart(reader: _Reader, clients: Sequence[Client]) -> None:
    """A token must point to one client only."""
    for number, one in enumerate(clients):
        for other in clients[:number]:
            if one.name == other.name:
                reader.wrong(f"client {one.name}", "two clients have this name, expected a name for each client")
            if one.issuer == other.issuer and _meet(one.tenants, other.tenants) and _meet(one.subjects, other.subjects):
                told = f"a token could be of client {other.name} as well; expected another issuer, or tenants or subjects that differ"
                reader.wrong(f"client {one.name}", told)


def _meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or bool(set(one) & set(other))


def _json(text: str) -> Mapping[str, object]:
    try:
        found = parse_json(text.encode())
    except BadJson:
        found = None
    if not isinstance(found, dict):
        raise KeyProblemError("found no JSON that can be read, expected a JWK")
    return found


def _where(number: int, table: Mapping[str, object]) -> str:
    name = table.get("name")
    return f"client {name}" if isinstance(name, str) and NAME.fullmatch(name) else f"client[{number}]"


def _found(value: object, kind: Kind) -> str:
    if not kind.shown or isinstance(value, dict):
        return f"found a {type(value).__name__}, "
    text = repr(value)
    return f"found {text if len(text) <= 80 else text[:77] + '...'}, "


def _near(name: str, choices: Sequence[str] | Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
