"""The systems that are compared: how each is started on a job, and what its group is called."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.jobs import Job
from bench.process import MeteredProcess

STREAMS = Path(__file__).resolve().parent / "streams"
JVM_HEAP_MAX = "-Xmx1g"  # By default a quarter of the machine, which would show as its RSS.
# Under at-least-once Kafka Streams commits every 30 s by default: the end could not be seen.
COMMIT_INTERVAL_MS = {"exactly_once_v2": 100, "at_least_once": 500}
GUARANTEES = ("exactly_once_v2", "at_least_once")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job.

    Attributes:
        identity: Of this run alone: the names of groups, topics and folders follow from it.
        folder: For state and output.
    """

    job: Job
    guarantee: str
    bootstrap: str
    orders_topic: str
    users_topic: str
    sink_topic: str
    identity: str
    folder: Path

    @property
    def source_topics(self) -> list[str]:
        """What the job reads."""
        return [self.orders_topic, *([self.users_topic] if self.job.reads_table else [])]


class System(Protocol):
    """Something that runs the jobs."""

    @property
    def name(self) -> str: ...

    def group(self, run: Run) -> str:
        """The consumer group whose positions tell how far the run is."""
        ...

    def topics(self, run: Run) -> list[str]:
        """Topics that the run leaves behind, beyond its sink."""
        ...

    def start(self, run: Run) -> MeteredProcess:
        """Starts the job."""
        ...


class Merganser:
    """`merganser run FILE.sql`, as a user starts it."""

    name = "merganser"

    def group(self, run: Run) -> str:
        return f"_confluent-ksql-{run.identity}query_{self._query_id(run)}"

    def topics(self, run: Run) -> list[str]:
        return [f"{self.group(run)}-commits", f"_confluent-ksql-{run.identity}_command_topic"]

    def start(self, run: Run) -> MeteredProcess:
        run.folder.mkdir(parents=True)
        file = run.folder / "job.sql"
        file.write_text(run.job.statements(run.orders_topic, run.users_topic, run.sink_topic))
        program = Path(sys.executable).with_name("merganser")
        command = [str(program), "run", str(file), "--bootstrap-servers", run.bootstrap]
        command += ["--data-dir", str(run.folder / "data"), "--service-id", run.identity]
        for name, value in (
            ("auto.offset.reset", "earliest"),
            ("processing.guarantee", run.guarantee),
        ):
            command += ["--property", f"ksql.streams.{name}={value}"]
        return MeteredProcess(command, run.folder / "output.log")

    def _query_id(self, run: Run) -> str:
        kind = "CTAS" if run.job.makes_table else "CSAS"
        return f"{kind}_RESULT_{1 + run.job.reads_table + run.job.orders_twice}"


@dataclass(frozen=True, slots=True)
class KafkaStreams:
    """The Java program of `streams/`."""

    thread_count: int

    @property
    def name(self) -> str:
        return f"kafka streams, {self.thread_count} thread{'s' * (self.thread_count > 1)}"

    def group(self, run: Run) -> str:
        return run.identity

    def topics(self, run: Run) -> list[str]:
        stores = ("sales", "orders", "users", "both-this-join-store", "both-other-join-store")
        return [f"{run.identity}-{store}-changelog" for store in stores]

    def start(self, run: Run) -> MeteredProcess:
        run.folder.mkdir(parents=True)
        target = STREAMS / "target"
        command = [_java(), JVM_HEAP_MAX, "-cp", f"{target / 'classes'}:{target / 'jars'}/*"]
        command += ["bench.Jobs", f"id={run.identity}", f"bootstrap={run.bootstrap}"]
        command += [f"job={run.job.name}", f"guarantee={run.guarantee}"]
        command += [f"threads={self.thread_count}", f"state={run.folder / 'state'}"]
        command += [f"commit.interval.ms={COMMIT_INTERVAL_MS[run.guarantee]}"]
        command += [f"orders={run.orders_topic}", f"users={run.users_topic}"]
        command += [f"sink={run.sink_topic}"]
        return MeteredProcess(command, run.folder / "output.log")


def build_streams() -> None:
    """Compiles the Java program.

    Raises:
        RuntimeError: Maven is not there or does not succeed.
    """
    command = ["mvn", "-B", "-q", "-f", str(STREAMS / "pom.xml"), "package"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the Kafka Streams program does not compile:\n{done.stdout[-3000:]}")


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"
