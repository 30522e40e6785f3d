"""Workers: killed, stuck in C, stopped, told to end. Real processes and sockets."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.doubles import patient, request
from tests.support.supervised import Running, supervised

HOOK = "/cds-services/neuromuscular-patient-view"
WITHIN_S = 3.0


def body(who: str = "p1") -> bytes:
    prefetch = {"patient": patient(who), "conditions": None, "medicationRequests": None, "observations": None}
    return json.dumps(request(context={"patientId": who}, prefetch=prefetch)).encode()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Running]:
    with supervised(tmp_path, workers=2) as running:
        wait_until(lambda: len(running.workers) == 2)
        yield running


def wait_until(found: Callable[[], bool], within_s: float = 10.0) -> float:
    began = time.monotonic()
    while not found():
        assert time.monotonic() - began < within_s
        time.sleep(0.01)
    return time.monotonic() - began


def replaced(running: Running, before: list[int], gone: int) -> float:
    """Seconds until two workers live again without the one that is gone, and calls are answered."""
    began = time.monotonic()
    wait_until(lambda: len(running.workers) == 2 and gone not in running.workers)
    for _ in range(4):
        assert running.call("POST", HOOK, body())[0] == 200
    assert set(running.workers) & set(before) == set(before) - {gone}
    return time.monotonic() - began


def test_a_worker_that_is_killed_is_replaced_within_3_s(two: Running) -> None:
    before = two.workers
    os.kill(before[0], signal.SIGKILL)
    assert replaced(two, before, before[0]) < WITHIN_S


def test_a_worker_that_stands_still_is_replaced_within_3_s(two: Running) -> None:
    before = two.workers
    time.sleep(0.5)  # it is heard first
    os.kill(before[0], signal.SIGSTOP)
    assert replaced(two, before, before[0]) < WITHIN_S


def test_a_worker_that_is_stuck_in_c_is_replaced_within_3_s_and_says_where_without_values(tmp_path: Path) -> None:
    with supervised(tmp_path, workers=1) as running:
        [before] = running.workers
        with pytest.raises(OSError):  # noqa: PT011 - the connection breaks in one way or another
            running.call("POST", HOOK, body("stuck"))
        wait_until(lambda: len(running.workers) == 1 and running.workers != [before])
        began = time.monotonic()
        assert running.call("POST", HOOK, body())[0] == 200
        assert time.monotonic() - began < WITHIN_S
        told = running.log.read_text(encoding="utf-8")
        stuck = next(json.loads(line) for line in told.splitlines() if '"worker-stuck"' in line)
        assert stuck["ms"] < 1000 * WITHIN_S
        assert "in _answer" in told
        assert "Practitioner" not in told


def test_on_sigterm_what_was_begun_is_answered_and_written_and_what_is_new_refused(tmp_path: Path) -> None:
    with supervised(tmp_path, workers=2, inline_resources=0) as running:
        answers: list[int] = []
        slow = threading.Thread(target=lambda: answers.append(running.call("POST", HOOK, body("slow"))[0]))
        slow.start()
        time.sleep(0.4)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: _is_refused(running), within_s=3)
        assert slow.is_alive()
        slow.join()
        assert answers == [200]
        assert running.process.wait(timeout=20) == 0
        with sqlite3.connect(tmp_path / "nmcds.sqlite3") as store:
            assert store.execute("SELECT count(*) FROM audit").fetchone() == (1,)
        store.close()


def _is_refused(running: Running) -> bool:
    try:
        running.call("GET", "/healthz")
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def test_workers_do_not_outlive_a_supervisor_that_is_killed(two: Running) -> None:
    workers = two.workers
    two.stop(signal.SIGKILL)
    wait_until(lambda: not [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists()])


def test_a_worker_whose_engine_is_poisoned_is_replaced_after_its_answer(tmp_path: Path) -> None:
    with supervised(tmp_path, workers=1) as running:
        [before] = running.workers
        status, answer = running.call("POST", HOOK, body("poisoned"))
        assert status == 200
        assert b"could not check" in answer
        wait_until(lambda: len(running.workers) >= 1 and before not in running.workers)
        assert running.call("POST", HOOK, body())[0] == 200


def test_when_no_worker_can_start_the_supervisor_gives_up() -> None:
    program = (
        "import socket, sys; from cds_hooks.supervisor import supervise;"
        "sys.exit(7 if supervise(lambda beat: 1, socket.create_server(('127.0.0.1', 0)), 2) else 3)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=20, capture_output=True).returncode == 3
