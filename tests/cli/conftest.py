"""What tests of the command line share: servers to talk to, and ways to call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from merganser.cli.main import main
from merganser.server.client import Client
from merganser.server.config import ServerConfig
from merganser.server.produce import Record, producer_beside
from merganser.server.run import RunningServer, start_in_background

EARLIEST = {"auto.offset.reset": "earliest"}

NAMES = (
    "CREATE STREAM CL_S (ID BIGINT KEY, NAME VARCHAR, AMT DOUBLE) "
    "WITH (KAFKA_TOPIC='cl_s', VALUE_FORMAT='JSON', PARTITIONS=1);"
)
"""The stream that transcripts read."""

RECORDS = [
    Record((1).to_bytes(8), b'{"NAME":"ann","AMT":1.5}', 1000),
    Record(
        (2).to_bytes(8),
        b'{"NAME":"a name that is rather long and does not fit the cell","AMT":2.0}',
        2000,
    ),
    Record((3).to_bytes(8), b'{"NAME":null,"AMT":null}', 3000),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of the command line came to."""

    status: int
    out: str
    err: str


Invoke = Callable[..., Outcome]


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Asks again and again until the condition holds.

    Raises:
        AssertionError: It does not in time.
    """
    until = monotonic() + seconds
    while not condition():
        assert monotonic() < until, "it did not come true in time"
        Event().wait(0.05)


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Calls `merganser` in this process, with stdout and stderr no terminals."""

    def call(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert isinstance(ended.value.code, int)
        captured = capsys.readouterr()
        return Outcome(ended.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def server() -> Iterator[RunningServer]:
    """An empty server, in memory."""
    with start_in_background(ServerConfig(port=0)) as running:
        yield running


@pytest.fixture
def filled(server: RunningServer) -> RunningServer:
    """A server with the stream CL_S and its three records."""
    with Client(server.url) as client:
        client.execute(NAMES)
    producer_beside(server, "cl_s").append(RECORDS)
    return server


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the tests' history out of the user's, and the user's settings out of the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
