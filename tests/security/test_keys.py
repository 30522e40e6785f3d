"""Keys at a pinned address: what is fetched, when, and what happens when they change or cannot be had."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.key_fetcher import FetchFailedError, KeyFetcher
from cds_hooks.keys import read_set
from cds_hooks.settings import Settings
from tests.support.doubles import NOW
from tests.support.key_server import KeyServer, fetched, key_server
from tests.support.service import Service, running
from tests.support.tokens import BASE, RS, STRANGER, Signer, bearer, claims, private_key, write_registry

NEW = Signer("new", "ES384", "P-384", 3)
OLD = Signer("old", "ES384", "P-384", 4)
MINUTE = 60


@dataclass
class Site:
    """A service whose one client has its keys at the server; `now` is the clock of the service."""

    service: Service
    server: KeyServer
    now: datetime = NOW

    def status(self, signer: Signer, **members: Any) -> int:  # noqa: ANN401 - any claim
        """The answer to a call with a new token."""
        at = int(self.now.timestamp())
        return self.service.get("/cds-services", bearer(signer.sign(claims(iat=at, exp=at + 60, **members)))).status

    def passed(self, seconds: float) -> None:
        """Let the time go by."""
        self.now += timedelta(seconds=seconds)


@contextmanager
def site(folder: Path, server: KeyServer, algorithms: str = '["ES384", "RS384"]') -> Iterator[Site]:
    registry = write_registry(
        folder,
        f'[[client]]\nname = "one"\nissuer = "https://ehr.example.org"\n[client.jwks]\nurl = "{server.url}"\nalgorithms = {algorithms}\n',
    )
    clock: list[Site] = []
    with running(
        folder, registry_file=registry, base_url=BASE, fhir_ca_file=server.certificate, clock=lambda: clock[0].now if clock else NOW
    ) as service:
        clock.append(Site(service, server))
        yield clock[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyServer]:
    with key_server(tmp_path) as found:
        found.keys = [OLD.jwk]
        yield found


@pytest.fixture
def here(tmp_path: Path, server: KeyServer) -> Iterator[Site]:
    with site(tmp_path, server) as found:
        yield found


def test_keys_are_read_at_the_first_call_and_kept(here: Site) -> None:
    assert here.server.asked == []
    assert [here.status(OLD) for _ in range(3)] == [200, 200, 200]
    assert len(here.server.asked) == 1
    assert not {"authorization", "cookie"} & here.server.asked[0].keys()


def test_an_unknown_issuer_is_refused_before_any_key_is_fetched(here: Site) -> None:
    assert here.status(OLD, iss="https://attacker.example") == 401
    assert here.status(Signer("x", "ES384", "P-384", 4), iss=here.server.url) == 401
    token = OLD.sign(claims(iss="https://attacker.example"), header={"jku": here.server.url})
    assert here.service.get("/cds-services", bearer(token)).status == 401
    assert here.server.asked == []


def test_a_header_that_is_refused_fetches_nothing(here: Site) -> None:
    for more in ({"jku": "https://localhost:1/jwks.json"}, {"jku": here.server.url + "/"}, {"crit": ["x"]}, {"jwk": OLD.jwk}):
        assert here.service.get("/cds-services", bearer(OLD.sign(header=dict(more)))).status == 401
    assert here.server.asked == []
    assert here.service.get("/cds-services", bearer(OLD.sign(header={"jku": here.server.url}))).status == 200


def test_a_new_key_counts_at_once_and_the_old_one_until_it_is_taken_away(here: Site) -> None:
    assert here.status(OLD) == 200
    here.passed(MINUTE)
    here.server.keys = [OLD.jwk, NEW.jwk]
    assert (here.status(NEW), here.status(OLD)) == (200, 200)
    here.server.keys = [NEW.jwk]
    here.passed(11 * MINUTE)
    assert (here.status(NEW), here.status(OLD)) == (200, 401)


def test_a_key_that_was_taken_away_lets_nobody_in_after_ten_minutes_even_if_nobody_called(here: Site) -> None:
    assert here.status(OLD) == 200
    here.server.keys = []
    here.passed(10 * MINUTE + 1)
    assert here.status(OLD) == 401


def test_unknown_kids_fetch_once_in_thirty_seconds_however_many_come(here: Site) -> None:
    assert here.status(OLD) == 200
    assert [here.status(Signer(f"kid-{number}", "ES384", "P-384", 1)) for number in range(10)] == [401] * 10
    assert len(here.server.asked) == 1
    here.passed(31)
    assert [here.status(Signer(f"kid-{number}", "ES384", "P-384", 1)) for number in range(10)] == [401] * 10
    assert len(here.server.asked) == 2


def test_many_calls_at_once_fetch_once(here: Site) -> None:
    here.server.wait_s = 0.2

    async def all_at_once() -> list[int]:
        calls = [here.service.asend("GET", "/cds-services", headers=bearer(OLD.sign(claims()))) for _ in range(10)]
        return [answer.status for answer in await asyncio.gather(*calls)]

    assert asyncio.run(all_at_once()) == [200] * 10
    assert len(here.server.asked) == 1


def test_known_keys_count_for_a_day_when_their_address_is_down_and_no_longer(here: Site) -> None:
    assert here.status(OLD) == 200
    here.server.status = 500
    for hours in (1, 12, 10.9):
        here.passed(hours * 3600)
        assert here.status(OLD) == 200
    assert here.service.parts.metrics.registry.get_sample_value("nmcds_keys_not_read_total") == 3
    here.passed(0.2 * 3600)
    assert here.status(OLD) == 401
    here.server.status = 200
    here.passed(31)
    assert here.status(OLD) == 200


def test_an_address_that_is_down_is_asked_once_in_thirty_seconds(here: Site) -> None:
    here.server.status = 503
    assert [here.status(OLD) for _ in range(5)] == [401] * 5
    assert len(here.server.asked) == 1


def test_a_clock_that_is_set_back_does_not_stop_the_refresh(here: Site) -> None:
    here.passed(86_400)
    assert here.status(OLD) == 200
    here.now = NOW
    here.server.keys = [NEW.jwk]
    assert here.status(NEW) == 200


@pytest.mark.parametrize(
    "break_it",
    [
        lambda server: setattr(server, "raw", b"{}"),
        lambda server: setattr(server, "raw", b'{"keys":{}}'),
        lambda server: setattr(server, "raw", b'{"keys":[],"keys":[]}'),
        lambda server: setattr(server, "raw", b"<html>"),
        lambda server: setattr(server, "raw", b""),
        lambda server: setattr(server, "raw", b'{"keys":[' + b" " * 300_000 + b"]}"),
        lambda server: setattr(server, "keys", [OLD.jwk] * 51),
        lambda server: setattr(server, "kind", "text/html"),
        lambda server: setattr(server, "status", 204),
        lambda server: setattr(server, "status", 404),
        lambda server: setattr(server, "wait_s", 30),
        lambda server: setattr(server, "drip_s", 0.3),
    ],
    ids=["no set", "an object", "a key twice", "HTML", "nothing", "too large", "too many", "HTML type", "204", "404", "slow", "dripping"],
)
def test_an_answer_that_is_no_set_changes_nothing(here: Site, break_it: Callable[[KeyServer], None]) -> None:
    assert here.status(OLD) == 200
    break_it(here.server)
    here.passed(11 * MINUTE)
    started = time.monotonic()
    assert here.status(OLD) == 200
    assert time.monotonic() - started < 10, "the old keys are there after a second, however long the address takes"
    assert len(here.server.asked) == 2


def test_a_redirect_is_not_followed_even_on_the_same_server(here: Site) -> None:
    here.server.status, here.server.location = 302, f"{here.server.url}?again"
    assert here.status(OLD) == 401
    assert len(here.server.asked) == 1


def broken(**members: object) -> dict[str, object]:
    return {name: value for name, value in {**OLD.jwk, **members}.items() if value is not None}


@pytest.mark.parametrize(
    "keys",
    [
        [broken(use="enc")],
        [broken(key_ops=["sign"])],
        [broken(alg="ES256")],
        [broken(alg="HS384")],
        [broken(crv="P-256")],
        [broken(crv="P-384", x=OLD.jwk["y"])],
        [broken(kty="RSA")],
        [broken(kid=None)],
        [broken(kid=7)],
        [broken(d="AA")],
        [broken(x=None)],
        [broken(x=7)],
        [OLD.jwk, OLD.jwk],
        [OLD.jwk, {**NEW.jwk, "kid": "old"}],
        [{"kty": "oct", "kid": "old", "alg": "HS384", "k": "AAAA"}],
        ["old", None, 7],
    ],
)  # fmt: skip
def test_a_key_that_may_not_be_used_is_left_out_and_the_others_stay(keys: list[Any]) -> None:
    assert list(read_set({"keys": [*keys, NEW.jwk]}, ("ES384", "RS384"))) == ["new"]
    assert set(read_set({"keys": [OLD.jwk, NEW.jwk]}, ("ES384", "RS384"))) == {"old", "new"}


def test_an_rsa_key_without_alg_has_the_algorithm_that_is_registered(tmp_path: Path, server: KeyServer) -> None:
    server.keys = [{name: value for name, value in RS.jwk.items() if name != "alg"}]
    with site(tmp_path, server, '["RS384", "ES384"]') as here:
        assert here.status(RS) == 200
        assert here.status(Signer("rs-1", "PS384", "RSA2048")) == 401


def test_an_rsa_key_without_alg_is_left_out_when_it_could_be_two(tmp_path: Path, server: KeyServer) -> None:
    server.keys = [{name: value for name, value in RS.jwk.items() if name != "alg"}]
    with site(tmp_path, server, '["RS384", "PS384"]') as here:
        assert here.status(RS) == 401


def test_an_algorithm_that_is_not_registered_is_refused(tmp_path: Path, server: KeyServer) -> None:
    with site(tmp_path, server, '["RS384"]') as here:
        assert here.status(OLD) == 401


def test_a_short_rsa_key_is_left_out(here: Site) -> None:
    weak = Signer("weak", "RS384", "RSA1024")
    assert private_key("RSA1024").key_size == 1024
    here.server.keys = [weak.jwk, OLD.jwk]
    assert here.status(OLD) == 200
    here.passed(31)
    token = f"{weak.sign(signature=bytes(128))}"
    assert here.service.get("/cds-services", bearer(token)).status == 401


@pytest.mark.parametrize(
    "address",
    ["224.0.0.1", "127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"],  # noqa: S104 - refused here
)
def test_a_name_that_points_inside_is_not_connected_to(address: str) -> None:
    assert fetched(Settings(), "https://ehr.example.org/jwks.json", address) == "address"


def test_http_is_not_spoken_at_all() -> None:
    assert fetched(Settings(), "http://localhost:1/jwks.json") == "connection"


def test_a_certificate_that_nobody_vouches_for_ends_the_fetch(server: KeyServer) -> None:
    assert fetched(Settings(), server.url) == "connection"
    assert fetched(Settings(fhir_ca_file=server.certificate), server.url.replace("localhost", "127.0.0.1")) == "connection"
    assert fetched(Settings(fhir_ca_file=server.certificate), server.url) == "ok"


def test_a_proxy_of_the_environment_is_not_used(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert fetched(Settings(fhir_ca_file=server.certificate), server.url) == "ok"


def test_a_name_that_nobody_answers_for_is_not_waited_for() -> None:
    stop = threading.Event()

    def never(*_: object, **__: object) -> list[Any]:
        stop.wait(30)
        raise OSError

    started = time.monotonic()
    fetcher = KeyFetcher(Settings(), resolve=never)

    async def go() -> str:
        try:
            await fetcher.fetch("https://ehr.example.org/jwks.json")
        except FetchFailedError as error:
            return f"{error.kind} {time.monotonic() - started < 10}"
        return "ok"

    with asyncio.Runner() as runner:
        assert runner.run(go()) == "time True"
        stop.set()
    fetcher.close()


def test_a_stranger_with_the_kid_of_a_fetched_key_is_refused(here: Site) -> None:
    assert here.status(Signer("old", "ES384", "P-384", STRANGER.number)) == 401
