"""Inside one query nothing is seen half done: money that moves never appears or vanishes.

Each transfer is a record of DEBITS and one of CREDITS. What joins them and sums both sides may only
ever show a total of 0: in every record that it writes and in its table at each epoch's end,
whatever the epochs, and after restarts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from merganser.engine.engine import Engine
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import TopicPartition
from merganser.engine.runtime.task import Task
from tests.runtime.driving import Cut, Input, append, opened, run_to, table_of, written

SIDES = ("DEBITS", "CREDITS")
SOURCES = "".join(
    f"CREATE STREAM {side} (ID STRING KEY, BANK STRING, AMOUNT BIGINT) "
    f"WITH (KAFKA_TOPIC='{side}', FORMAT='JSON', PARTITIONS=2);"
    for side in SIDES
)
TOTALS = {
    "by bank": "GROUP BY D.BANK",
    "by bank and window": "WINDOW TUMBLING (SIZE 5 SECONDS, GRACE PERIOD 1 HOUR) GROUP BY D.BANK",
    "by both banks": "GROUP BY D.BANK, C.BANK",
}


class Transfer(NamedTuple):
    """Money from one bank to another; its two records may be far apart."""

    debtor: str
    creditor: str
    amount: int
    debit_ms: int
    credit_ms: int


_banks = st.sampled_from(["north", "south"])
_transfers = st.lists(
    st.builds(
        Transfer, _banks, _banks, st.integers(1, 100), st.integers(0, 9_000), st.integers(0, 9_000)
    ),
    min_size=1,
    max_size=12,
)
_steps = st.lists(
    st.tuples(
        st.lists(st.integers(0, 5), min_size=4, max_size=4),
        st.sampled_from([None, None, True, False]),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, EmbeddedLog]]:
    log = EmbeddedLog()
    data_dir: Path = tmp_path_factory.mktemp("bank")
    with opened(log, data_dir) as engine:
        engine.execute(SOURCES)
        for index, clause in enumerate(TOTALS.values()):
            engine.execute(
                f"CREATE TABLE TOTAL{index} AS SELECT {clause.rsplit('BY ', 1)[1]}, "
                "SUM(D.AMOUNT) AS DEBITS, SUM(C.AMOUNT) AS CREDITS, "
                "SUM(D.AMOUNT) + SUM(C.AMOUNT) AS TOTAL, COUNT(*) AS N "
                f"FROM DEBITS D JOIN CREDITS C WITHIN 1 HOUR ON D.ID = C.ID {clause};"
            )
        yield engine, log
    log.close()


@settings(
    deadline=None,
    max_examples=15,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(transfers=_transfers, steps=_steps, which=st.sampled_from(range(len(TOTALS))))
def test_transfers_sum_to_nothing(
    bank: tuple[Engine, EmbeddedLog],
    transfers: Sequence[Transfer],
    steps: Sequence[tuple[Sequence[int], bool | None]],
    which: int,
) -> None:
    engine, log = bank
    task = engine.tasks()[which]
    task.forget()
    assert task.sink_topic is not None
    for topic in (*SIDES, task.sink_topic):
        log.delete_topic(topic)
        log.create_topic(topic, 2, None, {})
    append(log, _records(transfers))
    places = [TopicPartition(side, partition) for side in SIDES for partition in (0, 1)]
    ends = {place: log.end_positions(place.topic)[place] for place in places}
    at = dict.fromkeys(places, 0)
    for counts, restart in [*steps, ((99, 99, 99, 99), None)]:
        if restart is not None:
            task.restart(keep_state=restart)
        at = {p: min(ends[p], at[p] + n) for (p, n) in zip(places, counts, strict=True)}
        cut: Cut = dict(at)
        run_to(log, task, cut)
        assert {total for row in table_of(task) for total in [row[_place_of_total(task)]]} <= {0}
        for record in written(log, task.sink_topic):
            assert record.value is not None
            value = orjson.loads(record.value)
            assert value["TOTAL"] == value["DEBITS"] + value["CREDITS"] == 0
    rows = [orjson.loads(r.value) for r in written(log, task.sink_topic) if r.value is not None]
    assert max(row["N"] for row in rows) >= 1


def _place_of_total(task: Task) -> int:
    assert task.topology.materialization is not None
    return [column.name for column in task.topology.materialization.schema].index("TOTAL")


def _records(transfers: Sequence[Transfer]) -> list[Input]:
    keys = [b'"%d"' % number for number in range(len(transfers))]
    partitions = partitions_of(pa.array(keys), 2).tolist()
    found = []
    for key, partition, transfer in zip(keys, partitions, transfers, strict=True):
        for side, bank, amount, time_ms in (
            ("DEBITS", transfer.debtor, -transfer.amount, transfer.debit_ms),
            ("CREDITS", transfer.creditor, transfer.amount, transfer.credit_ms),
        ):
            value = orjson.dumps({"BANK": bank, "AMOUNT": amount})
            found.append(Input(side, partition, key, value, time_ms))
    return found
