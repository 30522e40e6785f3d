"""A FHIR server for `bench.latency`: answers a search with what a record holds of that type, after a fixed time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import orjson

from bench.patients import prefetched
from fhir_fixtures import Resource

__all__ = ["serving_fhir", "without_prefetch"]


def without_prefetch(body: bytes, port: int) -> tuple[bytes, list[Resource]]:
    """The same call with nothing prefetched and a server to ask, and what that server holds."""
    request = orjson.loads(body)
    held = prefetched(request)
    del request["prefetch"]
    token = {"access_token": "bench", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "bench"}
    request |= {"fhirServer": f"http://127.0.0.1:{port}/fhir", "fhirAuthorization": token}
    return orjson.dumps(request), held


@contextmanager
def serving_fhir(held: list[Resource], delay_s: float) -> Iterator[int]:
    """Serve these resources from a thread; gives the port. `held` may be filled later."""

    def found(target: str) -> object:
        path = urlsplit(target).path.removeprefix("/fhir/").split("/")
        if len(path) > 1:
            return next(one for one in held if one["resourceType"] == path[0] and one["id"] == path[1])
        entries = [{"resource": one, "search": {"mode": "match"}} for one in held if one["resourceType"] == path[0]]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(delay_s)
                body = orjson.dumps(found(head.split(b" ", 2)[1].decode()))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
