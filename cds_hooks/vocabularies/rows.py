"""Reading release files line by line: one row at a time, and every problem with the file and line where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["Tick", "VocabularyError", "number", "rows"]

Tick = Callable[[int], None]  # called now and then with the bytes read so far
_EVERY = 1 << 22  # bytes between two ticks


class VocabularyError(Exception):
    """A release or index that cannot be used. The message says where, what was found and what was expected; `remedy` what to do."""

    def __init__(self, where: Path | str, line: int | None, problem: str, remedy: str = "") -> None:
        name = where.name if isinstance(where, Path) else where
        super().__init__(f"{name}: line {line}: {problem}" if line is not None else f"{name}: {problem}")
        self.remedy = remedy


def rows(path: Path, width: int, separator: str, header: str | None, tick: Tick) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of a UTF-8 text file whose lines all have `width` fields; raises VocabularyError.

    `header` is the first line that the file must have; None when rows begin at once. No quotes, no escapes: a separator always
    separates (RF2, "File Format"; RxNorm, "Rich Release Format").
    """
    done = ticked = 0
    try:
        with path.open("rb", buffering=1 << 20) as stream:
            for line, raw in enumerate(stream, 1):
                try:
                    text = raw.decode().rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise VocabularyError(
                        path, line, f"found a byte that is not UTF-8 at place {error.start + 1}, expected UTF-8"
                    ) from None
                done += len(raw)
                if header is not None and line == 1:
                    if text != header:
                        raise VocabularyError(path, 1, f"found the columns {text[:200]!r}, expected {header!r}")
                    continue
                fields = text.split(separator)
                if len(fields) != width:
                    raise VocabularyError(
                        path, line, f"found {len(fields)} fields, expected {width}", "Is the file complete? Unpack it again."
                    )
                if done - ticked >= _EVERY:
                    ticked = done
                    tick(done)
                yield line, fields
    except OSError as error:
        raise VocabularyError(path, None, f"cannot be read: {error.strerror}") from None
    if header is not None and not done:
        raise VocabularyError(path, 1, f"found nothing, expected the columns {header!r}")
    tick(done)


def number(text: str, path: Path, line: int, what: str) -> int:
    """A number of digits only; raises VocabularyError."""
    if text.isdecimal() and text.isascii() and len(text) <= 18:
        return int(text)
    raise VocabularyError(path, line, f"{what}: found {text[:40]!r}, expected a number of at most 18 digits")
