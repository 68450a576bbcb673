"""The cost of a small epoch against the size of the state that it changes.

`python -m bench.state [sizes…]`: COUNT, SUM by key in one query on the embedded log. The state is
filled directly, the epochs of 100 records with keys drawn from all of it are run by hand.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pyarrow as pa

from merganser.engine.duck import identifier
from merganser.engine.engine import Engine, EngineConfig
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output
from merganser.engine.runtime.task import Task
from merganser.engine.state import key_index

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
EPOCH_ROWS = 100
EPOCHS = 30
MEMORY_MAX_BYTES = 2 << 30
FILL_ROWS = 1_000_000
STATEMENTS = """
CREATE STREAM S (K STRING KEY, V BIGINT)
  WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE SUMS AS SELECT K, COUNT(*) AS N, SUM(V) AS TOTAL FROM S GROUP BY K;
"""


def main(arguments: list[str]) -> None:
    """Prints a line for each size."""
    sizes = [int(argument.replace("_", "")) for argument in arguments] or SIZES
    print("| keys | index | epoch p50 ms | epoch max ms | state MB | peak memory MB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for size in sizes:
        for indexed in (False, True):
            if not indexed or size >= key_index.INDEX_ROWS_MIN:
                print(_measure(size, indexed=indexed), flush=True)


def _measure(size: int, *, indexed: bool) -> str:
    key_index.LOOK_EVERY_COMMITS = 2 if indexed else 1 << 62
    log = EmbeddedLog()
    with tempfile.TemporaryDirectory() as folder:
        properties = {
            "ksql.streams.auto.offset.reset": "earliest",
            "merganser.memory.max.bytes": str(MEMORY_MAX_BYTES),
        }
        engine = Engine(
            EngineConfig(data_dir=Path(folder), properties=properties, autorun=False), log=log
        )
        engine.start()
        try:
            engine.execute(STATEMENTS)
            (task,) = engine.tasks()
            _epoch(log, task, size, 0)
            _fill(task, size)
            for number in range(8):  # Until statements are planned and the index is there.
                _epoch(log, task, size, number + 1)
            took = [_epoch(log, task, size, number + 9) for number in range(EPOCHS)]
            megabytes = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
        finally:
            engine.close()
    log.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {size:,} | {'yes' if indexed else 'no'} | {median(took):.1f} | {max(took):.1f} "
        f"| {megabytes:,.0f} | {peak:,.0f} |"
    )


def _fill(task: Task, size: int) -> None:
    """Gives every key a row as the query would have left it."""
    duck = task.session.duck
    (name,) = (
        str(name)
        for (name,) in duck.rows(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'aggregate%'"
        )
    )
    table = f'{identifier(task.state_alias)}.main."{name}"'
    names = [str(row[0]) for row in duck.rows(f"SELECT column_name FROM (DESCRIBE {table})")]
    values = ", ".join("'key' || i" if each == "K" else f'"{each}"' for each in names)
    duck.execute(f"CREATE TEMP TABLE one AS SELECT * FROM {table} LIMIT 1; DELETE FROM {table}")
    for start in range(0, size, FILL_ROWS):
        end = min(size, start + FILL_ROWS)
        duck.execute(f"INSERT INTO {table} SELECT {values} FROM range({start}, {end}) AS r(i), one")
    duck.execute(f"DROP TABLE one; CHECKPOINT {identifier(task.state_alias)}")


def _epoch(log: EmbeddedLog, task: Task, size: int, number: int) -> float:
    """Appends the epoch's records and gives the milliseconds that it takes."""
    keys = [(number * 7_919_111 + i * 1_000_003) % size for i in range(EPOCH_ROWS)]
    records = pa.table(
        {
            "key": pa.array([f"key{key}".encode() for key in keys], pa.binary()),
            "value": pa.array([b'{"V":1}'] * EPOCH_ROWS, pa.binary()),
            "timestamp": pa.array([number] * EPOCH_ROWS, pa.int64()),
            "headers": pa.nulls(EPOCH_ROWS, OUTPUT_SCHEMA.field("headers").type),
        },
        schema=OUTPUT_SCHEMA,
    )
    log.append(Output("s", records, pa.array([0] * EPOCH_ROWS, pa.int32())))
    task.open()
    positions = task.positions
    reader = log.reader(positions)
    try:
        ends = log.end_positions("s")
        batches = reader.read({place: (positions[place], ends[place]) for place in positions})
    finally:
        reader.close()
    start = time.perf_counter()
    task.run_epoch(batches)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
