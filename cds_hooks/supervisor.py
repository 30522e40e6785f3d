"""Keeps so many workers running: copies of this process, made when everything is loaded, so that a new one serves within moments.

A worker that ends without being asked is replaced at once. One whose event loop is silent (stuck in C, stopped, endless) is killed and
replaced; the time that this process itself did not get to run does not count against it. Each worker has a pipe: bytes are its
heartbeat, the end of the pipe is its end, and a worker that finds the other side closed stops, so that none outlives the supervisor.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from cds_hooks.observe import log_event

__all__ = ["LEAVE", "supervise"]

STOPS = (signal.SIGTERM, signal.SIGINT)
LEAVE = b"q"  # a worker's word that it ends by itself; anything else is a heartbeat
POLL_S = 0.1
LATE_S = 5 * POLL_S
SILENT_S = 2.0  # a worker whose loop says nothing for so long is stuck; one evaluation takes at most 1 s (rules.engine.interface.Budget)
START_S = 30.0  # the first sign of life: the database may take its time
STOP_S = 15.0  # from SIGTERM to SIGKILL
TRACE_S = 0.05
BRIEF_S = 1.0  # a worker that lived shorter than this is replaced after a pause only
DUMP = signal.SIGUSR2


@dataclass(slots=True)
class Member:
    """A running worker."""

    pid: int
    pipe: int
    began: float = field(default_factory=time.monotonic)
    heard: float = 0.0
    leaving: bool = False

    def is_silent(self, now: float) -> bool:
        """Whether it is stuck, never came up, or does not come to its end."""
        limit = START_S if not self.heard else STOP_S if self.leaving else SILENT_S
        return now - (self.heard or self.began) > limit


class Team:
    """The workers, each a fork of this process that calls `run` with the pipe for its heartbeat."""

    def __init__(self, run: Callable[[int], int]) -> None:
        self.run = run
        self.members: list[Member] = []
        self.selector = selectors.DefaultSelector()

    def add(self) -> None:
        """Fork one more worker."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # none may come before the worker has its own answer to it
        pid = os.fork()
        if pid == 0:
            self._become(reading, writing)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        os.close(writing)
        self.members.append(Member(pid, reading))
        self.selector.register(reading, selectors.EVENT_READ, self.members[-1])

    def _become(self, reading: int, writing: int) -> NoReturn:
        code = 1
        try:
            for pipe in (reading, *(other.pipe for other in self.members)):
                os.close(pipe)
            self.selector.close()
            signal.signal(signal.SIGTERM, _leave)
            signal.signal(signal.SIGINT, _leave)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            faulthandler.register(DUMP, chain=False)  # where it hangs, as frames without values
            code = self.run(writing)
        except SystemExit:
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's (its exit handlers, its buffers) is this process's to finish

    def listen(self) -> tuple[list[Member], list[Member]]:
        """Hear heartbeats for a moment; returns the workers that ended and those that said that they will."""
        ended, leaving = [], []
        for key, _ in self.selector.select(POLL_S):
            member: Member = key.data
            said = os.read(member.pipe, 4096)
            member.heard = time.monotonic()
            if not said:
                ended.append(member)
            elif LEAVE in said:
                member.leaving = True
                leaving.append(member)
        return ended, leaving

    def bury(self, member: Member) -> int:
        """Take the exit code of a worker that ended."""
        self.selector.unregister(member.pipe)
        os.close(member.pipe)
        self.members.remove(member)
        return os.waitstatus_to_exitcode(os.waitpid(member.pid, 0)[1])

    def stop(self) -> None:
        """Ask every worker to stop."""
        for member in self.members:
            member.leaving = True
            os.kill(member.pid, signal.SIGTERM)

    def end_silent(self, now: float) -> None:
        """Kill what is stuck."""
        for member in self.members:
            if member.is_silent(now):
                log_event("worker-stuck", logging.ERROR, ms=round((now - (member.heard or member.began)) * 1000))
                if member.heard:
                    os.kill(member.pid, DUMP)
                    time.sleep(TRACE_S)
                os.kill(member.pid, signal.SIGKILL)
                member.heard = now  # its end is on the way

    def forgive(self, now: float) -> None:
        """Nobody could be heard while this process itself did not run."""
        for member in self.members:
            member.heard = member.heard and now


def supervise(run: Callable[[int], int], listening: socket.socket, workers: int) -> bool:
    """Run `workers` copies of `run`, which gets the pipe for its heartbeat, until SIGTERM or SIGINT; then let them finish.

    Returns False when none could start."""
    team = Team(run)
    asked: list[int] = []
    for number in STOPS:
        signal.signal(number, lambda number, _frame: asked.append(number))
    for _ in range(workers):
        team.add()
    last = time.monotonic()
    started = stopping = False
    due: list[float] = []  # when to start replacements
    while team.members or due:
        ended, leaving = team.listen()
        now = time.monotonic()
        if now - last > LATE_S:
            team.forgive(now)
        last = now
        started = started or any(member.heard for member in team.members if member not in ended)
        due += [now for _ in leaving]
        for member in ended:
            code = team.bury(member)
            if not member.leaving:
                log_event("worker-ended", logging.ERROR, number=code, ms=round((now - member.began) * 1000))
                due.append(now if now - member.began > BRIEF_S else now + BRIEF_S)
        if (asked or not (started or team.members)) and not stopping:
            stopping = True
            listening.close()  # new connections are refused from here on
            team.stop()
        if stopping:
            due.clear()
        for moment in [one for one in due if one <= now]:
            due.remove(moment)
            team.add()
        team.end_silent(now)
    return started


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)
