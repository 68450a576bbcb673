"""What was measured, as a table and as JSON."""

from __future__ import annotations

import json
import math
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.jobs import JOBS, LATENCY_ANCHOR_MS
from bench.latency import Latency
from bench.process import Usage

RESULTS = Path(__file__).resolve().parent / "results"
WIDTHS = (32, 26, 12, 12, 10, 10, 10)


@dataclass(frozen=True, slots=True)
class Pair:
    """One small and one large run: what the difference took is the steady state."""

    small_count: int
    large_count: int
    small: Usage
    large: Usage

    @property
    def records_per_second(self) -> float:
        """In the steady state; NaN if the machine was too busy to tell."""
        seconds = self.large.seconds - self.small.seconds
        return (self.large_count - self.small_count) / seconds if seconds > 0 else math.nan

    @property
    def cpu_seconds(self) -> float:
        """Per million records in the steady state."""
        cpu = self.large.cpu_seconds - self.small.cpu_seconds
        return cpu / (self.large_count - self.small_count) * 1e6


@dataclass(frozen=True, slots=True)
class Measured:
    """All rounds of one system on one job; medians count."""

    system: str
    job: str
    guarantee: str
    pairs: Sequence[Pair]

    @property
    def records_per_second(self) -> float:
        return statistics.median(pair.records_per_second for pair in self.pairs)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(pair.cpu_seconds for pair in self.pairs)

    @property
    def rss_bytes(self) -> float:
        return statistics.median(pair.large.rss_bytes_max for pair in self.pairs)


def throughput_table(measured: Sequence[Measured], guarantee: str) -> Iterable[str]:
    """Lines of one guarantee's table. Ratios are Merganser's advantage over that system."""
    yield f"{guarantee}: steady state; ratios are merganser's advantage"
    yield _line("job", "system", "records/s", "CPU-s/M", "RSS MB", "× rate", "× CPU")
    for job in JOBS:
        rows = [m for m in measured if m.guarantee == guarantee and m.job == job.name]
        ours = next((m for m in rows if m.system == "merganser"), None)
        for row in rows:
            ratios = ("", "")
            if ours is not None and row is not ours:
                ratios = (
                    f"{ours.records_per_second / row.records_per_second:.1f}",
                    f"{row.cpu_seconds / ours.cpu_seconds:.1f}",
                )
            yield _line(
                job.title,
                row.system,
                f"{row.records_per_second:,.0f}",
                f"{row.cpu_seconds:.2f}",
                f"{row.rss_bytes / 1e6:,.0f}",
                *ratios,
            )
        if rows and (anchor := job.anchor) is not None:
            rate, cpu = f"{anchor.records_per_second:,}", f"{anchor.cpu_seconds:.2f}"
            yield _line(job.title, "ksqlDB 8.3.1 (elsewhere)", rate, cpu, "", "", "")


def latency_table(latencies: Mapping[tuple[str, str], Latency]) -> Iterable[str]:
    """Lines of the latencies by system and guarantee."""
    yield "latency at 1,000 records/s, produced to read committed"
    yield _line("guarantee", "system", "p50 ms", "p99 ms", "", "", "")
    for (system, guarantee), latency in latencies.items():
        yield _line(guarantee, system, f"{latency.p50_ms:.1f}", f"{latency.p99_ms:.1f}", "", "", "")
    p50, p99 = LATENCY_ANCHOR_MS
    yield _line("at_least_once", "ksqlDB 8.3.1 (elsewhere)", str(p50), str(p99), "", "", "")


def write_results(
    measured: Sequence[Measured], latencies: Mapping[tuple[str, str], Latency]
) -> Path:
    """Writes results/latest.json."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "latest.json"
    content = {
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "throughput": [
            {
                "system": m.system,
                "job": m.job,
                "guarantee": m.guarantee,
                "records_per_second": round(m.records_per_second),
                "cpu_seconds_per_million": round(m.cpu_seconds, 3),
                "rss_bytes_max": round(m.rss_bytes),
                "rounds": [asdict(pair) for pair in m.pairs],
            }
            for m in measured
        ],
        "latency": [
            {"system": system, "guarantee": guarantee, **asdict(latency)}
            for (system, guarantee), latency in latencies.items()
        ],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file


def _line(*cells: str) -> str:
    first, second, *rest = cells
    numbers = "".join(cell.rjust(width) for cell, width in zip(rest, WIDTHS[2:], strict=True))
    return f"{first.ljust(WIDTHS[0])}{second.ljust(WIDTHS[1])}{numbers}".rstrip()
