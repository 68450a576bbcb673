"""A tumbling count on a real Kafka that is killed again and again.

    python -m tests.faults.kill_count BOOTSTRAP [KILLS] [RECORDS]

1. Records are produced in shares, each while the query runs as a process of its own
   (`merganser run`).
2. With each share the process gets SIGKILL, at a random moment after a commit, and is started
   again on the same folder; every third time the state file is deleted first, so that the state
   has to come back from the log alone.
3. Once the query has caught up, the read-committed sink is read from its beginning. Its last row
   of each key and window, and the number of changes that COUNT shows, must be what DuckDB computes
   over the whole input: a lost record makes a count too small, a doubled one too large.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import confluent_kafka
import orjson
import pyarrow as pa

from merganser.engine.clock import SystemClock
from merganser.engine.duck import Duck
from merganser.engine.log.kafka import KafkaLog
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output, TopicPartition

KEYS = 200
WINDOW_MS = 10_000
PARTITIONS = 6
BATCH_RECORDS = 2_000
WAIT_SECONDS_MAX = 120.0

STATEMENTS = """
SET 'auto.offset.reset' = 'earliest';
CREATE STREAM clicks (id STRING KEY, page STRING, amount BIGINT)
  WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON', PARTITIONS={partitions});
CREATE TABLE counts WITH (KAFKA_TOPIC='{topic}-counts') AS
  SELECT page, COUNT(*) AS n, SUM(amount) AS total FROM clicks
  WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY page;
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed.

    Attributes:
        kills: How often the process was killed.
        replays_from_nothing: How often its state was deleted too.
        wrong: Keys and windows whose last row is not what DuckDB computes.
    """

    kills: int
    replays_from_nothing: int
    records: int
    windows: int
    wrong: tuple[object, ...]


def run(bootstrap: str, kills: int, records: int, seed: int) -> Outcome:
    """Runs the whole thing once; `seed` decides data and moments."""
    chance = random.Random(seed)  # noqa: S311 — test data.
    topic = f"kill-{os.getpid()}-{seed}"
    log = KafkaLog({"bootstrap.servers": bootstrap})
    folder = Path(tempfile.mkdtemp(prefix="merganser-kill-"))
    try:
        log.create_topic(topic, PARTITIONS, 1, {})
        start_ms = SystemClock().now_ms() - records * 5  # Older ones fall to the topics' retention.
        rows = list(_rows(chance, records, start_ms))
        script = folder / "count.sql"
        script.write_text(STATEMENTS.format(topic=topic, partitions=PARTITIONS), encoding="utf-8")
        share = len(rows) // (kills + 1)
        deleted = 0
        for kill in range(kills):
            part = rows[kill * share : (kill + 1) * share]
            producer = threading.Thread(target=_produce, args=(log, topic, part))
            with _process(script, folder, bootstrap, topic) as process:
                producer.start()
                # Late enough to be at work, early enough to be in the middle of it.
                _wait_for_commits(log, topic, chance.uniform(0.05, 0.6))
                process.send_signal(signal.SIGKILL)
                process.wait()
            producer.join()
            if kill % 3 == 2:
                shutil.rmtree(folder / "data" / "state", ignore_errors=True)
                deleted += 1
        _produce(log, topic, rows[kills * share :])
        with _process(script, folder, bootstrap, topic) as process:
            _wait_until_caught_up(bootstrap, log, topic, process)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
        wanted = _expected(rows)
        found = _sink(log, f"{topic}-counts")
        wrong = tuple(
            (key, wanted.get(key), found.get(key))
            for key in sorted(wanted | found)
            if wanted.get(key) != found.get(key)
        )
        return Outcome(kills, deleted, records, len(wanted), wrong)
    finally:
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


_Row = tuple[str, str, int, int]
_Counts = dict[tuple[str, int], tuple[int, int]]


def _rows(chance: random.Random, count: int, start_ms: int) -> Iterator[_Row]:
    """Key, page, amount, timestamp; times rise with some disorder, far inside the grace period."""
    for index in range(count):
        page = f"page_{chance.randrange(KEYS)}"
        yield (
            f"user_{chance.randrange(1000)}",
            page,
            chance.randrange(1000),
            start_ms + index * 5 + chance.randrange(2000),
        )


def _produce(log: KafkaLog, topic: str, rows: list[_Row]) -> None:
    for start in range(0, len(rows), BATCH_RECORDS):
        part = rows[start : start + BATCH_RECORDS]
        table = pa.table(
            {
                "key": [key.encode() for key, *_ in part],
                "value": [
                    orjson.dumps({"PAGE": page, "AMOUNT": amount}) for _, page, amount, _ in part
                ],
                "timestamp": [stamp for *_, stamp in part],
                "headers": pa.nulls(len(part), OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        log.append(Output(topic, table))


@contextmanager
def _process(
    script: Path, folder: Path, bootstrap: str, topic: str
) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).with_name("merganser")), "run", str(script)]
    command += ["--bootstrap-servers", bootstrap, "--data-dir", str(folder / "data")]
    command += ["--service-id", f"{topic}_"]
    with (folder / "run.log").open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield process
        except BaseException:
            output.flush()
            sys.stderr.write((folder / "run.log").read_text(errors="replace")[-4000:])
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _commit_end(log: KafkaLog, topic: str) -> int:
    name = next(
        (t.name for t in log.topics() if t.name.endswith("-commits") and topic in t.name), None
    )
    return sum(log.end_positions(name).values()) if name is not None else 0


def _wait_for_commits(log: KafkaLog, topic: str, extra_seconds: float) -> None:
    """Waits until the process has made a new commit, then for a random moment more."""
    before = _commit_end(log, topic)
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while _commit_end(log, topic) <= before:
        if time.monotonic() > deadline:
            raise TimeoutError("the process made no commit")
        threading.Event().wait(0.02)
    threading.Event().wait(extra_seconds)


def _wait_until_caught_up(
    bootstrap: str, log: KafkaLog, topic: str, process: subprocess.Popen[bytes]
) -> None:
    group = f"_confluent-ksql-{topic}_query_CTAS_COUNTS_1"
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    ends = log.end_positions(topic)
    places = [confluent_kafka.TopicPartition(topic, place.partition) for place in ends]
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        _poll_group(consumer, places, ends, deadline, process)
    finally:
        consumer.close()


def _poll_group(
    consumer: confluent_kafka.Consumer,
    places: list[confluent_kafka.TopicPartition],
    ends: Mapping[TopicPartition, int],
    deadline: float,
    process: subprocess.Popen[bytes],
) -> None:
    """Waits until the group's offsets, which are committed with the outputs, are at the end."""
    while True:
        committed = consumer.committed(places, timeout=10)
        if all(c.offset >= ends[TopicPartition(c.topic, c.partition)] for c in committed):
            return
        if process.poll() is not None:
            raise RuntimeError(f"the process ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not caught up: {committed}")
        threading.Event().wait(0.1)


