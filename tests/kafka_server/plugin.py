"""The fixture `kafka`: one real broker for all tests and all workers of a run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka_server import servers
from tests.kafka_server.jars import ServerToolError, missing_programs


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real broker. Tests name their topics so that none meet.

    The workers of pytest-xdist share one broker, which the last of them stops.
    """
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    data = shared / "kafka-server"
    data.mkdir(exist_ok=True)
    _count_users(data, 1)
    try:
        yield start_or_skip(data)
    finally:
        if _count_users(data, -1) == 0:
            servers.stop_all(data)


def start_or_skip(data: Path) -> str:
    """The address of the broker of a folder. Without the means to run one, the test is skipped.

    Under CI a missing broker is an error, so that nobody takes silence for success.
    """
    missing = missing_programs()
    try:
        if not missing:
            return servers.start_kafka(data)
        reason = f"a real Kafka needs {' and '.join(missing)}"
    except ServerToolError as error:
        reason = f"a real Kafka does not start: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives the marker `kafka` to every test that uses the fixture."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


def _count_users(data: Path, change: int) -> int:
    """How many workers use the broker after this one came or went."""
    with (data / "users").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        count = int(file.read() or "0") + change
        file.truncate(0)
        file.write(str(count))
        file.flush()
        return count
