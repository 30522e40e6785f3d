"""Every setting of the service: its default, its environment variable, its meaning. Nothing else reads the environment.

The variable of a setting is NMCDS_ and its name in capitals: `body_limit_bytes` is NMCDS_BODY_LIMIT_BYTES.
Lists are separated by commas; switches are `true` or `false`.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from cds_hooks.errors import SettingsError

__all__ = ["Settings", "SettingsError", "is_loopback"]

PREFIX = "NMCDS_"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting's text must be, in words, and how it is read; `read` raises ValueError or KeyError."""

    expected: str
    read: Callable[[str], object]


def _number(lowest: float, highest: float, kind: type[int] | type[float]) -> Kind:
    def read(text: str) -> object:
        value = kind(text)
        if not lowest <= value <= highest:
            raise ValueError
        return value

    return Kind(f"a number from {lowest:g} to {highest:g}", read)


def _existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise ValueError
    return path


def _url(text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or parts.port == 0
    ):
        raise ValueError
    return text.rstrip("/")


def _server(text: str) -> str:
    url = _url(text)
    if not url.startswith("https://") and not is_loopback(urlsplit(url).hostname or ""):
        raise ValueError
    return url


def _in_folder(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError
    return path


def _origins(text: str) -> object:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for origin in found:
        if urlsplit(_url(origin)).path or origin.endswith("/"):
            raise ValueError
    return found


def _collector(text: str) -> str:
    url = _url(text)
    if not url.startswith("https://") and not is_loopback(urlsplit(url).hostname or ""):
        raise ValueError
    return url


def _servers(text: str) -> object:
    found = tuple(_url(part.strip()) for part in text.split(",") if part.strip())
    if not all(server.startswith("https://") for server in found):
        raise ValueError
    return found


def _pages(text: str) -> object:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not set(found) <= {"docs", "fhir", "metrics", "rules"}:
        raise ValueError
    return found


def _choice(*allowed: str) -> Kind:
    return Kind("one of " + ", ".join(allowed), {name: name for name in allowed}.__getitem__)


TEXT = Kind("text", str)
PATH = Kind("the path of an existing file or folder", _existing)
SWITCH = Kind("true or false", lambda text: {"true": True, "1": True, "false": False, "0": False}[text.lower()])
URL = Kind("an http or https URL without query, fragment or user", _url)
SERVER = Kind("an https URL, or http on this machine, without query, fragment or user", _server)
NEW_FILE = Kind("the path of a file in an existing folder", _in_folder)
ORIGINS = Kind("browser origins such as https://ehr.example.org, separated by commas, never *", _origins)
COLLECTOR = Kind("an https URL, or an http URL of this machine, without query, fragment or user", _collector)
PAGES = Kind("a list from docs, fhir, metrics, rules, separated by commas", _pages)
SERVERS = Kind("https URLs of FHIR servers, separated by commas", _servers)


def _about(kind: Kind, meaning: str) -> Mapping[str, object]:
    return {"kind": kind, "meaning": meaning}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; `Settings()` is the default service, `Settings.load(os.environ)` the configured one."""

    host: str = field(
        default="127.0.0.1", metadata=_about(TEXT, "Address to listen on. Without a client registry only a loopback address is accepted.")
    )
    port: int = field(default=8000, metadata=_about(_number(0, 65535, int), "TCP port to listen on."))
    workers: int = field(
        default=1, metadata=_about(_number(1, 64, int), "Processes that answer calls. Each has its own metrics; one core is one worker.")
    )
    base_url: str = field(
        default="", metadata=_about(URL, "Public base URL, in card links and as the audience of tokens. Empty: http://HOST:PORT.")
    )
    database_url: str = field(
        default="sqlite:///nmcds.sqlite3",
        repr=False,
        metadata=_about(
            TEXT, "SQLAlchemy URL of feedback and audit: SQLite (default), or PostgreSQL, whose tables `nmcds db upgrade` makes."
        ),
    )
    database_pool: int = field(
        default=5, metadata=_about(_number(1, 100, int), "Connections to PostgreSQL at one time, per worker; SQLite needs none.")
    )
    database_timeout_s: float = field(
        default=2.0,
        metadata=_about(
            _number(0.1, 60, float),
            "Longest wait for the database: to connect, for a free connection, for a lock; twice that for one statement. In seconds.",
        ),
    )
    secret: str = field(
        default="",
        repr=False,
        metadata=_about(
            TEXT,
            "Key of the hashes that stand for patients and users, the same for all workers. Empty: made once and kept in the database.",
        ),
    )
    knowledge_dir: Path | None = field(default=None, metadata=_about(PATH, "Folder of rules to load instead of the packaged ones."))
    site_file: Path | None = field(
        default=None, metadata=_about(PATH, "File with the site's thresholds, switched-off rules and reviewers.")
    )
    site_codes_file: Path | None = field(
        default=None, metadata=_about(PATH, "CSV file that ties the site's own codes to our concepts (columns system,code,concept).")
    )
    codes_file: Path | None = field(
        default=None, metadata=_about(PATH, "Index of the site's own SNOMED CT and RxNorm releases, written by `nmcds codes build`.")
    )
    terminology_server: str = field(
        default="",
        metadata=_about(
            SERVER, "FHIR terminology server that says at start which SNOMED CT codes are below ours. Callers cannot name it as theirs."
        ),
    )
    terminology_version: str = field(
        default="",
        metadata=_about(
            TEXT,
            "Version of SNOMED CT to use of the terminology server, such as http://snomed.info/sct/900000000000207008/version/20260701. "
            "Another is refused. Empty: the version that the server has.",
        ),
    )
    terminology_cache: Path = field(
        default=Path("nmcds-terminology.sqlite3"),
        metadata=_about(NEW_FILE, "File that keeps what the terminology server said, for the next start."),
    )
    engine: Literal["checked", "durable", "reference"] = field(
        default="checked", metadata=_about(_choice("checked", "durable", "reference"), "Rule engine. checked runs both and compares them.")
    )
    registry_file: Path | None = field(
        default=None,
        metadata=_about(
            PATH,
            "Client registry (TOML, docs/how-to/register-a-client.md): every call then needs a signed token. It is read at the start and "
            "needs an https NMCDS_BASE_URL.",
        ),
    )
    public_pages: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            PAGES,
            "Pages served without a token when there is a client registry: rules (links in cards lead there), docs, fhir, metrics.",
        ),
    )
    fhir_servers: tuple[str, ...] = field(
        default=(), metadata=_about(SERVERS, "FHIR base URLs that a request may name, besides loopback in open mode.")
    )
    fhir_private: bool = field(
        default=False,
        metadata=_about(SWITCH, "Whether a listed FHIR server, or a key address of the registry, may be at a private network address."),
    )
    fhir_ca_file: Path | None = field(
        default=None, metadata=_about(PATH, "CA bundle (PEM) for FHIR servers and key addresses instead of the public one.")
    )
    cors_origins: tuple[str, ...] = field(default=(), metadata=_about(ORIGINS, "Browser origins that may call. None by default; never *."))
    body_limit_bytes: int = field(default=8 * 1024 * 1024, metadata=_about(_number(1024, 2**30, int), "Largest request body, in bytes."))
    body_timeout_s: float = field(
        default=10.0,
        metadata=_about(
            _number(0.1, 60, float), "Time in which a request, head and body, must arrive and its answer be taken, in seconds."
        ),
    )
    deadline_s: float = field(
        default=2.0,
        metadata=_about(
            _number(0.05, 30, float),
            "Time of one call, in seconds. Not read after 0.85 of it: unknown; an evaluation ends after 0.95, and a card says so.",
        ),
    )
    fetch_workers: int = field(default=16, metadata=_about(_number(1, 128, int), "FHIR requests at one time to one server, per process."))
    fetch_pages: int = field(default=20, metadata=_about(_number(1, 1000, int), "Pages read of one search."))
    fetch_resources: int = field(
        default=5000, metadata=_about(_number(1, 100_000, int), "Resources used of one search or prefetch key; the rest is unknown.")
    )
    fetch_limit_bytes: int = field(default=16 * 1024 * 1024, metadata=_about(_number(1024, 2**30, int), "Bytes read of one search."))
    fhir_failures: int = field(
        default=3,
        metadata=_about(
            _number(1, 1000, int),
            "Failures in a row (no answer in time, no connection, 5xx) after which a FHIR server is not asked for a while.",
        ),
    )
    fhir_pause_s: float = field(
        default=10.0,
        metadata=_about(_number(0.1, 3600, float), "How long such a server is not asked, in seconds; then one read tries it again."),
    )
    inline_resources: int = field(
        default=100, metadata=_about(_number(0, 100_000, int), "Calls with more resources than this are evaluated in a thread.")
    )
    waiting_calls: int = field(
        default=64,
        metadata=_about(
            _number(1, 10_000, int),
            "Calls that may wait to be evaluated, per worker; more are refused with 503, before their body is read.",
        ),
    )
    waiting_s: float = field(
        default=2.0,
        metadata=_about(
            _number(0.1, 60, float), "Longest wait for an evaluation, as the last ones let expect, in seconds; a call beyond gets 503."
        ),
    )
    open_calls: int = field(
        default=256,
        metadata=_about(_number(1, 100_000, int), "Calls that a worker has at one time, those that wait for data included; then 503."),
    )
    connections: int = field(default=512, metadata=_about(_number(8, 100_000, int), "Connections that a worker has at one time; then 503."))
    max_cards: int = field(default=5, metadata=_about(_number(2, 50, int), "Cards in one answer; critical cards are never left out."))
    suppression_days: float = field(
        default=90.0,
        metadata=_about(
            _number(0, 365, float),
            "Days for which a dismissed card stays away from the same user and patient, where its rule has no period of its own. 0: every "
            "card comes again. Critical cards always come.",
        ),
    )
    suppression_wait_s: float = field(
        default=0.2,
        metadata=_about(_number(0.01, 10, float), "Longest wait for what a user dismissed, in seconds; then every card is shown."),
    )
    audit_days: float = field(
        default=365.0,
        metadata=_about(
            _number(1, 36500, float), "Days for which audit rows and shown cards are kept. A dismissal is forgotten with its card."
        ),
    )
    canary_minutes: float = field(
        default=15.0,
        metadata=_about(
            _number(0, 1440, float),
            "Minutes between two sweeps in which every active rule runs its own example; a silent rule takes /readyz down. 0: never.",
        ),
    )
    otlp_endpoint: str = field(
        default="",
        metadata=_about(
            COLLECTOR, "Base URL of an OTLP collector that gets traces over HTTP, such as http://127.0.0.1:4318. Empty: no tracing."
        ),
    )
    docs: bool = field(default=True, metadata=_about(SWITCH, "Whether /docs and /openapi.json are served."))
    log_level: str = field(default="info", metadata=_about(_choice("debug", "info", "warning", "error"), "Lowest level that is logged."))

    @property
    def url(self) -> str:
        """The public base URL without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether the service listens where only this machine can reach it."""
        return is_loopback(self.host)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Read all NMCDS_ variables; raises SettingsError with every problem at once. Empty values mean the default."""
        known = {PREFIX + item.name.upper(): item for item in fields(cls)}
        problems: list[str] = []
        values: dict[str, Any] = {}
        for name in sorted(environ):
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                problems.append(f"{name}: no such setting" + (f" (did you mean {close[0]}?)" if close else ""))
                continue
            if not environ[name].strip():
                continue
            item = known[name]
            try:
                values[item.name] = item.metadata["kind"].read(environ[name].strip())
            except (ValueError, KeyError, ArithmeticError):
                problems.append(f"{name}: expected {item.metadata['kind'].expected}")
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    @classmethod
    def describe(cls) -> list[tuple[str, str, str]]:
        """(variable, default, meaning) of every setting, for the reference page and `nmcds`."""
        rows = []
        for item in fields(cls):
            default = "" if item.default is MISSING or item.default is None or item.default == () else str(item.default)
            rows.append(
                (PREFIX + item.name.upper(), default.lower() if isinstance(item.default, bool) else default, item.metadata["meaning"])
            )
        return rows


def is_loopback(host: str) -> bool:
    """Whether `host` is the name localhost or a loopback address in its usual spelling; any other spelling is not."""
    name = host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
