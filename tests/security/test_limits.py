"""A client that calls too much is told to wait, and the others are not kept waiting."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.support.doubles import request
from tests.support.service import running
from tests.support.tokens import BASE, ES, ONLY, VIEW, bearer, claims, write_registry

CALLS = "calls_per_minute = 3\ncalls_at_once = 2\n"


def two(**changes: object) -> str:
    return ONLY.sign(claims(iss="https://other.example.org", **changes))


def registry(folder: Path) -> Path:
    def client(name: str, issuer: str, limits: str, kid: str, algorithm: str, pem: str) -> str:
        head = f'[[client]]\nname = "{name}"\nissuer = "{issuer}"\n{limits}'
        return f"{head}[[client.key]]\nkid = \"{kid}\"\nalgorithm = \"{algorithm}\"\npem = '''{pem}'''\n"

    return write_registry(
        folder,
        client("one", "https://ehr.example.org", CALLS, ES.kid, ES.algorithm, ES.pem)
        + client("two", "https://other.example.org", "", ONLY.kid, ONLY.algorithm, ONLY.pem),
    )


def test_calls_beyond_those_of_a_minute_are_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    with running(tmp_path, registry_file=registry(tmp_path), base_url=BASE) as service:
        answers = [service.get("/cds-services", bearer(ES.sign())) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert (answers[-1].number, answers[-1].headers["retry-after"]) == ("NMCDS-113", "20")
        assert service.get("/cds-services", bearer(two())).status == 200


def test_a_stolen_token_sent_again_and_again_costs_its_owner_nothing(tmp_path: Path) -> None:
    with running(tmp_path, registry_file=registry(tmp_path), base_url=BASE) as service:
        token = ES.sign()
        assert service.get("/cds-services", bearer(token)).status == 200
        assert {service.get("/cds-services", bearer(token)).status for _ in range(10)} == {401}
        assert service.get("/cds-services", bearer(ES.sign())).status == 200


def test_calls_at_one_time_beyond_the_places_are_refused_and_others_answered(tmp_path: Path) -> None:
    path = VIEW.removeprefix(BASE)
    with running(tmp_path, registry_file=registry(tmp_path), base_url=BASE, body_timeout_s=0.3) as service:

        async def call(token: str, *, slow: bool) -> int:
            body = json.dumps(request()).encode()
            headers = {"content-type": "application/json", **bearer(token)}
            if slow:
                return (await service.asend("POST", path, [body[:10], body[10:]], headers)).status
            return (await service.asend("POST", path, body, headers)).status

        async def all_at_once() -> list[int]:
            tokens = [ES.sign(claims(aud=VIEW)) for _ in range(3)]
            return await asyncio.gather(*(call(token, slow=True) for token in tokens), call(two(aud=VIEW), slow=False))

        found = asyncio.run(all_at_once())
        assert sorted(found[:3]) == [200, 200, 429]
        assert found[3] == 200
