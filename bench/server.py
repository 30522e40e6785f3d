"""The real service with two more endpoints as floors to compare with: one always answers the same card, one parses and sends back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import create_app
from cds_hooks.heap import settle
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge

__all__ = ["CONSTANT", "PARSE", "Running", "running"]

CONSTANT = "/bench/constant-card"
PARSE = "/bench/parse-and-return"
CARD = {
    "cards": [
        {"uuid": "b7b5cf4e-1d5c-4f1c-8f6c-0f2f4f1d9f10", "summary": "A constant card", "indicator": "info", "source": {"label": "bench"}}
    ]
}


def _extend(app: FastAPI) -> None:
    async def constant(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(orjson.dumps(CARD), media_type="application/json")

    async def parse(request: Request) -> Response:
        return Response(orjson.dumps(orjson.loads(await request.body())), media_type="application/json")

    app.add_route(CONSTANT, constant, methods=["POST"])
    app.add_route(PARSE, parse, methods=["POST"])


def main() -> None:
    """Serve on a free port; the first line of the output is its number."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(database_url=f"sqlite:///{folder}/bench.sqlite3"), Knowledge.load(vignettes_later=True), extend=_extend)
        settle()
        listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run(sockets=[listening])


@dataclass(frozen=True, slots=True)
class Running:
    """A server in another process."""

    port: int
    pid: int

    @property
    def memory_mb(self) -> float:
        """Resident memory now."""
        return _proc(self.pid, "VmRSS") / 1024

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _proc(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status: no {key}")


@contextmanager
def running() -> Iterator[Running]:
    """Start the server, wait until it listens, stop it at the end."""
    process = subprocess.Popen([sys.executable, "-m", "bench.server"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError(f"bench.server: found {line!r}, expected a port; run `python -m bench.server` to see why")
        yield Running(int(line), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


if __name__ == "__main__":
    main()
