"""Against a real schema registry, and with records of confluent-kafka's own serializers."""

from __future__ import annotations

import json
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf.timestamp_pb2 import Timestamp

from merganser.engine.engine import Engine
from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.runtime.task import TaskState
from tests.kafka_server import servers
from tests.kafka_server.jars import ServerToolError, missing_programs
from tests.runtime.driving import Input, append, opened, run_all, wait_until, written

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("registry")]

ROWS_MANY = 300  # More than are read one by one.
Dicts = list[dict[str, object]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("registry")
    yield folder
    servers.stop_all(folder)


@pytest.fixture(scope="module")
def url(data: Path) -> str:
    if missing := missing_programs():
        pytest.skip(f"a real registry needs {' and '.join(missing)}")
    try:
        return servers.start_registry(data)
    except ServerToolError as error:
        pytest.skip(f"a real registry does not start: {error}")


@pytest.fixture
def log() -> EmbeddedLog:
    return EmbeddedLog()


def properties(url: str) -> dict[str, str]:
    return {"ksql.schema.registry.url": url}


@contextmanager
def connected(url: str) -> Iterator[SchemaRegistryClient]:
    with closing(SchemaRegistryClient({"url": url})) as found:
        yield found


@pytest.fixture
def registry(url: str) -> Iterator[SchemaRegistryClient]:
    with connected(url) as found:
        yield found


def put(log: EmbeddedLog, topic: str, payloads: list[bytes]) -> None:
    append(log, [Input(topic, 0, None, payload, number) for number, payload in enumerate(payloads)])


def out(log: EmbeddedLog, topic: str = "OUT") -> Dicts:
    return [json.loads(record.value or b"null") for record in written(log, topic)]


def read(engine: Engine, topic: str, value_format: str) -> None:
    engine.execute(
        f"CREATE STREAM S WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = '{value_format}'); "
        "CREATE STREAM OUT WITH (VALUE_FORMAT = 'JSON') AS SELECT * FROM S;"
    )


AVRO = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "ID", "type": "long"},
            {"name": "NOTE", "type": ["null", "string"], "default": None},
            {"name": "TAGS", "type": {"type": "array", "items": "string"}},
        ],
    }
)


def _avro(registry: SchemaRegistryClient, topic: str, number: int) -> bytes:
    value = {"ID": number, "NOTE": None if number % 2 else "n", "TAGS": ["a"] * (number % 3)}
    serialize = AvroSerializer(registry, AVRO)
    return serialize(value, SerializationContext(topic, MessageField.VALUE)) or b""


def _json(registry: SchemaRegistryClient, topic: str, number: int) -> bytes:
    schema = json.dumps(
        {
            "title": "Order",
            "type": "object",
            "properties": {
                "ID": {"type": "integer", "connect.type": "int64"},
                "NOTE": {"oneOf": [{"type": "null"}, {"type": "string"}]},
                "TAGS": {"type": "array", "items": {"type": "string"}},
            },
        }
    )
    value = {"ID": number, "NOTE": None if number % 2 else "n", "TAGS": ["a"] * (number % 3)}
    serialize = JSONSerializer(schema, registry)
    return serialize(value, SerializationContext(topic, MessageField.VALUE)) or b""


