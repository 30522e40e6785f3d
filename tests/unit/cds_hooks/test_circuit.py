"""After several failures in a row a server is not asked, until a trial succeeds."""

from __future__ import annotations

import threading
from collections import Counter

from cds_hooks.circuit import Circuit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def circuit(failures: int = 3, pause_s: float = 10) -> tuple[Circuit, Clock, list[bool]]:
    clock = Clock()
    changes: list[bool] = []
    return Circuit(failures, pause_s, changes.append, clock), clock, changes


def fail(found: Circuit, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        began = clock.now
        clock.now += 1
        found.record(False, began)


def test_it_opens_with_the_last_of_so_many_failures_in_a_row() -> None:
    found, clock, changes = circuit()
    fail(found, clock, 2)
    assert (found.is_open, found.allows()) == (False, True)
    fail(found, clock)
    assert (found.is_open, found.allows()) == (True, False)
    assert changes == [True]


def test_an_answer_in_between_starts_the_count_again() -> None:
    found, clock, changes = circuit()
    fail(found, clock, 2)
    found.record(True, clock.now)
    fail(found, clock, 2)
    assert found.allows()
    assert changes == []


def test_failures_that_overlap_are_one() -> None:
    """Ten parallel reads of one call meet the same stall."""
    found, clock, _ = circuit()
    clock.now = 2
    for _ in range(10):
        found.record(False, began=0)
    assert found.allows()


def test_one_trial_goes_out_after_the_pause_and_the_others_wait_for_it() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 9.9
    assert not found.allows()
    clock.now += 0.2
    assert [found.allows() for _ in range(5)] == [True, False, False, False, False]


def test_a_trial_that_succeeds_closes_it() -> None:
    found, clock, changes = circuit()
    fail(found, clock, 3)
    clock.now += 11
    began = clock.now
    assert found.allows()
    found.record(True, began)
    assert found.allows()
    assert found.allows()
    assert changes == [True, False]
    fail(found, clock, 2)
    assert found.allows()


def test_a_trial_that_fails_opens_it_for_another_pause() -> None:
    found, clock, changes = circuit()
    fail(found, clock, 3)
    clock.now += 11
    assert found.allows()
    fail(found, clock)
    clock.now += 9
    assert not found.allows()
    clock.now += 2
    assert found.allows()
    assert changes == [True]


def test_a_trial_that_says_nothing_makes_room_for_the_next() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 11
    assert found.allows()
    found.record(None, clock.now)
    assert found.allows()
    assert not found.allows()


def test_a_trial_that_never_ends_is_followed_by_another_after_a_pause() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 11
    assert found.allows()
    clock.now += 11
    assert found.allows()


def test_late_failures_of_requests_from_before_do_not_prolong_the_pause() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 9
    found.record(False, began=0)
    found.record(None, began=0)
    clock.now += 1.1
    assert found.allows()


def test_asking_whether_it_is_open_is_no_trial() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 11
    assert not found.is_open
    assert found.allows()
    assert found.is_open


def test_of_many_threads_one_makes_the_trial() -> None:
    found, clock, _ = circuit()
    fail(found, clock, 3)
    clock.now += 11
    start = threading.Barrier(16)
    allowed: Counter[bool] = Counter()

    def ask() -> None:
        start.wait()
        allowed[found.allows()] += 1

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed == {True: 1, False: 15}
