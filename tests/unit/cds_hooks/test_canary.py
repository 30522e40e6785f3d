"""The live canary: every rule speaks on its example, a silent one takes readiness down with its id, and calls go first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from cds_hooks.app import create_app, from_environment
from cds_hooks.canary import Canary
from cds_hooks.cards import Renderer
from cds_hooks.observe import Metrics
from cds_hooks.settings import Settings
from cds_hooks.turns import Turns
from rules.engine.interface import EngineError
from rules.examples import Examples
from rules.findings import Evaluation, Finding
from rules.knowledge import Knowledge
from rules.load import KnowledgeError
from rules.model import Vignette
from rules.site import Site, SiteError
from tests.support.asgi import Client
from tests.support.doubles import FakeFhir, FakeKnowledge, finding


def vignette(name: str) -> Vignette:
    return Vignette(name, date(2026, 11, 22), "patient-view", {}, "fires")


@dataclass
class FakeExamples:
    """Rules r1 and r2 with a card, d1 without; `says` maps a vignette to findings and conclusions."""

    says: dict[str, tuple[Sequence[Finding], frozenset[str]]]
    fails: set[str] = field(default_factory=set)
    kind: str = "crash"
    ran: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    speaking: Sequence[tuple[str, Vignette | None]] = (("r1", vignette("v1")), ("r2", vignette("v2")))
    concluding: Sequence[tuple[str, Sequence[Vignette]]] = (("d1", (vignette("x1"), vignette("x2"))),)

    def run(self, vignette: Vignette) -> tuple[Evaluation, frozenset[str]]:
        self.before()
        self.ran.append(vignette.name)
        if vignette.name in self.fails:
            raise EngineError(self.kind, "text that stays here")
        findings, concluded = self.says.get(vignette.name, ((), frozenset()))
        return Evaluation(tuple(findings), (), relevant=True), concluded


def well() -> FakeExamples:
    return FakeExamples({"v1": ((finding("r1"),), frozenset()), "v2": ((finding("r2"),), frozenset({"d1"}))})


def canary(examples: FakeExamples, turns: Turns | None = None) -> Canary:
    renderer = Renderer("http://x", "1")
    return Canary(examples, renderer, turns or Turns(8), Metrics(), minutes=15)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.canary.PAUSE_S", 0.001)
    monkeypatch.setattr("cds_hooks.canary.BEGIN_S", 0.0)


def test_a_sweep_asks_every_rule_once_and_rules_without_a_card_are_seen_in_passing() -> None:
    examples = well()
    bird = canary(examples)
    assert bird.state == "running"
    asyncio.run(bird.sweep())
    assert examples.ran == ["v1", "v2"]
    assert (bird.state, bird.problems, bird.swept) == ("passed", (), 1)
    assert "nmcds_canary_sweeps_total 1.0" in bird.metrics.render().decode()


def test_a_rule_without_a_card_is_looked_for_and_found_at_once_the_next_time() -> None:
    examples = well()
    examples.says |= {"v2": ((finding("r2"),), frozenset()), "x2": ((), frozenset({"d1"}))}
    bird = canary(examples)
    asyncio.run(bird.sweep())
    asyncio.run(bird.sweep())
    assert bird.problems == ()
    assert examples.ran == ["v1", "v2", "x1", "x2", "v1", "v2", "x2"]


@pytest.mark.parametrize(
    "said",
    [
        ((), frozenset()),  # silent
        ((finding("r1", asks=True),), frozenset()),  # a question in place of a card
        ((finding("r2"),), frozenset()),  # another rule
    ],
)
def test_a_rule_that_does_not_speak_is_asked_twice_and_then_an_alarm(said: tuple[Sequence[Finding], frozenset[str]]) -> None:
    examples = well()
    examples.says["v1"] = said
    bird = canary(examples)
    asyncio.run(bird.sweep())
    assert examples.ran[:2] == ["v1", "v1"]
    assert bird.state == "silent"
    assert "r1;" in bird.problems[0]
    assert 'nmcds_canary_silent{rule="r1"} 1.0' in bird.metrics.render().decode()
    examples.says["v1"] = well().says["v1"]
    asyncio.run(bird.sweep())
    assert (bird.state, bird.problems) == ("passed", ())
    assert 'rule="r1"' not in bird.metrics.render().decode()


def test_an_engine_that_fails_a_rule_without_example_and_one_that_nothing_shows_are_silent() -> None:
    examples = well()
    examples.fails = {"v1"}
    examples.says["v2"] = ((finding("r2"),), frozenset())
    examples.speaking = (*examples.speaking, ("r3", None))
    bird = canary(examples)
    asyncio.run(bird.sweep())
    assert bird.silent == {"r1", "r3", "d1"}


def test_a_starved_process_is_not_mute_and_a_dead_engine_is_counted() -> None:
    """Or readiness would go down under load, one replica after the other."""
    examples = well()
    examples.fails, examples.kind = {"v1", "v2"}, "deadline"
    bird = canary(examples)
    asyncio.run(bird.sweep())
    assert (bird.silent, bird.state) == (set(), "running")
    assert 'nmcds_engine_errors_total{kind="deadline"} 4.0' in bird.metrics.render().decode()
    examples.kind = "poisoned"
    asyncio.run(bird.sweep())
    assert bird.silent == {"r1", "r2", "d1"}


def test_readiness_names_a_few_and_counts_the_rest() -> None:
    bird = canary(well())
    bird.silent = {f"rule-{number:03}" for number in range(268)}
    assert "rule-019 and 248 more; restart" in bird.problems[0]


def test_a_background_task_that_breaks_is_logged_and_calls_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = well()
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3"), FakeKnowledge(), fhir=FakeFhir(), examples=examples)
    examples.speaking = None  # type: ignore[assignment]

    async def run() -> None:
        logged = asyncio.Event()
        monkeypatch.setattr("cds_hooks.app.log_event", lambda event, *_, **__: logged.set() if event == "defect" else None)
        async with app.router.lifespan_context(app):
            await logged.wait()
            assert (await Client(app).asend("GET", "/readyz")).status == 200

    asyncio.run(asyncio.wait_for(run(), 20))


def test_calls_go_first_and_a_busy_service_is_swept_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.canary.PATIENCE_S", 0.05)
    turns = Turns(8)
    examples = well()
    bird = canary(examples, turns)

    async def run() -> tuple[list[str], bool]:
        async with turns.take():
            sweeping = asyncio.create_task(bird.sweep())
            await asyncio.sleep(0.02)
            during = list(examples.ran)
        await sweeping
        return during, bird.swept == 1

    assert asyncio.run(run()) == ([], True)


def test_the_last_place_is_left_to_a_call() -> None:
    turns = Turns(1)
    examples = well()
    bird = canary(examples, turns)

    async def run() -> None:
        async with turns.take():
            sweeping = asyncio.create_task(bird.sweep())
            await asyncio.sleep(0.03)
            assert examples.ran == []
            assert turns.inside == 1
        await sweeping

    asyncio.run(run())
    assert bird.problems == ()


def test_readiness_says_running_then_passed_and_goes_down_with_the_id_of_a_silent_rule(tmp_path: Path) -> None:
    examples = well()
    fhir = FakeFhir()
    settings = Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3", canary_minutes=0.001)
    app = create_app(settings, FakeKnowledge(), fhir=fhir, examples=examples)

    async def run() -> None:
        client = Client(app)
        async with app.router.lifespan_context(app):
            assert (await client.asend("GET", "/readyz")).json() == {"status": "ready", "canary": "running"}
            await eventually(client, 200, "passed")
            examples.says["v2"] = ((), frozenset({"d1"}))
            text = await eventually(client, 503, "r2")
            assert "r1" not in text
            assert (await client.asend("GET", "/healthz")).status == 200

    asyncio.run(run())


async def eventually(client: Client, status: int, word: str) -> str:
    until = time.monotonic() + 20
    while True:
        answer = await client.asend("GET", "/readyz")
        if answer.status == status and word in answer.body.decode():
            return answer.body.decode()
        assert time.monotonic() < until, answer.body
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("minutes", "state"), [(0.0, "off"), (15.0, "running")])
def test_zero_minutes_turn_it_off(tmp_path: Path, minutes: float, state: str) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3", canary_minutes=minutes)
    app = create_app(settings, FakeKnowledge(), fhir=FakeFhir(), examples=well())
    assert Client(app).get("/readyz").json()["canary"] == state
    app.state.parts.database.close()


def test_the_service_that_the_environment_describes_has_a_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules").mkdir()
    for name, value in (
        ("KNOWLEDGE_DIR", tmp_path / "rules"),
        ("ENGINE", "reference"),
        ("DATABASE_URL", f"sqlite:///{tmp_path}/x.sqlite3"),
    ):
        monkeypatch.setenv(f"NMCDS_{name}", str(value))
    monkeypatch.setattr("cds_hooks.app.configure_logs", lambda _: None)
    monkeypatch.setattr("cds_hooks.app.settle", lambda: None)
    parts = from_environment().state.parts
    assert isinstance(parts.canary.examples, Examples)
    assert parts.canary.minutes == 15
    parts.database.close()


@pytest.mark.slow
def test_every_active_rule_of_the_package_speaks_on_its_example_in_the_service() -> None:
    """With the real turns and cards; the vignettes of all rules compare the engines."""
    knowledge = Knowledge.load(engine="reference")
    bird = Canary(Examples(knowledge), Renderer("http://x", "1", words=knowledge.in_words), Turns(8), Metrics(), minutes=15)
    asyncio.run(bird.sweep())
    assert bird.problems == ()
    assert len([*bird.examples.speaking, *bird.examples.concluding]) == len(knowledge.rules)


def test_a_site_that_silences_a_rule_is_told_and_may_say_that_it_means_it(tmp_path: Path) -> None:
    """Without the rule that concludes `mg-generalized` those built on it stay silent."""
    site = tmp_path / "site.toml"
    site.write_text('off = ["mg-generalized"]\nunwatched = ["mg-refractory-options"]\n')
    examples = Examples(Knowledge.load(engine="reference", site=Site.load(site)))
    assert "mg-refractory-options" not in dict(examples.speaking)
    only = FakeExamples({}, speaking=[one for one in examples.speaking if one[0] == "mg-gen-first-line"], concluding=())
    only.run = examples.run  # type: ignore[method-assign]
    bird = canary(only)
    asyncio.run(bird.sweep())
    assert bird.silent == {"mg-gen-first-line"}


def test_an_unwatched_rule_that_does_not_exist_stops_the_start(tmp_path: Path) -> None:
    site = tmp_path / "site.txt"
    site.write_text('unwatched = ["mg-nothing"]\n')
    with pytest.raises(KnowledgeError, match="unwatched: 'mg-nothing' is not a rule"):
        Knowledge.load(tmp_path, engine="reference", site=Site.load(site))
    site.write_text("unwatched = 1\n")
    with pytest.raises(SiteError, match="off and unwatched must be lists"):
        Site.load(site)
