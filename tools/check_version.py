"""Compare the version in `pyproject.toml` with the newest heading of `CHANGELOG.md`; exit code 1 when they differ.

Every version has a section `## X.Y.Z (date or unreleased)`, and every section says what changed under "Service" and "Knowledge".
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

__all__ = ["main", "problems"]

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)", re.MULTILINE)


def problems(pyproject: str, changelog: str) -> list[str]:
    """Return what disagrees between the two texts, one sentence each."""
    version = tomllib.loads(pyproject)["project"]["version"]
    headings = list(_HEADING.finditer(changelog))
    if not headings:
        return [f"CHANGELOG.md: no heading `## X.Y.Z`, expected `## {version}`"]
    found: list[str] = []
    if headings[0].group(1) != version:
        found.append(f"CHANGELOG.md: newest version is {headings[0].group(1)}, pyproject.toml says {version}")
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        if "\n### Knowledge\n" not in changelog[heading.start() : end]:
            found.append(f"CHANGELOG.md: {heading.group(1)}: no section `### Knowledge` (write `No change.` when there was none)")
    return found


def main() -> int:
    """Print every problem, return the exit code."""
    found = problems(Path("pyproject.toml").read_text(encoding="utf-8"), Path("CHANGELOG.md").read_text(encoding="utf-8"))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
