"""The service on a real port and a headless Chromium that looks at it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from cds_hooks.app import Parts, create_app
from cds_hooks.pages import mount
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge
from tests.browser.chromium import Browser

PICTURES = Path(__file__).parents[2] / "build" / "pictures"


@dataclass(frozen=True, slots=True)
class Running:
    """Where the service listens, and its storage."""

    url: str
    parts: Parts


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    listening = socket.create_server(("127.0.0.1", 0))
    folder, port = tmp_path_factory.mktemp("storage"), listening.getsockname()[1]
    settings = Settings(port=port, database_url=f"sqlite:///{folder}/nmcds.sqlite3")
    app = create_app(settings, Knowledge.load(engine="reference"), extend=mount)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        yield Running(settings.url, app.state.parts)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@pytest.fixture(scope="module")  # not longer: Playwright's event loop would be in the way of tests that start their own
def browser(chromium: str) -> Iterator[Browser]:
    with Browser.started(chromium) as found:
        yield found


@pytest.fixture
def pictures() -> Path:
    """The folder of the screenshots, which are kept to be looked at: build/pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES
