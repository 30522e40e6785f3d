"""A supervised service around doubles in processes of its own: `python -m tests.support.supervised`.

Its knowledge does what the patient id says: "stuck" holds the interpreter in C, "slow" takes a while, "poisoned" breaks the engine,
anything else finds one card.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cds_hooks.app import create_app
from cds_hooks.observe import configure_logs
from cds_hooks.settings import Settings
from cds_hooks.supervisor import supervise
from cds_hooks.worker import work
from rules.engine.interface import EngineError
from rules.extract import Input
from rules.findings import Evaluation
from tests.support.doubles import FakeFhir, FakeKnowledge, finding

SLOW_S = 1.0


def _answer(seen: list[Input]) -> Evaluation:
    patients = {str(one.resource["id"]) for one in seen if isinstance(one.resource, dict) and one.resource["resourceType"] == "Patient"}
    if "stuck" in patients:
        re.match("(a+)+$", "a" * 60 + "b")  # for years inside C, with the interpreter lock
    if "poisoned" in patients:
        raise EngineError("poisoned", "as after a crash of the engine")
    if "slow" in patients:
        time.sleep(SLOW_S)
    return Evaluation((finding(),), (), relevant=True)


def main(environment: Mapping[str, str]) -> None:
    """Serve on a free port; the first line of the output is its number."""
    configure_logs("info")
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    settings = Settings.load(environment)
    service = create_app(settings, FakeKnowledge(_answer), fhir=FakeFhir())
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - for the test
    supervise(lambda beat: work(service, listening, beat), listening, settings.workers)


@dataclass
class Running:
    """The service in another process."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that live now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        return sorted(int(child) for child in children)

    def call(self, method: str, path: str, body: bytes = b"", *, timeout_s: float = 20) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, {"content-type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait(self, status: int = 200, path: str = "/readyz", within_s: float = 20.0) -> float:
        """Seconds until the path answers so; AssertionError when it does not."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            try:
                if self.call("GET", path)[0] == status:
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{path} did not answer {status} within {within_s} s: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


@contextmanager
def supervised(folder: Path, **settings: Any) -> Iterator[Running]:  # noqa: ANN401 - any setting
    """Start it; everything of it is gone at the end."""
    values = {"database_url": f"sqlite:///{folder}/nmcds.sqlite3", "secret": "a secret", **settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NMCDS_")}
    environment |= {f"NMCDS_{name.upper()}": str(value) for name, value in values.items()}
    log = folder / "service.log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.supervised"], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
    assert process.stdout is not None
    running = Running(int(process.stdout.readline()), process, log)
    try:
        running.wait(path="/healthz")
        yield running
    finally:
        if process.poll() is None:
            process.kill()  # its workers find their pipe closed
            process.wait()
        process.stdout.close()


if __name__ == "__main__":
    main(os.environ)
