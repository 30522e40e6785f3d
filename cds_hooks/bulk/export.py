"""One Bulk Data export, top to bottom: kick-off, polling, manifest, downloads, DELETE (HL7 FHIR Bulk Data Access, STU 2).

The address to poll is kept in the folder, so that a stopped export is taken up again and no second one is started.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import requests

from cds_hooks.body import JsonObject
from cds_hooks.bulk.door import Door, TryAgainError, read_json, retry_after
from cds_hooks.bulk.token import Tokens
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.population.plan import MANIFEST

__all__ = ["Exporter", "Progress"]

STATE = ".export.json"
TRIES = 6
LONGEST_WAIT_S = 300.0  # whatever Retry-After says
FIRST_WAIT_S = 1.0
CHUNK = 1 << 18
BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
TYPE = re.compile(r"[A-Za-z]{1,64}")
RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
T = TypeVar("T")


class Progress(Protocol):
    """Shows how far an export is."""

    def __call__(self, step: str, done: int = 0, of: int = 0) -> None:
        """`step` in words, `done` of so many files."""
        ...


@dataclass(slots=True)
class Exporter:
    """`types` are asked for by name, so that a type without a file is known to be empty. `pause` waits; tests need not."""

    door: Door
    tokens: Tokens
    folder: Path
    types: Sequence[str]
    group: str | None
    progress: Progress
    until: float
    pause: Callable[[float], None] = time.sleep
    _refused: int = field(default=0, init=False)

    def run(self) -> JsonObject:
        """Everything into the folder; the manifest, with file names for addresses. On Ctrl-C the server is told to stop. Raises StopError;
        after that the same call goes on where it was."""
        if (self.folder / MANIFEST).exists():
            raise StopError(
                Exit.USAGE, f"{self.folder} has a finished export, expected a new folder", "Choose another --out, or screen it."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        status = self._known() or self._start()
        try:
            manifest = self._wait(status)
            files = self._download(manifest)
        except KeyboardInterrupt:
            self._delete(status)
            raise
        told: JsonObject = {name: manifest[name] for name in ("transactionTime", "request") if isinstance(manifest.get(name), str)}
        told["request"] = self._kick_off()
        told |= files
        place = self.folder / f"{MANIFEST}.part"
        place.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        place.rename(self.folder / MANIFEST)
        self._delete(status)
        return told

    # -- the parts of the flow

    def _kick_off(self) -> str:
        level = f"Group/{quote(self.group, safe='')}" if self.group else "Patient"
        return f"{self.door.base}/{level}/$export?_outputFormat=application%2Ffhir%2Bndjson&_type={','.join(self.types)}"

    def _known(self) -> str | None:
        """Where to ask about an export that was started before from here."""
        place = self.folder / STATE
        if not place.exists():
            return None
        known: JsonObject = json.loads(place.read_text(encoding="utf-8"))
        if known.get("request") != self._kick_off():
            raise StopError(
                Exit.USAGE, f"{self.folder} has an unfinished export of something else", "Ask for the same again, or choose another --out."
            )
        return str(known["status"])

    def _start(self) -> str:
        self.progress("asking for the export")
        url = self._kick_off()

        def ask() -> str:
            headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
            with self.door.ask("GET", url, token=self.tokens.token(), headers=headers) as response:
                self._good(response, 202)
                return response.headers.get("Content-Location", "")

        status = self._again(ask)
        if not status:
            raise StopError(Exit.FAILED, "the server took the request and did not say where to ask about it (Content-Location)")
        (self.folder / STATE).write_text(json.dumps({"request": url, "status": status}) + "\n", encoding="utf-8")
        return status

    def _wait(self, status: str) -> JsonObject:
        """Poll until the manifest is there: as often as Retry-After says within bounds, else at growing intervals."""
        wait = FIRST_WAIT_S
        while True:

            def ask() -> tuple[JsonObject | None, float | None, str]:
                with self.door.ask("GET", status, token=self.tokens.token(), headers={"Accept": "application/json"}) as response:
                    if response.status_code == 202:
                        return None, retry_after(response), response.headers.get("X-Progress", "")
                    if response.status_code in (404, 410):
                        (self.folder / STATE).unlink(missing_ok=True)
                        raise StopError(Exit.FAILED, "the server no longer knows this export", "Start the command again for a new one.")
                    self._good(response, 200)
                    return read_json(response), None, ""

            manifest, asked, said = self._again(ask)
            if manifest is not None:
                return manifest
            self.progress(f"the server is working{_printable(said)}")
            self._sleep(wait if asked is None else max(asked, FIRST_WAIT_S))
            wait = min(2 * wait, LONGEST_WAIT_S / 5)

    def _download(self, manifest: Mapping[str, Any]) -> JsonObject:
        """All files; `error` files too: what they report is reported by the screen."""
        wanted = [(name, one) for name in ("output", "error") for one in _items(manifest, name)]
        needs_token = manifest.get("requiresAccessToken") is not False
        numbers: dict[str, int] = {}
        kept: dict[str, list[JsonObject]] = {"output": [], "error": []}
        for place, (name, item) in enumerate(wanted):
            self.progress("downloading", place, len(wanted))
            kind = item["type"]
            numbers[kind] = numbers.get(kind, 0) + 1
            path = self._file(f"{kind}.{numbers[kind]:05d}.ndjson", item["url"], needs_token=needs_token)
            lines = item.get("count")
            kept[name].append({"type": kind, "url": path.name, **({"count": lines} if isinstance(lines, int) else {})})
        self.progress("downloading", len(wanted), len(wanted))
        return dict(kept)

    def _file(self, name: str, url: str, *, needs_token: bool) -> Path:
        """One file, whole: begun again where it stopped when the server can, and under its name only when it is complete."""
        for path in (self.folder / name, self.folder / f"{name}.gz"):
            if path.exists():
                return path
        part = self.folder / f"{name}.part"
        part.unlink(missing_ok=True)
        version = ""

        def fetch() -> Path:
            nonlocal version
            have = part.stat().st_size if part.exists() and version else 0
            headers = {"Accept": "application/fhir+ndjson"} | ({"Range": f"bytes={have}-", "If-Range": version} if have else {})
            with self.door.ask("GET", url, token=self.tokens.token() if needs_token else None, headers=headers) as response:
                begun = RANGE.fullmatch(response.headers.get("Content-Range", ""))
                resumed = response.status_code == 206 and begun is not None and int(begun[1]) == have
                self._good(response, 206 if resumed else 200)
                found = response.headers.get("ETag", "")
                version = "" if found.startswith("W/") else found
                with part.open("ab" if resumed else "wb") as file:
                    while chunk := response.raw.read(CHUNK, decode_content=False):
                        file.write(chunk)
                        if time.monotonic() > self.until:
                            raise StopError(Exit.FAILED, "the export took too long", "Start the command again, with a longer --hours.")
                packed = response.headers.get("Content-Encoding", "").lower() == "gzip"
            return part.rename(self.folder / (f"{name}.gz" if packed else name))

        return self._again(fetch)

    def _delete(self, status: str) -> None:
        """Tell the server that we are done, or want no more; it may be gone already."""
        with suppress(StopError, TryAgainError), self.door.ask("DELETE", status, token=self.tokens.token()):
            pass
        (self.folder / STATE).unlink(missing_ok=True)

    # -- trying again

    def _good(self, response: requests.Response, expected: int) -> None:
        """Raise TryAgainError for what may pass, StopError for what will not."""
        code = response.status_code
        if code == expected:
            return
        if code == 401 and self._refused < 2:
            self._refused += 1
            self.tokens.forget()
            raise TryAgainError("the server refused the token", 0)
        if code in BUSY:
            raise TryAgainError(f"the server answered HTTP {code}", retry_after(response))
        with suppress(TryAgainError):
            issues = _issues(read_json(response))
            raise StopError(Exit.FAILED, f"the server answered HTTP {code} ({', '.join(issues) or 'no reason'})", _remedy(code))
        raise StopError(Exit.FAILED, f"the server answered HTTP {code}", _remedy(code))

    def _again(self, work: Callable[[], T]) -> T:
        for tried in range(1, TRIES + 1):
            try:
                found = work()
            except TryAgainError as error:
                if tried == TRIES:
                    raise StopError(
                        Exit.FAILED, f"{error.reason}, {TRIES} times", "What is done is kept; start the same command again later."
                    ) from None
                self._sleep(error.wait if error.wait is not None else FIRST_WAIT_S * 2**tried)
            else:
                self._refused = 0
                return found
        raise AssertionError  # the loop returns or raises

    def _sleep(self, seconds: float) -> None:
        wait = min(max(seconds, 0.0), LONGEST_WAIT_S)
        if time.monotonic() + wait > self.until:
            raise StopError(Exit.FAILED, "the export took too long", "Start the command again to go on waiting, with a longer --hours.")
        self.pause(wait)


def _items(manifest: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The file items of a manifest; raises StopError when they are not what the standard says."""
    found = manifest.get(name, [])
    for item in found if isinstance(found, list) else [found]:
        good = isinstance(item, dict) and isinstance(item.get("url"), str) and TYPE.fullmatch(str(item.get("type")))
        if not good:
            raise StopError(
                Exit.FAILED, f"the manifest's {name} is not a list of files with type and url", "Ask the operator of the server."
            )
        yield item


def _issues(outcome: JsonObject) -> Iterable[str]:
    """The codes of an OperationOutcome, never its texts: they may say whom it is about."""
    issues = outcome.get("issue")
    found = [str(one.get("code")) for one in issues if isinstance(one, dict)] if isinstance(issues, list) else []
    return [code for code in dict.fromkeys(found) if re.fullmatch(r"[a-z-]{1,40}", code)]


def _printable(said: str) -> str:
    text = "".join(char for char in said[:100] if char.isascii() and char.isprintable())
    return f": {text}" if text else ""


def _remedy(code: int) -> str:
    if code in (401, 403):
        return "Is the client registered, and its scope wide enough for these types?"
    return "If the server does not know one of the types, leave it out: --types Patient,Condition,..."
