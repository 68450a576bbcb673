"""Runs many cases in worker processes that are reused, and outlives cases that kill or stall one.

A worker gets one case at a time over a pipe. One that dies or does not answer in time fails the
case it had, and is replaced.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog

from tests.conformance.cases import Case, CaseKind
from tests.conformance.failure import CaseFailure, Outcome, Stage
from tests.conformance.functions import register_test_functions, reset_calls
from tests.conformance.modes import Mode
from tests.conformance.query_case import run_query_case
from tests.conformance.rest_case import run_rest_case

START_SECONDS_MAX = 120.0  # Imports take some seconds where all cores are busy.
CASE_SECONDS_MAX = 60.0  # A case takes well under a second; REST cases up to some ten.

Job = tuple[Case, Mode]
Runner = Callable[[Case, Mode], Outcome]


def run_case(case: Case, mode: Mode) -> Outcome:
    """Runs one case in this process."""
    reset_calls()
    start = time.perf_counter()
    stage: Stage | None = None
    reason = detail = ""
    try:
        reason = _run_kind(case, mode)
    except CaseFailure as failure:
        stage, reason, detail = failure.stage, failure.reason, failure.detail
    except Exception as error:  # noqa: BLE001 - one broken case must not end the run
        stage, reason = Stage.INTERNAL, f"{type(error).__name__}: {error}".split("\n", 1)[0]
        detail = traceback.format_exc()
    seconds = time.perf_counter() - start
    return Outcome(case.case_id, case.theme, mode, stage, reason, detail, seconds)


def _run_kind(case: Case, mode: Mode) -> str:
    match case.kind:
        case CaseKind.QUERY:
            return run_query_case(case, mode)
        case CaseKind.REST:
            return run_rest_case(case)
        case CaseKind.SCHEMA:
            raise CaseFailure(Stage.UNSUPPORTED, "schema cases")


def run_cases(
    jobs: Sequence[Job],
    *,
    process_count: int,
    seconds_max: float = CASE_SECONDS_MAX,
    runner: Runner = run_case,
) -> Iterator[Outcome]:
    """Runs cases, as outcomes come.

    `process_count` 0 runs them in this process, without the functions that only tests have.
    """
    if process_count == 0:
        yield from (runner(case, mode) for case, mode in jobs)
        return
    queue = deque(jobs)
    workers = [_Worker(runner, seconds_max) for _ in range(min(process_count, len(jobs)))]
    try:
        while queue or any(worker.job for worker in workers):
            for worker in workers:
                if worker.ready and worker.job is None and queue:
                    worker.give(queue.popleft())
            yield from _gather(workers)
    finally:
        for worker in workers:
            worker.stop()


@dataclass(slots=True)
class _Worker:
    """A process with the job that it has. `ready` once it has started."""

    runner: Runner
    seconds_max: float
    job: Job | None = None
    ready: bool = False
    deadline: float = 0.0
    pipe: Connection = field(init=False)
    process: BaseProcess = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        # Spawned: a fork would copy the locks of the parent's threads.
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, self.runner), daemon=True)
        self.process.start()
        other.close()
        self.ready = False
        self.deadline = time.monotonic() + START_SECONDS_MAX

    def give(self, job: Job) -> None:
        self.job = job
        self.deadline = time.monotonic() + self.seconds_max
        # A process that is dead already is noticed by `take`.
        with contextlib.suppress(OSError):
            self.pipe.send(job)

    def take(self) -> Outcome | None:
        """The outcome of the job, None for the word that it has started; replaced if it died.

        Raises:
            RuntimeError: It died while it started, as any other would.
        """
        try:
            outcome: Outcome | None = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            if self.job is None:
                raise RuntimeError("a worker process did not start") from None
            outcome = _lost(self.job, Stage.CRASHED, f"exit code {self.process.exitcode}")
            self.start()
        else:
            self.ready = True
        self.job = None
        return outcome

    def give_up(self) -> Outcome:
        """The outcome of a job that takes too long; the process is replaced.

        Raises:
            RuntimeError: It has not even started.
        """
        self.process.kill()
        self.process.join()
        if self.job is None:
            raise RuntimeError("a worker process did not start in time")
        self.pipe.close()
        outcome = _lost(self.job, Stage.TIMEOUT, "no answer in time")
        self.job = None
        self.start()
        return outcome

    def stop(self) -> None:
        self.pipe.close()
        if self.job is not None or not self.ready:
            self.process.kill()
        self.process.join()


def _gather(workers: Sequence[_Worker]) -> Iterator[Outcome]:
    """The outcomes of the workers that answered, died or ran out of time."""
    awaited = [worker for worker in workers if worker.job or not worker.ready]
    patience = max(0.0, min(worker.deadline for worker in awaited) - time.monotonic())
    answered = wait([worker.pipe for worker in awaited], timeout=patience)
    for worker in awaited:
        if worker.pipe in answered:
            outcome = worker.take()
            if outcome is not None:
                yield outcome
        elif worker.deadline <= time.monotonic():
            yield worker.give_up()


def _lost(job: Job, stage: Stage, reason: str) -> Outcome:
    case, mode = job
    return Outcome(case.case_id, case.theme, mode, stage, reason)


def _serve(pipe: Connection, runner: Runner) -> None:
    """A worker's life: cases in, outcomes out, until the pipe closes."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides what an interrupt ends.
    # Records that cannot be used are part of many cases, not news for who reads the report.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    register_test_functions()
    pipe.send(None)  # Started.
    while True:
        try:
            case, mode = pipe.recv()
        except EOFError:
            return
        pipe.send(runner(case, mode))
