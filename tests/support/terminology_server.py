"""A FHIR terminology server on loopback that knows a few codes, pages as it is asked, and can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SNOMED = "http://snomed.info/sct"
VERSION = "http://snomed.info/sct/900000000000207008/version/20260701"


@dataclass
class Terminology:
    """`below` has, by code, the code itself and everything below it; a code that is not there has an empty expansion.

    `change` may replace the expansion of one answer (code, expansion) -> expansion; `asked` has the query of every request.
    """

    below: Mapping[int, list[int]]
    version: str = VERSION
    status: int = 200
    change: Any = None
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """One page of `ValueSet/$expand`."""
        code = int(query["url"].removeprefix(f"{SNOMED}?fhir_vs=isa/"))
        codes = self.below.get(code, [])
        start, count = int(query["offset"]), int(query["count"])
        expansion: dict[str, Any] = {
            "timestamp": "2026-11-26T00:00:00Z",
            "total": len(codes),
            "offset": start,
            "parameter": [{"name": "used-codesystem", "valueUri": f"{SNOMED}|{self.version}"}],
            "contains": [{"system": SNOMED, "code": str(one), "display": "a name"} for one in codes[start : start + count]],
        }
        if self.change is not None:
            expansion = self.change(code, expansion)
        return {"resourceType": "ValueSet", "status": "active", "expansion": expansion}


@contextmanager
def terminology_server(below: Mapping[int, list[int]], **more: Any) -> Iterator[Terminology]:  # noqa: ANN401 - fields of Terminology
    """A running server; its base URL is `url`."""
    known = Terminology(below, **more)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            known.asked.append(query)
            known.headers.append(dict(self.headers))
            right = parts.path == "/fhir/ValueSet/$expand" and known.status == 200
            body = json.dumps(known.answer(query) if right else {"resourceType": "OperationOutcome", "issue": []}).encode()
            self.send_response(known.status if known.status != 200 or right else 404)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    known.url = f"http://127.0.0.1:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
