"""One worker: the HTTP server around an application that is built already, with a heartbeat for the supervisor."""

from __future__ import annotations

import contextlib
import os
import socket
import sys

import uvicorn
from fastapi import FastAPI

from cds_hooks.app import Parts
from cds_hooks.connection import guarded
from cds_hooks.supervisor import LEAVE

__all__ = ["work"]

SWITCH_S = 0.001  # an evaluation in a thread lets the event loop refuse and answer others so soon
DRAIN_S = 5  # calls that are being answered get so long when the worker is told to stop


class Worker(uvicorn.Server):
    """A server that writes one byte to `beat` ten times a second from its event loop: a loop that hangs is silent.

    It stops by itself, answering what it has begun, when its engine is poisoned or the supervisor is gone.
    """

    def __init__(self, config: uvicorn.Config, parts: Parts, beat: int) -> None:
        super().__init__(config)
        self.parts = parts
        self.beat = beat

    async def on_tick(self, counter: int) -> bool:
        """As often as the server looks whether to stop."""
        try:
            with contextlib.suppress(BlockingIOError):  # the supervisor is slow
                os.write(self.beat, b".")
        except BrokenPipeError:
            self.should_exit = True
        return await super().on_tick(counter) or self.parts.health.poisoned

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so, that nobody waits for a heartbeat, and come to an end."""
        with contextlib.suppress(OSError):
            os.write(self.beat, LEAVE)
        await super().shutdown(sockets)


def work(service: FastAPI, listening: socket.socket, beat: int) -> int:
    """Serve until told to stop (SIGTERM, SIGINT): answer what was begun, write what waits, then return an exit code."""
    sys.setswitchinterval(SWITCH_S)
    parts: Parts = service.state.parts
    settings = parts.settings
    config = uvicorn.Config(
        service,
        http=guarded(settings.body_timeout_s, settings.connections),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = Worker(config, parts, beat)
    with contextlib.suppress(KeyboardInterrupt, SystemExit):  # uvicorn raises the signal again when it is done
        server.run(sockets=[listening])
    return 0 if server.started else 1
