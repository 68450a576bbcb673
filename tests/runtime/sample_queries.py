"""A query of each kind over the same small sources, for tests that interrupt or cut them.

Stream `S` (key K, columns G, V) and table `T`, `U` (key K), two partitions each.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa

from merganser.engine.log.murmur2 import partitions_of
from merganser.engine.log.protocol import TopicPartition
from tests.runtime.driving import Cut, Input

PARTITIONS = 2
SOURCES = f"""
CREATE STREAM S (K STRING KEY, G STRING, V BIGINT)
  WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
CREATE STREAM R (K STRING KEY, W BIGINT)
  WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
CREATE TABLE T (K STRING PRIMARY KEY, NAME STRING, N BIGINT)
  WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
CREATE TABLE U (K STRING PRIMARY KEY, FK STRING, M BIGINT)
  WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS={PARTITIONS});
"""
TOPICS = ("s", "r", "t", "u")


@dataclass(frozen=True, slots=True)
class Sample:
    """A query.

    Attributes:
        statement: Makes the sink `OUT`.
        topics: What it reads.
        is_table: The sink is a table.
        arrival_counts: The result tells in which order partitions were read, as joins do: only
            cuts that follow one common order of the records give equal results.
        final: Each row is given once, when its window closes.
    """

    statement: str
    topics: tuple[str, ...]
    is_table: bool = True
    arrival_counts: bool = False
    final: bool = False


SAMPLES = {
    "filter": Sample(
        "CREATE STREAM OUT AS SELECT K, G, V + 1 AS V FROM S WHERE V > 2;",
        ("s",),
        is_table=False,
    ),
    "rekey": Sample(
        "CREATE STREAM OUT AS SELECT G, K, V FROM S PARTITION BY G;", ("s",), is_table=False
    ),
    "totals": Sample(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) AS N, COUNT(V) AS GIVEN, SUM(V) AS TOTAL, "
        "MIN(V) AS LOW, MAX(V) AS TOP FROM S GROUP BY G;",
        ("s",),
    ),
    "window_totals": Sample(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) AS N, COUNT(V) AS GIVEN, SUM(V) AS TOTAL, "
        "MIN(V) AS LOW, MAX(V) AS TOP FROM S WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY G;",
        ("s",),
    ),
    "tumbling": Sample(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) AS N, SUM(V) AS TOTAL, MAX(V) AS TOP FROM S "
        "WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY G;",
        ("s",),
    ),
    "hopping": Sample(
        "CREATE TABLE OUT AS SELECT K, COUNT(*) AS N, MIN(V) AS LOW FROM S "
        "WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 4 SECONDS, GRACE PERIOD 3 SECONDS) "
        "GROUP BY K;",
        ("s",),
    ),
    "final": Sample(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) AS N FROM S "
        "WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY G EMIT FINAL;",
        ("s",),
        final=True,
    ),
    "final_by_key": Sample(
        "CREATE TABLE OUT AS SELECT K, COUNT(*) AS N FROM S "
        "WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, GRACE PERIOD 2 SECONDS) "
        "GROUP BY K EMIT FINAL;",
        ("s",),
        final=True,
    ),
    "having": Sample(
        "CREATE TABLE OUT AS SELECT G, SUM(V) AS TOTAL FROM S GROUP BY G HAVING SUM(V) > 6;",
        ("s",),
    ),
    "session": Sample(
        "CREATE TABLE OUT AS SELECT K, COUNT(*) AS N, SUM(V) AS TOTAL FROM S "
        "WINDOW SESSION (4 SECONDS, GRACE PERIOD 6 SECONDS) GROUP BY K;",
        ("s",),
    ),
    "session_final": Sample(
        "CREATE TABLE OUT AS SELECT K, COUNT(*) AS N FROM S "
        "WINDOW SESSION (4 SECONDS, GRACE PERIOD 6 SECONDS) GROUP BY K EMIT FINAL;",
        ("s",),
        final=True,
    ),
    "collect": Sample(
        "CREATE TABLE OUT AS SELECT K, COLLECT_LIST(V) AS VS, LATEST_BY_OFFSET(G) AS LAST "
        "FROM S GROUP BY K;",
        ("s",),
    ),
    "stream_table": Sample(
        "CREATE STREAM OUT AS SELECT S.K, V, NAME FROM S LEFT JOIN T ON S.K = T.K;",
        ("s", "t"),
        is_table=False,
        arrival_counts=True,
    ),
    "stream_stream": Sample(
        "CREATE STREAM OUT AS SELECT S.K, V, W FROM S JOIN R "
        "WITHIN 5 SECONDS GRACE PERIOD 4 SECONDS ON S.K = R.K;",
        ("s", "r"),
        is_table=False,
        arrival_counts=True,
    ),
    "stream_stream_left": Sample(
        "CREATE STREAM OUT AS SELECT S.K, V, W FROM S LEFT JOIN R "
        "WITHIN (2 SECONDS, 5 SECONDS) GRACE PERIOD 4 SECONDS ON S.K = R.K;",
        ("s", "r"),
        is_table=False,
        arrival_counts=True,
    ),
    "table_table": Sample(
        "CREATE TABLE OUT AS SELECT ROWKEY, NAME, N, M FROM T FULL OUTER JOIN U ON T.K = U.K;",
        ("t", "u"),
    ),
    "foreign_key": Sample(
        "CREATE TABLE OUT AS SELECT U.K, M, NAME FROM U LEFT JOIN T ON U.FK = T.K;",
        ("t", "u"),
        arrival_counts=True,  # A row has the time of the side that came last.
    ),
    "over_table": Sample(
        "CREATE TABLE OUT AS SELECT NAME, COUNT(*) AS N, SUM(N) AS TOTAL FROM T GROUP BY NAME;",
        ("t",),
    ),
    "union": Sample(
        "CREATE STREAM OUT AS SELECT K, V FROM S WHERE V > 2 UNION ALL SELECT K, W FROM R "
        "UNION ALL SELECT K, V * 100 AS V FROM S;",
        ("s", "r"),
        is_table=False,
    ),
    "union_totals": Sample(
        "CREATE TABLE OUT AS WITH B AS (SELECT K, V, G FROM S UNION ALL SELECT K, W, 'r' AS G "
        "FROM R) SELECT K, COUNT(*) AS N, LATEST_BY_OFFSET(G) AS LAST FROM B "
        "WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY K;",
        ("s", "r"),
        arrival_counts=True,
    ),
    # No row changes its group: one that all have left stays, if an epoch ended while it had any.
    "totals_of_totals": Sample(
        "CREATE TABLE OUT AS SELECT CASE WHEN K = 'a' THEN 1 ELSE 2 END AS PART, "
        "COUNT(*) AS HOW_MANY, SUM(TOTAL) AS TOTAL FROM "
        "(SELECT K, COUNT(*) AS N, SUM(V) AS TOTAL FROM S GROUP BY K) WHERE N > 1 "
        "GROUP BY CASE WHEN K = 'a' THEN 1 ELSE 2 END;",
        ("s",),
    ),
    "filtered_windows": Sample(
        "CREATE TABLE OUT AS SELECT G, N FROM (SELECT G, COUNT(*) AS N FROM S "
        "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY G) WHERE N = 2;",
        ("s",),
    ),
    "joined_subqueries": Sample(
        "CREATE STREAM OUT AS SELECT A.K, V, N, A.ROWTIME AS SINCE FROM "
        "(SELECT K, V * 2 AS V FROM S WHERE G <> 'x') A "
        "LEFT JOIN (SELECT K, N + 1 AS N FROM T WHERE N > 2) B ON A.K = B.K;",
        ("s", "t"),
        is_table=False,
        arrival_counts=True,
    ),
    "joined_streams": Sample(
        "CREATE STREAM OUT AS WITH A AS (SELECT K, V FROM S WHERE V > 0) "
        "SELECT A.K, V, W FROM A JOIN (SELECT K, W FROM R) B "
        "WITHIN 5 SECONDS GRACE PERIOD 4 SECONDS ON A.K = B.K;",
        ("s", "r"),
        is_table=False,
        arrival_counts=True,
    ),
    "first_of_each": Sample(
        "CREATE STREAM OUT AS SELECT K, G, V FROM S "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY G) = 1;",
        ("s",),
        is_table=False,
        arrival_counts=True,
    ),
    "running": Sample(
        "CREATE STREAM OUT AS SELECT K, V, ROW_NUMBER() OVER (PARTITION BY K) AS NO, "
        "LAG(V) OVER (PARTITION BY K) AS V1, LAG(V, 2, 99) OVER (PARTITION BY K) AS V2 "
        "FROM S WHERE G <> 'z' QUALIFY LAG(V) OVER (PARTITION BY K) IS DISTINCT FROM V;",
        ("s",),
        is_table=False,
    ),
    "last_of_each": Sample(
        "CREATE TABLE OUT AS SELECT K, G, V FROM S "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY ROWTIME DESC) = 1;",
        ("s",),
    ),
    "top_two": Sample(
        "CREATE TABLE OUT WITH (KEY_FORMAT='JSON') AS SELECT K, G, V, "
        "ROW_NUMBER() OVER (PARTITION BY K ORDER BY V DESC, G) AS PLACE FROM S QUALIFY PLACE <= 2;",
        ("s",),
    ),
    "totals_of_top": Sample(
        "CREATE TABLE OUT AS SELECT G, COUNT(*) AS N, SUM(V) AS TOTAL FROM (SELECT K, G, V FROM S "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V) = 1) GROUP BY G;",
        ("s",),
    ),
    "joined_firsts": Sample(
        "CREATE STREAM OUT AS SELECT A.K, V, N FROM (SELECT K, V FROM S "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY K) < 3) A JOIN T ON A.K = T.K;",
        ("s", "t"),
        is_table=False,
        arrival_counts=True,
    ),
    "best_of_joined": Sample(
        "CREATE TABLE OUT AS SELECT S.K, V, NAME FROM S LEFT JOIN T ON S.K = T.K "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY S.K ORDER BY V DESC) = 1;",
        ("s", "t"),
        arrival_counts=True,
    ),
    "json_parts": Sample(
        "CREATE STREAM OUT AS SELECT K, CAST(CONCAT('{\"v\":[', CAST(V AS STRING), ']}') AS JSON) "
        "->'v' AS J, CONCAT('[\"', G, '\"]')->>0 AS G FROM S;",
        ("s",),
        is_table=False,
    ),
    "table_filter": Sample("CREATE TABLE OUT AS SELECT K, NAME, N FROM T WHERE N > 2;", ("t",)),
}

KEYS = ("a", "b", "c", "d")
PLACES = dict(
    zip(
        KEYS,
        partitions_of(pa.array([key.encode() for key in KEYS]), PARTITIONS).tolist(),
        strict=True,
    )
)
"""The partition of each key."""


def sample_records(seed: int, count: int) -> list[Input]:
    """Records for all topics: some disorder in time, NULLs, tombstones; time goes on."""
    chance = random.Random(seed)  # noqa: S311 — test data.
    records = []
    for index in range(count):
        topic = chance.choice(TOPICS)
        key = chance.choice(KEYS)
        time_ms = max(0, 100_000 + index * 700 + chance.randrange(-6_000, 2_000))
        records.append(record_of(topic, key, _value(chance, topic), time_ms))
    return records


def record_of(topic: str, key: str, value: dict[str, object] | None, time_ms: int) -> Input:
    """A record in the partition of its key."""
    payload = orjson.dumps(value) if value is not None else None
    return Input(topic, PLACES[key], key.encode(), payload, time_ms)


def _value(chance: random.Random, topic: str) -> dict[str, object] | None:
    number = chance.choice([None, *range(-3, 9)])
    if chance.random() < 0.1:
        return None
    match topic:
        case "s":
            return {"G": chance.choice(["x", "y", "z", None]), "V": number}
        case "r":
            return {"W": number}
        case "t":
            return {"NAME": chance.choice(["p", "q"]), "N": number}
        case _:
            return {"FK": chance.choice([*KEYS, None]), "M": number}


def cuts_in_order(records: Sequence[Input], sizes: Iterable[int]) -> list[Cut]:
    """Epochs of so many records each, along the one order in which an epoch takes them.

    The last epoch takes the rest. However it is cut, each record meets the same records before it.
    """
    places = [TopicPartition(record.topic, record.partition) for record in records]
    newest: dict[TopicPartition, int] = {}
    ranks = []
    for index, (place, record) in enumerate(zip(places, records, strict=True)):
        newest[place] = max(newest.get(place, -1), record.timestamp_ms)
        ranks.append((newest[place], place, index))
    order = [place for _, place, _ in sorted(ranks)]
    cuts: list[Cut] = []
    done: Counter[TopicPartition] = Counter()
    start = 0
    for size in sizes:
        done.update(order[start : start + size])
        start += size
        cuts.append(dict(done))
    done.update(order[start:])
    cuts.append(dict(done))
    return cuts
