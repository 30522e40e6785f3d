"""`nmcds clients`: a registry is checked in words, and a signed token is one that the service takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from cds_hooks import cli
from tests.support.service import running
from tests.support.tokens import BASE, DISCOVERY, ED, ES, PS, RS, Signer, bearer, write_registry

ISSUER = "https://ehr.example.org"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error output of one command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nmcds", "clients", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def private_file(folder: Path, signer: Signer, password: bytes | None = None) -> str:
    file = folder / "private.pem"
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    file.write_bytes(signer.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return str(file)


def test_a_good_registry_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "check", str(write_registry(tmp_path)))
    assert code == 0
    assert "keys          es-1 (ES384), rs-1 (RS384)" in out
    code, out, _ = run(capsys, "check", str(write_registry(tmp_path)), "--json")
    found = json.loads(out)["clients"]
    assert [client["name"] for client in found] == ["one", "two", "three", "four"]
    assert found[0]["keys"] == [{"kid": "es-1", "algorithm": "ES384"}, {"kid": "rs-1", "algorithm": "RS384"}]


def test_a_pinned_address_is_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = f'[[client]]\nname = "one"\nissuer = "{ISSUER}"\njwks = {{ url = "{ISSUER}/jwks.json" }}\n'
    assert f"key address   {ISSUER}/jwks.json (ES384, RS384)" in run(capsys, "check", str(write_registry(tmp_path, text)))[1]


def test_every_problem_is_told_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    registry = str(write_registry(tmp_path, '[[client]]\nname = "A"\nisuer = "x"\n'))
    code, out, err = run(capsys, "check", registry)
    assert (code, out) == (1, "")
    assert "registry.toml: client[1].isuer: no such key" in err
    assert "did you mean issuer?" in err
    code, out, _ = run(capsys, "check", registry, "--json")
    assert code == 1
    assert len(json.loads(out)["problems"]) == 4


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "check", str(tmp_path / "missing.toml"))
    assert code == 1
    assert "missing.toml: cannot be read as TOML: FileNotFoundError" in err


@pytest.mark.parametrize(
    ("signer", "more"),
    [
        (ES, ["--issuer", ISSUER]),
        (RS, ["--issuer", ISSUER]),
        (PS, ["--issuer", "https://idp.example.org", "--tenant", "a", "--subject", "svc", "--algorithm", "PS384"]),
        (ED, ["--issuer", "https://idp.example.org", "--tenant", "b"]),
    ],
    ids=["ES384", "RS384", "PS384", "EdDSA"],
)
def test_a_signed_token_lets_in(capsys: pytest.CaptureFixture[str], tmp_path: Path, signer: Signer, more: list[str]) -> None:
    code, out, _ = run(capsys, "sign", DISCOVERY, "--key", private_file(tmp_path, signer), "--kid", signer.kid, *more)
    assert code == 0

    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE, clock=lambda: datetime.now(UTC)) as service:
        assert service.get("/cds-services", bearer(out.strip())).status == 200


@pytest.mark.parametrize("broken", ["missing", "public", "password", "algorithm"])
def test_a_key_that_cannot_sign_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path, broken: str) -> None:
    file = private_file(tmp_path, ES, b"password" if broken == "password" else None)
    if broken == "missing":
        Path(file).unlink()
    if broken == "public":
        Path(file).write_text(ES.pem, encoding="utf-8")
    more = ["--algorithm", "RS384"] if broken == "algorithm" else []
    code, out, err = run(capsys, "sign", DISCOVERY, "--key", file, "--kid", "k", "--issuer", ISSUER, *more)
    assert (code, out) == (2, "")
    assert ("found RS384, expected one of ES384 for this key" if more else "found no private key that can be used") in err
