"""What is measured: the jobs, as SQL and by the names that the Java program knows them by."""

from __future__ import annotations

from dataclasses import dataclass

ORDERS_COLUMNS = (
    "user_id VARCHAR KEY, id BIGINT, page VARCHAR, amount DOUBLE, quantity INT, region VARCHAR"
)
USERS_COLUMNS = "user_id VARCHAR PRIMARY KEY, city VARCHAR, level INT"
WINDOW_MS = 60_000
USER_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """ksqlDB 8.3.1 on such a job on two cores, at-least-once; for orientation only."""

    records_per_second: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        select: The query, with `{sink}` for the name of what it makes.
        reads_table: The table of users is joined.
        makes_table: The result is a table.
        orders_twice: A second stream, `others`, is told of the same topic, to be joined.
        orders_table: The orders are read as a table: the last one of each user.
        user_count: Whose orders they are.
        anchor: What ksqlDB was measured at.
    """

    name: str
    title: str
    select: str
    reads_table: bool
    anchor: Anchor | None
    makes_table: bool = False
    orders_table: bool = False
    orders_twice: bool = False
    user_count: int = USER_COUNT

    def statements(self, orders_topic: str, users_topic: str, sink_topic: str) -> str:
        """A file for `merganser run`."""
        what, columns = "STREAM", ORDERS_COLUMNS
        if self.orders_table:
            what, columns = "TABLE", ORDERS_COLUMNS.replace("KEY", "PRIMARY KEY", 1)
        parts = [
            f"CREATE {what} orders ({columns}) WITH "
            f"(KAFKA_TOPIC='{orders_topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"
        ]
        if self.orders_twice:
            parts.append(parts[0].replace("orders", "others", 1))
        if self.reads_table:
            parts.append(
                f"CREATE TABLE users ({USERS_COLUMNS}) WITH "
                f"(KAFKA_TOPIC='{users_topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"
            )
        kind = "TABLE" if self.makes_table else "STREAM"
        parts.append(
            f"CREATE {kind} result WITH (KAFKA_TOPIC='{sink_topic}', KEY_FORMAT='KAFKA', "
            f"VALUE_FORMAT='JSON', PARTITIONS=6) AS {self.select};"
        )
        return "\n".join(parts) + "\n"


JOBS = (
    Job(
        "filter",
        "filter and project, half pass",
        "SELECT user_id, id, page, amount * quantity AS total FROM orders "
        "WHERE quantity > 5 EMIT CHANGES",
        reads_table=False,
        anchor=Anchor(432_000, 3.9),
    ),
    Job(
        "tumbling",
        "tumbling COUNT and SUM by key",
        "SELECT user_id, COUNT(*) AS orders, SUM(quantity) AS quantity FROM orders "
        "WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY user_id EMIT CHANGES",
        reads_table=False,
        anchor=Anchor(166_000, 10.3),
        makes_table=True,
    ),
    Job(
        "join",
        "stream-table join, 10,000 rows",
        "SELECT o.user_id, o.id, o.amount, u.city FROM orders o "
        "JOIN users u ON o.user_id = u.user_id EMIT CHANGES",
        reads_table=True,
        anchor=Anchor(170_000, 9.2),
    ),
    Job(
        "sessions",
        "session COUNT and SUM by key, gap 500 ms",
        "SELECT user_id, COUNT(*) AS orders, SUM(quantity) AS quantity FROM orders "
        "WINDOW SESSION (500 MILLISECONDS) GROUP BY user_id EMIT CHANGES",
        reads_table=False,
        anchor=Anchor(48_000, 34),
        makes_table=True,
    ),
    Job(
        "hopping",
        "hopping COUNT and SUM by key, 10 overlapping windows",
        "SELECT user_id, COUNT(*) AS orders, SUM(quantity) AS quantity FROM orders "
        "WINDOW HOPPING (SIZE 10 MINUTES, ADVANCE BY 1 MINUTE) GROUP BY user_id EMIT CHANGES",
        reads_table=False,
        anchor=Anchor(52_000, 42),
        makes_table=True,
    ),
    Job(
        "stream_join",
        "stream-stream self join within 100 ms",
        "SELECT a.user_id, a.id AS id, b.id AS other, a.amount + b.amount AS amount "
        "FROM orders a JOIN others b WITHIN 100 MILLISECONDS GRACE PERIOD 1 SECOND "
        "ON a.user_id = b.user_id EMIT CHANGES",
        reads_table=False,
        anchor=None,  # Its job was within 10 s, and so another one.
        orders_twice=True,
    ),
    Job(
        "table_join",
        "table-table join by key, 10,000 rows",
        "SELECT o.user_id, o.id, o.amount, u.city FROM orders o "
        "JOIN users u ON o.user_id = u.user_id EMIT CHANGES",
        reads_table=True,
        anchor=None,
        makes_table=True,
        orders_table=True,
    ),
    Job(
        "count_keys",
        "COUNT by 1,000,000 keys",
        "SELECT user_id, COUNT(*) AS orders, SUM(quantity) AS quantity FROM orders "
        "GROUP BY user_id EMIT CHANGES",
        reads_table=False,
        anchor=Anchor(62_000, 25),
        makes_table=True,
        user_count=1_000_000,
    ),
)
LATENCY_ANCHOR_MS = (54, 105)
