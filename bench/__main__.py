"""Merganser against Kafka Streams on one machine, the same topics, alternating.

    python -m bench [--quick] [--jobs filter,tumbling,join] [--guarantees exactly_once_v2]

Steady state is the difference of a large and a small run, so that no start-up counts. Prints a
table and writes bench/results/latest.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kafka_server import servers

from bench.jobs import JOBS, Job
from bench.load import create_topic, delete_topics, load_orders, load_users
from bench.progress import Progress
from bench.systems import GUARANTEES, KafkaStreams, Merganser, Run, System, build_streams

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
SIZES = (1_000_000, 4_000_000)
QUICK_SIZES = (200_000, 800_000)
WAIT_SECONDS_MAX = 600.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Steady:
    """What a system does once it is going.

    Attributes:
        cpu_seconds_per_million: User and system time of its process.
        rss_mib_max: The largest resident size of the large run.
    """

    job: str
    guarantee: str
    system: str
    records_per_second: float
    cpu_seconds_per_million: float
    rss_mib_max: float


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 k and 800 k records")
    parser.add_argument("--jobs", default=",".join(job.name for job in JOBS))
    parser.add_argument("--guarantees", default=",".join(GUARANTEES))
    options = parser.parse_args()
    sizes = QUICK_SIZES if options.quick else SIZES
    jobs = [job for job in JOBS if job.name in options.jobs.split(",")]
    build_streams()
    data = Path(tempfile.mkdtemp(prefix="merganser-bench-"))
    try:
        bootstrap = servers.start_kafka(data)
        found = measure(bootstrap, jobs, options.guarantees.split(","), sizes, data)
    finally:
        servers.stop_all(data)
        shutil.rmtree(data, ignore_errors=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    print(table(found, jobs))


def measure(
    bootstrap: str, jobs: list[Job], guarantees: list[str], sizes: tuple[int, int], data: Path
) -> list[Steady]:
    """All jobs with all guarantees on both systems."""
    for count in sizes:
        load_orders(bootstrap, f"orders-{count}", count)
    load_users(bootstrap, "users")
    systems: list[System] = [Merganser(), KafkaStreams(1)]
    found = []
    for job in jobs:
        for guarantee in guarantees:
            for system in systems:
                small, large = (
                    _run(system, job, guarantee, bootstrap, count, data) for count in sizes
                )
                records = sizes[1] - sizes[0]
                row = Steady(
                    job.name,
                    guarantee,
                    system.name,
                    records / (large[0] - small[0]),
                    (large[1] - small[1]) / records * 1_000_000,
                    large[2] / 2**20,
                )
                found.append(row)
                print(row, file=sys.stderr, flush=True)
    return found


def _run(
    system: System, job: Job, guarantee: str, bootstrap: str, count: int, data: Path
) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and largest resident size until all is committed."""
    identity = f"b{uuid.uuid4().hex[:8]}_"
    run = Run(
        job,
        guarantee,
        bootstrap,
        f"orders-{count}",
        "users",
        f"sink-{identity}",
        identity,
        data / f"run-{identity}",
    )
    create_topic(bootstrap, run.sink_topic)
    process = system.start(run)
    try:
        with Progress(bootstrap, system.group(run), [run.orders_topic]) as progress:
            until = time.monotonic() + WAIT_SECONDS_MAX
            # The end offsets hold transaction markers of nobody: the input was not transactional.
            while progress.left():
                process.usage()
                if time.monotonic() > until:
                    raise TimeoutError(f"{system.name} did not finish {job.name}")
                time.sleep(LOOK_SECONDS)
            usage = process.usage()
    finally:
        process.stop()
        delete_topics(bootstrap, [run.sink_topic, *system.topics(run)])
        shutil.rmtree(run.folder, ignore_errors=True)
    return usage.seconds, usage.cpu_seconds, usage.rss_bytes_max


def table(found: list[Steady], jobs: list[Job]) -> str:
    """The results as text, with ratios and ksqlDB's figures for orientation."""
    head = f"{'job':10}{'guarantee':18}{'system':26}{'records/s':>12}{'CPU-s/M':>9}{'MiB':>7}"
    lines = [head]
    for row in found:
        lines.append(
            f"{row.job:10}{row.guarantee:18}{row.system:26}{row.records_per_second:12,.0f}"
            f"{row.cpu_seconds_per_million:9.2f}{row.rss_mib_max:7.0f}"
        )
    for mine in (row for row in found if row.system == "merganser"):
        for other in found:
            if other.system != mine.system and (other.job, other.guarantee) == (
                mine.job,
                mine.guarantee,
            ):
                lines.append(
                    f"{mine.job} {mine.guarantee}: merganser / {other.system}: "
                    f"{mine.records_per_second / other.records_per_second:.1f} times the rate, "
                    f"1 / {other.cpu_seconds_per_million / mine.cpu_seconds_per_million:.1f} "
                    "of the CPU"
                )
    for job in jobs:
        anchor = job.anchor
        lines.append(
            f"{job.name}: ksqlDB 8.3.1 at-least-once on two cores, elsewhere: "
            f"{anchor.records_per_second:,} records/s, {anchor.cpu_seconds} CPU-s/M"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
