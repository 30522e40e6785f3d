"""`python -m tests.fuzz.schema [SECONDS]`: every endpoint, with Schemathesis and by hand.

Schemathesis asks every operation of /openapi.json for what its schema allows and does not allow; every other route (the pages) gets odd
paths, queries and bodies. Nothing may be answered with 5xx (503 is overload), nothing may take longer than a second, nothing may raise. The
service is in this process with its real rules.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import hypothesis
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cds_hooks.app import create_app
from cds_hooks.pages import mount
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge
from tests.support.asgi import Client

SLOW_S = 1.0
KNOWN = (
    "CodeSystem",
    "ValueSet",
    "Library",
    "PlanDefinition",
    "Questionnaire",
    "mg-crisis-urgent",
    "muscle-diseases",
    "style.css",
    "neuromuscular",
)
"""Words that some path knows."""
Answered = Counter[tuple[str, int]]


def _check(answered: Answered, what: str, ask: Callable[[], int]) -> None:
    """Ask once; once more when it took long, for another program may have had the processor."""
    took: list[float] = []
    status = 0
    while not took or (took[-1] > SLOW_S and len(took) < 2):
        began = time.monotonic()
        status = ask()
        took.append(time.monotonic() - began)
    answered[what, status] += 1
    if status >= 500 and status != 503:
        raise AssertionError(f"{what}: found status {status}, expected none from 500 up but 503")
    if min(took) > SLOW_S:
        raise AssertionError(f"{what}: answered after {min(took):.2f} s, expected {SLOW_S} s at most")


def _for(seconds: float, strategy: st.SearchStrategy[Any], ask: Callable[[Any], None]) -> None:
    """Examples until the time is over, the smallest failing one at the end."""
    until = time.monotonic() + seconds

    @hypothesis.settings(max_examples=25, deadline=None, database=None, print_blob=True, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategy)
    def example(value: Any) -> None:  # noqa: ANN401 - a case of any operation
        ask(value)

    example()
    while time.monotonic() < until:
        example()


def _from_here(app: FastAPI) -> ASGIApp:
    """The service as a caller on this machine meets it: others are refused before anything is read."""

    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {**scope, "client": ("127.0.0.1", 50000), "headers": [*headers, (b"host", b"127.0.0.1")]}
        await app(scope, receive, send)

    return local


def operations(app: FastAPI, seconds: float, answered: Answered) -> None:
    """Every operation of the OpenAPI document, with what it allows and with what it refuses."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", _from_here(app))
    found = [one.ok() for one in schema.get_all_operations()]
    for operation in found:
        for mode in GenerationMode:

            def ask(case: Any, label: str = operation.label) -> None:  # noqa: ANN401
                _check(answered, label, lambda: int(case.call().status_code))

            with suppress(hypothesis.errors.Unsatisfiable):  # an operation without parameters cannot be asked for wrongly
                _for(seconds / len(found) / 2, operation.as_strategy(generation_mode=mode), ask)


def pages(app: FastAPI, seconds: float, answered: Answered) -> None:
    """Every other route."""
    client = Client(app)
    routes = [route for route in app.routes if isinstance(route, Route) and not isinstance(route, APIRoute)]
    text = st.text(max_size=40)
    for route in routes:
        names = list(route.param_convertors)
        values = st.tuples(
            st.sampled_from(sorted(route.methods or {"GET"})),
            st.fixed_dictionaries({name: st.sampled_from(KNOWN) | st.text("abcXYZ0159-_.~%", min_size=1, max_size=30) for name in names}),
            st.dictionaries(
                st.sampled_from(["patient", "kind", "q", "stage", "status", "name", "_format", "days", "url"]) | text, text, max_size=3
            ),
            st.binary(max_size=200),
        )

        def ask(value: tuple[str, dict[str, str], dict[str, str], bytes], path: str = route.path) -> None:
            method, parameters, query, content = value
            where = path
            for name, word in parameters.items():
                where = where.replace(f"{{{name}}}", word).replace(f"{{{name}:path}}", word)
            kind = {"content-type": ("application/json", "application/x-www-form-urlencoded")[len(content) % 2]}
            _check(answered, f"{method} {path}", lambda: client.send(method, f"{where}?{urlencode(query)}", content, kind).status)

        _for(seconds / len(routes), values, ask)


def main() -> int:
    """Half of the time each."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    answered: Answered = Counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{Path(folder)}/nmcds.sqlite3")
        app = create_app(settings, Knowledge.load(engine="reference"), extend=mount)
        try:
            operations(app, seconds / 2, answered)
            pages(app, seconds / 2, answered)
        finally:
            app.state.parts.writer.close()
            app.state.parts.database.close()
    for what in sorted({what for what, _ in answered}):
        told = ", ".join(f"{status}: {count}" for (name, status), count in sorted(answered.items()) if name == what)
        sys.stdout.write(f"{what}: {told}\n")
    sys.stdout.write(f"{sum(answered.values())} requests, none answered with 5xx (but 503), none after more than {SLOW_S} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
