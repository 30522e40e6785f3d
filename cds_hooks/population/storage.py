"""Files as the cluster sees them: a local folder, HDFS or an object store, all through Hadoop's FileSystem, which Spark brings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["File", "Storage"]


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file of the input: its whole `path`, its `name` below the input, its size in bytes, and when it was changed (ms)."""

    path: str
    name: str
    size: int
    changed: int


class Storage:
    """What a run does with files besides reading and writing tables."""

    def __init__(self, spark: Any) -> None:  # noqa: ANN401 - pyspark is an extra
        self._hadoop = spark._jvm.org.apache.hadoop.fs  # noqa: SLF001 - PySpark has no public way to Hadoop's FileSystem
        self._conf = spark._jsc.hadoopConfiguration()  # noqa: SLF001
        self._io = spark._jvm.org.apache.commons.io.IOUtils  # noqa: SLF001

    def whole(self, path: str) -> str:
        """The path with its file system, such as file:/data/export."""
        found = self._path(path)
        return str(found.getFileSystem(self._conf).makeQualified(found))

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        found = self._path(path)
        return bool(found.getFileSystem(self._conf).exists(found))

    def files(self, folder: str) -> Iterator[File]:
        """Every file below a folder, or the file itself; hidden and internal ones (`.x`, `_x`) are left out, as Spark does."""
        root = self._path(self.whole(folder))
        system = root.getFileSystem(self._conf)
        base = str(root) if system.getFileStatus(root).isDirectory() else str(root.getParent())
        found = system.listFiles(root, True)
        while found.hasNext():
            status = found.next()
            path = str(status.getPath())
            name = path.removeprefix(base).lstrip("/")
            if not any(part.startswith((".", "_")) for part in name.split("/")):
                yield File(path, name, int(status.getLen()), int(status.getModificationTime()))

    def rename(self, source: str, target: str) -> bool:
        """Move a file or folder; one step on file systems that can (local, HDFS)."""
        found = self._path(source)
        return bool(found.getFileSystem(self._conf).rename(found, self._path(target)))

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all it holds."""
        found = self._path(path)
        found.getFileSystem(self._conf).delete(found, True)

    def read_json(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """A small JSON file; raises ValueError when it is none."""
        found = self._path(path)
        stream = found.getFileSystem(self._conf).open(found)
        try:
            return json.loads(self._io.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def write_json(self, path: str, value: object) -> None:
        """Write a small JSON file anew."""
        found = self._path(path)
        stream = found.getFileSystem(self._conf).create(found, True)
        try:
            stream.write((json.dumps(value, indent=2, sort_keys=True) + "\n").encode())
        finally:
            stream.close()

    def _path(self, path: str) -> Any:  # noqa: ANN401 - a Java object
        return self._hadoop.Path(path)
