from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from cds_hooks.settings import Settings, SettingsError, is_loopback


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.load({f"NMCDS_{name}": value for name, value in environ.items()})
    return list(caught.value.problems)


def test_without_variables_every_setting_has_its_default() -> None:
    assert Settings.load({"PATH": "/bin", "HOME": "/"}) == Settings()


def test_an_empty_variable_means_the_default() -> None:
    assert Settings.load({"NMCDS_PORT": " "}) == Settings()


def test_each_kind_of_setting_is_read(tmp_path: Path) -> None:
    found = Settings.load(
        {
            "NMCDS_PORT": "9000",
            "NMCDS_DEADLINE_S": "1.5",
            "NMCDS_FHIR_PRIVATE": "TRUE",
            "NMCDS_ENGINE": "reference",
            "NMCDS_KNOWLEDGE_DIR": str(tmp_path),
            "NMCDS_FHIR_SERVERS": "https://a.example/fhir/, https://b.example:8443",
            "NMCDS_CORS_ORIGINS": "https://EHR.example.org",
            "NMCDS_BASE_URL": "https://cds.example.org/",
            "NMCDS_PUBLIC_PAGES": "rules, metrics,rules",
        }
    )
    assert (found.port, found.deadline_s, found.fhir_private, found.engine) == (9000, 1.5, True, "reference")
    assert found.knowledge_dir == tmp_path
    assert found.fhir_servers == ("https://a.example/fhir", "https://b.example:8443")
    assert found.cors_origins == ("https://ehr.example.org",)
    assert found.url == "https://cds.example.org"
    assert found.public_pages == ("rules", "metrics")


def test_all_wrong_settings_are_reported_at_once() -> None:
    found = problems(PORT="70000", ENGINE="prolog", DOCS="perhaps", DEADLIN_S="1", FHIR_SERVERS="http://a.example", CORS_ORIGINS="*")
    assert found == [
        "NMCDS_CORS_ORIGINS: expected browser origins such as https://ehr.example.org, separated by commas, never *",
        "NMCDS_DEADLIN_S: no such setting (did you mean NMCDS_DEADLINE_S?)",
        "NMCDS_DOCS: expected true or false",
        "NMCDS_ENGINE: expected one of checked, durable, reference",
        "NMCDS_FHIR_SERVERS: expected https URLs of FHIR servers, separated by commas",
        "NMCDS_PORT: expected a number from 0 to 65535",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_PAGES", "rules,demo"),
        ("PORT", "x"), ("PORT", "1.5"), ("BODY_LIMIT_BYTES", "0"), ("DEADLINE_S", "nan"), ("DEADLINE_S", "inf"), ("SITE_FILE",
        "/no/such/file"),
        ("BASE_URL", "ftp://x"), ("BASE_URL", "https://u:p@x"), ("BASE_URL", "https://x?y"), ("BASE_URL", "https://x:99999"),
        ("FHIR_SERVERS", "https://u@a.example"), ("CORS_ORIGINS", "https://a.example/path"), ("CORS_ORIGINS", "null"), ("MAX_CARDS", "1"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_and_not_repeated(name: str, value: str) -> None:
    [line] = problems(**{name: value})
    assert line.startswith(f"NMCDS_{name}: expected ")


def test_secrets_do_not_show_in_the_text_of_settings() -> None:
    shown = repr(Settings(secret="CANARY-1", database_url="postgresql://u:CANARY-2@h/d"))  # noqa: S106 - a canary, not a secret
    assert "CANARY" not in shown


def test_every_setting_is_described_with_variable_and_meaning() -> None:
    rows = Settings.describe()
    assert [name for name, _, _ in rows] == [f"NMCDS_{item.name.upper()}" for item in fields(Settings)]
    assert all(meaning.endswith(".") for _, _, meaning in rows)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_loopback_addresses_in_their_usual_spelling(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "", "0.0.0.0", "::", "10.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost.", "localhost.localdomain",  # noqa: S104 - refused here
        "127.0.0.1.nip.io",
        "LOCALHOST ", "example.org", "127.0.0.1%", "1 27.0.0.1",
    ],
)  # fmt: skip
def test_anything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_the_url_of_an_ipv6_host_has_brackets() -> None:
    assert Settings(host="::1").url == "http://[::1]:8000"
