"""What each area of the recordings needs besides the statements that its entries list.

Entries of one area share a server. A statement is run once, however often entries list it; what
other areas had left on the recorded server is made here first.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from merganser.engine.engine import Engine, StatementFailure
from merganser.engine.log.protocol import OUTPUT_SCHEMA, Output

SETTLE_SECONDS = 1.5  # A query's state is committed at least once a second.
SERVICE_ID = "server_"
SERVER_PROPERTIES = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.logging.processing.topic.auto.create": "true",
    "ksql.logging.processing.stream.auto.create": "true",
}
USERS = Path(tempfile.gettempdir()) / f"merganser-wire-users-{os.getpid()}"
_OPEN_TO_ONE = {
    "access.control.allow.origin": "http://example.org",
    "access.control.allow.methods": "POST,GET",
    "access.control.allow.headers": "X-Foo",
    "ksql.heartbeat.enable": "true",
}
AREA_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "configured_cors_heartbeat": _OPEN_TO_ONE,
    "cluster_terminate": _OPEN_TO_ONE,
    "configured_basic_auth": {
        "authentication.method": "BASIC",
        "authentication.roles": "admin",
        "merganser.authentication.users.file": str(USERS),
    },
    "configured_limits": {
        "ksql.max.push.queries": "1",
        "ksql.query.pull.max.qps": "1",
        "ksql.query.persistent.active.limit": "1",
        "ksql.properties.overrides.denylist": "auto.offset.reset",
        "ksql.insert.into.values.enabled": "false",
        "ksql.schema.registry.url": "",
    },
}
WITHOUT_PROCESSING_LOG = frozenset({"configured_limits"})

_R_S = (
    "CREATE STREAM R_S (ID BIGINT KEY, NAME VARCHAR, AMT DOUBLE) "
    "WITH (KAFKA_TOPIC='r_s', VALUE_FORMAT='JSON', PARTITIONS=1);",
    "INSERT INTO R_S (ROWTIME, ID, NAME, AMT) VALUES (1000, 1, 'ann', 1.5);",
    "INSERT INTO R_S (ROWTIME, ID, NAME, AMT) VALUES (2000, 2, 'bob', 2.0);",
    "INSERT INTO R_S (ROWTIME, ID, NAME, AMT) VALUES (61000, 1, 'ann', NULL);",
)
_R_T = (
    "CREATE TABLE R_T (ID VARCHAR PRIMARY KEY, CITY VARCHAR) "
    "WITH (KAFKA_TOPIC='r_t', VALUE_FORMAT='JSON', PARTITIONS=1);",
    "INSERT INTO R_T (ROWTIME, ID, CITY) VALUES (1001, 'b', 'Oslo');",
)
_R_T_ALL = (
    _R_T[0],
    "INSERT INTO R_T (ROWTIME, ID, CITY) VALUES (1000, 'a', 'Rome');",
    _R_T[1],
)
_ROW_GONE = "-- row a of r_t was deleted"
_R_AGG = (
    "CREATE TABLE R_AGG AS SELECT ID, COUNT(*) AS C, SUM(AMT) AS TOT FROM R_S GROUP BY ID "
    "EMIT CHANGES;"
)
_R_WIN = (
    "CREATE TABLE R_WIN AS SELECT ID, COUNT(*) AS C FROM R_S WINDOW TUMBLING (SIZE 1 MINUTE) "
    "GROUP BY ID EMIT CHANGES;"
)
_R_SESS = (
    "CREATE TABLE R_SESS AS SELECT ID, COUNT(*) AS C FROM R_S WINDOW SESSION (5 SECONDS) "
    "GROUP BY ID EMIT CHANGES;"
)
_TYPES = (
    "CREATE TYPE MONEY AS DECIMAL(10,2);",
    "CREATE TYPE CL_ADDR AS STRUCT<A INT, B VARCHAR>;",
)
_X_S = (
    "CREATE STREAM X_S (ID BIGINT KEY, NAME VARCHAR) "
    "WITH (KAFKA_TOPIC='x_s', VALUE_FORMAT='JSON', PARTITIONS=1);",
    "INSERT INTO X_S (ID, NAME) VALUES (1, 'a');",
)
_W_REG = (
    "CREATE TABLE W_REG (ID VARCHAR PRIMARY KEY, CITY VARCHAR, N INT) "
    "WITH (KAFKA_TOPIC='w_reg', VALUE_FORMAT='JSON', PARTITIONS=1);"
)
_D_AVRO = (
    "CREATE STREAM D_AVRO (ID BIGINT KEY, V VARCHAR) "
    "WITH (KAFKA_TOPIC='d_avro', VALUE_FORMAT='AVRO', PARTITIONS=1);"
)
_W_ST = "CREATE STREAM W_ST (K STRING KEY, V INT) WITH (KAFKA_TOPIC='w_st', VALUE_FORMAT='JSON', PARTITIONS=1);"  # noqa: E501 (exactly as an entry lists it)

LEFT_BY_OTHERS: Mapping[str, Sequence[str]] = {
    "close_query": (*_R_S, _R_SESS),
    "headers_sequence": (*_TYPES, *_X_S),
    "http": (*_TYPES, *_X_S, *_R_S, _R_AGG),
    "inserts_stream": (*_R_S, _R_WIN),
    "print": (*_R_S, _R_WIN),
    "pull_query": (*_R_S, _R_AGG.replace("R_AGG", "Q_AGG", 1), *_R_T_ALL, _ROW_GONE),
    "show_lists": (_W_ST,),
    "types_variables": (_W_REG, _D_AVRO),
    "ws_query": (*_R_S, *_R_T, _R_AGG, _R_WIN),
}
"""Statements by area."""

ALL_SETUP_FIRST = frozenset({"describe_explain"})
"""Areas whose first entries already see what later entries list."""

AS_SENT = {"auto.offset.reset": "earliest"}
"""The properties that the recorder sent with what it prepared,"""

DENIED = frozenset({"configured_limits"})
"""but for areas where that is not allowed."""

TWICE = frozenset({"print"})
"""Areas whose rows had been inserted twice before any answer was recorded."""


@dataclass
class Area:
    """The state of one area's server."""

    name: str
    engine: Engine
    done: set[str] = field(default_factory=set)
    query_ids: set[str] = field(default_factory=set)

    def prepare(self, statements: Sequence[str]) -> None:
        """Runs what an entry lists and what was not run yet; failures show in the answers."""
        new = [statement for statement in statements if statement not in self.done]
        self.done.update(new)
        for statement in new:
            if not statement.startswith("--"):
                self.run(statement)
            elif (make := _PREPARATIONS.get(statement)) is not None:
                make(self.engine)
        if self.name in TWICE and any("P_S" in statement for statement in new):
            for statement in new:
                self.run(statement)

    def run(self, statement: str) -> None:
        """Runs a statement; a name that is taken is no matter."""
        text = statement.replace("<timestamp>", "1700000000000")
        try:
            self.engine.execute(text, properties=AS_SENT if self.name not in DENIED else {})
        except StatementFailure:
            return

    def settle(self) -> None:
        """Gives queries that were not there before the time to read what is there."""
        ids = {task.query_id for task in self.engine.tasks()}
        if ids - self.query_ids:
            self.query_ids |= ids
            threading.Event().wait(SETTLE_SECONDS)

    def resolve(self, text: str) -> str:
        """A request's text with the ids of the queries that run here."""
        ids = [*sorted(self.query_ids), *(task.query_id for task in self.engine.tasks())]

        def known(match: re.Match[str]) -> str:
            prefix = match.group(1)
            found = [name for name in ids if name.upper().startswith(prefix.upper() + "_")]
            suffix = found[-1].rsplit("_", 1)[1] if found else "0"
            return f"{prefix}_{suffix}"

        return re.sub(r"((?:CTAS|CSAS|ctas|csas|CST)_\w+?)_<n>", known, text)


