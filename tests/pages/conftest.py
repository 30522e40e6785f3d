"""A whole service on the real rules, with its pages, in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.app import Parts, create_app
from cds_hooks.errors import StorageUnavailable
from cds_hooks.pages import mount
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge
from tests.support.asgi import Answer, Client


@dataclass
class Site(Client):
    """The service and how a test reads its pages."""

    knowledge: Knowledge

    def page(self, path: str) -> str:
        """The HTML of a page that must be there."""
        answer = self.get(path)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.body.decode()

    def paste(self, text: str, headers: dict[str, str] | None = None) -> Answer:
        """Open the chart of a pasted Bundle."""
        form = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.send("POST", "/", f"bundle={_quoted(text)}".encode(), form)

    def ask(self, session: dict[str, Any], hook: str, **extra: object) -> Answer:
        """Call a service as the page's module does."""
        service = session["services"][hook]
        context = {"userId": session["user"], "patientId": session["patient"], "encounterId": session["encounter"], **extra}
        prefetch = {key: session["prefetch"][key] for key in service["keys"]}
        body = {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context, "prefetch": prefetch}
        return self.post(f"/cds-services/{service['id']}", body)


def session_of(page: str) -> dict[str, Any]:
    """The data that a chart page carries for its module."""
    found = re.search(r'<script type="application/json" id="session">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    session: dict[str, Any] = json.loads(found[1])
    return session


def text_of(page: str) -> str:
    """What a person reads: no tags, single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))))


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return Knowledge.load(engine="reference")


@contextmanager
def running(folder: Path, knowledge: Knowledge, **settings: Any) -> Iterator[Site]:  # noqa: ANN401 - any setting
    """A site that is shut down at the end."""
    values = {"database_url": f"sqlite:///{folder}/nmcds.sqlite3", "secret": "a secret", "suppression_wait_s": 5.0, **settings}
    app = create_app(Settings(**values), knowledge, extend=mount)
    parts: Parts = app.state.parts
    with suppress(StorageUnavailable):
        parts.database.open()  # as the lifespan does
    try:
        yield Site(app, knowledge)
    finally:
        parts.writer.close()
        parts.database.close()


@pytest.fixture
def site(tmp_path: Path, knowledge: Knowledge) -> Iterator[Site]:
    with running(tmp_path, knowledge) as found:
        yield found


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> Iterator[Site]:
    """One site for the many cases of a test that changes nothing on it that the next case would see."""
    with running(tmp_path_factory.mktemp("site"), knowledge) as found:
        yield found
