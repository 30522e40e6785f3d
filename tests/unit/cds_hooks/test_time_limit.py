"""Limits on time: what takes too long is ended, what is over is left alone."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from cds_hooks.time_limit import TimeLimits

LONG_S = 20.0


def test_what_takes_too_long_is_ended_once() -> None:
    limits, ended = TimeLimits(), threading.Semaphore(0)
    with limits.within(0.01, ended.release):
        assert ended.acquire(timeout=LONG_S)
        assert not ended.acquire(timeout=0.05)


def test_a_shorter_limit_does_not_wait_for_a_longer_one() -> None:
    limits, ended = TimeLimits(), threading.Event()
    with limits.within(LONG_S, lambda: None), limits.within(0.01, ended.set):
        assert ended.wait(LONG_S / 2)


def test_what_is_over_is_left_alone() -> None:
    limits, first, later = TimeLimits(), threading.Event(), threading.Event()
    with limits.within(0.05, first.set):
        pass
    with limits.within(0.1, later.set):
        assert later.wait(LONG_S)
    assert not first.is_set()


def test_an_error_of_one_leaves_the_others_their_limit() -> None:
    limits, ended = TimeLimits(), threading.Event()
    with limits.within(0.01, lambda: 1 // 0), limits.within(0.05, ended.set):
        assert ended.wait(LONG_S)


def test_a_fork_keeps_limits_of_its_own() -> None:
    """Workers are forks of a process that may have asked a terminology server; its thread is not in them."""
    limits, ended = TimeLimits(), threading.Event()
    with limits.within(LONG_S, ended.set):
        pid = os.fork()
        if pid == 0:
            with limits.within(0.01, ended.set):
                os._exit(0 if ended.wait(LONG_S) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_many_threads_share_one() -> None:
    limits, before = TimeLimits(), threading.active_count()
    most: list[int] = []

    def work(number: int) -> bool:
        ended = threading.Event()
        with limits.within(0.02 if number % 2 else LONG_S, ended.set):
            most.append(threading.active_count())
            return ended.wait(LONG_S) if number % 2 else not ended.is_set()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert max(most) <= before + 8 + 1
