"""A real server on a free loopback port, over a fake engine."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from merganser.server.config import ServerConfig
from merganser.server.run import RunningServer, start_in_background
from tests.server.fake_engine import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.may_start.set()
    return engine


@pytest.fixture
def server(engine: FakeEngine) -> Iterator[RunningServer]:
    with start_in_background(ServerConfig(port=0), engine=engine) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        del client.headers["accept"]
        yield client
