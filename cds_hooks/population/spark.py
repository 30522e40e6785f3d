"""Apache Spark: is it here with a Java it can use, and a session for one run. The only place that imports pyspark."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cds_hooks.commands.output import Exit, StopError

__all__ = ["java_problem", "missing", "session"]

JAVA = 17  # the oldest that Spark 4 runs on (spark.apache.org/docs/latest, "Downloading")
VERSION = re.compile(r'version "(?:1\.)?(\d+)')
HOW_JAVA = "Install a Java runtime 17 or newer (Debian, Ubuntu: apt-get install default-jre-headless) or point JAVA_HOME to one."
HOW_SPARK = "Install the extra: pip install 'neuromuscular-cds[population]'; in a clone: make setup-population"
QUIET = Path(__file__).parent / "log4j2.properties"
LOOPBACK = re.compile(r"local(?:-cluster)?(?:\[[^\]]*\])?|spark://(?:localhost|127\.[0-9.]+)(?::\d+)?")


def missing() -> tuple[str, str] | None:
    """What keeps Spark from starting, and what to do; None when all is there."""
    try:
        import pyspark  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return "pyspark is not installed", HOW_SPARK
    problem = java_problem(os.environ)
    return (problem, HOW_JAVA) if problem else None


def java_problem(environ: Mapping[str, str]) -> str | None:
    """Why there is no usable Java; None when there is one. Spark takes the one of JAVA_HOME, else the first on the PATH."""
    home = environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environ.get("PATH"))
    if java is None:
        return "no Java found on the PATH, and JAVA_HOME is not set"
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return f"JAVA_HOME is {home}, and there is no program bin/java in it" if home else f"{java} cannot be run"
    found = VERSION.search(told.stderr + told.stdout)
    if found is None:
        return f"{java} does not say which version it is"
    return f"{java} is Java {found[1]}, expected {JAVA} or newer" if int(found[1]) < JAVA else None


@contextmanager
def session(master: str, settings: Mapping[str, str]) -> Iterator[Any]:
    """A SparkSession that is stopped at the end. `settings` win over ours; raises StopError when Spark cannot start."""
    problem = missing()
    if problem is not None:
        raise StopError(Exit.FAILED, *problem)
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    if LOOPBACK.fullmatch(master):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = settings.get("spark.pyspark.python", sys.executable)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = SparkSession.builder.master(master).appName("nmcds screen")
    for name, value in {**_ours(master), **settings}.items():
        builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:  # noqa: BLE001 - Java's errors come in many kinds and with stacks
        raise StopError(
            Exit.FAILED,
            f"Spark did not start with master {master} ({type(error).__name__})",
            "Is the master's address right, and does it run?",
        ) from None
    try:
        yield spark
    finally:
        spark.stop()


def _ours(master: str) -> dict[str, str]:
    """Quiet, without a web page of its own, and on this machine only when the master is here."""
    found = {
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={QUIET.as_uri()}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.pyspark.python": sys.executable,
        "spark.driver.memory": "2g",
        "spark.hadoop.fs.permissions.umask-mode": "077",  # the rows and the output are patient data
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "1",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "true",
    }
    if master.startswith("local"):
        found["spark.sql.shuffle.partitions"] = "16"
        cores = re.search(r"\d+", master)
        # Spark takes idle Python workers in turn, and each has to load the rules once.
        found["spark.python.factory.idleWorkerMaxPoolSize"] = cores[0] if cores else str(os.cpu_count() or 1)
    if LOOPBACK.fullmatch(master):
        found |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return found
