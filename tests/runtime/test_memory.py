"""The memory of all queries together is bounded by a property, and what is more goes to disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from merganser.engine.duck import identifier
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.protocol import TopicPartition
from tests.runtime.driving import Input, append, opened, run_to

MEMORY_MAX_BYTES = 96 << 20
KEY_COUNT, EPOCH_ROWS = 40_000, 4_000


@pytest.mark.slow
def test_state_larger_than_memory_is_spilled(tmp_path: Path) -> None:
    log = EmbeddedLog()
    limit = {"merganser.memory.max.bytes": str(MEMORY_MAX_BYTES)}
    with opened(log, tmp_path, properties=limit) as engine:
        engine.execute(
            "CREATE STREAM S (K INT KEY, V STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
            "PARTITIONS=1); "
            "CREATE TABLE LAST AS SELECT K, LATEST_BY_OFFSET(V) AS V FROM S GROUP BY K;"
        )
        (task,) = engine.tasks()
        task.open()
        ((held,),) = task.session.duck.rows("SELECT current_setting('memory_limit')")
        assert held == "96.0 MiB"
        ((place,),) = task.session.duck.rows("SELECT current_setting('temp_directory')")
        assert place == str(tmp_path / "spill")
        filler = b"x" * 3_000
        for start in range(0, KEY_COUNT, EPOCH_ROWS):
            keys = range(start, start + EPOCH_ROWS)
            values = [b'{"V":"%d %s"}' % (key, filler) for key in keys]
            append(
                log,
                [
                    Input("s", 0, key.to_bytes(4, "big"), value, 0)
                    for key, value in zip(keys, values, strict=True)
                ],
            )
            run_to(log, task, {TopicPartition("s", 0): start + EPOCH_ROWS})
        materialization = task.topology.materialization
        assert materialization is not None
        sql = materialization.sql.format(state=identifier(task.state_alias))
        rows = task.session.duck.rows(f"SELECT count(*), sum(length(V)) FROM ({sql})")
    log.close()
    assert rows[0][0] == KEY_COUNT
    assert int(str(rows[0][1])) > MEMORY_MAX_BYTES
