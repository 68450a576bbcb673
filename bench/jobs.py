"""What is measured: three jobs, as SQL and by the names that the Java program knows them by."""

from __future__ import annotations

from dataclasses import dataclass

ORDERS_COLUMNS = (
    "user_id VARCHAR KEY, id BIGINT, page VARCHAR, amount DOUBLE, quantity INT, region VARCHAR"
)
USERS_COLUMNS = "user_id VARCHAR PRIMARY KEY, city VARCHAR, level INT"
WINDOW_MS = 60_000


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
        anchor: What ksqlDB was measured at.
    """

    name: str
    title: str
    select: str
    reads_table: bool
    anchor: Anchor

    def statements(self, orders_topic: str, users_topic: str, sink_topic: str) -> str:
        """A file for `merganser run`."""
        parts = [
            f"CREATE STREAM orders ({ORDERS_COLUMNS}) WITH "
            f"(KAFKA_TOPIC='{orders_topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"
        ]
        if self.reads_table:
            parts.append(
                f"CREATE TABLE users ({USERS_COLUMNS}) WITH "
                f"(KAFKA_TOPIC='{users_topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"
            )
        kind = "TABLE" if self.name == "tumbling" else "STREAM"
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
    ),
    Job(
        "join",
        "stream-table join, 10,000 rows",
        "SELECT o.user_id, o.id, o.amount, u.city FROM orders o "
        "JOIN users u ON o.user_id = u.user_id EMIT CHANGES",
        reads_table=True,
        anchor=Anchor(170_000, 9.2),
    ),
)
LATENCY_ANCHOR_MS = (54, 105)
