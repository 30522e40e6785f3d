from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.clients import callers
from cds_hooks.settings import Settings, SettingsError
from tests.support.doubles import request
from tests.support.service import Service, running
from tests.support.tokens import write_registry

PATH = "/cds-services/neuromuscular-patient-view"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "cds.example.org", "127.1", ""])  # noqa: S104 - refused here
def test_open_mode_on_an_address_that_others_can_reach_does_not_start(host: str) -> None:
    with pytest.raises(SettingsError, match=r"NMCDS_HOST: without a client registry .* loopback"):
        callers(Settings(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_open_mode_on_loopback_starts(host: str) -> None:
    assert callers(Settings(host=host)) is None


def test_with_a_registry_the_service_may_listen_anywhere(tmp_path: Path) -> None:
    found = callers(Settings(host="0.0.0.0", registry_file=write_registry(tmp_path), base_url="https://cds.example.org"))  # noqa: S104
    assert [client.name for client in found or ()] == ["one", "two", "three", "four"]


@pytest.mark.parametrize("base_url", ["", "http://cds.example.org"])
def test_with_a_registry_the_address_that_tokens_name_must_be_https(tmp_path: Path, base_url: str) -> None:
    with pytest.raises(SettingsError, match=r"NMCDS_BASE_URL: with a client registry expected the https address"):
        callers(Settings(registry_file=write_registry(tmp_path), base_url=base_url))


def test_a_registry_with_problems_does_not_start_and_all_are_told(tmp_path: Path) -> None:
    registry = write_registry(tmp_path, '[[client]]\nname = "A"\n')
    with pytest.raises(SettingsError) as caught:
        callers(Settings(registry_file=registry))
    assert len(caught.value.problems) == 4
    assert caught.value.problems[1].startswith("NMCDS_REGISTRY_FILE: registry.toml: client[1].name: found 'A', expected a short name")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "cds.example.org"])
def test_a_local_host_name_or_the_public_one_is_answered(tmp_path: Path, host: str) -> None:
    with running(tmp_path, base_url="https://cds.example.org") as service:
        assert service.get("/cds-services", {"host": host}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "127.0.0.1@evil.example", "", "127.0.0.1/x", "[::1"]
)
def test_a_page_that_points_its_own_name_at_this_machine_is_refused(tmp_path: Path, host: str) -> None:
    with running(tmp_path) as service:
        for answer in (
            service.get("/cds-services", {"host": host}),
            service.post(PATH, request(), {"host": host}),
            service.post(PATH + "/feedback", {"feedback": []}, {"host": host}),
        ):
            assert (answer.status, answer.number) == (401, "NMCDS-109")
            assert "diagnostics" not in answer.json()["issue"][0]


def test_two_hosts_are_nobody(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        hosts = [("host", "127.0.0.1"), ("host", "evil.example")]
        assert service.send("GET", "/cds-services", headers=hosts).status == 401


def test_a_caller_is_refused_before_the_body_is_read(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.post(PATH, request(), {"host": "evil.example"})
        assert service.taken == 0


def test_nobody_is_told_which_services_exist_without_being_known(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert isinstance(service, Service)
        assert service.get("/cds-services", {"host": "evil.example"}).status == 401
