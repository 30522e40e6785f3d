"""A real PostgreSQL server of the test's own: made in a folder, reached by a Unix socket, stopped and killed as the test likes."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

__all__ = ["MISSING", "Postgres", "find", "serving"]

MISSING = "no PostgreSQL server (initdb, postgres) on the PATH or in /usr/lib/postgresql; Debian: apt-get install postgresql"


def find() -> Path | None:
    """The folder of `initdb` and `postgres`: on the PATH, or where Debian puts them."""
    known = shutil.which("initdb")
    folders = [str(Path(known).resolve().parent)] if known else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)  # noqa: PTH207 - an absolute pattern
    return next((Path(one) for one in folders if (Path(one) / "postgres").exists() and (Path(one) / "initdb").exists()), None)


def _as_somebody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@dataclass
class Postgres:
    """A server process; `folder` holds its data and its socket."""

    programs: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = field(default=())

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-c", "listen_addresses="]
        for option in self.options:
            command += ["-c", option]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **_as_somebody())
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(host=str(self.folder), user="nmcds", dbname="postgres").close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")[-2000:]) from None
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT: fast shutdown; SIGQUIT: immediate, as after a crash (`pg_ctl stop -m immediate`)."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=30)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections and answers nothing: every process of it stands still."""
        assert self.process is not None
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii").split()
        everyone = [self.process.pid, *(int(one) for one in listed)]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in everyone:
                os.kill(pid, signal.SIGCONT)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"d{uuid4().hex}"
        with psycopg.connect(host=str(self.folder), user="nmcds", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://nmcds@/{name}?host={self.folder}"


@contextmanager
def serving(*options: str) -> Iterator[Postgres]:
    """Make and start a server; its folder goes away with it. Raises LookupError without the programs."""
    programs = find()
    if programs is None:
        raise LookupError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="nmcds-pg-"))
    user = _as_somebody()
    if user:
        os.chown(folder, user["user"], user["group"])
    server = Postgres(programs, folder, options=options)
    try:
        make = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "nmcds", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **user)
        server.start()
        yield server
        server.stop()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)
