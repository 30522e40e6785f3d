"""What every test gets: no network, a tripwire for patient data, one Hypothesis profile, and skips that CI turns into failures."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.support.reference import ONLY_REFERENCE, switch
from tests.support.tripwire import Tripwire, leaks_in_files

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

hypothesis.settings.register_profile("project", deadline=None, print_blob=True)
hypothesis.settings.register_profile("thorough", parent=hypothesis.settings.get_profile("project"), max_examples=600)
hypothesis.settings.load_profile("project")
if ONLY_REFERENCE:
    switch(os.environ)


def is_loopback(address: object) -> bool:
    """Say whether a socket address stays on this machine (a path of a Unix socket does)."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a connection to any other machine fail the test that tries it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as in the socket module
        if not is_loopback(address):
            pytest.fail(f"the test tried to connect to {address!r}; tests may only talk to this machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a canary of the test data that comes out in a log, metric, error or span fail the test."""
    wire = Tripwire()
    wire.install(monkeypatch)
    yield
    found = wire.finish()
    if found:
        pytest.fail("patient data or a secret came out:\n" + "\n".join(found))


@pytest.fixture(autouse=True, scope="session")
def no_leaks_in_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for files that tests left behind, after the last one; the path names the test."""
    yield
    found = leaks_in_files(tmp_path_factory.getbasetemp())
    if found:
        pytest.fail("patient data or a secret was stored:\n" + "\n".join(found))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium or Chrome; skips the test, saying how to get one, when there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("no Chromium on the PATH; Debian: apt-get install chromium")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL server, one for each worker of the tests; skips the test, saying how to get one, when there is none."""
    from tests.support.postgres import MISSING, find, serving  # noqa: PLC0415 - only these tests need the driver

    if find() is None:
        pytest.skip(MISSING)
    with serving("fsync=off") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database of each kind; the PostgreSQL one has its tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/x.sqlite3"
    from cds_hooks.store.database import Database  # noqa: PLC0415 - as above

    url: str = request.getfixturevalue("postgres").database()
    store = Database(url)
    store.upgrade()
    store.close()
    return url


def _skips_fail() -> bool:
    return os.environ.get("REQUIRE_ALL") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REQUIRE_ALL=1 a skipped test fails: on CI everything optional must be there."""
    report = yield
    if _skips_fail() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped although REQUIRE_ALL=1: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    if _skips_fail() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped although REQUIRE_ALL=1: {report.longrepr}"
    return report
