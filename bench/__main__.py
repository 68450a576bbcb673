"""`python -m bench`: throughput, CPU, memory and latency of Merganser and of Kafka Streams.

Both run as processes of their own on the same topics of one real Kafka, taking turns. Every job
runs on a small and on a large topic; what the difference takes is the steady state, free of start
and warm-up. Every small run's result is checked. It wants a JVM, Maven and a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.kafka_server import servers

from bench import load
from bench.checks import check_result
from bench.jobs import JOBS, USER_COUNT, Job
from bench.latency import Latency, measure_latency
from bench.process import Usage
from bench.progress import Progress
from bench.report import Measured, Pair, latency_table, throughput_table, write_results
from bench.systems import GUARANTEES, KafkaStreams, Merganser, Run, System, build_streams

LOOK_SECONDS = 0.05
RUN_SECONDS_MAX = 1_200.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        sizes: Records of the small and of the large topic.
    """

    jobs: Sequence[Job]
    guarantees: Sequence[str]
    systems: Sequence[System]
    sizes: tuple[int, int]
    round_count: int
    latency_seconds: float


def main() -> None:
    """Runs the benchmark and prints its tables."""
    plan, bootstrap = _plan()
    build_streams()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if bootstrap is None:
            bootstrap = servers.start_kafka(folder / "kafka")
            stack.callback(servers.stop_all, folder / "kafka")
        bench = Bench(plan, bootstrap, folder)
        bench.load()
        stack.callback(bench.unload)
        measured = bench.throughput()
        latencies = bench.latency()
    print()
    for guarantee in plan.guarantees:
        print(*throughput_table(measured, guarantee), "", sep="\n")
    if latencies:
        print(*latency_table(latencies), "", sep="\n")
    print(f"written to {write_results(measured, latencies)}")


def _plan() -> tuple[Plan, str | None]:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    names = [job.name for job in JOBS]
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--quick", action="store_true", help="200,000 and 800,000 records, once")
    parser.add_argument("--rounds", type=int, help="default 3, with --quick 1")
    parser.add_argument("--jobs", nargs="*", choices=names, default=names)
    parser.add_argument("--guarantees", nargs="*", choices=GUARANTEES, default=GUARANTEES)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, cores], help="Kafka Streams'")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--bootstrap", help="a Kafka that runs already; default: one of its own")
    options = parser.parse_args()
    streams = [KafkaStreams(count) for count in sorted(set(options.threads))]
    plan = Plan(
        [job for job in JOBS if job.name in options.jobs],
        options.guarantees,
        [Merganser(), *streams],
        (200_000, 800_000) if options.quick else (1_000_000, 4_000_000),
        options.rounds or (1 if options.quick else 3),
        0.0 if options.no_latency else 8.0 if options.quick else 20.0,
    )
    return plan, options.bootstrap


class Bench:
    """A benchmark under way: its topics, and the runs on them."""

    def __init__(self, plan: Plan, bootstrap: str, folder: Path) -> None:
        self._plan = plan
        self._bootstrap = bootstrap
        self._folder = folder
        self._name = f"bench-{uuid.uuid4().hex[:8]}"
        self._users = f"{self._name}-users"
        self._user_counts = sorted({job.user_count for job in plan.jobs} | {USER_COUNT})

    def load(self) -> None:
        """Makes the topics that are read."""
        for count in self._user_counts:
            for size in self._plan.sizes:
                started = time.monotonic()
                load.load_orders(self._bootstrap, self._orders(count, size), size, count)
                print(f"{size:,} records in {time.monotonic() - started:.1f} s", flush=True)
        load.load_users(self._bootstrap, self._users)

    def unload(self) -> None:
        """Deletes them."""
        topics = [self._orders(c, size) for c in self._user_counts for size in self._plan.sizes]
        load.delete_topics(self._bootstrap, [*topics, self._users])

    def _orders(self, user_count: int, size: int) -> str:
        """The topic of so many orders of so many users."""
        return f"{self._name}-orders-{user_count}-{size}"

    def throughput(self) -> list[Measured]:
        """All jobs, guarantees and systems; the systems take turns, in changing order."""
        found: dict[tuple[str, str, str], list[Pair]] = {}
        for number in range(self._plan.round_count):
            systems = list(self._plan.systems)
            for job in self._plan.jobs:
                for guarantee in self._plan.guarantees:
                    for system in systems if number % 2 == 0 else reversed(systems):
                        pair = self._pair(system, job, guarantee)
                        found.setdefault((system.name, job.name, guarantee), []).append(pair)
        order = [system.name for system in self._plan.systems]
        measured = [Measured(*key, pairs) for key, pairs in found.items()]
        return sorted(measured, key=lambda m: order.index(m.system))

    def latency(self) -> dict[tuple[str, str], Latency]:
        """By system and guarantee, with Kafka Streams' default of one thread."""
        if not self._plan.latency_seconds:
            return {}
        found: dict[tuple[str, str], Latency] = {}
        for guarantee in self._plan.guarantees:
            for system in self._plan.systems[:2]:
                run = self._run(JOBS[0], guarantee, self._orders(USER_COUNT, self._plan.sizes[0]))
                run = replace(run, orders_topic=f"{run.identity}-in")
                found[system.name, guarantee] = measured = measure_latency(
                    system, run, self._plan.latency_seconds
                )
                print(
                    f"latency, {guarantee}, {system.name}: p50 {measured.p50_ms:.1f} ms, "
                    f"p99 {measured.p99_ms:.1f} ms",
                    flush=True,
                )
                names = [run.orders_topic, run.sink_topic, *system.topics(run)]
                load.delete_topics(self._bootstrap, names)
        return found

    def _pair(self, system: System, job: Job, guarantee: str) -> Pair:
        usages = []
        for size in self._plan.sizes:
            topic = self._orders(job.user_count, size)
            run = self._run(job, guarantee, topic)
            usages.append(self._measure(system, run))
            if size == self._plan.sizes[0]:
                check_result(job, self._bootstrap, run.sink_topic, size)
            load.delete_topics(self._bootstrap, [run.sink_topic, *system.topics(run)])
        pair = Pair(*self._plan.sizes, *usages)
        print(
            f"{job.name}, {guarantee}, {system.name}: {pair.records_per_second:,.0f} records/s, "
            f"{pair.cpu_seconds:.2f} CPU-s per 1 M",
            flush=True,
        )
        return pair

    def _run(self, job: Job, guarantee: str, orders_topic: str) -> Run:
        identity = f"{self._name}-{uuid.uuid4().hex[:8]}"
        folder = self._folder / identity
        sink = f"{identity}-sink"
        return Run(
            job, guarantee, self._bootstrap, orders_topic, self._users, sink, identity, folder
        )

    def _measure(self, system: System, run: Run) -> Usage:
        """Runs a job until its group's positions are at the end of what it reads."""
        load.create_topic(self._bootstrap, run.sink_topic)
        process = system.start(run)
        try:
            with Progress(self._bootstrap, system.group(run), run.source_topics) as progress:
                usage = process.usage()
                while progress.left():
                    time.sleep(LOOK_SECONDS)
                    usage = process.usage()
                    if usage.seconds > RUN_SECONDS_MAX:
                        raise RuntimeError(f"{system.name} does not come to an end")
                return usage
        finally:
            process.stop()
            shutil.rmtree(run.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
