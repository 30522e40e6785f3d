"""A headless Chromium that notes every error, every blocked file and every request to another host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright

__all__ = ["Browser", "Tab"]

WIDE = (1400, 1000)
PHONE = (390, 844)


@dataclass
class Tab:
    """One page of the browser with what went wrong on it."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> Tab:
        """Go to a path of the service; a chart is ready when its answer is shown."""
        self.page.goto(self.url + path)
        if "patient=" in path:
            self.answered("patient-view")
        return self

    def answered(self, hook: str) -> None:
        """Wait until the answer to a hook is shown."""
        self.page.locator("#status", has_text=f"{hook}:").wait_for()

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds, one line each, however small; with `rules` only those of its rules."""
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only the accessibility tests need it

        only = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
        found: dict[str, Any] = Axe().run(self.page, options={"resultTypes": ["violations"], **only}).response
        return [f"{one['id']} ({one['impact']}): {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wider


@dataclass
class Browser:
    """One Chromium for all tests; each test has tabs of its own."""

    chromium: Chromium

    @classmethod
    @contextmanager
    def started(cls, path: str) -> Iterator[Browser]:
        """Start the Chromium at `path`. It runs without its sandbox: it sees our own pages only, and CI runs as root."""
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
            yield cls(chromium)
            chromium.close()

    @contextmanager
    def tab(self, url: str, *, size: tuple[int, int] = WIDE, scheme: Literal["light", "dark"] = "light") -> Iterator[Tab]:
        """A new tab without memory; it must end without troubles."""
        context = self.chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(15_000)
        found = Tab(page, url)
        page.on("pageerror", lambda error: found.troubles.append(f"error: {error}"))
        page.on("console", lambda said: found.troubles.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(url) else found.troubles.append(f"asked {asked.url}"))
        yield found
        context.close()
        assert found.troubles == []
