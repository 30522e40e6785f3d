"""One HTML answer: a template with everything escaped, behind a policy that lets the browser load nothing but our own files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.errors import NotFound
from cds_hooks.pages.markdown_html import to_html
from cds_hooks.pages.rule_links import linked

__all__ = ["POLICY", "Pages"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Pages:
    """The templates and files of this package, read once. `shared` is what every template may use."""

    def __init__(self, shared: Mapping[str, object]) -> None:
        self.templates = Environment(
            loader=PackageLoader(__package__, "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.templates.globals.update(shared)
        self.templates.filters["markdown"] = to_html
        self.templates.filters["linked"] = linked
        self.templates.filters["local"] = lambda url: _local(str(url), str(shared["base_url"]))
        self.files = {
            found.name: (found.read_bytes(), MEDIA_TYPES[PurePosixPath(found.name).suffix])
            for found in (resources.files(__package__) / "static").iterdir()
            if PurePosixPath(found.name).suffix in MEDIA_TYPES
        }
        self.tags = {name: f'"{hashlib.sha256(body).hexdigest()[:20]}"' for name, (body, _) in self.files.items()}

    def html(self, template: str, status: int = 200, **values: object) -> Response:
        """A page, or a part of one."""
        text = self.templates.get_template(template).render(values)
        return Response(text, status, HEADERS, media_type="text/html; charset=utf-8")

    async def file(self, request: Request) -> Response:
        """GET /static/{name}: a style sheet or module of this package, never a path."""
        name = request.path_params["name"]
        if name not in self.files:
            raise NotFound
        body, media_type = self.files[name]
        headers = {"Cache-Control": "no-cache", "ETag": self.tags[name]}
        if request.headers.get("if-none-match") == self.tags[name]:
            return Response(None, 304, headers)
        return Response(body, 200, headers, media_type=media_type)


def _local(url: str, base_url: str) -> str:
    """A link of a card: our own without host, so that it also works through a tunnel; others only over http and https."""
    if url.startswith(base_url + "/"):
        return url.removeprefix(base_url)
    return url if url.startswith(("https://", "http://")) else "#"