def _append(engine: Engine, topic: str, *records: tuple[bytes | None, bytes | None]) -> None:
    """Records with key and value, at a time after all others."""
    table = pa.table(
        {
            "key": pa.array([key for key, _ in records], pa.binary()),
            "value": pa.array([value for _, value in records], pa.binary()),
            "timestamp": pa.array([1_700_000_000_000] * len(records), pa.int64()),
            "headers": pa.nulls(len(records), OUTPUT_SCHEMA.field("headers").type),
        },
        schema=OUTPUT_SCHEMA,
    )
    if engine.log.topic(topic) is None:
        engine.log.create_topic(topic, 1, None, {})
    engine.log.append(Output(topic, table))


def _append_with_headers(engine: Engine) -> None:
    headers = [
        [("trace", b"abc"), ("a", b"\x00\x01"), ("trace", b"last")],
        [],
    ]
    kind = OUTPUT_SCHEMA.field("headers").type
    table = pa.table(
        {
            "key": pa.array([b"k", b"k2"], pa.binary()),
            "value": pa.array([b'{"V":"x"}', b'{"V":"y"}'], pa.binary()),
            "timestamp": pa.array([1_700_000_000_000] * 2, pa.int64()),
            "headers": pa.array(
                [[{"key": name, "value": value} for name, value in row] for row in headers], kind
            ),
        },
        schema=OUTPUT_SCHEMA,
    )
    engine.log.append(Output("hd_s", table))


def _append_event_times(engine: Engine) -> None:
    for minute, value in ((0, 1), (0, 2), (1, 3), (2, 4)):
        table = pa.table(
            {
                "key": pa.array([struct.pack(">i", 1)], pa.binary()),
                "value": pa.array([b'{"V":%d}' % value], pa.binary()),
                "timestamp": pa.array([minute * 60_000 + value], pa.int64()),
                "headers": pa.nulls(1, OUTPUT_SCHEMA.field("headers").type),
            },
            schema=OUTPUT_SCHEMA,
        )
        engine.log.append(Output("e_f", table))


_PREPARATIONS: Mapping[str, Callable[[Engine], None]] = {
    '-- topic p_str: ("k1","hello"), ("k3",null), ("k2", bytes ff fe 00)': lambda engine: _append(
        engine, "p_str", (b"k1", b"hello"), (b"k3", None), (b"k2", b"\xff\xfe\x00")
    ),
    '-- topic e_bad: {"V":1}, then the text {"V": (not JSON), then {"V":3}': lambda engine: _append(
        engine, "e_bad", (b"a", b'{"V":1}'), (b"b", b'{"V":'), (b"c", b'{"V":3}')
    ),
    "-- topic hd_s: record 1 key k, headers trace=abc, a=0001, trace=last; record 2 key k2, "
    "no headers": _append_with_headers,
    "-- rows at minute 0 (two), minute 1 and minute 2 of event time": _append_event_times,
    _ROW_GONE: lambda engine: _append(engine, "r_t", (b"a", None)),
}
"""What the comments among the setup statements ask for."""


def delete_row(engine: Engine) -> None:
    """Deletes the row that some entries see go while their query runs."""
    _append(engine, "r_t", (b"a", None))
