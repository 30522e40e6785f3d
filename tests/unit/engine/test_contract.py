"""The contract of `rules.engine.interface`, held against every back-end that runs here."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rules.engine import build_engine
from rules.engine.interface import Budget, Clause, EngineError, Outcome, Program, ProgramError
from tests.unit.engine.back_ends import AMPLE, KINDS, Kind, clause, program, run, shuffled

ROOT = Path(__file__).resolve().parents[3]

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_an_engine_says_its_name(kind: Kind) -> None:
    assert build_engine(kind, program()).name == kind


@every_kind
def test_a_program_without_clauses_returns_the_facts(kind: Kind) -> None:
    outcome = run(build_engine(kind, program([], [])), "a", "b")
    assert outcome == Outcome(sure=frozenset({"a"}), possible=frozenset({"a", "b"}))


@every_kind
def test_a_clause_needs_all_of_its_conditions(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a b")]))
    assert run(engine, "a").fired == ()
    assert run(engine, "b").fired == ()
    assert run(engine, "a b").fired == ("c",)
    assert run(engine, "a b").sure == {"a", "b", "h"}


@every_kind
def test_a_condition_named_twice_counts_once(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a a")]))
    assert run(engine, "a").fired == ("c",)
    assert run(engine, "b").fired == ()


@every_kind
@pytest.mark.parametrize("depth", [1, 5, 200])
def test_conclusions_chain_to_any_depth_within_one_pass(kind: Kind, depth: int) -> None:
    steps = shuffled([clause(f"c{n}", f"p{n + 1}", f"p{n}") for n in range(depth)], seed=depth)
    outcome = run(build_engine(kind, program(steps)), "p0")
    assert outcome.sure == {f"p{n}" for n in range(depth + 1)}
    assert outcome.fired == tuple(step.id for step in steps)


@every_kind
def test_a_cycle_supports_itself_only_from_outside(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("ab", "b", "a"), clause("bc", "c", "b"), clause("ca", "a", "c"), clause("in", "b", "x")]))
    assert run(engine, "y").sure == {"y"}
    assert run(engine, "x").sure == {"x", "a", "b", "c"}
    assert run(engine, "x").fired == ("ab", "bc", "ca", "in")


@every_kind
def test_a_cycle_larger_than_any_ruleset_is_followed_to_its_end(kind: Kind) -> None:
    ring = [clause(f"c{n}", f"p{(n + 1) % 50}", f"p{n} go") for n in range(50)]
    outcome = run(build_engine(kind, program(ring)), "p7 go", "")
    assert outcome.sure == {f"p{n}" for n in range(50)} | {"go"}
    assert len(outcome.fired) == 50


@every_kind
def test_a_cycle_is_followed_through_its_most_read_propositions(kind: Kind) -> None:
    ring = [clause(f"c{n}", f"p{(n + 1) % 50}", f"a{n} b{n} p{n}") for n in range(50)]
    others = [clause(f"x{n}", f"y{n}", f"p{n} never{n}") for n in range(50)]
    engine = build_engine(kind, program([*ring, *others]))
    started = " ".join(f"a{n} b{n}" for n in range(50))
    assert run(engine, f"{started} p7").fired == tuple(f"c{n}" for n in range(50))
    assert run(engine, started, "p7").fired_possible == tuple(f"c{n}" for n in range(50))
    assert run(engine, f"{started} p7".replace("a3 ", "")).fired == (*(f"c{n}" for n in range(3)), *(f"c{n}" for n in range(7, 50)))


@every_kind
def test_every_producer_of_a_conclusion_is_kept(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c1", "h", "a"), clause("c2", "h", "b"), clause("c3", "h", "x"), clause("c4", "a", "h")]))
    assert run(engine, "a b").fired == ("c1", "c2", "c4")


@every_kind
def test_a_clause_fires_although_its_conclusion_was_a_fact(kind: Kind) -> None:
    assert run(build_engine(kind, program([clause("c", "a", "b")])), "a b").fired == ("c",)


@every_kind
def test_a_fact_that_a_clause_could_conclude_keeps_its_own_value_when_the_clause_is_silent(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a", unless="x")]))
    for unknown in ("h", "h a", "h x"):
        assert run(engine, "", unknown).sure == set()
        assert "h" in run(engine, "", unknown).possible
    assert run(engine, "h").sure == {"h"}
    assert run(engine, "h a x").sure == {"h", "a", "x"}


@every_kind
@pytest.mark.parametrize("others", range(4))
def test_a_cycle_is_followed_however_many_clauses_fired_before_it(kind: Kind, others: int) -> None:
    before = [clause(f"b{n}", f"a{n + 1}", f"a{n}") for n in range(others)]
    ring = [clause("c", "h", "i"), clause("d", "i", "h"), clause("e", "h", f"a{others}")]
    engine = build_engine(kind, program(before, ring))
    assert run(engine, "", "a0").fired_possible == (*(one.id for one in before), "c", "d", "e")
    assert run(engine, "a0").fired == (*(one.id for one in before), "c", "d", "e")


@every_kind
def test_a_clause_without_conditions_always_fires(kind: Kind) -> None:
    outcome = run(build_engine(kind, program([clause("c", "h"), clause("d", "i", "h")])), "")
    assert outcome.sure == {"h", "i"}
    assert outcome.fired == outcome.fired_possible == ("c", "d")


@every_kind
def test_a_clause_with_exclusions_alone_fires_unless_one_holds(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", unless="a b")]))
    assert run(engine, "").fired == ("c",)
    assert run(engine, "b").fired == ()


@every_kind
def test_an_unknown_condition_makes_the_conclusion_possible_only(kind: Kind) -> None:
    outcome = run(build_engine(kind, program([clause("c", "h", "a b"), clause("d", "i", "h")])), "a", "b")
    assert outcome.sure == {"a"}
    assert outcome.possible == {"a", "b", "h", "i"}
    assert outcome.fired == ()
    assert outcome.fired_possible == ("c", "d")


@every_kind
def test_an_unknown_exclusion_stops_the_sure_world_only(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a", unless="b")]))
    unknown = run(engine, "a", "b")
    assert (unknown.fired, unknown.fired_possible) == ((), ("c",))
    present = run(engine, "a b")
    assert (present.fired, present.fired_possible) == ((), ())
    absent = run(engine, "a")
    assert (absent.fired, absent.fired_possible) == (("c",), ("c",))


@every_kind
def test_a_fact_that_turns_from_unknown_to_sure_by_a_conclusion_is_sure(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a"), clause("d", "i", "h")]))
    outcome = run(engine, "a", "h")
    assert outcome.sure == {"a", "h", "i"}
    assert outcome.fired == ("c", "d")


@every_kind
def test_negation_looks_at_earlier_passes_in_the_other_world(kind: Kind) -> None:
    engine = build_engine(
        kind,
        program(
            [clause("not-a", "n1", unless="a")],
            [clause("not-n1", "n2", unless="n1")],
            [clause("not-n2", "n3", unless="n2")],
        ),
    )
    assert run(engine, "").sure == {"n1", "n3"}
    assert run(engine, "a").sure == {"a", "n2"}
    unknown = run(engine, "", "a")
    assert unknown.sure == set()
    assert unknown.possible == {"a", "n1", "n2", "n3"}


@every_kind
def test_a_blocked_conclusion_of_an_earlier_pass_is_complete_before_it_is_negated(kind: Kind) -> None:
    engine = build_engine(
        kind,
        program(
            [clause("b1", "x", "a"), clause("b2", "y", "x"), clause("b3", "block", "y")],
            [clause("card", "fires", "a", unless="block")],
        ),
    )
    assert run(engine, "a").fired == ("b1", "b2", "b3")


@every_kind
def test_open_holds_in_both_worlds_when_possible_and_not_sure(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "ask", "a", open_="b")]))
    assert run(engine, "a", "b").fired == run(engine, "a", "b").fired_possible == ("c",)
    assert run(engine, "a b").fired_possible == ()
    assert run(engine, "a").fired_possible == ()


@every_kind
def test_open_alone_is_a_body(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "ask", open_="b")], [clause("d", "again", open_="ask"), clause("e", "no", open_="h")]))
    assert run(engine, "", "b").fired == ("c",)
    assert run(engine, "b").fired == ()


@every_kind
def test_open_reads_conclusions_of_an_earlier_pass(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a b")], [clause("d", "ask", "a", open_="h")]))
    assert run(engine, "a", "b").fired == ("d",)
    assert run(engine, "a b").fired == ("c",)
    assert run(engine, "a").fired == ()


@every_kind
def test_an_unknown_condition_and_an_open_one_combine(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a", unless="x", open_="b")]))
    outcome = run(engine, "", "a b x")
    assert (outcome.fired, outcome.fired_possible) == ((), ("c",))


@every_kind
def test_facts_that_nothing_reads_stay_in_the_outcome(kind: Kind) -> None:
    outcome = run(build_engine(kind, program([clause("c", "h", "a")])), "z a", "y")
    assert outcome.sure == {"z", "a", "h"}
    assert outcome.possible == {"z", "a", "h", "y"}


@every_kind
@pytest.mark.parametrize("length", [12, 13, 16, 17, 40])
def test_a_long_clause_needs_every_condition(kind: Kind, length: int) -> None:
    names = [f"p{n}" for n in range(length)]
    engine = build_engine(kind, program([clause("c", "h", " ".join(names))]))
    assert run(engine, " ".join(names)).fired == ("c",)
    assert run(engine, " ".join(names)).sure == {*names, "h"}
    for missing in names:
        rest = " ".join(name for name in names if name != missing)
        assert run(engine, rest).fired == ()
        assert run(engine, rest, missing).fired_possible == ("c",)


@every_kind
def test_a_long_clause_keeps_its_exclusions_and_open_conditions(kind: Kind) -> None:
    plus = " ".join(f"p{n}" for n in range(20))
    minus = " ".join(f"n{n}" for n in range(20))
    engine = build_engine(kind, program([clause("c", "h", plus, minus, "o1 o2")]))
    assert run(engine, plus, "o1 o2").fired == ("c",)
    assert run(engine, plus, "o1").fired_possible == ()
    assert run(engine, f"{plus} o1", "o2").fired_possible == ()
    assert run(engine, f"{plus} n19", "o1 o2").fired_possible == ()
    both = run(engine, plus, "o1 o2 n3")
    assert (both.fired, both.fired_possible) == ((), ("c",))


@every_kind
def test_long_clauses_of_different_passes_do_not_help_each_other(kind: Kind) -> None:
    ones, others = (" ".join(f"{letter}{n}" for n in range(14)) for letter in "pq")
    engine = build_engine(kind, program([clause("c", "h", ones)], [clause("d", "i", others)]))
    assert run(engine, f"{ones} q12 q13").fired == ("c",)
    assert run(engine, others).fired == ("d",)


@every_kind
def test_a_proposition_read_by_400_clauses_reaches_them_all(kind: Kind) -> None:
    engine = build_engine(kind, program([clause(f"c{n}", f"h{n}", f"popular p{n}") for n in range(400)]))
    everything = " ".join(f"p{n}" for n in range(400))
    assert len(run(engine, f"popular {everything}").fired) == 400
    assert run(engine, everything).fired == ()
    assert run(engine, everything, "popular").fired_possible == tuple(f"c{n}" for n in range(400))
    assert run(engine, "popular p399").fired == ("c399",)


@every_kind
def test_a_proposition_concluded_and_read_by_400_clauses_reaches_them_all(kind: Kind) -> None:
    readers = [clause(f"c{n}", f"h{n}", "popular go") for n in range(400)]
    engine = build_engine(kind, program([*readers, *(clause(f"d{n}", "popular", f"p{n}") for n in range(400))]))
    assert run(engine, "go p3 p300").fired == (*(f"c{n}" for n in range(400)), "d3", "d300")


@every_kind
def test_a_program_of_2000_propositions_in_one_pass_runs_right(kind: Kind) -> None:
    engine = build_engine(kind, program([clause(f"c{n}", f"h{n}", f"p{n}", unless=f"p{(n + 1) % 2000}") for n in range(2000)]))
    even = run(engine, " ".join(f"p{n}" for n in range(0, 2000, 2)))
    assert even.fired == tuple(f"c{n}" for n in range(0, 2000, 2))
    assert run(engine, " ".join(f"p{n}" for n in range(2000))).fired == ()


@every_kind
def test_the_order_of_clauses_and_facts_does_not_matter(kind: Kind) -> None:
    passes = [
        [
            clause("a1", "x", "p q"),
            clause("a2", "y", "x"),
            clause("a3", "x", "z"),
            clause("a4", "z", "y", unless="u"),
            clause("a5", "w", "r"),
        ],
        [clause("b1", "v", "z", unless="w"), clause("b2", "s", "v", open_="t"), clause("b3", "v", "y")],
    ]
    expected = run(build_engine(kind, program(*passes)), "p q", "t r u")
    assert expected.possible > expected.sure > {"p", "q"}
    for seed in range(20):
        reordered = [shuffled(clauses, seed) for clauses in passes]
        outcome = run(build_engine(kind, program(*reordered)), "q p", "u r t")
        assert (outcome.sure, outcome.possible) == (expected.sure, expected.possible)
        assert outcome.fired == tuple(c.id for clauses in reordered for c in clauses if c.id in expected.fired)
        assert outcome.fired_possible == tuple(c.id for clauses in reordered for c in clauses if c.id in expected.fired_possible)


@every_kind
def test_a_run_remembers_nothing_of_earlier_runs(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a b")], [clause("d", "i", "h", unless="x")]))
    alone = run(engine, "a")
    assert run(engine, "a b").fired == ("c", "d")
    assert run(engine, "b x").fired == ()
    assert run(engine, "a") == alone


@every_kind
def test_1025_runs_in_one_process_give_the_same_answer(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a b")], [clause("d", "i", "h", unless="x")]))
    outcomes = [run(engine, "a b", "x") for _ in range(1025)]
    assert outcomes == [Outcome(frozenset("abh"), frozenset("abhix"), frozenset({0}), frozenset({0, 1}))] * 1025
    assert {(outcome.fired, outcome.fired_possible) for outcome in outcomes} == {(("c",), ("c", "d"))}


@every_kind
def test_eight_threads_with_their_own_patients_get_their_own_answers(kind: Kind) -> None:
    people = [f"{letter}{n}" for n in range(8) for letter in "ab"]
    engine = build_engine(kind, program([clause(f"c{a}{b}", f"pair-{a}-{b}", f"{a} {b}") for a in people for b in people if a < b]))

    def answers(n: int) -> set[frozenset[str]]:
        return {frozenset(run(engine, f"a{n} b{n}").sure) for _ in range(150)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answers, range(8))) == [{frozenset({f"a{n}", f"b{n}", f"pair-a{n}-b{n}"})} for n in range(8)]


@every_kind
def test_the_budget_of_facts_counts_what_is_possible_in_the_end(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a"), clause("d", "i", " ".join(f"u{n}" for n in range(20)))]))
    facts = "u " + " ".join(f"u{n}" for n in range(20))
    assert len(run(engine, "a", facts, Budget(facts=24)).possible) == 24
    for limit in (23, 22, 0):
        with pytest.raises(EngineError) as caught:
            run(engine, "a", facts, Budget(facts=limit))
        assert caught.value.kind == "budget"


@every_kind
def test_the_budget_of_firings_counts_clauses_of_the_possible_world(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a"), clause("d", "i", "u"), clause("e", "j", "h")]))
    assert len(run(engine, "a", "u", Budget(firings=3)).fired_possible) == 3
    with pytest.raises(EngineError) as caught:
        run(engine, "a", "u", Budget(firings=2))
    assert caught.value.kind == "budget"
    assert run(engine, "a", "", Budget(firings=2)).fired == ("c", "e")


@every_kind
def test_a_run_without_time_ends_with_a_deadline(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "a")]))
    for seconds in (0.0, -1.0):
        with pytest.raises(EngineError) as caught:
            run(engine, "a", "", Budget(seconds=seconds))
        assert caught.value.kind == "deadline"
    assert run(engine, "a").fired == ("c",)


@every_kind
def test_a_message_never_shows_facts(kind: Kind) -> None:
    engine = build_engine(kind, program([clause("c", "h", "secret-fact")]))
    for budget in (Budget(facts=0), Budget(firings=0), Budget(seconds=0.0)):
        with pytest.raises(EngineError) as caught:
            run(engine, "secret-fact", "", budget)
        assert "secret" not in str(caught.value)


@every_kind
def test_a_sure_fact_that_is_not_possible_is_refused(kind: Kind) -> None:
    with pytest.raises(ValueError, match="subset"):
        build_engine(kind, program([clause("c", "h", "a")])).run(frozenset({"a"}), frozenset(), AMPLE)


@every_kind
@pytest.mark.parametrize(
    ("passes", "message"),
    [
        (([clause("c", "h", "a")], [clause("c", "i", "a")]), "clause c: id used twice"),
        (([clause("c", "h", "a"), clause("d", "i", unless="h")],), "clause d: negates h"),
        (([clause("c", "h", "a"), clause("d", "i", open_="h")],), "clause d: negates h"),
        (([clause("d", "i", unless="h")], [clause("c", "h", "a")]), "clause d: negates h"),
        (([clause("d", "i", "h")], [clause("c", "h", "a")]), "clause d: reads h"),
    ],
)
def test_a_program_that_breaks_the_contract_is_refused_by_name(kind: Kind, passes: tuple[list[Clause], ...], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        build_engine(kind, program(*passes))


@every_kind
def test_propositions_may_be_any_strings(kind: Kind) -> None:
    odd = ("", " ", "boot", "-1", '"}{"', "\x00", "é", "\ud800", "$s", "sid-1", "7" * 70_000)
    engine = build_engine(kind, Program((tuple(Clause(f"id {name}", f"h{name}", (name,)) for name in odd),)))
    for name in odd:
        outcome = engine.run(frozenset({name}), frozenset({name}), AMPLE)
        assert outcome.fired == (f"id {name}",)
        assert outcome.sure == {name, f"h{name}"}


SCRIPT = """
import sys
from rules.engine import build_engine
from tests.unit.engine.back_ends import clause, program, run
names = [f"p{n}" for n in range(60)]
steps = [clause(f"c{n}", f"p{n * 7 % 60}", f"p{n} p{n * 3 % 60}") for n in range(60)]
outcome = run(build_engine(sys.argv[1], program(steps)), " ".join(names[:9]), " ".join(names[9:30]))
print(sorted(outcome.sure), sorted(outcome.possible), outcome.fired, outcome.fired_possible)
"""


@every_kind
def test_the_outcome_does_not_depend_on_the_hash_seed(kind: Kind) -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, kind],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert "'c8'" in outputs.pop()
