"""A full disk: the query that cannot keep its state stops, with the reason; all else goes on.

The process is told that no file may grow beyond some bytes, so that the bigger state hits the wall.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson

PROGRAM = """
import resource, sys
from pathlib import Path
import orjson
from merganser.engine.log.embedded import EmbeddedLog
from tests.runtime.driving import Input, append, has_read_all, opened, wait_until, written

FILE_BYTES_MAX = 3_000_000
folder = Path(sys.argv[1])
log = EmbeddedLog(folder / "log.duckdb")
with opened(log, folder, autorun=True) as engine:
    engine.execute('''
    CREATE STREAM S (K STRING KEY, V BIGINT)
      WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE BIG WITH (KAFKA_TOPIC='big') AS SELECT V, COUNT(*) AS N, COLLECT_LIST(K) AS KS
      FROM S WINDOW HOPPING (SIZE 100 SECONDS, ADVANCE BY 1 SECOND) GROUP BY V
      HAVING COUNT(*) > 1;
    CREATE TABLE SMALL WITH (KAFKA_TOPIC='small') AS
      SELECT K, COUNT(*) AS N FROM S WHERE V % 1000 = 0 GROUP BY K;
    ''')
    big, small = engine.tasks()
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))

    def feed(start):
        append(log, [
            Input("s", 0, b"key%d" % (v % 7), orjson.dumps({"V": v}), 1_000_000)
            for v in range(start, start + 400)
        ])

    feed(0)
    start = 400
    while big.stats.state != "ERROR":
        wait_until(lambda: has_read_all(log, small) and (
            big.stats.state == "ERROR" or has_read_all(log, big)))
        if start > 40_000:
            break
        feed(start)
        start += 400
    # All that follows happens after the disk is full for one.
    feed(start)
    wait_until(lambda: has_read_all(log, small))
    shown = {
        "big": big.stats.state,
        "small": small.stats.state,
        "errors": big.errors,
        "healthy": engine.health(),
        "records": sum(log.end_positions("s").values()),
        "expected": start + 400,
    }
log.close()
with open(folder / "shown.json", "wb") as file:
    file.write(orjson.dumps(shown))
"""

AFTER = """
import sys
from pathlib import Path
import orjson
from merganser.engine.log.embedded import EmbeddedLog
from tests.runtime.driving import has_read_all, opened, state_of, table_of, wait_until

folder = Path(sys.argv[1])
log = EmbeddedLog(folder / "log.duckdb")
with opened(log, folder, autorun=True) as engine:
    big, small = engine.tasks()
    wait_until(lambda: has_read_all(log, big) and has_read_all(log, small), 200.0)
with opened(log, folder) as engine:
    big, small = engine.tasks()
    shown = {
        "small": sum(row[1] for row in table_of(small)),
        "big": len(state_of(big)["aggregate_1$1ff"]),
        "rebuilt": big.rebuilt_because,
        "records": sum(log.end_positions("s").values()),
    }
log.close()
with open(folder / "after.json", "wb") as file:
    file.write(orjson.dumps(shown))
"""


def test_query_with_no_room_stops_and_others_go_on(tmp_path: Path) -> None:
    shown = _run(PROGRAM, tmp_path, "shown.json")
    assert shown["big"] == "ERROR"
    errors = shown["errors"]
    assert isinstance(errors, list)
    ((_, message, kind),) = errors
    assert "File too large" in message
    assert kind == "SYSTEM"
    assert shown["small"] == "RUNNING"
    assert shown["healthy"] == {"metastore": True, "kafka": True, "commandRunner": True}
    assert shown["records"] == shown["expected"], "the log took every record"

    # With room again the query goes on where it was.
    after = _run(AFTER, tmp_path, "after.json")
    records = shown["records"]
    assert isinstance(records, int)
    assert after["records"] == records
    assert after["small"] == len(range(0, records, 1000))
    assert after["big"] == records * 100


def _run(program: str, folder: Path, result: str) -> dict[str, object]:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = orjson.loads((folder / result).read_bytes())
    return found
