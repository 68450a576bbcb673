"""Each test of the contract runs on every kind of log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from merganser.engine.log.embedded import EmbeddedLog
from merganser.engine.log.kafka import KafkaLog
from merganser.engine.log.kafka_consumer import CLIENT_SETTING
from merganser.engine.log.protocol import Log

KINDS = [
    "memory",
    "file",
    pytest.param("kafka, native", marks=pytest.mark.kafka),
    pytest.param("kafka, python", marks=pytest.mark.kafka),
]


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """An open log of one kind."""
    made: Log
    match request.param:
        case "memory":
            made = EmbeddedLog()
        case "file":
            made = EmbeddedLog(tmp_path / "log.duckdb")
        case _:
            bootstrap = request.getfixturevalue("kafka")
            client = request.param.removeprefix("kafka, ")
            made = KafkaLog({"bootstrap.servers": bootstrap, CLIENT_SETTING: client})
    yield made
    made.close()


@pytest.fixture(params=["native", "python"])
def client(request: pytest.FixtureRequest) -> str:
    """Each kind of client."""
    name: str = request.param
    return name


@pytest.fixture
def kafka_log(kafka: str, client: str) -> Iterator[KafkaLog]:
    """A log in the shared broker."""
    made = KafkaLog({"bootstrap.servers": kafka, CLIENT_SETTING: client})
    yield made
    made.close()


@pytest.fixture
def topic(log: Log) -> str:
    """A new topic of four partitions, whose name no other test has."""
    name = f"topic-{uuid.uuid4().hex}"
    log.create_topic(name, 4, None, {})
    return name


@pytest.fixture
def producer_id() -> str:
    """The id of a task that no other test has."""
    return f"query-{uuid.uuid4().hex}"