@pytest.mark.parametrize(("value_format", "make"), [("AVRO", _avro), ("JSON_SR", _json)])
def test_records_of_confluents_serializers_are_read(
    url: str,
    registry: SchemaRegistryClient,
    log: EmbeddedLog,
    value_format: str,
    make: Callable[[SchemaRegistryClient, str, int], bytes],
) -> None:
    """Columns come from the registry, records by way of it."""
    topic = f"confluent-{value_format}"
    log.create_topic(topic, 1, 1, {})
    # The serializer registers once; its bytes differ in the values only.
    put(log, topic, [make(registry, topic, number) for number in range(6)] * (ROWS_MANY // 6))
    with opened(log, None, properties=properties(url)) as engine:
        read(engine, topic, value_format)
        run_all(engine)
        assert [task.stats.record_errors for task in engine.tasks()] == [0]
    expected = [
        {"ID": n, "NOTE": None if n % 2 else "n", "TAGS": ["a"] * (n % 3)} for n in range(6)
    ]
    assert out(log) == expected * (ROWS_MANY // 6)


def test_messages_of_confluents_protobuf_serializer_are_read(
    url: str, registry: SchemaRegistryClient, log: EmbeddedLog
) -> None:
    """The serializer registers a compiled schema instead of its text."""
    topic = "confluent-PROTOBUF"
    log.create_topic(topic, 1, 1, {})
    serialize = ProtobufSerializer(Timestamp, registry, {"use.deprecated.format": False})
    context = SerializationContext(topic, MessageField.VALUE)
    payloads = [serialize(Timestamp(seconds=n, nanos=n * 2), context) for n in range(100)]
    put(log, topic, [payload or b"" for payload in payloads])
    with opened(log, None, properties=properties(url)) as engine:
        read(engine, topic, "PROTOBUF")
        run_all(engine)
    assert out(log) == [{"seconds".upper(): n, "nanos".upper(): n * 2} for n in range(100)]


def test_records_of_a_sink_are_read_by_confluents_deserializer(
    url: str, registry: SchemaRegistryClient, log: EmbeddedLog
) -> None:
    with opened(log, None, properties=properties(url)) as engine:
        engine.execute(
            "CREATE STREAM S (A BIGINT, B DECIMAL(6, 2), C ARRAY<STRING>) WITH (KAFKA_TOPIC = "
            "'plain', PARTITIONS = 1, VALUE_FORMAT = 'JSON'); CREATE STREAM SINK WITH "
            "(VALUE_FORMAT = 'AVRO', VALUE_AVRO_SCHEMA_FULL_NAME = 'com.acme.Order') AS "
            "SELECT * FROM S;"
        )
        put(log, "plain", [b'{"A": %d, "B": 1.50, "C": ["x"]}' % n for n in range(100)])
        run_all(engine)
    registered = registry.get_latest_version("SINK-value")
    assert json.loads(registered.schema.schema_str or "")["name"] == "Order"
    deserialize = AvroDeserializer(registry)
    context = SerializationContext("SINK", MessageField.VALUE)
    found = [deserialize(record.value, context) for record in written(log, "SINK")]
    assert [(row["A"], str(row["B"]), row["C"]) for row in found] == [
        (n, "1.50", ["x"]) for n in range(100)
    ]


def test_references_schema_ids_and_new_writers(
    url: str, registry: SchemaRegistryClient, log: EmbeddedLog
) -> None:
    """A schema that refers to another, then one with a field more, while the query runs."""
    topic = "evolving"
    log.create_topic(topic, 1, 1, {})
    address = {"type": "record", "name": "Address", "namespace": "com.acme",
               "fields": [{"name": "CITY", "type": "string"}]}  # fmt: skip
    registry.register_schema("address", Schema(json.dumps(address), "AVRO"))
    refers = [SchemaReference("com.acme.Address", "address", 1)]
    fields: list[dict[str, object]] = [
        {"name": "ID", "type": "long"}, {"name": "AT", "type": "com.acme.Address"},
    ]  # fmt: skip

    def writer(more: list[dict[str, object]]) -> AvroSerializer:
        schema = {"type": "record", "name": "Person", "namespace": "com.acme",
                  "fields": [*more, *fields]}  # fmt: skip
        made: AvroSerializer = AvroSerializer(registry, Schema(json.dumps(schema), "AVRO", refers))
        return made

    context = SerializationContext(topic, MessageField.VALUE)
    old = writer([])
    put(log, topic, [old({"ID": n, "AT": {"CITY": "a"}}, context) or b"" for n in range(80)])
    first = registry.get_latest_version(f"{topic}-value").schema_id
    with opened(log, None, properties=properties(url)) as engine:
        engine.execute(
            f"CREATE STREAM S WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'AVRO', "
            f"VALUE_SCHEMA_ID = {first}); CREATE STREAM OUT WITH (VALUE_FORMAT = 'JSON') AS "
            "SELECT ID, `AT`->CITY AS CITY FROM S;"
        )
        run_all(engine)
        new = writer([{"name": "NEW", "type": "string", "default": "x"}])
        mixed = [
            write({"NEW": "y", "ID": 100 + n, "AT": {"CITY": "b"}}, context) or b""
            for n in range(80)
            for write in (new,)
        ]
        put(log, topic, mixed)
        run_all(engine)
    assert out(log) == [
        *({"ID": n, "CITY": "a"} for n in range(80)),
        *({"ID": 100 + n, "CITY": "b"} for n in range(80)),
    ]


class Line:
    """A line to the registry that can be cut and mended: to who asks, it goes away and comes back.

    The registry of the tests keeps schemas in memory, so that stopping it would be losing them.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._far = "127.0.0.1", parts.port or 0
        self._live: list[socket.socket] = []
        self._server: socketserver.ThreadingTCPServer | None = None
        self.mend()
        self.url = f"http://127.0.0.1:{self._port}{parts.path}"

    def mend(self) -> None:
        far, live = self._far, self._live

        class Through(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                live.append(self.request)
                with socket.create_connection(far) as there, suppress(OSError):
                    ends = [self.request, there]
                    while True:
                        for one in select.select(ends, [], [])[0]:
                            data = one.recv(65536)
                            if not data:
                                return
                            ends[1 - ends.index(one)].sendall(data)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", getattr(self, "_port", 0)), Through)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def cut(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        for one in self._live:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._live.clear()


def test_a_registry_that_is_away_holds_the_query_and_loses_nothing(
    url: str, registry: SchemaRegistryClient, log: EmbeddedLog
) -> None:
    """Records wait for it, and none of them is taken for a bad one."""
    topic, line = "waiting", Line(url)
    log.create_topic(topic, 1, 1, {})
    payloads = [_avro(registry, topic, number) for number in range(40)]
    with opened(log, None, properties=properties(line.url), autorun=True) as engine:
        engine.execute(
            f"CREATE STREAM S (ID BIGINT) WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'AVRO');"
            "CREATE STREAM OUT WITH (VALUE_FORMAT = 'JSON') AS SELECT * FROM S;"
        )
        (task,) = engine.tasks()
        wait_until(lambda: task.stats.state == TaskState.RUNNING)
        line.cut()
        put(log, topic, payloads)
        wait_until(lambda: task.stats.state == TaskState.WAITING)
        assert "registry does not answer" in task.errors[-1][1]
        assert written(log, "OUT") == []
        line.mend()
        wait_until(lambda: len(written(log, "OUT")) == len(payloads))
        assert task.stats.record_errors == 0
    line.cut()
    assert [row["ID"] for row in out(log)] == list(range(40))
