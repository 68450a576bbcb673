"""A real server on a free loopback port, over a fake engine; one for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from merganser.server.client import Client
from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine
from tests.server.raw_http import RawConnection


@pytest.fixture
def fresh_engine() -> FakeEngine:
    """An engine for a server of the test's own."""
    engine = FakeEngine()
    engine.may_start.set()
    return engine


@pytest.fixture(scope="session")
def shared() -> Iterator[tuple[RunningServer, FakeEngine]]:
    engine = FakeEngine()
    engine.may_start.set()
    with start_in_background(ServerConfig(port=0), engine=engine) as running:
        yield running, engine


@pytest.fixture
def engine(shared: tuple[RunningServer, FakeEngine]) -> FakeEngine:
    """The engine of the shared server, as if nothing had happened to it."""
    shared[1].reset()
    return shared[1]


@pytest.fixture
def server(shared: tuple[RunningServer, FakeEngine], engine: FakeEngine) -> RunningServer:
    assert engine.seen == []
    return shared[0]


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        del client.headers["accept"]
        yield client


@pytest.fixture
def raw(server: RunningServer) -> Iterator[RawConnection]:
    with RawConnection(server.url) as connection:
        yield connection


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client
