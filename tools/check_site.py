"""Check the built documentation site: no page loads anything from another host.

`python -m tools.check_site build/site` prints each finding and exits 1 when there are any. Dead links are found while the site is built.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["main", "problems"]

# What a browser fetches by itself; links that a reader follows (<a href>) may lead anywhere.
_LOADS = (
    re.compile(r"<(?:script|img|iframe|audio|video|source|embed)\b[^>]*\ssrc\s*=\s*[\"']?((?:https?:)?//[^\"' >]+)", re.IGNORECASE),
    re.compile(r"<link\b[^>]*\shref\s*=\s*[\"']?((?:https?:)?//[^\"' >]+)", re.IGNORECASE),
    re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE),
)
_READ = {".html", ".css"}


def problems(site: Path) -> Iterator[str]:
    """Each request to another host that a page or style sheet of the folder `site` would make, as `file: address`."""
    for file in sorted(site.rglob("*")):
        if file.suffix in _READ:
            text = file.read_text(encoding="utf-8")
            for pattern in _LOADS:
                for address in pattern.findall(text):
                    yield f"{file.relative_to(site)}: loads {address}, expected only files of the site"


def main(arguments: list[str]) -> int:
    """Check the folder that is named; 0 when all is well, 1 with findings, 2 when there is no site."""
    site = Path(arguments[0] if arguments else "build/site")
    if not (site / "index.html").is_file():
        print(f"{site}: no index.html there; build the site with `make docs`")
        return 2
    found = list(problems(site))
    print("\n".join(found) if found else f"{site}: {len(list(site.rglob('*.html')))} pages, nothing from other hosts")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
