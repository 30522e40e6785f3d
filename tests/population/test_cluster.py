"""A standalone cluster of two worker processes on loopback gives the same output as one machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_fixtures.population import population
from tests.population.support import Screen, export, table

STARTED = re.compile(r"Starting Spark master at (spark://127\.0\.0\.1:\d+)")


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Master and two workers with a core each; the master's address."""
    import pyspark  # noqa: PLC0415 - an extra

    home = Path(pyspark.__file__).parent
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> Path:
        log = folder / f"{name}.log"
        with log.open("wb") as file:
            command = [str(home / "bin" / "spark-class"), *arguments]
            running.append(subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT))
        return log

    def said(log: Path, what: re.Pattern[str]) -> re.Match[str]:
        until = time.monotonic() + 120
        while (found := what.search(log.read_text(errors="replace"))) is None:
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.2)
        return found

    try:
        master = start("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        address = said(master, STARTED)[1]
        for name in ("one", "two"):
            worker = ("org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g")
            log = start(name, *worker, "--work-dir", str(folder / name), address)
            said(log, re.compile("Successfully registered with master"))
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_give_the_same_output_as_one_machine(tmp_path: Path, screen: Screen) -> None:
    source = export(tmp_path / "export", [resource for one in population(150, 3) for resource in one.resources])
    assert screen(source, tmp_path / "here", "--types", "all")[0] == 0
    with cluster(tmp_path) as master:
        settings = ("--conf", "spark.executor.memory=512m", "--conf", "spark.sql.shuffle.partitions=4")
        assert screen(source, tmp_path / "there", "--types", "all", "--master", master, *settings)[0] == 0
        executors = [found for name in ("one", "two") for found in (tmp_path / name).glob("app-*/*")]
    assert len(executors) == 2
    for name in ("findings", "patients", "rules"):
        assert sorted(map(json.dumps, table(tmp_path / "here", name))) == sorted(map(json.dumps, table(tmp_path / "there", name)))
