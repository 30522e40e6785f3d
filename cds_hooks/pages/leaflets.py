"""Plain-language pages for patients and families, one for each disease group; the text is data (`rules/leaflets`)."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

import rules
from cds_hooks.errors import NotFound
from cds_hooks.pages.page import Pages

__all__ = ["Leaflets"]

FOLDER = Path(rules.__file__).parent / "leaflets"


class Leaflets:
    """GET /leaflets and /leaflets/{name}."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
        self.titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in self.texts.items()}

    async def list(self, _request: Request) -> Response:
        """All leaflets."""
        return self.pages.html("leaflets.html", titles=self.titles)

    async def show(self, request: Request) -> Response:
        """One leaflet, made to be printed."""
        name = request.path_params["name"]
        if name not in self.texts:
            raise NotFound
        return self.pages.html("leaflet.html", title=self.titles[name], text=self.texts[name])
