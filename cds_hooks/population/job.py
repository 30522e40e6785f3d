"""One run, top to bottom: files -> rows by patient -> screened patients, part by part -> tables and summary -> the output appears at once.

Everything is kept beside the output in OUT.unfinished until the end. A step or part that is complete there (Spark's `_SUCCESS`) is not done
again when the run is taken up after a stop. What the rows hold is as sensitive as the export; it is removed when the output is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from cds_hooks.body import JsonObject
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.population import summary
from cds_hooks.population.plan import Plan, Setup, exported_by_manifest, exported_by_name, source_of
from cds_hooks.population.storage import File, Storage
from cds_hooks.population.tables import READ, SCREENED
from cds_hooks.population.work import BLOCKS, MEDICATIONS, OTHERS, PROBLEMS, read_documents, read_lines, screen_rows

__all__ = ["Job", "Watch"]

TASK_BYTES = 8 * 1024 * 1024  # of rows, compressed, for one task: a few thousand patients
DONE = "_SUCCESS"
GLOB = re.compile(r"([\\{}\[\]*?])")


class Watch(Protocol):
    """Shows how far a step is."""

    def __call__(self, step: str) -> AbstractContextManager[None]:
        """Entered when a step begins, left when it is done."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """`kinds` are the resource types that the hook's rules read; `setup.exported` is filled in once the input was read."""

    spark: Any
    storage: Storage
    plan: Plan
    setup: Setup
    kinds: frozenset[str]
    out: str
    watch: Watch

    @property
    def work(self) -> str:
        """Where everything is kept until the output is complete."""
        return f"{self.out}.unfinished"

    def run(self) -> JsonObject:
        """The summary, after the output is in its place. Raises StopError; what was done stays for the next try."""
        self._begin()
        with self.watch("reading the export"):
            self._once("rows", self._read)
        with self.watch("joining medications"):
            self._once("medications", self._join_medications)
        setup = replace(self.setup, exported=self._exported())
        if "Condition" not in setup.exported:
            raise StopError(
                Exit.USAGE, "found no Condition and no file of that type in the input, expected the problems of the patients",
                "Export Condition too; if the export was made with it and there is none, say so: --types Condition",
            )  # fmt: skip
        for part in range(self.plan.parts):
            with self.watch(f"screening, part {part + 1} of {self.plan.parts}"):
                self._once(f"screened/part={part}", partial(self._screen, part, setup))
        with self.watch("writing the tables"):
            told = self._tables(setup)
        if not self.storage.rename(f"{self.work}/out", self.out):
            raise StopError(Exit.FAILED, f"{self.out} could not be put in its place", "Does something of that name exist by now?")
        self.storage.remove(self.work)
        return told

    def _begin(self) -> None:
        if self.storage.exists(self.out):
            raise StopError(Exit.USAGE, f"{self.out} exists, expected a new folder", "Choose another --out, or remove it.")
        place = f"{self.work}/plan.json"
        if not self.storage.exists(place):
            self.storage.remove(self.work)
            self.storage.write_json(place, self.plan.as_json())
        elif differences := self.plan.differences(self.storage.read_json(place)):
            raise StopError(
                Exit.USAGE, f"{self.work} is a run of something else (other {', '.join(differences)})",
                "Start it as before to go on with it, or remove it with --fresh.",
            )  # fmt: skip

    def _once(self, name: str, write: Any) -> None:  # noqa: ANN401 - a callable that takes the place to write to
        """Do a step unless it is complete already."""
        place = f"{self.work}/{name}"
        if not self.storage.exists(f"{place}/{DONE}"):
            write(place)

    def _read(self, place: str) -> None:
        lines = [file for file in self.plan.files if source_of(file) == "lines"]
        documents = [file for file in self.plan.files if source_of(file) == "document"]
        context = self.spark.sparkContext
        found = context.emptyRDD()
        if lines:
            columns = ("cast(value as binary)", "_metadata.file_path", "_metadata.file_block_start")
            text = self.spark.read.text(_paths(lines)).selectExpr(*columns).rdd.map(tuple)
            found = found.union(text.mapPartitions(partial(read_lines, parts=self.plan.parts, kinds=self.kinds)))
        if documents:
            files = self.spark.read.format("binaryFile").load(_paths(documents)).select("content", "path").rdd.map(tuple)
            found = found.union(files.mapPartitions(partial(read_documents, parts=self.plan.parts, kinds=self.kinds)))
        self._frame(found, READ).write.mode("overwrite").partitionBy("part").parquet(place)

    def _join_medications(self, place: str) -> None:
        """Give each patient the Medications that the patient's resources name, under any of the names they are known by."""
        medications = self._rows([MEDICATIONS]).selectExpr("explode(names) as name", "kind", "url", "body")
        named = (
            self._rows(range(self.plan.parts)).where("size(names) > 0").selectExpr("part", "patient", "explode(names) as name").distinct()
        )
        joined = named.join(medications, "name").select("part", "patient", "kind", "url", "body").distinct()
        joined.write.mode("overwrite").partitionBy("part").parquet(place)

    def _exported(self) -> tuple[str, ...]:
        """Types that the export was made of: those in it, those its manifest or file names speak of, those the user named."""
        seen = {row[0] for row in self._rows(None).where("kind != ''").select("kind").distinct().collect()}
        manifests = [self._manifest(file) for file in self.plan.files if source_of(file) == "manifest"]
        told = frozenset[str]().union(*map(exported_by_manifest, manifests), exported_by_name(self.plan.files), self.plan.types)
        return tuple(sorted((seen | told) & (self.kinds | {"Medication"})))

    def _manifest(self, file: File) -> object:
        try:
            found = self.storage.read_json(file.path)
        except ValueError:
            found = None
        if not isinstance(found, dict) or "resourceType" in found:
            raise StopError(
                Exit.USAGE,
                f"{file.name} is not the manifest of a Bulk Data export",
                "Mend it, take it away, or give a Bundle another name.",
            )
        return found

    def _screen(self, part: int, setup: Setup, place: str) -> None:
        rows = self._rows([part]).select("patient", "kind", "url", "body", "problem")
        medications = self._rows([part], "medications").selectExpr("patient", "kind", "url", "body", "'' as problem")
        size = sum(file.size for file in self.storage.files(f"{self.work}/rows/part={part}")) if self._has("rows", part) else 0
        tasks = max(2 * self.spark.sparkContext.defaultParallelism, size // TASK_BYTES)
        grouped = rows.union(medications).repartition(tasks, "patient").sortWithinPartitions("patient", "kind", "body", "url")
        found = grouped.rdd.map(tuple).mapPartitions(partial(screen_rows, setup=setup))
        self._frame(found, SCREENED).write.mode("overwrite").parquet(place)

    def _tables(self, setup: Setup) -> JsonObject:
        """The tables for people to work with; a run that stops here does them again."""
        into = f"{self.work}/out"
        self.storage.remove(into)
        screened = self.spark.read.schema(SCREENED).parquet(*[f"{self.work}/screened/part={part}" for part in range(self.plan.parts)])
        problems = self._rows([PROBLEMS])
        tables = summary.tables(screened, problems, self._rows([BLOCKS]), self._names(), setup)
        for name, table in tables.items():
            table.write.parquet(f"{into}/{name}.parquet")
            self.spark.read.parquet(f"{into}/{name}.parquet").write.json(f"{into}/{name}.ndjson")
        read = {name: self.spark.read.parquet(f"{into}/{name}.parquet") for name in tables}
        told: JsonObject = {
            **summary.totals(read, screened, self._rows([OTHERS])),
            "hook": setup.hook,
            "on": self.plan.on,
            "knowledge": self.plan.knowledge,
            "version": self.plan.version,
            "types": {"exported": list(setup.exported), "unknown": sorted(self.kinds - set(setup.exported))},
            "files": len(self.plan.files),
            "filesNotRead": sorted(file.name for file in self.plan.files if source_of(file) == "other"),
        }
        self.storage.write_json(f"{into}/summary.json", told)
        return told

    def _names(self) -> Mapping[str, str]:
        """What a file is called in the tables, by its path as Spark spells it."""
        return {file.path: file.name for file in self.plan.files}

    def _frame(self, rows: Any, schema: str) -> Any:  # noqa: ANN401 - pyspark is an extra
        return self.spark.createDataFrame(rows, schema, verifySchema=False)

    def _has(self, table: str, part: int) -> bool:
        return self.storage.exists(f"{self.work}/{table}/part={part}")

    def _rows(self, parts: Iterable[int] | None, table: str = "rows") -> Any:  # noqa: ANN401 - pyspark is an extra
        """Rows of these parts, of all when None; the folder of a part without rows is not there."""
        place = f"{self.work}/{table}"
        reader = self.spark.read.schema(READ).option("basePath", place)
        if parts is None:
            return reader.parquet(place)
        there = [f"{place}/part={part}" for part in parts if self._has(table, part)]
        return reader.parquet(*there) if there else self._frame([], READ)


def _paths(files: Iterable[File]) -> list[str]:
    """Paths for a reader that would take some characters of a name as a pattern."""
    return [GLOB.sub(r"\\\1", file.path) for file in files]