def _expected(rows: list[_Row]) -> _Counts:
    table = pa.table(
        {
            "page": [page for _, page, _, _ in rows],
            "amount": [amount for _, _, amount, _ in rows],
            "stamp": [stamp for *_, stamp in rows],
        }
    )
    duck = Duck.memory()
    duck.register("rows", table)
    found = duck.rows(
        f"SELECT page, stamp - stamp % {WINDOW_MS}, count(*), CAST(sum(amount) AS BIGINT) "
        "FROM rows GROUP BY ALL"
    )
    duck.close()
    return {(str(p), int(str(w))): (int(str(n)), int(str(t))) for p, w, n, t in found}


def _sink(log: KafkaLog, topic: str) -> _Counts:
    """The last row of each key and window; changes of one key may only grow."""
    ends = log.end_positions(topic)
    reader = log.reader(log.start_positions(topic), headers=False)
    last: _Counts = {}
    try:
        while any(reader.positions()[place] < end for place, end in ends.items()):
            for batch in reader.poll(50_000, 1000):
                keys = batch.records.column("key").to_pylist()
                values = batch.records.column("value").to_pylist()
                for key, value in zip(keys, values, strict=True):
                    place = (key[:-8].decode(), int.from_bytes(key[-8:], "big"))
                    row = orjson.loads(value)
                    now = (row["N"], row["TOTAL"])
                    if place in last and now[0] <= last[place][0]:
                        raise AssertionError(f"{place} went from {last[place]} to {now}")
                    last[place] = now
    finally:
        reader.close()
    return last


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="kill_count", description=__doc__)
    parser.add_argument("bootstrap", metavar="BOOTSTRAP", help="a Kafka for tests: HOST:PORT")
    parser.add_argument("kills", metavar="KILLS", type=int, nargs="?", default=20)
    parser.add_argument("records", metavar="RECORDS", type=int, nargs="?", default=100_000)
    options = parser.parse_args()
    outcome = run(options.bootstrap, options.kills, options.records, seed=1)
    shown = replace(outcome, wrong=outcome.wrong[:5])
    sys.stdout.write(f"{shown} {len(outcome.wrong)} wrong\n")
    sys.exit(1 if outcome.wrong else 0)


if __name__ == "__main__":
    main()
